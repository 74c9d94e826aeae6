"""Mixtures of events: the weights of EM, buckets that look at the history only."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.comparison.mixtures import history_buckets, mix_events
from lmkit.wrappers.mixture import Mixture

_RNG = np.random.default_rng(4)


def text(sentences: int) -> list[list[str]]:
    words = np.minimum(_RNG.zipf(1.4, (sentences, 8)), 60)
    words[:, 1::2] = (words[:, ::2] * 7 + _RNG.integers(0, 3, (sentences, 4))) % 60  # every second word depends on the one before
    return [[f"w{word}" for word in row] for row in words]


TRAIN, HELD_OUT, TEST = text(400), text(300), text(200)
MODELS = [NgramLanguageModel(order=n).fit(TRAIN) for n in (1, 2)]


def test_the_weights_are_those_of_the_model_mixture() -> None:
    mixed = mix_events([model.score(HELD_OUT) for model in MODELS], [model.score(TEST) for model in MODELS])
    whole = Mixture(MODELS).fit(HELD_OUT)
    np.testing.assert_allclose(mixed.weights, whole.weights_, atol=1e-12)
    np.testing.assert_allclose(mixed.events.log_probabilities, whole.score(TEST).log_probabilities, atol=1e-12)
    assert mixed.describe(["a", "b"]) == {"weights": pytest.approx({"a": whole.weights_[0, 0], "b": whole.weights_[0, 1]})}


def test_buckets_by_the_word_before_do_better_where_it_matters() -> None:
    held_out, test = ([model.score(part) for model in MODELS] for part in (HELD_OUT, TEST))
    counts = MODELS[0].vocabulary.counts
    static = mix_events(held_out, test)
    bucketed = mix_events(held_out, test, counts)
    assert bucketed.weights.shape == (len(bucketed.buckets), 2)
    np.testing.assert_allclose(bucketed.weights.sum(axis=1), 1)
    held_out_static = mix_events(held_out, held_out).events.log_probabilities.sum()
    assert mix_events(held_out, held_out, counts).events.log_probabilities.sum() >= held_out_static
    assert static.events.is_normalised


def test_a_bucket_does_not_see_the_predicted_word() -> None:
    events = MODELS[1].score([["w1", "w2", "w3"], ["w4"]])
    counts = np.zeros(len(MODELS[1].vocabulary), np.int64)
    counts[MODELS[1].vocabulary.lookup(["w1", "w2", "w3", "w4"])] = [0, 5, 20_000, 7]
    # w1 w2 w3 </s> | w4 </s>: the start, after w1 (never), after w2 (1-9), after w3 (10,000 and more), the start, after w4
    assert history_buckets(events, counts).tolist() == [0, 1, 2, 6, 0, 2]
