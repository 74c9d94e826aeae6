"""The network of a fixed window: windows, gradients, exact scores, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neural.test_recurrent_models import refuses_forged
from neural.test_trainer import words

import lmkit
from lmkit.errors import InvalidParameterError
from lmkit.neural.batching import TrainingText
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.recipe import Recipe
from lmkit.neural.window import WindowArchitecture, WindowNetwork
from lmkit.neural.window_model import Positions, WindowLanguageModel, windows
from lmkit.neural.workers import ThreadWorkers
from lmkit.protocols import LanguageModel

TEXT = TrainingText(np.array([5, 6, 2, 7, 8, 9, 2], np.int32), np.array([0, 3, 7]), 2)


def test_windows_reach_back_as_far_as_they_may() -> None:
    places = np.array([0, 1, 4])
    assert windows(TEXT, places, 3, carry=True).tolist() == [[2, 2, 2], [2, 2, 5], [6, 2, 7]]
    assert windows(TEXT, places, 3, carry=False).tolist() == [[2, 2, 2], [2, 2, 5], [2, 2, 7]]


def test_an_epoch_holds_every_position_once() -> None:
    source = Positions(TEXT, 2, 3, 2, True, seed=1)
    batches = list(source.batches(0))
    assert len(batches) == source.count(0) == 3
    assert sorted(np.concatenate([batch.targets for batch in batches])) == sorted(TEXT.stream)
    assert np.array_equal(next(source.batches(0, 2)).inputs, batches[2].inputs)


SHAPES = [
    WindowArchitecture(3, 5, 4, direct=True, scale=0.5, dropout=Dropout(input=0.2, output=0.3, words=0.2)),
    WindowArchitecture(3, 5, 4, combine="average", direct=True, scale=0.5, dropout=Dropout(words=0.3)),
    WindowArchitecture(2, 4, 4, tied=True, scale=0.5),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_finite_differences(shape: WindowArchitecture) -> None:
    ids = np.random.default_rng(0).integers(2, 11, 40).astype(np.int32)
    network = WindowNetwork(shape, np.ones(11, np.int64), (1,), 3, np.float64)
    network.begin(9, 9, 2)
    batch = next(Positions(TrainingText(ids, np.array([0, 40]), 2), shape.window, 9, 2, True, 0).batches(0))
    with ThreadWorkers(2) as workers:
        network.train_step(batch, 0, workers)
        gradients = {}
        for parameter in network.parameters:
            gradients[parameter.name] = parameter.gradient.copy()
            if parameter.rows is not None:
                gradients[parameter.name][np.setdiff1d(np.arange(11), parameter.rows)] = 0
        rng = np.random.default_rng(1)
        for parameter in network.parameters:
            flat, gradient = parameter.value.reshape(-1), gradients[parameter.name].reshape(-1)
            assert np.abs(gradient).max() > 1e-4, parameter.name
            for place in rng.choice(flat.size, min(flat.size, 15), replace=False):
                kept = flat[place]
                flat[place] = kept + 1e-5
                above = network.train_step(batch, 0, workers)
                flat[place] = kept - 1e-5
                below = network.train_step(batch, 0, workers)
                flat[place] = kept
                assert gradient[place] == pytest.approx((above - below) / 2e-5, abs=2e-9), (parameter.name, place)


def test_loss_is_the_equation_of_the_paper() -> None:
    """Bengio et al. 2003, section 2: y = b + W x + U tanh(d + H x)."""
    shape = WindowArchitecture(3, 5, 4, direct=True, scale=0.5)
    network = WindowNetwork(shape, np.ones(11, np.int64), (), 3, np.float64)
    network.begin(1, 1, 1)
    ids = np.array([[4, 9, 2]], np.int32)
    value = {parameter.name: parameter.value for parameter in network.parameters}
    x = value["encoder.weight"][ids[0]].reshape(-1)
    both = np.concatenate([np.tanh(value["hidden.bias"] + value["hidden.weight"] @ x), x])
    y = value["decoder.bias"] + value["decoder.weight"] @ both
    expected = y - np.log(np.exp(y).sum())
    network.pack_for_reading()
    np.testing.assert_allclose(network.output.log_probs(network.read(ids))[0], expected, rtol=1e-9)


@pytest.mark.parametrize("combine", ["concatenate", "average"])
def test_it_learns_scores_and_is_kept(tmp_path: Path, combine: str) -> None:
    shape = WindowArchitecture(window=3, hidden=12, embedding=6, combine=combine, direct=True)
    recipe = Recipe(batch=5, steps=8, epochs=4, learning_rate=0.02)
    model = WindowLanguageModel(shape, recipe, threads=2).fit(words(300), valid=words(60, 1))
    assert isinstance(model, LanguageModel)
    assert model.perplexity(words(60, 1)) < 5  # a uniform guess has 7
    np.testing.assert_allclose(np.exp(model.log_probs(model.initial_state(2))).sum(1), 1, rtol=1e-6)
    for state in ("reset", "carry"):
        events = model.score(words(5, 2), state=state)
        expected, now = [], model.initial_state(1)
        for token_id, is_end in zip(events.token_ids, events.is_end, strict=True):
            expected.append(model.log_probs(now)[0, token_id])
            now = model.initial_state(1) if is_end and state == "reset" else model.advance(now, [token_id])
        np.testing.assert_allclose(events.log_probabilities, expected, rtol=1e-5)
    model.save(tmp_path / "m")
    loaded = lmkit.load(tmp_path / "m")
    assert np.array_equal(loaded.score(words(5, 2)).log_probabilities, model.score(words(5, 2)).log_probabilities)
    assert np.array_equal(model.score(words(5, 2), threads=1).log_probabilities, model.score(words(5, 2), threads=2).log_probabilities)
    assert loaded.generate("a b", rng=1) == model.generate("a b", rng=1)


@pytest.mark.parametrize("change", [{"hidden": 1_000_000}, {"window": 10**9}], ids=str)
def test_a_file_that_asks_for_a_network_far_larger_than_itself(tmp_path: Path, change: dict) -> None:
    shape = WindowArchitecture(window=2, hidden=4, embedding=3)
    WindowLanguageModel(shape, Recipe(batch=5, steps=8, epochs=1), threads=1).fit(words(30)).save(tmp_path / "m")
    refuses_forged(tmp_path / "m", change)


def test_shapes_that_are_none() -> None:
    with pytest.raises(InvalidParameterError, match="no direct connections"):
        WindowArchitecture(hidden=4, embedding=4, tied=True, direct=True)
    with pytest.raises(InvalidParameterError, match="'combine' parameter"):
        WindowArchitecture(combine="sum")
