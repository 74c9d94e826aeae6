"""A cache on top of a model: the share of the recent past, one distribution, emptied with the document."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmkit import NgramLanguageModel, RecurrentLanguageModel
from lmkit.errors import InputError, InvalidParameterError
from lmkit.evaluation.normalisation import audit_normalisation
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.wrappers.cache import UnigramCache

_RNG = np.random.default_rng(2)


def text(sentences: int) -> list[list[str]]:
    """Every run of ten sentences has its own topic: a few words that the others lack."""
    return [[f"w{(i // 10) % 9 * 5 + int(word)}" for word in _RNG.integers(0, 5, 6)] for i in range(sentences)]


TRAIN, HELD_OUT, TEST = text(300), text(100), text(100)
MODEL = NgramLanguageModel(order=2).fit(TRAIN)


def plain(words: list[int], probabilities: np.ndarray, size: int, weight: float) -> list[float]:
    """The definition, word by word."""
    found = []
    for i, word in enumerate(words):
        held = words[max(0, i - size) : i]
        cached = held.count(word) / len(held) if held else None
        found.append(math.log(probabilities[i] if cached is None else (1 - weight) * probabilities[i] + weight * cached))
    return found


def test_a_network_below_reads_as_it_was_trained() -> None:
    words = "\n".join(" ".join(sentence) for sentence in TRAIN)
    net = RecurrentLanguageModel(Architecture(layers=1, hidden=8), Recipe(batch=4, steps=5, epochs=1), threads=1).fit(words)
    cached = UnigramCache(net, weight=0.1).fit(HELD_OUT)
    assert cached.default_state == net.default_state == "carry"
    assert cached.perplexity(TEST) == cached.score(TEST, "carry").perplexity() != cached.score(TEST, "reset").perplexity()


def test_weights_of_nought_and_one_are_mixtures_too() -> None:
    for weight, expected in ((0.0, MODEL.perplexity(TEST)), (1.0, math.inf)):
        cached = UnigramCache(MODEL, weight=weight).fit(HELD_OUT)
        assert cached.perplexity(TEST) == pytest.approx(expected)
        state = cached.advance(cached.initial_state(1), [5])
        assert np.exp(cached.log_probs(state)).sum() == pytest.approx(1)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_scores_are_those_of_the_definition(size: int) -> None:
    events = MODEL.score(TEST)
    found = UnigramCache(MODEL, size=size, weight=0.2).fit(None).score(TEST)
    expected = plain(events.token_ids.tolist(), np.exp(events.log_probabilities), size, 0.2)
    np.testing.assert_allclose(found.log_probabilities, expected, atol=1e-12)


def test_it_is_one_distribution_and_scores_by_it() -> None:
    cached = UnigramCache(MODEL, size=5).fit(HELD_OUT)
    assert audit_normalisation(cached, as_corpus(TEST, TextOptions())).passed
    state = cached.initial_state(2)
    for ids in ([5, 6], [5, 7], [6, 6]):
        state = cached.advance(state, ids)
        np.testing.assert_allclose(np.exp(cached.log_probs(state)).sum(axis=1), 1)


def test_the_weight_is_learnt_and_helps_where_texts_repeat_themselves() -> None:
    cached = UnigramCache(MODEL, size=60).fit(HELD_OUT)
    assert 0.05 < cached.weight_ < 1
    best = cached.perplexity(HELD_OUT)
    for other in (0.5 * cached.weight_, min(0.99, 1.3 * cached.weight_)):
        assert UnigramCache(MODEL, size=60, weight=other).fit(None).perplexity(HELD_OUT) > best
    assert cached.perplexity(TEST) < MODEL.perplexity(TEST)


def test_a_document_begins_with_an_empty_cache(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("w1 w2 w3\nw1 w1\n")
    both = as_corpus(tmp_path, TextOptions())
    assert both.n_documents == 2
    cached = UnigramCache(MODEL, weight=0.3).fit(None)
    scores = cached.score(both).log_probabilities
    np.testing.assert_array_equal(scores[: len(scores) // 2], scores[len(scores) // 2 :])


def test_bad_parameters_and_too_short_a_text() -> None:
    with pytest.raises(InvalidParameterError, match="weight"):
        UnigramCache(MODEL, weight=1.5).fit(None)
    with pytest.raises(InvalidParameterError, match="size"):
        UnigramCache(MODEL, size=0).fit(HELD_OUT)
    empty = as_corpus("a", TextOptions()).sentence_range(0, 0)
    with pytest.raises(InputError, match="longer"):
        UnigramCache(MODEL).fit(empty)
