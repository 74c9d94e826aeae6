"""Every family on a text of known entropy: near the source that wrote it, and never below it beyond chance.

The source is a bigram source over 30 words. What a model loses to it, in bits an event over the same sample, estimates its divergence from
the truth; what is stated here for each family is about one and a half times of what it lost when the test was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lmkit import NgramLanguageModel, RecurrentLanguageModel
from lmkit.comparison.comparison import Statistics, compare
from lmkit.comparison.contestants import Contestant
from lmkit.comparison.log_linear import LogLinearMixture
from lmkit.embeddings.language_model import EmbeddingLanguageModel
from lmkit.evaluation.significance import difference
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.neural.window import WindowArchitecture
from lmkit.neural.window_model import WindowLanguageModel
from lmkit.wrappers.cache import UnigramCache
from lmkit.wrappers.mixture import Mixture
from lmkit_corpora.generated.unifilar import UnifilarSource

SOURCE = UnifilarSource.random_ngrams(order=2, vocabulary_size=30, branching=4, end_probability=0.1, skew=1.0, seed=5)
TRAIN, HELD_OUT, TEST = (SOURCE.sample(tokens=tokens, seed=seed).encode() for tokens, seed in ((20_000, 1), (2_000, 2), (5_000, 3)))
ORACLE = SOURCE.score(TEST)


def ngram(order: int, smoothing: str = "modified-kneser-ney") -> NgramLanguageModel:
    return NgramLanguageModel(order=order, smoothing=smoothing).fit(TRAIN)


def recurrent(cell: str) -> RecurrentLanguageModel:
    recipe = Recipe(optimizer="adam", learning_rate=0.01, text="sentences", batch=16, steps=40, epochs=20, patience=3)
    return RecurrentLanguageModel(Architecture(cell=cell, layers=1, hidden=32), recipe, seed=1, threads=1).fit(TRAIN, valid=HELD_OUT)


def window() -> WindowLanguageModel:
    shape = WindowArchitecture(window=2, embedding=16, hidden=32)
    recipe = Recipe(optimizer="adam", learning_rate=0.005, batch=16, steps=10, epochs=15, patience=3)
    return WindowLanguageModel(shape, recipe, seed=1, threads=1).fit(TRAIN, valid=HELD_OUT)


def tree(model: str) -> EmbeddingLanguageModel:
    return EmbeddingLanguageModel(model=model, dim=24, window=1, epochs=6, seed=1, threads=1).fit(TRAIN, held_out=HELD_OUT)


def log_linear() -> LogLinearMixture:
    models = [ngram(1), ngram(2)]
    return LogLinearMixture(models).fit(models[0].score(HELD_OUT))


# family -> (how it is made, bits an event that it may lose to the source)
QUICK: dict[str, tuple[Callable[[], Any], float]] = {
    "Kneser-Ney": (lambda: ngram(2), 0.02),
    "Witten-Bell": (lambda: ngram(2, "witten-bell"), 0.015),
    "Katz": (lambda: ngram(2, "katz"), 0.015),
    "cache": (lambda: UnigramCache(ngram(2)).fit(HELD_OUT), 0.02),
    "mixture": (lambda: Mixture([ngram(1), ngram(2), ngram(3)]).fit(HELD_OUT), 0.02),
    "log-linear mixture": (log_linear, 0.02),
    "CBOW": (lambda: tree("cbow"), 0.04),
    "skip-gram": (lambda: tree("skipgram"), 0.05),
}
LONG: dict[str, tuple[Callable[[], Any], float]] = {
    "fixed window": (window, 0.06),
    "Elman": (lambda: recurrent("elman"), 0.1),
    "GRU": (lambda: recurrent("gru"), 0.1),
    "LSTM": (lambda: recurrent("lstm"), 0.1),
}


def check(family: str, make: Callable[[], Any], allowed: float) -> None:
    found = difference(make().score(TEST), ORACLE, include_oov=False, resamples=2_000)
    assert found.high > 0, f"{family} beats the source that wrote the text: {found}"
    assert found.bits < allowed, f"{family}: {found}"


@pytest.mark.parametrize("family", QUICK)
def test_a_family_comes_near_the_source(family: str) -> None:
    check(family, *QUICK[family])


@pytest.mark.slow
@pytest.mark.parametrize("family", LONG)
def test_a_net_comes_near_the_source(family: str) -> None:
    check(family, *LONG[family])


def test_the_true_source_given_as_a_model_loses_nothing() -> None:
    """The check can fail: what knows the test text beats the source, and is caught."""
    cheat = NgramLanguageModel(order=4, smoothing="witten-bell").fit(TEST)
    assert difference(cheat.score(TEST), ORACLE, include_oov=False).high < 0
    with pytest.raises(AssertionError, match="beats the source"):
        check("cheat", lambda: cheat, 1.0)


def test_the_comparison_draws_the_line() -> None:
    models = [Contestant(f"order {n}", "n-gram", ngram(n)) for n in (1, 2)]
    found = compare(
        [*models, Contestant("source", "source", events=ORACLE, bound=True)], lambda _: TEST, statistics=Statistics(resamples=200)
    )
    assert found.rows[-1].is_bound
    assert found.rows[-1].accounting.all.perplexity < found.best.accounting.all.perplexity
