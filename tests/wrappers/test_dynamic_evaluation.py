"""Dynamic evaluation against the same written out on the plain float64 twin of the network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reference import neural_twin

from lmkit import NgramLanguageModel
from lmkit.errors import DivergenceError, InputError, InvalidParameterError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.recipe import Recipe
from lmkit.wrappers.dynamic_evaluation import DynamicEvaluation

TEXT = "the cat sat on the mat\nthe dog sat on the rug\na cat saw a dog\n" * 12
OTHER = "a rug sat on a cat\na mat saw the rug\na dog\n" * 5


@pytest.fixture(scope="module")
def model() -> RecurrentLanguageModel:
    shape = Architecture(layers=2, hidden=7, dropout=Dropout(input=0.2, output=0.2))
    return RecurrentLanguageModel(shape, Recipe(batch=2, steps=5, epochs=2), threads=1).fit(TEXT)


def weights_of(model):
    return {name: value.astype(np.float64) for name, value in model.network_.to_tensors().items() if "bias_hh" not in name}


def segments(events, size, state):
    """(inputs, targets, whether a text begins) of each."""
    borders = [0, len(events.token_ids)]
    if state == "reset":
        borders[1:1] = np.flatnonzero(np.diff(events.sentence)) + 1
    for begin, end in itertools.pairwise(borders):
        inputs = [2, *events.token_ids[begin : end - 1]]
        for first in range(begin, end, size):
            last = min(first + size, end)
            yield np.array(inputs[first - begin : last - begin]), events.token_ids[first:last], first == begin


def fresh(model):
    return [[np.zeros(7), np.zeros(7)] for _ in range(2)]


def written_out(model, text, size, state, learn):
    """Log probabilities, `learn(weights, gradients)` changing the weights behind each segment."""
    weights, found = weights_of(model), []
    for inputs, targets, begins in segments(model.score(text), size, state):
        if begins:
            states = fresh(model)
        now = [[s.copy() for s in layer] for layer in states]
        for t in range(len(targets)):  # the losses one by one
            loss, _, now = neural_twin.loss_and_gradients("lstm", weights, 2, inputs[t : t + 1], targets[t : t + 1], now)
            found.append(-loss)
        _, gradients, states = neural_twin.loss_and_gradients("lstm", weights, 2, inputs, targets, states)
        learn(weights, {name: value / len(targets) for name, value in gradients.items()})
    return np.array(found)


@pytest.mark.parametrize("state", ["carry", "reset"])
def test_sgd_is_the_written_out_rule(model, state) -> None:
    origin = weights_of(model)

    def learn(weights, gradients):
        for name, value in weights.items():
            value += 0.02 * (origin[name] - value) - 0.5 * gradients[name]

    adapted = DynamicEvaluation(model, "sgd", 0.5, 0.02, segment=4).fit()
    found = adapted.score(OTHER, state=state).log_probabilities
    np.testing.assert_allclose(found, written_out(model, OTHER, 4, state, learn), rtol=2e-4)
    assert np.abs(found - model.score(OTHER, state=state).log_probabilities).max() > 0.5


def test_rms_is_the_written_out_rule(model) -> None:
    squares, count, origin = {name: np.zeros_like(value) for name, value in weights_of(model).items()}, 0, weights_of(model)

    def collect(weights, gradients):
        nonlocal count
        count += 1
        for name, value in gradients.items():
            squares[name] += value**2

    written_out(model, TEXT, 5, "carry", collect)
    roots = {name: np.sqrt(value / count) for name, value in squares.items()}
    mean = sum(root.sum() for root in roots.values()) / sum(root.size for root in roots.values())

    def learn(weights, gradients):
        for name, value in weights.items():
            pull = np.minimum(1, 0.02 * roots[name] / mean)
            value += pull * (origin[name] - value) - 1e-3 * gradients[name] / (roots[name] + 1e-3)

    adapted = DynamicEvaluation(model, "rms", 1e-3, 0.02).fit(TEXT, state="carry")
    found = adapted.score(OTHER, state="carry").log_probabilities
    np.testing.assert_allclose(found, written_out(model, OTHER, 5, "carry", learn), rtol=5e-4)


def test_token_by_token_it_gives_the_same_and_sums_to_one(model) -> None:
    adapted = DynamicEvaluation(model, "sgd", 0.5, 0.0, segment=3).fit()
    events, state = adapted.score(OTHER, state="carry"), adapted.initial_state(1)
    for token, expected in zip(events.token_ids[:11].tolist(), events.log_probabilities, strict=False):
        log_probs = adapted.log_probs(state)[0]
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-6)
        assert log_probs[token] == pytest.approx(expected, rel=1e-4, abs=1e-5)
        state = adapted.advance(state, [token])


def test_it_learns_leaves_the_model_alone_and_repeats(model) -> None:
    before = {name: value.copy() for name, value in model.network_.to_tensors().items()}
    adapted = DynamicEvaluation(model).fit(OTHER)
    first = adapted.score(OTHER * 8, adapted.default_state)
    assert first.perplexity() < 0.9 * model.perplexity(OTHER * 8)
    np.testing.assert_array_equal(first.log_probabilities, adapted.score(OTHER * 8, adapted.default_state).log_probabilities)
    for name, value in model.network_.to_tensors().items():
        np.testing.assert_array_equal(value, before[name])


def test_no_learning_is_the_model_itself(model) -> None:
    found = DynamicEvaluation(model, "sgd", 0.0, 0.0).fit().score(OTHER)
    np.testing.assert_allclose(found.log_probabilities, model.score(OTHER).log_probabilities, rtol=1e-4)


def test_bad_input(model) -> None:
    for wrong in ({"rule": "adam"}, {"rate": -1.0}, {"decay": -1.0}, {"segment": 0}, {"epsilon": 0.0}):
        with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
            DynamicEvaluation(model, **wrong).fit(OTHER)
    with pytest.raises(UsageError, match="recurrent networks"):
        DynamicEvaluation(NgramLanguageModel(order=1).fit(TEXT)).fit(OTHER)
    with pytest.raises(InputError, match="held-out text"):
        DynamicEvaluation(model).fit()
    with pytest.raises(DivergenceError, match="smaller rate"):
        DynamicEvaluation(model, "sgd", 1e38, 0.0).fit().score(OTHER)
