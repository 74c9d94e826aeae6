"""`lmkit analogy`, `neighbors`, `similarity`, `quantize`: answers, notes, bad input."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lmkit import WordVectors
from lmkit.text.options import TextOptions

Run = Callable[..., object]

WORDS = ["king", "man", "woman", "queen", "prince", "apple", "rare"]
ROWS = [[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0.1, 1], [0.9, 0.8, 0.1], [-1, 0.1, 0.2], [0.2, 0.2, 0.3]]


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    counts = np.array([9_000_000, 8000, 7000, 600, 500, 400, 3])
    made = WordVectors(WORDS, np.array(ROWS, np.float32), counts=counts, text_options=TextOptions(lowercase=True))
    monkeypatch.chdir(tmp_path)
    made.save("some.vectors")
    return tmp_path / "some.vectors"


def test_analogy(run: Run, vectors: Path) -> None:
    outcome = run("analogy", "king", "man", "woman", "--model", vectors)
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["king", "-", "man", "+", "woman", "similarity"]
    assert [line.split()[1] for line in lines[1:]] == ["queen", "rare", "prince", "apple"]  # none of the question's words
    assert outcome.err == ""
    answers = run("analogy", "king", "man", "woman", "--model", vectors, "--json", "--top", 2, "--method", "3cosmul").json
    assert answers["model"] == str(vectors)
    assert [answer["word"] for answer in answers["answers"]] == ["queen", "rare"]
    assert answers["question"] == ["king", "man", "woman"]


def test_typed_words_are_lower_cased_as_the_text_was(run: Run, vectors: Path) -> None:
    outcome = run("analogy", "King", "man", "Woman", "--model", vectors)
    assert outcome.out.splitlines()[1].split()[1] == "queen"
    assert "Read as in the training text: King as king, Woman as woman." in outcome.err


def test_rare_words_are_said_to_be_weak(run: Run, vectors: Path) -> None:
    outcome = run("similarity", "rare", "king", "-m", vectors)
    assert "'rare' occurs only 3 times in the training text; expect a weak vector." in outcome.err
    assert float(outcome.out) == pytest.approx(0.4 / (2 * 0.17) ** 0.5, abs=1e-4)  # (0.2 + 0.2) / (sqrt(2) sqrt(0.17))
    assert run("similarity", "rare", "king", "-m", vectors, "--json").json["notes"]


def test_neighbors(run: Run, vectors: Path) -> None:
    one = run("neighbors", "king", "--model", vectors, "--top", 1)
    assert [line.split()[:2] for line in one.out.splitlines()] == [["near", "king"], ["1", "prince"]]
    two = run("neighbors", "king", "apple", "--model", vectors, "--json").json
    assert [entry["word"] for entry in two["words"]] == ["king", "apple"]
    assert [len(entry["neighbors"]) for entry in two["words"]] == [6, 6]
    few = run("neighbors", "king", "--model", vectors, "--restrict", 3, "--json").json
    assert {answer["word"] for answer in few["words"][0]["neighbors"]} == {"man", "woman"}


def test_last_is_the_newest_vectors(run: Run, fails: Run, vectors: Path) -> None:
    assert "no vectors in the folder" in fails("analogy", "a", "b", "c", "--model", "last")
    Path("models").mkdir()
    for place, name in enumerate(("old", "new")):
        WordVectors(["king", name], np.eye(2)).save(f"models/{name}.vectors")
        os.utime(f"models/{name}.vectors", (place, place))
    Path("models/m.lm").write_text("no vectors")
    Path("models/notes.txt").write_text("no vectors\n")
    outcome = run("neighbors", "king", "--model", "last")
    assert outcome.out.split()[-2] == "new"
    assert "Vectors: models/new.vectors" in outcome.err


def test_bad_input(fails: Run, vectors: Path, tmp_path: Path) -> None:
    assert "have no words 'kingg' (near it: king), 'wooman' (near it: woman); check the spelling" in fails(
        "analogy", "kingg", "man", "wooman", "--model", vectors, code=2
    )
    assert "no such file" in fails("neighbors", "king", "--model", tmp_path / "none.vectors")
    Path("text.txt").write_text("king man woman\n")
    fails("neighbors", "king", "--model", "text.txt")
    assert ".: is a folder" in fails("neighbors", "king", "--model", ".")
    Path("x.pt").touch()
    assert "none.txt: the words can't be read (No such file or directory)" in fails("convert", "x.pt", "y.lm", "--words", "none.txt")
    WordVectors(["zero", "one"], np.array([[0, 0], [1, 1]])).save("zero.vectors")
    assert "'zero' is zero" in fails("neighbors", "zero", "--model", "zero.vectors", code=2)
    assert "cancel out" in fails("analogy", "one", "one", "zero", "--model", "zero.vectors", code=2)


def test_quantize(run: Run, fails: Run, vectors: Path) -> None:
    outcome = run("quantize", vectors, "--out", "small.vectors")
    assert "small.vectors: " in outcome.out
    assert "times smaller rows; mean cosine with the float32 vectors 0.9999" in outcome.out
    card = run("quantize", vectors, "--out", "two.vectors", "--words", 2, "--json").json
    assert (card["words"], card["dimensions"], card["loss"]["sample"]) == (2, 3, 2)
    before, after = (run("neighbors", "king", "--model", name, "--json").json["words"] for name in (vectors, "small.vectors"))
    assert [n["word"] for n in before[0]["neighbors"]] == [n["word"] for n in after[0]["neighbors"]]
    assert "8 bits a number already" in fails("quantize", "small.vectors", "--out", "x.vectors", code=2)
    assert "is read as well" in fails("quantize", vectors, "--out", vectors, code=2)


def test_last_is_the_newest_of_all_models_for_commands_that_take_any(run: Run, vectors: Path) -> None:
    folder = vectors.parent / "models"
    folder.mkdir()
    (vectors.parent / "text.txt").write_text("the cat sat on the mat\n" * 30)
    run("train-ngram", "text.txt", "--order", "2", "--out", "models/a.lm")
    vectors.rename(folder / "b.vectors")
    for name, kind in (("b.vectors", "vectors"), ("a.lm", "ngram")):
        os.utime(folder / name, (2e9, 2e9))
        assert run("info", "last", "--json").json["kind"] == kind
        os.utime(folder / name, (1e9, 1e9))


def test_word2vec_s_own_command_lines(run: Run, fails: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c d a b\n" * 40, encoding="utf-8")
    typed = ["-train", tmp_path / "t.txt", "-size", 4, "-min-count", 1, "-iter", 1, "-threads", 1, "-sample", 0]
    made = run("train-w2v", *typed, "-output", tmp_path / "v.vectors", "-cbow", 1, "-hs", 1, "-negative", 0, "--json").json
    assert made["made"]["settings"]["model"] == "cbow"
    assert made["made"]["settings"]["loss"] == "hs"
    rest = ["-output", tmp_path / "w.vectors"]
    assert "named twice" in fails("train-w2v", tmp_path / "t.txt", *typed, *rest, code=2)
    assert "one of the two" in fails("train-w2v", *typed, *rest, "-hs", 1, "-negative", 5, code=2)
    assert "lmkit convert" in fails("train-w2v", *typed, *rest, "-binary", 1, code=2)
    for option, name in ((["-debug", 2], "-debug, which is --quiet here"), (["--workers", 2], "--workers, which is --threads here")):
        assert f"No such option: {name}; see" in fails("train-w2v", *typed, *rest, *option, code=2)
    assert "No such option: -classes; see" in fails("train-w2v", *typed, *rest, "-classes", 0, code=2)
    fasttext = ["-input", tmp_path / "t.txt", "-dim", 4, "-minCount", 1, "-epoch", 1, "-bucket", 50, "-output", tmp_path / "f.vectors"]
    assert run("train-fasttext", *fasttext, "-q").code == 0


def test_options_that_change_nothing_are_refused(fails: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c d a b\n" * 40, encoding="utf-8")
    for options, name in (
        (["--loss", "hs", "--negative", 5], "--negative"),
        (["--loss", "hs", "--noise-exponent", 0.5], "--noise-exponent"),
        (["--model", "skipgram", "--cbow-sum"], "--cbow-sum"),
        (["--model", "cbow", "--own-negatives"], "--own-negatives"),
        (["--left-context", "--loss", "hs", "--sample", 1e-5], "--sample"),
    ):
        assert f"{name} is for" in fails("train-w2v", tmp_path / "t.txt", "--out", tmp_path / "v.vectors", *options, code=2)


def test_training_notes_what_it_can_t_take_over(run: Run, fails: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c d a b\n" * 40, encoding="utf-8")
    common = [tmp_path / "t.txt", "--dim", 4, "--min-count", 1, "--epochs", 1, "--threads", 1]
    subwords, plain = tmp_path / "s.vectors", tmp_path / "p.vectors"
    assert run("train-fasttext", *common, "--buckets", 50, "--out", subwords).code == 0
    WordVectors(["a", "b"], np.eye(2, 4, dtype=np.float32)).save(plain)
    assert "begin anew" not in run("train-fasttext", *common, "--buckets", 50, "--start", subwords, "--out", tmp_path / "a").err
    other = run("train-fasttext", *common, "--buckets", 50, "--min-n", 2, "--start", subwords, "--out", tmp_path / "b").err
    assert "n-grams of 3 to 6 characters in 50 buckets, and these are others: all n-grams begin anew" in other
    assert (
        "subwords of the vectors to begin with stay behind" in run("train-w2v", *common, "--start", subwords, "--out", tmp_path / "c").err
    )
    assert "no output vectors; these begin anew" in run("train-w2v", *common, "--start", plain, "--out", tmp_path / "d").err
    assert "with --held-out" in fails("train-w2v", *common, "--patience", 1, "--out", tmp_path / "e", code=2)
    refused = fails("train-w2v", *common, "--negative", 0, "--out", tmp_path / "e", code=2)
    assert refused == "Error: --negative must be an int of at least 1 and at most 1024, not 0."
    told = run("convert", subwords, tmp_path / "x.bin").err
    assert "Note: the counts and the output vectors stay behind; .vectors keeps them." in told
    assert "output vectors" not in run("convert", subwords, tmp_path / "f.bin", "--to", "fasttext").err
