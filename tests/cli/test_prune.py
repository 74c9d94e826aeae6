"""`lmkit prune`, and pruning as a model is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lmkit


@pytest.fixture
def text(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    lines = [" ".join(f"w{min(int(rng.zipf(1.5)), 60)}" for _ in range(rng.integers(1, 12))) for _ in range(400)]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "text.txt"


@pytest.fixture
def model(run, text: Path, tmp_path: Path) -> Path:
    assert run("train-ngram", text, "--order", 3, "--out", tmp_path / "m.lm", "-q").code == 0
    return tmp_path / "m.lm"


def test_a_number_of_ngrams_is_kept_and_the_cost_is_told(run, model: Path, text: Path, tmp_path: Path) -> None:
    outcome = run("prune", model, tmp_path / "small.lm", "--ngrams", 400, "--held-out", text)
    assert outcome.code == 0, outcome.err
    small = lmkit.load(tmp_path / "small.lm")
    assert sum(small.trie_.sizes) <= 400
    assert small.metadata_["pruning"][0]["method"] == "kneser-ney"  # suits the model
    assert f"{sum(small.trie_.sizes):,}" in outcome.out
    assert f"{small.perplexity(text):.5f} after" in outcome.out


def test_every_method_runs_and_says_in_json_what_it_did(run, model: Path, text: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("w1 w2\nw3\n", encoding="utf-8")
    for options, method in (
        (["--method", "entropy", "--threshold", "1e-3"], "entropy"),
        (["--threshold", 2, "--loss", "expected"], "kneser-ney"),
        (["--size", "25kB"], "kneser-ney"),
        (["--counts", "0,1", "--corpus", text], "count"),
        (["--words", tmp_path / "words.txt"], "vocabulary"),
    ):
        answer = run("prune", model, tmp_path / "out.arpa.gz", *options, "--json").json
        assert answer["method"] == method
        assert sum(answer["after"]) < sum(answer["before"])
        assert lmkit.load(tmp_path / "out.arpa.gz").trie_.sizes == answer["after"]
    assert answer["after"][0] == 6


def test_a_threshold_in_the_other_method_s_unit_is_remarked_upon(run, model: Path, tmp_path: Path) -> None:
    assert (
        "is what a text as long as the training text loses in bits" in run("prune", model, tmp_path / "out.lm", "--threshold", "1e-7").err
    )
    assert "loses in bits" not in run("prune", model, tmp_path / "out.lm", "--threshold", 2).err


def test_training_drops_what_occurs_rarely(run, text: Path, tmp_path: Path) -> None:
    answer = run("train-ngram", text, "--order", 3, "--prune", "0,0,1", "--out", tmp_path / "a.lm", "--json").json
    from_python = lmkit.NgramLanguageModel(order=3, pruning=(0, 0, 1)).fit(text)
    assert answer["ngrams"] == from_python.trie_.sizes
    assert answer["pruning"][0]["highest"] == [0, 0, 1]
    (tmp_path / "words.txt").write_text("w1 w2 w3 w4", encoding="utf-8")
    answer = run("train-ngram", text, "--prune", "1", "--limit-vocab", tmp_path / "words.txt", "--out", tmp_path / "a.lm", "--json").json
    assert answer["vocabulary_size"] == 7


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        ([], "Say how far", 2),
        (["--threshold", 1, "--ngrams", 3], "Say how far", 2),
        (["--ngrams", 5], "--ngrams must be at least", 2),
        (["--size", "many"], "must be a size", 2),
        (["--counts", "1,x"], "are no counts", 2),
        (["--counts", "0,-1"], "--counts: '0,-1' are no counts", 2),
        (["--counts", "2,1"], "must not fall", 2),
        (["--counts", "0,1"], "does not tell how often", 2),
        (["--method", "entropy", "--loss", "expected", "--ngrams", 100], "--loss is not for --method entropy", 2),
        (["--words", "missing.txt"], "can't be read", 1),
    ],
)
def test_what_can_t_be_done_is_said_in_a_sentence(fails, model: Path, tmp_path: Path, options: list[object], said: str, code: int) -> None:
    assert said in fails("prune", model, tmp_path / "out.lm", *options, code=code)
    assert not (tmp_path / "out.lm").exists()


def test_the_model_itself_is_not_overwritten(fails, model: Path) -> None:
    assert "is read as well" in fails("prune", model, model, "--ngrams", 100, code=2)


def test_the_method_is_a_guess_where_nothing_tells_the_smoothing(run, model: Path, tmp_path: Path) -> None:
    run("convert", model, tmp_path / "m.arpa")
    assert "by --method kneser-ney" in run("prune", tmp_path / "m.arpa", tmp_path / "s.lm", "--ngrams", 300).err
    assert "by --method kneser-ney" not in run("prune", model, tmp_path / "s.lm", "--ngrams", 300).err


def test_what_other_formats_cannot_say_is_told(run, text: Path, tmp_path: Path) -> None:
    run("train-ngram", text, "--smoothing", "stupid-back-off", "--out", tmp_path / "s.lm", "-q")
    assert "no probabilities" in run("convert", tmp_path / "s.lm", tmp_path / "s.arpa").err
    run("train-ngram", text, "--no-sentence-boundaries", "--out", tmp_path / "n.lm", "-q")
    assert "knows no sentences" in run("convert", tmp_path / "n.lm", tmp_path / "n.klm").err
