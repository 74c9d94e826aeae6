"""`lmkit evaluate-analogies` and `lmkit evaluate-similarity`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmkit.embeddings.vectors import WordVectors
from lmkit.evaluation.analogy import AnalogyOptions, evaluate_analogies
from lmkit.evaluation.similarity import evaluate_similarity
from lmkit_cli.evaluating import Contestant, contestants


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of growing noise over 24 pairs in two relations, three seeds of one, one that lacks words; questions and judged pairs."""
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    words = [f"{half}{pair}" for pair in range(24) for half in "ab"]
    base, offsets = rng.normal(size=(24, 10)), rng.normal(size=(2, 10))
    exact = np.concatenate([[row, row + offsets[pair // 12]] for pair, row in enumerate(base)])
    for name, noise in (("good-1", 0.4), ("good-2", 0.4), ("good-3", 0.4), ("bad-1", 0.8), ("bad-2", 0.8), ("few", 0.4)):
        rows = (exact + rng.normal(scale=noise, size=exact.shape)).astype(np.float32)
        count = 40 if name == "few" else 48
        WordVectors(words[:count], rows[:count]).save(folder / f"{name}.lm")
    lines = []
    for section, first in (("family", 0), ("gram1-plural", 12)):
        lines.append(f": {section}")
        pairs = range(first, first + 12)
        lines += [f"a{i} b{i} a{j} b{j}" for i in pairs for j in pairs if i != j]
    (folder / "questions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    cosines = [(i, j, float(base[i] @ base[j])) for i in range(24) for j in range(i)]
    (folder / "judged.tsv").write_text("".join(f"a{i}\ta{j}\t{value:.4f}\n" for i, j, value in cosines), encoding="utf-8")
    return folder


def test_one_model(run, folder: Path) -> None:
    model = folder / "good-1.lm"
    outcome = run("evaluate-analogies", model, "--test", folder / "questions.txt")
    assert outcome.code == 0, outcome.err
    import lmkit

    result = evaluate_analogies(lmkit.load(model), folder / "questions.txt")
    low, high = result.interval()
    for tally in (*result.sections, result.total("semantic"), result.total("syntactic"), result.total()):
        assert any(
            line.split() == [tally.name, f"{100 * tally.accuracy:.2f}", "%", str(tally.correct), str(tally.seen), str(tally.total)]
            for line in outcome.out.splitlines()
        )
    assert f"95 % interval of the total: {100 * low:.2f} to {100 * high:.2f} %" in outcome.out
    answer = run("evaluate-analogies", model, "--test", folder / "questions.txt", "--json").json
    (found,) = answer["models"][0]["tests"]
    assert (found["accuracy"], found["low"], found["high"], found["seen"]) == (result.accuracy, low, high, 264)
    assert found["semantic"]["accuracy"] == result.total("semantic").accuracy
    assert answer["groups"][0]["total"]["mean"] == result.accuracy


def test_options_reach_the_library(run, folder: Path) -> None:
    import lmkit

    vectors = lmkit.load(folder / "few.lm")
    arguments = ["--compat", "word2vec", "--restrict", "30", "--case", "keep", "--oov", "wrong", "--method", "3cosmul"]
    answer = run("evaluate-analogies", folder / "few.lm", "-t", folder / "questions.txt", *arguments, "--json").json
    asked = AnalogyOptions.preset("word2vec", restrict=30, case="keep", oov="wrong", method="3cosmul")
    assert answer["models"][0]["tests"][0]["accuracy"] == evaluate_analogies(vectors, folder / "questions.txt", asked).accuracy
    assert answer["options"]["split"] == "position"
    assert (
        run("evaluate-analogies", folder / "few.lm", "-t", folder / "questions.txt", "--restrict", 0, "--json").json["options"]["restrict"]
        is None
    )


def test_two_models(run, folder: Path) -> None:
    arguments = ["evaluate-analogies", folder / "good-1.lm", folder / "bad-1.lm", "--test", folder / "questions.txt"]
    answer = run(*arguments, "--json").json
    (found,) = answer["comparisons"]
    assert found["difference"] > 0
    assert found["p_value"] < 0.05
    assert 0 <= found["mcnemar"] < 0.05
    text = run(*arguments).out
    assert f"is {100 * found['difference']:.2f} above {folder / 'bad-1.lm'}" in text
    assert "264 questions that both know" in text
    assert "gram1-plural" in run(*arguments, "--sections").out


def test_seeds(run, folder: Path) -> None:
    models = [folder / f"{name}.lm" for name in ("good-1", "good-2", "good-3", "bad-1", "bad-2")]
    answer = run("evaluate-analogies", *models, "--group", "--test", folder / "questions.txt", "--json").json
    assert [(group["name"], group["runs"]) for group in answer["groups"]] == [("good", 3), ("bad", 2)]
    singles = [model["tests"][0]["accuracy"] for model in answer["models"]]
    assert answer["groups"][0]["total"]["mean"] == pytest.approx(np.mean(singles[:3]))
    assert answer["comparisons"][0]["method"] == "Welch over seeds"
    text = run("evaluate-analogies", *models, "--group", "--test", folder / "questions.txt").out
    assert f"{100 * np.mean(singles[:3]):.2f} ± " in text
    named = [f"one={models[0]}", f"one={models[1]}", f"two={models[3]}"]
    outcome = run("evaluate-analogies", *named, "--test", folder / "questions.txt")
    assert outcome.code == 0
    assert "one and two are not compared" in outcome.err


def test_what_all_know(run, folder: Path) -> None:
    outcome = run("evaluate-analogies", folder / "good-1.lm", folder / "few.lm", "--test", folder / "questions.txt")
    assert "The models know different questions; 188 are common to all." in outcome.out  # 12 * 11 + 8 * 7
    outcome = run("evaluate-similarity", folder / "good-1.lm", folder / "few.lm", "--test", folder / "judged.tsv")
    assert "The models know different pairs; 190 are common to all." in outcome.out  # 20 * 19 / 2


def test_similarity(run, folder: Path) -> None:
    import lmkit

    result = evaluate_similarity(lmkit.load(folder / "few.lm"), folder / "judged.tsv")
    low, high = result.interval()
    outcome = run("evaluate-similarity", folder / "few.lm", "--test", folder / "judged.tsv")
    expected = ["judged", f"{result.spearman:.4f}", f"{low:.4f}", "to", f"{high:.4f}", "190", "276", f"{86 / 276:.1%}"]
    assert expected in [line.split() for line in outcome.out.splitlines()]
    answer = run("evaluate-similarity", folder / "good-1.lm", folder / "bad-1.lm", "--test", folder / "judged.tsv", "--json").json
    assert answer["comparisons"][0]["difference"] > 0
    assert [model["tests"][0]["oov_pairs"] for model in answer["models"]] == [0, 0]


def test_refusals(fails, folder: Path, tmp_path: Path) -> None:
    model = folder / "good-1.lm"
    assert "no such file" in fails("evaluate-analogies", model, "--test", tmp_path / "none.txt")
    assert "no such file" in fails("evaluate-similarity", tmp_path / "none.lm")
    assert "one of '3cosadd'" in fails("evaluate-analogies", model, "--method", "add", code=2)
    assert "--compat must be one of 'lmkit', 'gensim'" in fails("evaluate-similarity", model, "--compat", "glove", code=2)
    assert "knows the words of none" in fails("evaluate-analogies", model, "--test", written(tmp_path, "x y z w\n"))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "other.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_names(tmp_path: Path) -> None:
    odd = tmp_path / "a=b.lm"
    odd.touch()
    words = ["sg=runs/sg-1.bin", str(odd), "last"]
    assert contestants(words, False) == [Contestant("sg", "runs/sg-1.bin"), Contestant(str(odd), str(odd)), Contestant("last", "last")]
    assert contestants(None, False) == [Contestant("starter", None)]
    names = ["runs/sg-1.bin", "sg.seed2.vec", "cbow_s3.lm", "x-run12.txt", "7.bin", "glove.6B.100d.txt", "model1"]
    assert [entry.name for entry in contestants(names, True)] == ["sg", "sg", "cbow", "x", "7", "glove.6B.100d", "model"]
