"""Training: learns, stops, resumes to the same bits after a kill, refuses what can't work, and says what happened."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmkit.errors import DivergenceError, InputError, InvalidParameterError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import ContiguousStreams, Sentences, TrainingText, in_shard_order
from lmkit.neural.interfaces import make_shards
from lmkit.neural.language_model import NeuralLanguageModel
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.memory import estimate
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.optimizers import make_optimizer
from lmkit.neural.recipe import Recipe
from lmkit.neural.trainer import JsonLinesLog, Trainer
from lmkit.neural.workers import ThreadWorkers
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

SHAPE = Architecture(layers=1, hidden=8, dropout=Dropout(output=0.2))
RECIPE = Recipe(batch=3, steps=5, epochs=2, learning_rate=0.01)


def words(count: int, seed: int = 0) -> str:
    """A text in which each word but the first depends on the one before."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        word, line = int(rng.integers(6)), []
        for _ in range(int(rng.integers(1, 9))):
            line.append("abcdef"[word])
            word = (word + (1 if rng.random() < 0.9 else 2)) % 6
        lines.append(" ".join(line))
    return "\n".join(lines) + "\n"


def weights_of(model: NeuralLanguageModel) -> dict[str, np.ndarray]:
    return {parameter.name: parameter.value for parameter in model.network_.parameters}


# -- batches -------------------------------------------------------------------------------------------------------------------------------


def test_streams_give_every_token_once_with_the_one_before() -> None:
    stream = np.arange(100, 131, dtype=np.int32)
    source = ContiguousStreams(TrainingText(stream, np.array([0, 31]), 2), 3, 4, 2)
    batches = list(source.batches(0))
    assert [batch.continues for batch in batches] == [False, True, True]
    assert source.tokens == 30  # 31 // 3 streams of 10; the last token is left out
    assert source.count(0) == 3
    targets = np.concatenate([batch.targets for batch in batches])
    assert sorted(targets.tolist()) == list(range(100, 130))
    for batch in batches:
        first = batch.targets == 100
        assert np.array_equal(batch.inputs[~first], batch.targets[~first] - 1)
        assert np.all(batch.inputs[first] == 2)
    assert np.array_equal(next(source.batches(0, 2)).targets, batches[2].targets)


def test_random_steps_cut_the_same_streams_elsewhere() -> None:
    text = TrainingText(np.random.default_rng(0).integers(3, 99, 60_001).astype(np.int32), np.array([0, 60_001]), 2)
    source, fixed = ContiguousStreams(text, 3, 70, 1, seed=4), ContiguousStreams(text, 3, 70, 1)
    for epoch in range(2):
        batches = list(source.batches(epoch))
        assert len(batches) == source.count(epoch)
        assert [batch.continues for batch in batches] == [False] + [True] * (len(batches) - 1)
        for entries in ("inputs", "targets"):
            whole = [np.concatenate([getattr(batch, entries) for batch in cut]) for cut in (batches, fixed.batches(0))]
            assert np.array_equal(*whole)
        assert np.array_equal(batches[7].inputs, next(source.batches(epoch, 7)).inputs)  # a training can be resumed anywhere
    lengths = np.array([batch.shards[0].steps for batch in batches[:-1]])
    assert lengths.max() * 3 <= source.max_rows
    assert len({*lengths.tolist()}) > 10
    halved = lengths < 52
    assert 0.01 < halved.mean() < 0.12
    assert abs(lengths[~halved].mean() - 70) < 2
    assert [batch.shards[0].steps for batch in source.batches(0)] != [batch.shards[0].steps for batch in source.batches(1)]


def test_the_rate_follows_the_length_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmkit.neural.optimizers.sgd import SGD

    rates: list[float] = []
    monkeypatch.setattr(SGD, "step", lambda self, parameters, rate, scale, workers: rates.append(rate))
    recipe = Recipe(optimizer="sgd", schedule="constant", learning_rate=2.0, batch=2, steps=10, random_steps=True, epochs=1)
    model = RecurrentLanguageModel(SHAPE, recipe, threads=1, seed=3).fit(words(100))
    source = model._make_source(TrainingText.of(as_corpus(words(100)), model.vocabulary), 1)
    assert rates == [2.0 * batch.shards[0].steps / 10 for batch in source.batches(0)]
    assert len({*rates}) > 3
    with pytest.raises(InvalidParameterError, match="cut streams"):
        Recipe(random_steps=True, text="sentences")


