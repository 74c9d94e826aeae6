"""How sure is the score of word vectors on a test, and is one model better than another on the same questions?

Analogy questions are not independent: tests cross a few pairs of words, and each pair stands in dozens of questions. What is drawn again
is therefore the pair: a question that is made of pairs i and j gets the weight n_i n_j, where n says how often each pair of the section was
drawn (the pigeonhole bootstrap: Owen 2007, The Pigeonhole Bootstrap, Annals of Applied Statistics 1). Drawing single questions, as
McNemar's test assumes, makes intervals several times too narrow. McNemar's p-value is given all the same, because papers print it.

Seeds: what training again would change is seen only by training again. `Mean` is over runs of one pipeline, with Student's interval.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from lmkit.evaluation.analogy import AnalogyResult

_SKIPPED = -1


@dataclasses.dataclass(frozen=True)
class Mean:
    """Mean over runs that differ in their seed.

    Attributes
    ----------
    value : the mean; `deviation` : the sample standard deviation, nan for one run.
    low, high : Student's interval of the mean, nan for one run.
    values : of the single runs.
    """

    value: float
    deviation: float
    low: float
    high: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], confidence: float = 0.95) -> Mean:
        """Summarise runs. Raises InputError if there are none.

        Examples
        --------
        >>> found = Mean.of([0.5, 0.6, 0.7])
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (0.6, 0.352, 0.848)
        """
        if not len(values):
            raise InputError("A mean over seeds needs at least one run.")
        mean = float(np.mean(values))
        if len(values) == 1:
            return cls(mean, math.nan, math.nan, math.nan, tuple(values))
        from scipy.stats import t

        deviation = float(np.std(values, ddof=1))
        half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * deviation / math.sqrt(len(values))
        return cls(mean, deviation, mean - half, mean + half, tuple(float(value) for value in values))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"mean": self.value, **{key: value for key, value in dataclasses.asdict(self).items() if key != "value"}}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How much better the first model, or pipeline, is than the second.

    Attributes
    ----------
    difference : score of the first less that of the second.
    low, high : its confidence interval.
    p_value : two-sided, that there is no difference; by the same resampling, or Welch's test where seeds are compared.
    items : questions or pairs that both were scored on; for seeds the number of runs of both.
    mcnemar : exact p-value of McNemar's test for single analogy models, else None.
    method : how the interval came about.
    """

    difference: float
    low: float
    high: float
    p_value: float
    items: int
    method: str
    mcnemar: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)

    @classmethod
    def from_draws(cls, difference: float, draws: np.ndarray, confidence: float, items: int, method: str, **more: Any) -> Comparison:
        """From bootstrap draws of the difference: percentile interval, and p-value from the share beyond zero."""
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        beyond = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
        p_value = min(1.0, 2 * (1 + beyond) / (1 + len(draws)))
        return cls(difference, float(low), float(high), p_value, items, method, **more)


def accuracy_interval(
    result: AnalogyResult, *, kind: str | None = None, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of an accuracy over the drawing of other pairs of the same relations.

    Parameters
    ----------
    kind : "semantic" or "syntactic" sections only.
    """
    check_resampling(confidence, resamples)
    used = (result.outcomes != _SKIPPED) & _of_kind(result, kind)
    if not used.any():
        return math.nan, math.nan
    draws = _weighted_means(result, used, (result.outcomes == 1)[None].astype(np.float64), resamples, seed)[0]
    return tuple(float(end) for end in np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2]))  # type: ignore[return-value]


def compare_analogies(
    first: AnalogyResult, second: AnalogyResult, *, kind: str | None = None, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Comparison:
    """Difference of two models' accuracies over the questions that neither skipped.

    Raises
    ------
    UsageError : if they were asked different questions.
    InputError : if no question was answered by both.
    """
    check_resampling(confidence, resamples)
    if first.pairs.shape != second.pairs.shape or not np.array_equal(first.pairs, second.pairs) or first.test != second.test:
        raise UsageError(f"The two models were asked different questions ({first.test} and {second.test}); ask both the same test.")
    used = (first.outcomes != _SKIPPED) & (second.outcomes != _SKIPPED) & _of_kind(first, kind)
    if not used.any():
        raise InputError(f"No question of {first.test} was answered by both models, so they can't be compared on it.")
    right = np.stack([first.outcomes == 1, second.outcomes == 1]).astype(np.float64)
    draws = np.subtract(*_weighted_means(first, used, right, resamples, seed))
    only_first, only_second = (int(np.count_nonzero(used & (right[i] > right[1 - i]))) for i in (0, 1))
    return Comparison.from_draws(
        float((right[0] - right[1])[used].mean()),
        draws[np.isfinite(draws)],
        confidence,
        int(used.sum()),
        "bootstrap over pairs",
        mcnemar=_mcnemar(only_first, only_second),
    )


def compare_seeds(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> Comparison:
    """Difference of the means of two pipelines over seeds, with Welch's interval and test (Welch 1947).

    Raises
    ------
    InputError : if either has fewer than two runs: nothing tells then what a seed changes.
    """
    if min(len(first), len(second)) < 2:
        raise InputError(f"Pipelines are compared over at least two seeds each; there are {len(first)} and {len(second)} runs.")
    from scipy.stats import t

    means = [float(np.mean(values)) for values in (first, second)]
    errors = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    difference, error = means[0] - means[1], math.sqrt(sum(errors))
    runs = len(first) + len(second)
    if error == 0:
        return Comparison(difference, difference, difference, 1.0 if difference == 0 else 0.0, runs, "Welch over seeds")
    freedom = sum(errors) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(errors, (first, second), strict=True))
    half = float(t.ppf((1 + confidence) / 2, freedom)) * error
    p_value = float(2 * t.sf(abs(difference) / error, freedom))
    return Comparison(difference, difference - half, difference + half, p_value, runs, "Welch over seeds")


def check_resampling(confidence: float, resamples: int) -> None:
    """Raise InvalidParameterError unless 0 < confidence <= 1 and resamples >= 1."""
    check_float("paired", "confidence", confidence, minimum=0.0, maximum=1.0, open_minimum=True)
    check_int("paired", "resamples", resamples, minimum=1)


def _of_kind(result: AnalogyResult, kind: str | None) -> np.ndarray:
    """bool (Q,): questions of the sections of a kind."""
    chosen = np.array([kind is None or section.kind == kind for section in result.sections])
    return chosen[result.section_of]


def _weighted_means(result: AnalogyResult, used: np.ndarray, values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means of values (m, Q) over the used questions under drawn pairs, float64 (m, resamples).

    Pairs are drawn within their section. A question's own pair counts once where both halves are one pair (methods by pairs).
    """
    rng = np.random.default_rng(seed)
    pairs, sections, kept = result.pairs[used], result.section_of[used], values[:, used]
    sums, totals = np.zeros((len(values), resamples)), np.zeros(resamples)
    for section in np.unique(sections):
        own = sections == section
        present, places = np.unique(pairs[own], return_inverse=True)
        places = places.reshape(-1, 2)
        drawn = rng.multinomial(len(present), np.full(len(present), 1 / len(present)), size=resamples)
        weights = drawn[:, places[:, 0]]
        if (places[:, 0] != places[:, 1]).any():
            weights = weights * drawn[:, places[:, 1]]
        totals += weights.sum(axis=1)
        sums += kept[:, own] @ weights.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums / totals  # type: ignore[no-any-return]


def _mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value: questions that only one of them answered are a fair coin's throws."""
    from scipy.stats import binomtest

    return float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0
