"""Word vectors measured by people's judgements of pairs of words: the rank correlation of cosines with the judgements.

Spearman's coefficient asks only whether the order agrees. Pairs with a word that the model doesn't know are left out as a rule, so that
models with different vocabularies are scored on different pairs: the share left out belongs to the figure, and side by side only the
pairs that all models know compare.
"""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.paired import Comparison, check_resampling
from lmkit.evaluation.similarity_sets import SimilarityTest, read_similarities
from lmkit.evaluation.spellings import CASES, SpellingIndex, composed, unit_rows

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors

_OOV = ("subwords", "skip", "zero")
_CELLS = 1 << 21  # draws times pairs held at once: 16 MB


@dataclasses.dataclass(frozen=True)
class SimilarityOptions:
    """How pairs of words are scored.

    Attributes
    ----------
    restrict : only the first so many rows are known words; None for all.
    case : see `lmkit.evaluation.spellings.CASES`.
    oov : what becomes of a pair with a word that is no row: `subwords` composes its vector where the model has subwords and leaves the
        pair out where it can't, as fastText's own evaluation of RareWords; `skip` leaves it out in any case; `zero` gives the pair the
        similarity 0, as gensim's dummy4unknown.
    """

    restrict: int | None = None
    case: str = "fold"
    oov: str = "subwords"

    def __post_init__(self) -> None:
        check_choice("SimilarityOptions", "case", self.case, CASES)
        check_choice("SimilarityOptions", "oov", self.oov, _OOV)
        if self.restrict is not None:
            check_int("SimilarityOptions", "restrict", self.restrict, minimum=1)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SimilarityOptions:
        """The options of a tool, changed by what is given: `lmkit`, `gensim` (evaluate_word_pairs), `fasttext` (eval.py)."""
        check_choice("SimilarityOptions.preset", "compat", name, PRESETS)
        return dataclasses.replace(PRESETS[name], **changes)


PRESETS = {
    "lmkit": SimilarityOptions(),
    "gensim": SimilarityOptions(restrict=300_000, oov="skip"),
    "fasttext": SimilarityOptions(case="lower"),
}


