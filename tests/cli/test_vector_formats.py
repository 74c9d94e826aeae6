"""`lmkit convert` and `lmkit info` on word vectors, and what commands for language models say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lmkit

TEXT = "4 3\nthe 0.5 1 -2\ncat 1 2 3\ndog 1 2 4\nnew_york -1 0.25 0\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "downloaded"  # the content tells what it is
    path.write_text(TEXT, encoding="utf-8")
    return path


TARGETS = {"v.bin": None, "v.txt": None, "v.txt.gz": None, "v.vec": None, "v.npz": None, "v.vectors": None, "v.tsv": None}
TARGETS |= {"f.bin": "fasttext", "g.txt": "glove", "v.safetensors": None, "folder": "sentence-transformers", "other": "model2vec"}


@pytest.mark.parametrize("name", TARGETS)
def test_there_and_back(name: str, run, source: Path, tmp_path: Path) -> None:
    options = [] if TARGETS[name] is None else ["--to", TARGETS[name]]
    outcome = run("convert", source, tmp_path / name, *options)
    assert outcome.code == 0, outcome.err
    assert "4 words of 3 dimensions" in outcome.out
    assert run("convert", tmp_path / name, tmp_path / "back.txt").code == 0
    assert (tmp_path / "back.txt").read_text() == TEXT
    card = run("info", tmp_path / name, "--json").json
    assert (card["kind"], card["words"], card["dimensions"]) == ("vectors", 4, 3)


def test_the_result_as_json(run, source: Path, tmp_path: Path) -> None:
    card = run("convert", source, tmp_path / "v.bin", "--json").json
    size = (tmp_path / "v.bin").stat().st_size
    expected = {"source": str(source), "target": str(tmp_path / "v.bin"), "format": "word2vec-binary", "bytes": size, "words": 4}
    assert card == {**expected, "dimensions": 3}


def test_what_was_mended_is_told(run, fails, tmp_path: Path) -> None:
    source = tmp_path / "v.txt"
    source.write_bytes(b"3 2\na 1 2\nb\xff 3 4\na 5 6\n")
    assert "line 3) is not UTF-8" in fails("convert", source, tmp_path / "o.bin")
    assert not (tmp_path / "o.bin").exists()
    outcome = run("convert", source, tmp_path / "o.bin", "--errors", "replace")
    assert outcome.code == 0
    assert "Note: Words that are not UTF-8, mended with U+FFFD: 1 ('b\\\\xff' (line 3))." in outcome.err
    assert "Note: Rows whose word stood before, left out: 1 ('a' (row 2))." in outcome.err
    assert lmkit.load(tmp_path / "o.bin").words.strings() == ["a", "b\ufffd"]


def test_what_was_mended_is_told_with_every_answer(run, tmp_path: Path) -> None:
    (tmp_path / "doubled").write_text("3 2\na 1 2\nb 3 4\na 5 6\n")
    outcome = run("neighbors", "a", "--model", tmp_path / "doubled")
    assert outcome.code == 0
    assert "doubled: Rows whose word stood before" in outcome.err
    assert run("convert", tmp_path / "doubled", tmp_path / "v.vectors").code == 0
    assert "stood before" not in run("neighbors", "a", "--model", tmp_path / "v.vectors").err


def test_digits_as_the_tools_print_them(run, source: Path, tmp_path: Path) -> None:
    assert run("convert", source, tmp_path / "o.txt", "--digits", "classic").code == 0
    assert (tmp_path / "o.txt").read_text().splitlines()[1] == "the 0.500000 1.000000 -2.000000 "


def test_subwords_that_stay_behind_are_told(run, tmp_path: Path) -> None:
    from lmkit.embeddings.subwords import NgramOptions, Subwords

    subwords = Subwords(NgramOptions(2, 3, 10), np.ones((10, 2), np.float32), word_vectors=np.eye(2, dtype=np.float32))
    lmkit.WordVectors(["ab", "cd"], np.eye(2, dtype=np.float32), subwords=subwords).save(tmp_path / "v.vectors")
    assert "the subwords stay behind" in run("convert", tmp_path / "v.vectors", tmp_path / "v.bin").err
    assert "the subwords stay behind" not in run("convert", tmp_path / "v.vectors", tmp_path / "f.bin", "--to", "fasttext").err
    assert run("info", tmp_path / "f.bin", "--json").json["subwords"]["buckets"] == 10


def test_the_most_frequent_words_alone(run, fails, source: Path, model: Path, tmp_path: Path) -> None:
    assert "2 words of 3 dimensions" in run("convert", source, tmp_path / "o.txt", "--restrict", 2).out
    assert lmkit.load(tmp_path / "o.txt").words.strings() == ["the", "cat"]
    assert "lmkit prune" in fails("convert", model, tmp_path / "o.lm", "--restrict", 2, code=2)


def test_formats_of_the_other_kind(fails, source: Path, model: Path, tmp_path: Path) -> None:
    assert "IN holds word vectors, which this format can't" in fails("convert", source, tmp_path / "v.arpa", code=2)
    assert "IN holds an n-gram model, which this format can't" in fails("convert", model, tmp_path / "v.bin", code=2)
    assert "the ending does not tell the format" in fails("convert", source, tmp_path / "v", code=2)
    assert "--compact and --quantize pack lmkit's own files, not word2vec-binary" in fails(
        "convert", source, tmp_path / "v.bin", "--compact", code=2
    )
    assert "is read as well" in fails("convert", source, source, "--to", "glove", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("perplexity", "V", "T"),
        ("predict", "V", "the"),
        ("generate", "V"),
        ("prune", "V", "o.lm", "--threshold", "1e-7"),
        ("diff", "V", "W", "T"),
    ],
)
def test_commands_for_language_models_say_what_they_were_given(words: tuple[str, ...], fails, source: Path, text: Path) -> None:
    other = source.with_name("other")
    other.write_bytes(source.read_bytes())
    given = [{"V": source, "W": other, "T": text}.get(word, word) for word in words]
    assert "holds WordVectors, no language model" in fails(*given, code=2)