@pytest.mark.parametrize("steps", [10, 10_000])
def test_stairs_change_the_rate_between_two_epochs(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where epochs have different numbers of batches of random length, or one batch."""
    from lmkit.neural.optimizers.sgd import SGD

    rates: list[float] = []
    monkeypatch.setattr(SGD, "step", lambda self, parameters, rate, scale, workers: rates.append(rate))
    stairs = {"name": "stairs", "hold": 2}
    recipe = Recipe(optimizer="sgd", schedule=stairs, learning_rate=1.0, batch=2, steps=steps, random_steps=steps == 10, epochs=5)
    model = RecurrentLanguageModel(SHAPE, recipe, threads=1, seed=3).fit(words(100))
    source = model._make_source(TrainingText.of(as_corpus(words(100)), model.vocabulary), 1)
    counts = [source.count(epoch) for epoch in range(5)]
    assert len({*counts}) > 1 if steps == 10 else counts == [1] * 5
    shares = [batch.shards[0].steps / 10 if steps == 10 else 1 for epoch in range(5) for batch in source.batches(epoch)]
    expected = np.repeat([1, 1, 0.5, 0.25, 0.125], counts)
    np.testing.assert_allclose(rates, expected * shares, rtol=1e-12)


def test_averaging_begins_when_validation_gets_worse_and_the_average_is_kept() -> None:
    """NT-ASGD: at a rate that is far too large for the end, the averaged weights do better than any of plain SGD."""
    recipe = Recipe(
        optimizer={"name": "asgd", "patience": 3}, learning_rate=6.0, schedule="constant", batch=3, steps=5, epochs=12, clip=0.5
    )
    found = []
    for each in (recipe, dataclasses.replace(recipe, optimizer="sgd")):
        model = RecurrentLanguageModel(SHAPE, each, threads=1).fit(words(60), valid=words(40, 1))
        found.append([record["valid_perplexity"] for record in model.history_])
    averaged, plain = found
    trigger = next(place for place in range(4, 12) if plain[place] > min(plain[: place - 3]))
    assert averaged[: trigger + 1] == plain[: trigger + 1]  # until then it is plain SGD
    assert max(averaged[trigger + 1 :]) < 0.8 * min(plain)


def test_rows_of_a_shard_lie_together_by_time_then_text() -> None:
    shards = make_shards(2, 3, 2)  # one text, then two
    grid = np.array([[1, 2, 3], [4, 5, 6]])
    assert in_shard_order(grid, shards).tolist() == [1, 4, 2, 3, 5, 6]
    assert [(s.rows.start, s.rows.stop, s.n_texts) for s in shards] == [(0, 2, 1), (2, 6, 2)]


def test_sentences_are_padded_with_rows_that_do_not_count() -> None:
    stream = np.arange(100, 118, dtype=np.int32)
    offsets = np.array([0, 3, 3, 10, 11, 18])
    source = Sentences(TrainingText(stream, offsets, 2), 2, 4, 2, seed=5)
    seen = []
    for batch in source.batches(1):
        assert batch.is_real is not None
        assert batch.tokens == batch.is_real.sum()
        seen += batch.targets[batch.is_real].tolist()
    assert sorted(seen) == stream.tolist()
    assert len(list(source.batches(1))) == source.count(1)
    later = list(source.batches(1, 1))
    assert np.array_equal(later[0].targets, list(source.batches(1))[1].targets)
    assert any(
        not np.array_equal(a.targets, b.targets)
        for epoch in range(2, 6)
        for a, b in zip(source.batches(1), source.batches(epoch), strict=False)
    )


# -- what training does --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["streams", "sentences"])
def test_it_learns_and_keeps_the_best_weights(text: str) -> None:
    recipe = Recipe(batch=4, steps=6, epochs=5, learning_rate=0.02, text=text)
    model = RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(300), valid=words(60, 1))
    found = [record["valid_perplexity"] for record in model.history_]
    assert len(found) == 5
    assert found[-1] < 4.5 < found[0] * 1.5  # a uniform guess has 7; the source itself about 3.3
    assert model.perplexity(words(60, 1)) == pytest.approx(min(found), rel=0.02)
    assert model.metadata_["training"]["best_valid_perplexity"] == min(found)


def test_one_seed_gives_the_same_weights_and_another_does_not() -> None:
    fits = [RecurrentLanguageModel(SHAPE, RECIPE, seed=seed, threads=2).fit(words(50)) for seed in (1, 1, 2)]
    first, again, other = (weights_of(model) for model in fits)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["rnn.weight_hh_l0"], other["rnn.weight_hh_l0"])


def test_early_stopping_and_time() -> None:
    wild = Recipe(batch=3, steps=5, epochs=50, learning_rate=0.3, patience=2, schedule="constant")
    model = RecurrentLanguageModel(SHAPE, wild, threads=1).fit(words(30), valid=words(30, 1))
    assert len(model.history_) < 50
    best = min(record["valid_perplexity"] for record in model.history_)
    assert [record["valid_perplexity"] for record in model.history_[-2:]] > [best, best]
    short = Recipe(batch=3, steps=5, epochs=10_000, minutes=0.02)
    model = RecurrentLanguageModel(SHAPE, short, threads=1).fit(words(30), valid=words(30, 1))
    assert model.metadata_["training"]["epochs"] < 10_000
    assert model.metadata_["training"]["seconds"] < 30


def test_time_that_ends_with_a_validation_brings_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "_is_out_of_time", lambda self: bool(self.state.history))
    recipe = dataclasses.replace(RECIPE, validations=2, minutes=1.0)
    model = RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(50), valid=words(20, 1))
    assert len(model.history_) == 1
    assert model.history_[0]["step"] == model.metadata_["training"]["steps"]


def test_the_log_holds_steps_and_validations(tmp_path: Path) -> None:
    log = JsonLinesLog(tmp_path / "log.jsonl")
    recipe = Recipe(batch=3, steps=5, epochs=3, validations=2)
    RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(200), valid=words(30, 1), listeners=[log])
    log.close()
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    validations = [record for record in records if record["event"] == "validation"]
    assert len(validations) == 6
    step = next(record for record in records if record["event"] == "step")
    assert {"loss", "perplexity", "gradient_norm", "learning_rate", "tokens_per_second", "seconds_left"} <= set(step)
    assert step["perplexity"] == pytest.approx(np.exp(step["loss"]))


TRAIN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from neural.test_trainer import RECIPE_TO_KILL, SHAPE, words
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.optimizers import make_optimizer

def listen(record):
    if record["event"] == "validation" and len(sys.argv) > 2 and record["step"] > 60:
        os.kill(os.getpid(), signal.SIGKILL)

RecurrentLanguageModel(SHAPE, RECIPE_TO_KILL, seed=3, threads=2).fit(
    words(150), valid=words(20, 1), checkpoint=sys.argv[1], checkpoint_minutes=0, listeners=[listen]
)
"""
RECIPE_TO_KILL = Recipe(batch=3, steps=5, epochs=4, learning_rate=0.01, schedule="plateau", validations=2)


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c"
    script = textwrap.dedent(TRAIN).format(tests=str(Path(__file__).resolve().parent.parent))
    done = subprocess.run([sys.executable, "-c", script, str(checkpoint), "kill"], check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    assert checkpoint.exists()
    arguments = {"valid": words(20, 1), "checkpoint": checkpoint, "checkpoint_minutes": 0}
    resumed = RecurrentLanguageModel(SHAPE, RECIPE_TO_KILL, seed=3, threads=2).fit(words(150), resume=True, **arguments)
    whole = RecurrentLanguageModel(SHAPE, RECIPE_TO_KILL, seed=3, threads=2).fit(words(150), valid=words(20, 1))
    for name, value in weights_of(whole).items():
        assert np.array_equal(value, weights_of(resumed)[name]), name
    kept = ("step", "train_perplexity", "valid_perplexity")
    assert [[r[k] for k in kept] for r in resumed.history_] == [[r[k] for k in kept] for r in whole.history_]
    assert checkpoint.exists()  # until the model is saved, which is for the caller


# -- what it refuses -----------------------------------------------------------------------------------------------------------------------


def test_divergence_stops_with_advice_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    recipe = Recipe(batch=3, steps=5, epochs=40, learning_rate=1e30, optimizer="sgd", clip=None, schedule="constant")
    model = RecurrentLanguageModel(SHAPE, dataclasses.replace(recipe, learning_rate=1e-3), threads=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(words(100), checkpoint=tmp_path / "c", listeners=[interrupt])
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(DivergenceError, match="lower --learning-rate, or bound the gradient with --clip 1. The last good checkpoint"):
        RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(100), checkpoint=tmp_path / "c", checkpoint_minutes=0)
    assert (tmp_path / "c").read_bytes() == before
    lowered = RecurrentLanguageModel(SHAPE, dataclasses.replace(recipe, learning_rate=0.1, clip=1.0, epochs=2), threads=1)
    lowered.fit(words(100), checkpoint=tmp_path / "c", resume=True)  # rate, clipping and length may change on the way
    assert "Resumed with learning rate 0.1, where it had been 0.001." in lowered.notes_
    assert [record["step"] for record in lowered.history_] == [38, 76]


@pytest.mark.parametrize("valid", [None, words(20, 1)], ids=["no valid text", "valid text"])
def test_a_short_training_that_ends_above_guessing_is_refused(valid: str | None) -> None:
    recipe = Recipe(batch=3, steps=5, epochs=2, learning_rate=100, optimizer="sgd", schedule="constant")
    with pytest.raises(DivergenceError, match=r"The loss ended at \S+ nats .* at step 76 .*: training diverged; lower --learning-rate"):
        RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(100), valid=valid)


def test_weights_that_give_no_loss_are_never_kept(tmp_path: Path) -> None:
    """Each update throws the weights further away; what is kept are the last ones that gave a loss and a gradient."""
    recipe = Recipe(batch=3, steps=5, epochs=4, learning_rate=3e4, optimizer="sgd", clip=None, schedule="constant")
    shape = Architecture(cell="elman-relu", layers=1, hidden=8)
    with pytest.raises(DivergenceError):
        RecurrentLanguageModel(shape, recipe, threads=1).fit(words(50), checkpoint=tmp_path / "c", checkpoint_minutes=0)
    calmer = dataclasses.replace(recipe, learning_rate=1e-3, clip=1.0)
    with pytest.raises(DivergenceError, match=r"The loss ended at \d+\.\d nats a token"):  # a number, though far from any use
        RecurrentLanguageModel(shape, calmer, threads=1).fit(words(50), checkpoint=tmp_path / "c", resume=True)


def test_an_interrupt_waits_for_the_end_of_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the midst of a step: the step is finished, and what is kept goes on to the weights of a training without it."""
    from lmkit.neural.recurrent import RecurrentNetwork

    whole = RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50))
    original, calls = RecurrentNetwork.train_step, []

    def struck(self, batch, step, workers):
        calls.append(step)
        if step == 7:
            signal.raise_signal(signal.SIGINT)
        return original(self, batch, step, workers)

    monkeypatch.setattr(RecurrentNetwork, "train_step", struck)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), checkpoint=tmp_path / "c")
    assert calls == list(range(8))
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.setattr(RecurrentNetwork, "train_step", original)
    resumed = RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), checkpoint=tmp_path / "c", resume=True)
    for name, value in weights_of(whole).items():
        assert np.array_equal(value, weights_of(resumed)[name]), name


@pytest.mark.parametrize("place", range(4))
def test_an_interrupt_where_validation_is_due_does_not_lose_it(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst and at the end of an epoch, the last one too; with what hangs on validations: best weights, rate, patience."""
    from lmkit.neural.recurrent import RecurrentNetwork

    recipe = dataclasses.replace(RECIPE, validations=2, learning_rate=0.5, schedule="plateau", patience=3)

    def fit(**given: object) -> RecurrentLanguageModel:
        return RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(50), valid=words(20, 1), **given)

    whole = fit()
    assert len(whole.history_) == 4
    original = RecurrentNetwork.train_step

    def struck(self, batch, step, workers):
        if step + 1 == whole.history_[place]["step"]:
            signal.raise_signal(signal.SIGINT)
        return original(self, batch, step, workers)

    monkeypatch.setattr(RecurrentNetwork, "train_step", struck)
    validated: list[dict] = []
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=tmp_path / "c", listeners=[validated.append])
    assert len(validated) == place  # who interrupts does not wait for it
    monkeypatch.setattr(RecurrentNetwork, "train_step", original)
    resumed = fit(checkpoint=tmp_path / "c", resume=True)
    kept = ("step", "epoch", "train_perplexity", "valid_perplexity")
    assert [[r[k] for k in kept] for r in resumed.history_] == [[r[k] for k in kept] for r in whole.history_]
    for name, value in weights_of(whole).items():
        assert np.array_equal(value, weights_of(resumed)[name]), name