@dataclasses.dataclass(frozen=True)
class SimilarityResult:
    """What a model makes of a set of N judged pairs.

    Attributes
    ----------
    test : name of the set; `options` : how it was scored.
    judgements : float64 (N,), people's; cosines : float64 (N,), the model's, nan for pairs left out.
    is_oov : bool (N,), pairs with a word that is no row, left out or not.
    """

    test: str
    options: SimilarityOptions
    judgements: np.ndarray
    cosines: np.ndarray
    is_oov: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """bool (N,): the pairs that count."""
        return ~np.isnan(self.cosines)

    @property
    def spearman(self) -> float:
        """Rank correlation of cosines and judgements over the pairs that count, ties at their mean rank, -1 to 1."""
        return _spearman(self.judgements[self.used], self.cosines[self.used])

    @property
    def oov_share(self) -> float:
        """Share of all pairs with a word that is no row, 0 to 1."""
        return float(self.is_oov.mean())

    def interval(self, confidence: float = 0.95, method: str = "bootstrap", resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
        """Confidence interval of Spearman's coefficient.

        Parameters
        ----------
        method : "bootstrap" draws pairs again and takes the percentiles; "fisher" takes Fisher's transformation with the standard error
            sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright 2000, Sample size requirements for estimating correlations).
        """
        check_choice("interval", "method", method, ("bootstrap", "fisher"))
        check_resampling(confidence, resamples)
        judgements, cosines = self.judgements[self.used], self.cosines[self.used]
        if method == "fisher":
            return _fisher(self.spearman, len(cosines), confidence)
        draws = _draws(judgements, cosines[None], resamples, seed)[0]
        low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)

    def on(self, chosen: np.ndarray) -> SimilarityResult:
        """The same with only these pairs counted. chosen: bool (N,)."""
        return dataclasses.replace(self, cosines=np.where(chosen, self.cosines, np.nan))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, without the single pairs."""
        low, high = self.interval()
        return {
            "test": self.test,
            "spearman": self.spearman,
            "low": low,
            "high": high,
            "used": int(self.used.sum()),
            "pairs": len(self.cosines),
            "oov_pairs": int(self.is_oov.sum()),
            "oov_share": self.oov_share,
            "options": dataclasses.asdict(self.options),
        }


def evaluate_similarity(
    vectors: WordVectors, test: SimilarityTest | str | os.PathLike[str], options: SimilarityOptions | None = None
) -> SimilarityResult:
    """Cosines of a model for judged pairs of words.

    Parameters
    ----------
    vectors : the model.
    test : pairs, or what `read_similarities` reads them from.

    Raises
    ------
    InputError : if the test can't be read, or the model knows both words of fewer than three pairs.
    """
    options = options or SimilarityOptions()
    if not isinstance(test, SimilarityTest):
        test = read_similarities(test)
    index = SpellingIndex(vectors, options.restrict, options.case)
    words = list(dict.fromkeys(word for pair in test.pairs for word in pair))
    rows = index.rows(words)
    directions = unit_rows(vectors.matrix[np.maximum(rows, 0)], np.maximum(rows, 0))
    unknown = np.flatnonzero(rows < 0)
    directions[unknown] = np.nan
    if options.oov == "subwords" and len(unknown):
        directions[unknown] = unit_rows(composed(vectors, [words[place] for place in unknown], options.case))
    place = {word: number for number, word in enumerate(words)}
    first, second = (np.array([place[pair[half]] for pair in test.pairs]) for half in (0, 1))
    cosines = np.einsum("ij,ij->i", directions[first].astype(np.float64), directions[second].astype(np.float64))
    is_oov = (rows[first] < 0) | (rows[second] < 0)
    if options.oov == "zero":
        cosines[is_oov] = 0.0
    if np.count_nonzero(~np.isnan(cosines)) < 3:
        raise InputError(
            f"The model knows both words of only {np.count_nonzero(~np.isnan(cosines))} of the {len(test):,} pairs of {test.name}, "
            f"too few to rank; check the language and the case (it was {options.case!r})."
        )
    return SimilarityResult(test.name, options, test.scores, cosines, is_oov)


def compare_similarities(
    first: SimilarityResult, second: SimilarityResult, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Comparison:
    """Difference of two models' coefficients over the pairs that both know, by drawing pairs again for both at once.

    Raises
    ------
    UsageError : if they were scored on different sets.
    InputError : if both know fewer than three pairs.
    """
    check_resampling(confidence, resamples)
    if first.test != second.test or not np.array_equal(first.judgements, second.judgements):
        raise UsageError(f"The two models were scored on different pairs ({first.test} and {second.test}); score both on the same set.")
    used = first.used & second.used
    if np.count_nonzero(used) < 3:
        raise InputError(f"Fewer than three pairs of {first.test} are known to both models, so they can't be compared on it.")
    judgements, cosines = first.judgements[used], np.stack([first.cosines[used], second.cosines[used]])
    draws = np.subtract(*_draws(judgements, cosines, resamples, seed))
    difference = _spearman(judgements, cosines[0]) - _spearman(judgements, cosines[1])
    return Comparison.from_draws(difference, draws[np.isfinite(draws)], confidence, int(used.sum()), "bootstrap over pairs")


def _spearman(left: np.ndarray, right: np.ndarray) -> float:
    ones = np.ones((1, len(left)))
    return float(_weighted_correlation(_ranks(left, ones), _ranks(right, ones), ones)[0])


def _ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rank of each value in samples that hold it counts[r, i] times, ties at their mean rank; float64 (R, n) for counts (R, n).

    A value's mean rank is the number of lower ones plus half of its equals and a half: no sample needs sorting.
    """
    levels, place = np.unique(values, return_inverse=True)
    held = np.zeros((len(counts), len(levels)))
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(levels)))
    held = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(held, axis=1) - (held - 1) / 2
    return ranks[:, place]  # type: ignore[no-any-return]


def _weighted_correlation(left: np.ndarray, right: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's coefficient of the rows of left and right (R, n), each column counted counts[r, i] times; nan without variance."""
    total = counts.sum(axis=1, keepdims=True)
    left = left - (left * counts).sum(axis=1, keepdims=True) / total
    right = right - (right * counts).sum(axis=1, keepdims=True) / total
    with np.errstate(invalid="ignore", divide="ignore"):
        return (left * right * counts).sum(axis=1) / np.sqrt((left**2 * counts).sum(axis=1) * (right**2 * counts).sum(axis=1))  # type: ignore[no-any-return]


def _draws(judgements: np.ndarray, cosines: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Spearman's coefficients of models (m, n) over pairs drawn with replacement, the same for all models; float64 (m, resamples)."""
    rng = np.random.default_rng(seed)
    count = len(judgements)
    found = np.empty((len(cosines), resamples))
    step = max(1, _CELLS // count)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        counts = rng.multinomial(count, np.full(count, 1 / count), size=stop - start).astype(np.float64)
        ranked = _ranks(judgements, counts)
        for model, values in enumerate(cosines):
            found[model, start:stop] = _weighted_correlation(ranked, _ranks(values, counts), counts)
    return found


def _fisher(coefficient: float, pairs: int, confidence: float) -> tuple[float, float]:
    from scipy.stats import norm

    if pairs <= 3 or not abs(coefficient) < 1:
        return (coefficient, coefficient) if abs(coefficient) == 1 else (math.nan, math.nan)
    half = float(norm.ppf((1 + confidence) / 2)) * math.sqrt((1 + coefficient**2 / 2) / (pairs - 3))
    centre = math.atanh(coefficient)
    return math.tanh(centre - half), math.tanh(centre + half)
