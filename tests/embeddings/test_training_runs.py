"""Whole trainings: what is learned, the same bytes again, going on after a kill, Ctrl-C, early stopping, threads, odd texts."""

from __future__ import annotations

import functools
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmkit
from lmkit import _container
from lmkit.embeddings import Checkpoints, FastText, Variant, Word2Vec
from lmkit.embeddings.training import merging
from lmkit.embeddings.training.trainer import Trainer
from lmkit.errors import DivergenceError, FormatError, InputError, InvalidParameterError, UsageError
from lmkit.text import as_corpus

TOPICS = [[f"{topic}{i}" for i in range(6)] for topic in ("sea", "sky", "bread", "stone")]


@functools.cache
def topics(sentences: int = 3000, seed: int = 0) -> Any:
    """Sentences of eight words of one of four topics, and two words that stand everywhere."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(sentences):
        words = rng.choice(TOPICS[rng.integers(4)], 8).tolist()
        lines.append(" ".join([*words[:4], "the", *words[4:], "of"]))
    return as_corpus("\n".join(lines))


def small(**parameters: Any) -> Word2Vec:
    return Word2Vec(**{"dim": 16, "epochs": 2, "threads": 1, "learning_rate": 0.05, "sample": 0.0, **parameters})


def same_topic(model: Word2Vec) -> float:
    """The share of words whose nearest neighbour is of their own topic."""
    hits = [model.vectors_.most_similar(word, top=1)[0].word[:3] == word[:3] for topic in TOPICS for word in topic]
    return float(np.mean(hits))


@pytest.mark.parametrize("parameters", [{}, {"compat": "word2vec"}, {"model": "cbow", "epochs": 3}, {"threads": 3}], ids=str)
def test_words_of_a_topic_become_neighbours(parameters: dict[str, Any]) -> None:
    model = small(**parameters).fit(topics())
    assert same_topic(model) == 1.0
    losses = [record["loss"] for record in model.history_]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 6 * np.log(2)  # what vectors of zeros pay: log 2 for the word and each of five negatives
    assert model.vectors_.counts is not None
    assert (np.diff(model.vectors_.counts) <= 0).all()


def test_the_loss_is_that_of_the_formula() -> None:
    """The first stretch of a training meets output vectors of zero: each prediction costs 6 log 2 until rows have been updated."""
    corpus = as_corpus("a b\n" * 3 + "c d\n" * 3)
    model = small(min_count=1, epochs=1, learning_rate=1e-9).fit(corpus)
    assert model.history_[0]["loss"] == pytest.approx(6 * np.log(2), rel=1e-6)
    assert model.history_[0]["pairs"] == 12


def _files(tmp_path: Path, model: Word2Vec, name: str) -> bytes:
    path = tmp_path / name
    model.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_same_bytes_again(tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "STRETCH", 700)
    monkeypatch.setattr(merging, "TOGETHER", 0)
    one = _files(tmp_path, small(threads=threads).fit(topics()), "one")
    assert _files(tmp_path, small(threads=threads).fit(topics()), "two") == one
    assert _files(tmp_path, small(threads=threads, seed=2).fit(topics()), "three") != one


@pytest.mark.parametrize("threads", [4, 16])
@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_many_threads_learn_as_one_does(kind: type[Word2Vec], model: str, loss: str, threads: int) -> None:
    """26 words, all of them hot: where a plain sum of the threads' changes grows without bound."""
    one, many = (
        kind(model, loss=loss, dim=16, epochs=6, threads=number, learning_rate=0.05, sample=0.0).fit(topics()) for number in (1, threads)
    )
    assert np.abs(many.vectors_.matrix).max() < 1.5 * np.abs(one.vectors_.matrix).max()
    assert same_topic(many) == 1.0
    assert many.history_[-1]["loss"] < 1.1 * one.history_[-1]["loss"]


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("threads", [1, 2])
def test_a_last_pass_that_is_cut_short_resumes(tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As fastText does where there are rare words: one pass and a part of a second one, in which the process dies."""
    monkeypatch.setattr(merging, "SINGLE_STRETCH", 500)
    monkeypatch.setattr(merging, "STRETCH", 100)
    monkeypatch.setattr(merging, "TOGETHER", 0)
    words = iter(range(10**6))
    text = "\n".join(f"sea sky rare{next(words)} bread" for _ in range(4000))

    def fit(**given: Any) -> Word2Vec:
        return small(compat="fasttext", min_count=2, epochs=1, learning_rate=None, threads=threads).fit(text, **given)

    whole = fit()
    assert [record["tokens"] for record in whole.history_] == [16000, 4000]
    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    store, train_epoch = Trainer._store, Trainer._train_epoch
    begun: list[tuple[int, int]] = []

    def die(trainer: Trainer) -> None:
        store(trainer)
        if trainer.state.epoch == 1:
            raise _KilledError

    def note(trainer: Trainer, *arguments: Any) -> None:
        begun.append((trainer.state.epoch, trainer.state.round))
        train_epoch(trainer, *arguments)

    monkeypatch.setattr(Trainer, "_store", die)
    with pytest.raises(_KilledError):
        fit(checkpoints=checkpoints)
    monkeypatch.setattr(Trainer, "_store", store)
    monkeypatch.setattr(Trainer, "_train_epoch", note)
    resumed = fit(checkpoints=checkpoints)
    [(epoch, rounds)] = begun
    assert epoch == 1
    assert 0 < rounds < {1: 8, 2: 20}[threads]
    assert resumed.history_ == whole.history_
    assert _files(tmp_path, resumed, "resumed") == _files(tmp_path, whole, "whole")


@pytest.mark.parametrize("threads", [1, 2])
def test_resume_ends_with_the_same_bytes(tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies somewhere between two checkpoints; a new one goes on from the last."""
    monkeypatch.setattr(merging, "SINGLE_STRETCH", 2000)
    monkeypatch.setattr(merging, "STRETCH", 700)
    monkeypatch.setattr(merging, "TOGETHER", 0)
    held_out = topics(200, 5)
    whole = small(threads=threads, epochs=3).fit(topics(), held_out=held_out, patience=2)
    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    seen: list[float] = []

    def die(report: Any) -> None:
        if report.epoch_record is not None:
            seen.append(report.epoch)
            if len(seen) in (1, 3):
                raise _KilledError

    for _ in range(2):
        with pytest.raises(_KilledError):
            small(threads=threads, epochs=3).fit(topics(), held_out=held_out, patience=2, checkpoints=checkpoints, report=die)
        assert (tmp_path / "state").exists()
    resumed = small(threads=threads, epochs=3).fit(topics(), held_out=held_out, patience=2, checkpoints=checkpoints, report=die)
    assert seen == [1, 1, 2, 2, 3]  # each went on from the checkpoint before, and did not begin anew
    assert resumed.history_ == whole.history_
    assert _files(tmp_path, resumed, "resumed") == _files(tmp_path, whole, "whole")


def test_resume_refuses_another_training(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    small().fit(topics(), checkpoints=checkpoints)
    with pytest.raises(UsageError, match=r"made with settings\.window 5, this training has 3"):
        small(window=3).fit(topics(), checkpoints=checkpoints)
    with pytest.raises(UsageError, match=r"made with corpus\.sha256"):
        small().fit(topics(3000, 9), checkpoints=checkpoints)


def test_resume_refuses_another_held_out_text_or_patience(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    small().fit(topics(), held_out=topics(50, 1), patience=1, checkpoints=checkpoints)
    for given, name in (
        ({"held_out": topics(50, 2), "patience": 1}, r"held_out\.sha256"),
        ({}, r"held_out\.sha256 '\w+', this training has None"),
        ({"held_out": topics(50, 1)}, r"patience 1, this training has None"),
    ):
        with pytest.raises(UsageError, match=name):
            small().fit(topics(), checkpoints=checkpoints, **given)
    with pytest.raises(UsageError, match="estimator 'Word2Vec', this training has 'FastText'"):
        FastText(dim=16).fit(topics(), held_out=topics(50, 1), patience=1, checkpoints=checkpoints)
    with pytest.MonkeyPatch.context() as patch:  # a version that merges at other points, and so counts other rounds
        patch.setattr(merging, "SINGLE_STRETCH", 1000)
        with pytest.raises(UsageError, match=r"made with merging\.stretch 200000, this training has 1000"):
            small().fit(topics(), held_out=topics(50, 1), patience=1, checkpoints=checkpoints)
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(FormatError, match="it has 0 bytes"):
        small().fit(topics(), checkpoints=checkpoints)


def test_checkpoints_that_don_t_know_their_held_out_text_go_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    whole = small().fit(topics(), checkpoints=checkpoints)
    stored = _container.read_container(tmp_path / "state")
    identity = {name: value for name, value in stored.metadata["identity"].items() if name not in ("held_out", "patience", "estimator")}
    tensors = {name: np.array(stored[name]) for name in stored}
    _container.write_container(tmp_path / "state", stored.kind, {**stored.metadata, "identity": identity}, tensors)
    resumed = small().fit(topics(), held_out=topics(50, 1), checkpoints=checkpoints)
    assert [record["loss"] for record in resumed.history_] == [record["loss"] for record in whole.history_]


def test_threads_share_no_less_than_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(merging, "WORDS_A_THREAD", 5000)  # of the 30,000 words here
    for model in (small(threads=None), FastText(dim=4, epochs=1)):
        model.fit(topics())
        assert model.vectors_.made["settings"]["threads"] == 6
        assert model.notes_ == []
    assert small(threads=7).fit(topics()).notes_ == [
        "7 threads learn less from this text than 6 would; take no more than that (threads, --threads)."
    ]


def test_interrupt_keeps_what_was_learned(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)  # ignored in a shell's background
    model = small(epochs=40)
    checkpoints = Checkpoints(tmp_path / "state", resume=True)

    def interrupt(report: Any) -> None:
        if report.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(topics(), checkpoints=checkpoints, report=interrupt)
    assert 1 <= len(model.history_) < 40
    assert same_topic(model) == 1.0
    assert (tmp_path / "state").exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_behind_the_last_round_counts_too(tmp_path: Path) -> None:
    whole = small().fit(topics())
    checkpoints = Checkpoints(tmp_path / "state", resume=True)

    def interrupt(report: Any) -> None:
        if report.epoch == 2 and report.epoch_record is not None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        small().fit(topics(), checkpoints=checkpoints, report=interrupt)
    resumed = small().fit(topics(), checkpoints=checkpoints)
    assert resumed.history_ == whole.history_
    assert _files(tmp_path, resumed, "resumed") == _files(tmp_path, whole, "whole")


@pytest.mark.slow
def test_killed_command_goes_on(tmp_path: Path) -> None:
    """kill -9 of the program; the resumed run writes the bytes of an uninterrupted one."""
    text = tmp_path / "text.txt"
    rng = np.random.default_rng(1)
    text.write_text("\n".join(" ".join(f"w{i}" for i in rng.zipf(1.3, 20) if i < 3000) for _ in range(30_000)))
    command = [sys.executable, "-m", "lmkit_cli", "train-w2v", str(text), "--threads", "2", "--epochs", "4", "--quiet"]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True)
    killed = [*command, "--out", str(tmp_path / "killed"), "--checkpoint-minutes", "0"]
    process = subprocess.Popen(killed)
    checkpoint = tmp_path / "killed.checkpoint"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert checkpoint.exists(), "the training ended before it could be killed"
    subprocess.run([*killed, "--resume"], check=True)
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not checkpoint.exists()


def test_early_stopping_keeps_the_best() -> None:
    """A held-out text of which the training text says nothing: the loss rises from the second epoch on."""
    held_out = as_corpus(" ".join(np.random.default_rng(0).choice([word for topic in TOPICS for word in topic], 4000)))
    model = small(epochs=12).fit(topics(), held_out=held_out, patience=2)
    losses = [record["held_out_loss"] for record in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 12
    stopped = small(epochs=12)
    with pytest.raises(_KilledError):
        stopped.fit(topics(), held_out=held_out, report=_after_epoch(best + 1))
    assert np.array_equal(model.vectors_.matrix, stopped.vectors_.matrix)
    assert any(f"ended after epoch {best + 3} of 12; the vectors are those of epoch {best + 1}" in note for note in model.notes_)
    assert model.vectors_.made["kept_epoch"] == best + 1
    assert stopped.vectors_.made["kept_epoch"] == len(stopped.history_)
    assert not any("those of epoch" in note for note in stopped.notes_)


def _after_epoch(epoch: int) -> Any:
    def report(seen: Any) -> None:
        if seen.epoch_record is not None and seen.epoch == epoch:
            raise _KilledError

    return report


def test_begin_with_vectors() -> None:
    first = small().fit(topics()).vectors_
    more = as_corpus("\n".join(["sea0 sea1 new sea2"] * 30))
    model = small(learning_rate=1e-6).fit(more, start=first)
    assert set(first.words) | {"new"} == set(model.vectors_.words)
    for word in first.words:
        assert model.vectors_.vector(word) == pytest.approx(first.vector(word), abs=1e-3)
    with pytest.raises(InvalidParameterError, match="'dim' parameter of Word2Vec must be 16"):
        small(dim=8).fit(more, start=first)


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("a b c\nd e", {}, "no word occurs 5 times .the most frequent occurs 1 times."),
        ("word " * 500, {}, "has no other word than 'word'"),
        ("word " * 500 + "other", {}, "only the word 'word' is frequent enough.*lower the minimum count"),
        ("a b", {"window": 0}, "'window' parameter"),
        ("a b", {"dim": 0}, "'dim' parameter"),
        ("a b", {"negative": 0}, "'negative' parameter"),
        ("a b", {"sample": 2.0, "min_count": 1}, "'sample' parameter of Word2Vec must be below 1"),
        ("a b", {"compat": "glove"}, "'compat' parameter"),
        ("a b", {"loss": "nce"}, "'loss' parameter"),
        ("", {}, "is empty"),
    ],
)
def test_bad_input_is_refused(text: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, InvalidParameterError), match=message):
        small(**parameters).fit(text)