def test_an_interrupt_in_the_last_validation_counts_too(tmp_path: Path) -> None:
    def interrupt_last(record: dict) -> None:
        if record["epoch"] == RECIPE.epochs:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), checkpoint=tmp_path / "c", listeners=[interrupt_last])
    resumed = RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), checkpoint=tmp_path / "c", resume=True)
    whole = RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50))
    assert len(resumed.history_) == len(whole.history_)
    for name, value in weights_of(whole).items():
        assert np.array_equal(value, weights_of(resumed)[name]), name


def test_a_resumed_training_logs_the_losses_of_a_whole_one(tmp_path: Path) -> None:
    """The batch that a checkpoint was written in is read again, and counted once."""
    recipe = dataclasses.replace(RECIPE, epochs=3)
    losses: list[tuple[int, float]] = []

    def fail(record: dict) -> None:
        raise RuntimeError

    def note(record: dict) -> None:
        if record["event"] == "step":
            losses.append((record["step"], record["loss"]))

    RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(80), listeners=[note])
    whole, losses[:] = [*losses], []
    given = {"checkpoint": tmp_path / "c", "checkpoint_minutes": 0}
    with pytest.raises(RuntimeError):
        RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(80), listeners=[lambda r: r["event"] == "step" and fail(r)], **given)
    RecurrentLanguageModel(SHAPE, recipe, threads=1).fit(words(80), listeners=[note], resume=True, **given)
    assert losses == whole
    assert [step for step, _ in losses] == [50]


