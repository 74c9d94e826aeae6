"""The continuous cache of a network against the paper's equations, written out."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.recipe import Recipe
from lmkit.wrappers.neural_cache import THETAS, NeuralCache

TEXT = "the cat sat on the mat\nthe dog sat on the rug\na cat saw a dog\n" * 12
TOPICAL = "the rug sat on the rug\n" * 8 + "a dog saw a dog\n" * 8
HELD_OUT = "a cat sat\na cat sat\nthe rug saw the rug\na cat sat on a cat\n" * 4


@pytest.fixture(scope="module")
def model() -> RecurrentLanguageModel:
    return RecurrentLanguageModel(Architecture(cell="gru", layers=1, hidden=8), Recipe(batch=2, steps=5, epochs=2), threads=1).fit(TEXT)


def written_out(model, text, size, weight, theta, state):
    """Equations 2 to 4 of Grave et al. 2017, an event after the other, in float64."""
    events = model.score(text, state=state)
    vectors, tokens, found, now = [], events.token_ids.tolist(), [], model.initial_state(1)
    for t, token in enumerate(tokens):
        if state == "reset" and t and events.sentence[t] != events.sentence[t - 1]:
            now = model.initial_state(1)
        h = model.hidden(now)[0].astype(np.float64)
        p = np.exp(model.log_probs(now)[0])
        held = range(max(0, t - size), t)
        if held:
            cache = np.zeros(len(p))
            for i in held:
                cache[tokens[i]] += np.exp(theta * (h @ vectors[i]))
            p = (1 - weight) * p + weight * cache / cache.sum()
        assert p.sum() == pytest.approx(1, abs=1e-6)
        found.append(np.log(p[token]))
        vectors.append(h)
        now = model.advance(now, [token])
    return np.array(found)


def test_a_cache_alone_is_a_model_too(model) -> None:
    assert NeuralCache(model, 7, weight=1.0).fit(HELD_OUT).theta_ in THETAS
    assert NeuralCache(model, 7, weight=1.0, theta=0.0).fit(None).perplexity(HELD_OUT) == np.inf


@pytest.mark.parametrize("state", ["carry", "reset"])
@pytest.mark.parametrize(("size", "theta"), [(7, 0.3), (500, 1.0), (3, 0.0)])
def test_scores_are_the_paper_s(model, state, size, theta) -> None:
    cached = NeuralCache(model, size, 0.3, theta).fit(None)
    found = cached.score(HELD_OUT, state=state)
    np.testing.assert_allclose(found.log_probabilities, written_out(model, HELD_OUT, size, 0.3, theta, state), rtol=1e-5)


def test_token_by_token_it_gives_the_same_and_sums_to_one(model) -> None:
    cached = NeuralCache(model, 6, 0.3, 0.4).fit(None)
    events, state = cached.score(HELD_OUT, state="carry"), cached.initial_state(2)
    for token, expected in zip(events.token_ids[:30].tolist(), events.log_probabilities, strict=False):
        log_probs = cached.log_probs(state)
        np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, atol=1e-6)
        assert log_probs[1, token] == pytest.approx(expected, rel=1e-5)
        state = cached.advance(state, [4, token])


def test_fit_finds_what_makes_the_held_out_text_most_probable(model) -> None:
    fitted = NeuralCache(model, 20).fit(TOPICAL)
    best = fitted.perplexity(TOPICAL)
    assert fitted.theta_ in THETAS
    assert best < 0.97 * model.perplexity(TOPICAL)
    for weight in (0.8 * fitted.weight_, min(1.2 * fitted.weight_, 0.99)):
        assert NeuralCache(model, 20, weight, fitted.theta_).fit(None).perplexity(TOPICAL) > best
    for theta in THETAS:
        assert NeuralCache(model, 20, None, theta).fit(TOPICAL).perplexity(TOPICAL) >= best - 1e-9


def test_documents_do_not_see_each_other(model, tmp_path) -> None:
    for name, text in (("a.txt", HELD_OUT), ("b.txt", TEXT)):
        (tmp_path / name).write_text(text)
    cached = NeuralCache(model, 50, 0.3, 0.4).fit(None)
    both, alone = cached.score(tmp_path), cached.score(TEXT)
    np.testing.assert_array_equal(both.log_probabilities[-len(alone) :], alone.log_probabilities)


def test_bad_input(model) -> None:
    with pytest.raises(InvalidParameterError, match="weight"):
        NeuralCache(model, 5, 1.5, 0.1).fit(None)
    with pytest.raises(InvalidParameterError, match="theta"):
        NeuralCache(model, 5, 0.5, -0.1).fit(None)
    with pytest.raises(UsageError, match="recurrent network"):
        NeuralCache(NgramLanguageModel(order=1).fit(TEXT)).fit(HELD_OUT)
    with pytest.raises(InputError):
        NeuralCache(model).fit("")
