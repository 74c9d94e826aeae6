"""Interpolated modified Kneser-Ney smoothing, with the same numbers as KenLM's lmplz.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998 (TR-10-98), section 4.1.6 and equation 26; the
treatment of sentence starts and of `<unk>` as in Heafield, Pouzyrevsky, Clark and Koehn, "Scalable modified Kneser-Ney language model
estimation", 2013.
"""

from __future__ import annotations

import numpy as np

from lmkit import _progress
from lmkit.ngram.counting import NgramCounts
from lmkit.ngram.smoothing import _kernels_kneser_ney as kernels
from lmkit.ngram.smoothing.base import Estimates

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Used for an order whose counts of counts give none, as lmplz --discount_fallback does."""


class ModifiedKneserNey:
    """Three discounts an order, from the counts of counts; unigrams are interpolated with the uniform distribution."""

    name = "modified-kneser-ney"

    def estimate(self, counts: NgramCounts) -> Estimates:
        notes: list[str] = []
        discounts: list[list[float]] = []
        log10_probabilities: list[np.ndarray] = []
        back_offs: list[np.ndarray] = []
        lower = np.empty(0)
        with _progress.Progress("smoothing", counts.order, "order") as progress:
            for order in range(1, counts.order + 1):
                adjusted = counts.adjusted_counts(order)
                chosen, note = choose_discounts(_count_of_counts(counts, order, adjusted), order)
                notes += [note] if note else []
                discounts.append(chosen.tolist()[1:])
                if order == 1:
                    lower = _unigrams(adjusted, chosen, counts.boundaries)
                else:
                    level, below = counts.levels[order - 1], counts.levels[order - 2]
                    assert below.first_child is not None
                    highest = order == counts.order
                    probability = np.empty(len(level), np.float32 if highest else np.float64)
                    back_off = np.empty(len(below), np.float32)
                    kernels.interpolate(adjusted, below.first_child, level.suffixes, chosen, lower, probability, back_off)
                    back_offs.append(_log10(back_off))
                    lower = probability
                log10_probabilities.append(_log10(lower))
                progress.advance()
        return Estimates(log10_probabilities, back_offs, {"discounts": discounts}, notes)


def choose_discounts(count_of_counts: np.ndarray, order: int) -> tuple[np.ndarray, str | None]:
    """D(0) .. D(3+), float64 (4,), by equation 26 of Chen and Goodman 1998, or the fallback and a sentence that says why.

    Y = n1 / (n1 + 2 n2);  D(k) = k - (k + 1) Y n(k+1) / n(k).
    """
    n = count_of_counts.astype(np.float64)
    for k in (1, 2, 3):
        if n[k] == 0:
            return _fallback(order, f"no {order}-gram has adjusted count {k}")
    y = n[1] / (n[1] + 2 * n[2])
    discounts = np.zeros(4)
    for k in (1, 2, 3):
        discounts[k] = k - (k + 1) * y * n[k + 1] / n[k]
        if not 0 <= discounts[k] <= k:
            return _fallback(order, f"the formula gives {discounts[k]:.3f} for {order}-grams with adjusted count {k}")
    if not discounts[1:].all():
        return discounts, f"Order {order} has a discount of 0, so that unseen words may get probability 0: the text is small or unlike natural language."
    return discounts, None


def _fallback(order: int, why: str) -> tuple[np.ndarray, str]:
    values = ", ".join(f"{d:g}" for d in FALLBACK_DISCOUNTS)
    note = f"Order {order} uses the fallback discounts {values}, since {why}: the text is small or unlike natural language."
    return np.array([0.0, *FALLBACK_DISCOUNTS]), note


def _count_of_counts(counts: NgramCounts, order: int, adjusted: np.ndarray) -> np.ndarray:
    """As lmplz counts them: below the highest order, the n-gram that is last in suffix order enters with its raw count."""
    result = kernels.count_of_counts(adjusted)
    if counts.boundaries and order < counts.order and len(counts.last_path) >= order:
        index = counts.last_path[order - 1]
        raw = int(counts.levels[order - 1].counts[index])
        for value, change in ((int(adjusted[index]), -1), (raw, 1)):
            if value < 5:
                result[value] += change
    return result


def _unigrams(adjusted: np.ndarray, discounts: np.ndarray, boundaries: bool) -> np.ndarray:
    """Linear probabilities, float64 (V,), interpolated with the uniform distribution over all that can be predicted.

    `<s>` is never predicted; its entry is 1, as lmplz writes it, or 0 in continuous text, as is then that of `</s>`.
    """
    total = adjusted.sum()
    held_back = discounts[np.minimum(adjusted, 3)]
    predictable = len(adjusted) - (1 if boundaries else 2)
    probability = (adjusted - held_back) / total + held_back.sum() / total / predictable
    probability[1] = 1.0 if boundaries else 0.0
    if not boundaries:
        probability[2] = 0.0
    return probability


def _log10(probability: np.ndarray) -> np.ndarray:
    """float32 log10, never above 0; -inf for 0."""
    with np.errstate(divide="ignore"):
        result = np.log10(probability).astype(np.float32, copy=False)
    return np.minimum(result, np.float32(0), out=result)