def test_workers_that_overlap_leave_blas_as_it_was() -> None:
    import threadpoolctl

    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        first, second = ThreadWorkers(1).__enter__(), ThreadWorkers(1).__enter__()
        first.__exit__()
        assert threads() == {1}
        second.__exit__()
        assert threads() == {2}


def test_texts_that_hold_nothing_to_learn() -> None:
    with pytest.raises(InputError, match="too few for 20 streams"):
        RecurrentLanguageModel(SHAPE, Recipe()).fit("a b c\n")
    with pytest.raises(InputError, match="one token over and over"):
        RecurrentLanguageModel(SHAPE, RECIPE, reading=TextOptions(sentences="none")).fit("a " * 100)


def interrupt(record: dict) -> None:
    raise KeyboardInterrupt


def test_checkpoints_of_other_trainings(tmp_path: Path) -> None:
    stopped = RecurrentLanguageModel(SHAPE, RECIPE, threads=1)

    with pytest.raises(KeyboardInterrupt):
        stopped.fit(words(50), checkpoint=tmp_path / "c", listeners=[interrupt])
    others = {
        "is of another training: its architecture cell is 'lstm', here it is 'gru'": (Architecture(cell="gru", layers=1, hidden=8), RECIPE),
        "is of another training: its batch is 3, here it is 2": (SHAPE, dataclasses.replace(RECIPE, batch=2)),
    }
    for message, (shape, recipe) in others.items():
        with pytest.raises(UsageError, match=message):
            RecurrentLanguageModel(shape, recipe, threads=1).fit(words(50), checkpoint=tmp_path / "c", resume=True)
    with pytest.raises(UsageError, match="was of another text"):
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(51), checkpoint=tmp_path / "c", resume=True)
    with pytest.raises(UsageError, match="was over other words"):
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1, max_vocabulary_size=6).fit(words(50), checkpoint=tmp_path / "c", resume=True)
    with pytest.raises(InputError, match="no such file"):
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), checkpoint=tmp_path / "d", resume=True)


