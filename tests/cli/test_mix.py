"""`lmkit mix`: weights, mixtures as models, and one n-gram model of several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit.ngram.mixing import mix


@pytest.fixture
def folder(run, tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    for name, lines in (("a", 200), ("b", 300), ("held", 150)):
        text = [" ".join(f"w{min(int(rng.zipf(1.5)), 30)}" for _ in range(rng.integers(1, 12))) for _ in range(lines)]
        (tmp_path / f"{name}.txt").write_text("\n".join([*text, " ".join(f"w{i}" for i in range(1, 31))]) + "\n", encoding="utf-8")
    assert run("train-ngram", tmp_path / "a.txt", "--order", 3, "--out", tmp_path / "a.lm", "-q").code == 0
    assert run("train-ngram", tmp_path / "b.txt", "--order", 2, "--out", tmp_path / "b.lm", "-q").code == 0
    return tmp_path


def test_a_mixture_is_a_model_to_the_other_commands(run, folder: Path) -> None:
    outcome = run("mix", folder / "a.lm", folder / "b.lm", "--held-out", folder / "held.txt", "--out", folder / "m.lm")
    assert outcome.code == 0, outcome.err
    mixture = lmkit.load(folder / "m.lm")
    assert f"{mixture.weights_[0, 0]:.4f}" in outcome.out
    answer = run("perplexity", folder / "m.lm", folder / "held.txt", "--json").json
    assert answer["perplexity"] == pytest.approx(mixture.perplexity(folder / "held.txt"))
    assert f"{answer['perplexity']:.6g}" in outcome.out
    table = run("predict", folder / "m.lm", "w1", "--top", 2)
    assert table.code == 0
    assert "None" not in table.out
    assert run("generate", folder / "m.lm", "--seed", 1).code == 0
    assert run("info", folder / "m.lm", "--json").json["kind"] == "mixture"
    assert run("perplexity", folder / "m.lm", folder / "held.txt", "--per-word").code == 0


def test_an_arpa_ending_or_merge_makes_one_ngram_model(run, folder: Path) -> None:
    models = [folder / "a.lm", folder / "b.lm"]
    answer = run("mix", *models, "--weights", "0.25,0.75", "--out", folder / "m.arpa", "--json").json
    expected = mix([lmkit.load(path) for path in models], [0.25, 0.75])
    assert answer["weights"] == [[0.25, 0.75]]
    assert lmkit.load(folder / "m.arpa").perplexity(folder / "held.txt") == pytest.approx(
        expected.perplexity(folder / "held.txt"), rel=1e-6
    )
    answer = run("mix", *models, "--held-out", folder / "held.txt", "--merge", "--out", folder / "m.lm", "--json").json
    assert lmkit.load(folder / "m.lm").perplexity(folder / "held.txt") == pytest.approx(answer["perplexity_merged"])
    assert len(answer["perplexities"]) == 2


def test_weights_by_context(run, folder: Path) -> None:
    options = ["--held-out", folder / "held.txt", "--by", "context", "--out", folder / "m.lm"]
    answer = run("mix", folder / "a.lm", folder / "b.lm", *options, "--json").json
    assert np.shape(answer["weights"]) == (3, 2)
    assert run("mix", folder / "a.lm", folder / "b.lm", *options).out.count("after ") == 3


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        ([], "Give --held-out", 2),
        (["--weights", "1,x"], "are no weights", 2),
        (["--weights", "0.5,0.6"], "sum to one", 2),
        (["--weights", "0.5,0.5", "--merge", "--by", "context"], "one set of weights", 2),
    ],
)
def test_what_can_t_be_done_is_said_in_a_sentence(fails, folder: Path, options: list[object], said: str, code: int) -> None:
    assert said in fails("mix", folder / "a.lm", folder / "b.lm", "--out", folder / "m.lm", *options, code=code)


def test_other_vocabularies_need_a_word_of_the_user_s(run, fails, folder: Path) -> None:
    (folder / "c.txt").write_text("other words w1\n", encoding="utf-8")
    run("train-ngram", folder / "c.txt", "--order", 2, "--out", folder / "c.lm", "-q")
    options = ["--held-out", folder / "held.txt", "--out", folder / "m.lm"]
    assert "--union-vocabulary" in fails("mix", folder / "a.lm", folder / "c.lm", *options, code=2)
    assert run("mix", folder / "a.lm", folder / "c.lm", *options, "--union-vocabulary").code == 0
    assert "name two or more" in fails("mix", folder / "a.lm", "--weights", "1", "--out", folder / "m.lm", code=2)
    assert "is read as well" in fails("mix", folder / "a.lm", folder / "b.lm", "--weights", "1,0", "--out", folder / "a.lm", code=2)


def test_models_trained_with_one_vocabulary_can_be_mixed(run, folder: Path) -> None:
    (folder / "c.txt").write_text("other words w1 w1\nw2 w1\n", encoding="utf-8")
    answer = run("train-ngram", folder / "c.txt", "--order", 2, "--vocabulary", folder / "a.lm", "--out", folder / "c.lm", "--json").json
    assert answer["vocabulary_hash"] == lmkit.load(folder / "a.lm").vocabulary.words_hash
    options = ["--held-out", folder / "held.txt", "--out", folder / "m.lm"]
    assert run("mix", folder / "a.lm", folder / "c.lm", *options).code == 0
    (folder / "words.txt").write_text("w1 w2\nw1 <unk>\n", encoding="utf-8")
    answer = run(
        "train-ngram", folder / "c.txt", "--order", 2, "--vocabulary", folder / "words.txt", "--out", folder / "d.lm", "--json"
    ).json
    assert answer["vocabulary_size"] == 5


def test_a_given_vocabulary_excludes_a_cut(fails, folder: Path) -> None:
    options = ["--vocabulary", folder / "a.lm", "--min-count", 2, "--out", folder / "d.lm"]
    assert "--min-count has no use" in fails("train-ngram", folder / "b.txt", *options, code=2)


def test_memory_that_is_too_little_is_told_before_work_begins(run, folder: Path) -> None:
    arguments = ["mix", folder / "a.lm", folder / "b.lm", "--weights", "0.5,0.5", "--memory", "1M"]
    outcome = run(*arguments, "--out", folder / "m.arpa")
    assert outcome.code == 2
    assert "but 1.0 MB are allowed" in outcome.err
    assert not (folder / "m.arpa").exists()
    assert "--merge" in run(*arguments, "--out", folder / "m.lm").err
