"""Log-linear mixtures: sums of one, the weights of greatest likelihood, and when they are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from lmkit import NgramLanguageModel
from lmkit.comparison.log_linear import LogLinearMixture, log_linear_weights
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.normalisation import audit_normalisation
from lmkit.text.encoding import as_corpus
from lmkit.wrappers.cache import UnigramCache
from lmkit_corpora.generated.unifilar import UnifilarSource

SOURCE = UnifilarSource.random_ngrams(order=2, vocabulary_size=30, branching=4, end_probability=0.1, skew=1.0, seed=5)
TRAIN, HELD_OUT, TEST = (SOURCE.sample(tokens=tokens, seed=seed).encode() for tokens, seed in ((1500, 1), (1500, 2), (1500, 3)))
MODELS = [NgramLanguageModel(order=n).fit(TRAIN) for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def mixture() -> LogLinearMixture:
    return LogLinearMixture(MODELS).fit(MODELS[0].score(HELD_OUT))


def test_it_is_a_language_model_whose_probabilities_sum_to_one(mixture: LogLinearMixture) -> None:
    assert audit_normalisation(mixture, TEST, contexts=20).passed


def test_it_is_no_worse_than_its_best_model_where_its_weights_were_learnt(mixture: LogLinearMixture) -> None:
    held_out = min(model.score(HELD_OUT).perplexity() for model in MODELS)
    assert mixture.score(HELD_OUT).perplexity() < held_out  # a weight of one for that model alone would equal it
    assert mixture.score(TEST).perplexity() < min(model.score(TEST).perplexity() for model in MODELS)


def test_the_weights_are_those_of_a_general_optimiser() -> None:
    rng = np.random.default_rng(1)
    rows = log_softmax(rng.normal(0, 1.5, (200, 3, 12)), axis=2)
    targets = np.array([rng.choice(12, p=np.exp(log_softmax(0.7 * row[0] + 0.5 * row[2]))) for row in rows])

    def loss(weights: np.ndarray) -> float:
        mixed = log_softmax(np.einsum("m,emv->ev", weights, rows), axis=1)
        return -float(mixed[np.arange(200), targets].mean())

    best = minimize(loss, np.full(3, 1 / 3), tol=1e-12)
    found = log_linear_weights(rows.astype(np.float32), targets)
    assert loss(found) == pytest.approx(best.fun, abs=1e-6)
    np.testing.assert_allclose(found, best.x, atol=2e-3)


def test_a_model_with_a_cache_takes_part() -> None:
    cached = UnigramCache(MODELS[1]).fit(HELD_OUT)
    mixture = LogLinearMixture([MODELS[0], cached]).fit(MODELS[0].score(HELD_OUT))
    events = mixture.score(TEST)
    # the first events of a document, by hand: the cache is empty before the first
    first = mixture.combine([MODELS[0].log_probs(MODELS[0].initial_state(1)), MODELS[1].log_probs(MODELS[1].initial_state(1))])
    assert events.log_probabilities[0] == pytest.approx(first[0, events.token_ids[0]])


def test_what_cannot_be_multiplied_is_refused() -> None:
    with pytest.raises(UsageError, match="two models"):
        LogLinearMixture(MODELS[:1])
    other = NgramLanguageModel(order=1).fit("a b c")
    with pytest.raises(UsageError, match="the same words"):
        LogLinearMixture([MODELS[0], other])
    unsmoothed = NgramLanguageModel(order=2, smoothing="maximum-likelihood").fit(TRAIN)
    with pytest.raises(UsageError, match="impossible"):
        LogLinearMixture([MODELS[0], unsmoothed]).fit(MODELS[0].score(HELD_OUT))
    with pytest.raises(InputError, match="too few"):
        LogLinearMixture(MODELS).fit(MODELS[0].score(as_corpus("w1 w2", TRAIN.options)))