def test_a_training_goes_on_with_the_same_valid_text_alone(tmp_path: Path) -> None:
    """Perplexities of two texts don't compare. Checkpoints that were written before this was kept are taken."""
    from lmkit._container import read_container, write_container

    def fit(valid: str | None, checkpoint: Path, **given: Any) -> None:
        RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(50), valid=valid, checkpoint=checkpoint, **given)

    for name, valid in (("with", words(9, 1)), ("without", None)):
        with pytest.raises(KeyboardInterrupt):
            fit(valid, tmp_path / name, listeners=[interrupt])
    for name, valid, message in (
        ("with", words(9, 2), "was validated on another text"),
        ("with", None, "had a valid text"),
        ("without", words(9, 1), "had no valid text"),
    ):
        with pytest.raises(UsageError, match=f"the checkpoint {message}. Resume with the same texts"):
            fit(valid, tmp_path / name, resume=True)
    fit(words(9, 1), tmp_path / "with", resume=True)
    old = read_container(tmp_path / "with")
    identity = {key: value for key, value in old.metadata["identity"].items() if key != "valid"}
    write_container(tmp_path / "old", old.kind, {**old.metadata, "identity": identity}, dict(old))
    fit(words(9, 1), tmp_path / "old", resume=True)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_learning_rates_that_are_none(rate: float) -> None:
    with pytest.raises(InvalidParameterError, match="'learning_rate' parameter of Recipe must be a finite number above 0"):
        Recipe(learning_rate=rate)