def test_two_words_of_which_one_is_rare() -> None:
    """Nearly all noise lies on the word that is to be predicted: drawing another one must end."""
    model = small(min_count=1, epochs=1).fit("often " * 3000 + "once")
    assert np.isfinite(model.vectors_.matrix).all()


def test_sentences_of_one_word_train_nothing() -> None:
    model = small(min_count=1).fit("\n".join(["a", "b", "", "c"] * 5))
    assert model.history_[-1]["pairs"] == 0
    assert model.history_[-1]["centres"] == 15
    assert not model.vectors_.context.any()
    assert any("Nothing was learned" in note for note in model.notes_)


@pytest.mark.parametrize("compat", [None, "gensim"])
def test_a_sentence_of_half_a_million_words(compat: str | None) -> None:
    """Nothing is dropped but what gensim drops."""
    words = " ".join(np.random.default_rng(0).choice(["a", "b", "c"], 500_000))
    model = small(compat=compat, epochs=1, dim=4, negative=1).fit(words)
    assert model.history_[0]["centres"] == (500_000 if compat is None else 10_000)


def test_a_rate_too_high_is_told() -> None:
    with pytest.raises(DivergenceError, match=r"lower learning rate than 10\."):
        small(learning_rate=10.0, model="cbow", compat=Variant(cbow_mean=False), epochs=30).fit(topics())


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lmkit_cli.app import run

    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(topics().vocabulary.decode(topics().sentence_ids(i))) for i in range(500)))
    out = tmp_path / "v.vectors"
    words = ["train-w2v", str(text), "-size", "12", "-ws", "3", "-neg", "4", "-iter", "2", "-minCount", "2", "-thread", "1"]
    assert run([*words, "--out", str(out), "--held-out", str(text)]) == 0
    said = capsys.readouterr()
    assert "Epoch 2/2: loss" in said.err
    assert "held-out" in said.err
    assert "26 vectors of 12" in said.out
    assert "nats for a prediction and its negatives" in said.out
    vectors = lmkit.load(out)
    settings = vectors.made["settings"]
    assert [settings[name] for name in ("dim", "window", "negative", "epochs")] == [12, 3, 4, 2]
    assert not list(tmp_path.glob("*.checkpoint"))
    assert run([*words, "--out", str(tmp_path / "missing" / "v")]) == 1
    assert "folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="compiles for another x86 processor")
def test_kernels_without_avx512(tmp_path: Path) -> None:
    """All comparisons with the plain twins, on kernels compiled for a processor whose registers hold 8 floats."""
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    files = [str(Path(__file__).with_name(name)) for name in ("test_training.py", "test_hs.py", "test_subwords.py")]
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files], env=environment, check=True)


def test_a_file_name_as_text_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("a b")
    with pytest.raises(InputError, match=r"This text is the name of a file; .*give Path\('text.txt'\)"):
        small().fit("text.txt")


def test_an_exponent_beyond_numbers_is_refused() -> None:
    for estimator in (Word2Vec, FastText):
        with pytest.raises(InvalidParameterError, match="'noise_exponent' parameter of Variant .* Got 1000"):
            estimator(dim=4, compat=Variant(noise_exponent=1000)).fit(topics())