def test_recipes_and_shapes_that_are_none() -> None:
    for given in ({"optimizer": "sdg"}, {"optimizer": {"name": "sgd", "beta": 1}}, {"schedule": "up"}, {"batch": 0}, {"text": "words"}):
        with pytest.raises(InvalidParameterError):
            Recipe(**given)
    with pytest.raises(InvalidParameterError, match="Got embedding 3, hidden 4"):
        Architecture(hidden=4, embedding=3, tied=True, layers=1)
    with pytest.raises(InvalidParameterError, match="'output' parameter of Architecture must be one of full"):
        Architecture(output="empty")
    with pytest.raises(InvalidParameterError, match="has no option 'colour'"):
        RecurrentLanguageModel(Architecture(output={"name": "full", "colour": 1}), RECIPE).fit(words(50))


def test_memory_is_refused_with_the_numbers() -> None:
    with pytest.raises(UsageError, match=r"about .* TB|about [\d.]+ GB of memory .*gradients .*this machine has"):
        RecurrentLanguageModel(Architecture(hidden=1_000_000), RECIPE).fit(words(50))
    shape = Architecture(layers=1, hidden=10, embedding=7)
    found = estimate(shape, make_optimizer("adam"), rows=6, vocabulary_size=50)
    weights = 50 * 7 + 4 * 10 * (7 + 10 + 1) + 50 * (10 + 1)
    assert (found.parameters, found.gradients, found.optimizer) == (8 * weights, 4 * weights, 8 * weights)
    assert found.packed == 4 * (4 * 10 * 2 * 10 + 50 * 10)
    assert found.total == 20 * weights + found.packed + found.activations
    assert estimate(shape, make_optimizer("asgd"), 6, 50).optimizer == 4 * weights
    assert estimate(shape, make_optimizer("adam"), 6, 50, keeps_best=False).parameters == 4 * weights
    assert estimate(shape, make_optimizer("sgd"), 6, 50).optimizer == 0


@pytest.mark.parametrize("keeps_best", [True, False])
def test_memory_is_what_was_estimated(keeps_best: bool, tmp_path: Path) -> None:
    """The peak of all arrays over two epochs with validation, against the estimate, and against what one would count by hand.

    With checkpoints, as on the command line, the best weights so far lie in a file.
    """
    import tracemalloc

    draw = np.random.default_rng(0)
    text = "\n".join([" ".join(map(str, range(5000))), " ".join(map(str, draw.integers(0, 5000, 1000)))])
    corpus, valid = as_corpus(text), as_corpus(" ".join(map(str, range(500))))
    shape, recipe = Architecture(hidden=256), Recipe(epochs=2)
    RecurrentLanguageModel(SHAPE, RECIPE, threads=1).fit(words(30), valid=words(10))  # imports and compiles
    tracemalloc.start()
    try:
        checkpoint = None if keeps_best else tmp_path / "c"
        model = RecurrentLanguageModel(shape, recipe, threads=1).fit(corpus, valid=valid, checkpoint=checkpoint, checkpoint_minutes=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len({record["valid_perplexity"] for record in model.history_}) == 2
    found = estimate(shape, recipe.make_optimizer(), 700, len(model.vocabulary), keeps_best=keeps_best)
    assert 0.9 * found.total < peak < 1.1 * found.total
    if not keeps_best:
        assert peak < 1.5 * (found.parameters + found.optimizer + found.activations)  # neither gradients nor copies of the weights
