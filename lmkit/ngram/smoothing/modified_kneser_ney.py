"""Modified Kneser-Ney smoothing; interpolated, with the same numbers as KenLM's lmplz.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998 (TR-10-98), section 4.1.6 and equation 26; the
treatment of sentence starts and of `<unk>` as in Heafield, Pouzyrevsky, Clark and Koehn, "Scalable modified Kneser-Ney language model
estimation", 2013. As `kneser_ney`, with D = D1 for adjusted counts of 1, D2 for 2, D3 for 3 and more.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, check_flag
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import check_discount, count_of_counts, discounts_chosen

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Used for an order whose counts of counts give none, as lmplz --discount_fallback does."""


@dataclasses.dataclass(frozen=True)
class ModifiedKneserNey(Smoothing):
    """Three discounts an order, lower orders on counts of different left neighbours: as a rule the best of these methods.

    Attributes
    ----------
    discount : "formula", "tuned" (on a held-out text) or three floats for all orders, for counts of 1, 2, and 3 and more.
    interpolated : seen words get a share of the lower order too; otherwise it is asked for unseen words only.
    """

    name: ClassVar[str] = "modified-kneser-ney"
    summary: ClassVar[str] = "three discounts; lower orders count left neighbours"
    takes_lower_counts: ClassVar[bool] = False

    discount: str | tuple[float, ...] = "formula"
    interpolated: bool = True

    def __post_init__(self) -> None:
        check_discount("ModifiedKneserNey", self.discount, classes=3)
        check_flag("ModifiedKneserNey", "interpolated", self.interpolated)

    @property
    def held_out_use(self) -> str:
        return "required" if self.discount == "tuned" else "none"

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        def formula(order: int, here: np.ndarray) -> tuple[np.ndarray, str | None]:
            return choose_discounts(_count_of_counts(counts, order, here), order, may_take_all=self.interpolated)

        chosen = discounts_chosen(self.discount, counts, counts.adjusted_counts, formula, held_out, self.interpolated, classes=3)
        return discounted(counts, counts.adjusted_counts, chosen, interpolated=self.interpolated)


def choose_discounts(count_of_counts: np.ndarray, order: int, may_take_all: bool = True) -> tuple[np.ndarray, str | None]:
    """D(0) .. D(3+), float64 (4,), by equation 26 of Chen and Goodman 1998, or the fallback and a sentence that says why.

    Y = n1 / (n1 + 2 n2);  D(k) = k - (k + 1) Y n(k+1) / n(k).

    may_take_all : whether D(k) may be k. Backed off, an n-gram that was seen would get probability 0.
    """
    n = count_of_counts.astype(np.float64)
    for k in (1, 2, 3):
        if n[k] == 0:
            return _fallback(order, f"no {order}-gram has adjusted count {k}")
    y = n[1] / (n[1] + 2 * n[2])
    discounts = np.zeros(4)
    for k in (1, 2, 3):
        discounts[k] = k - (k + 1) * y * n[k + 1] / n[k]
        if not 0 <= discounts[k] <= k or (discounts[k] == k and not may_take_all):
            return _fallback(order, f"the formula gives {discounts[k]:.3f} for {order}-grams with adjusted count {k}")
    if not discounts[1:].all():
        return (
            discounts,
            f"Order {order} has a discount of 0, so that unseen words may get probability 0: the text is small or unlike natural language.",
        )
    return discounts, None


def _fallback(order: int, why: str) -> tuple[np.ndarray, str]:
    values = ", ".join(f"{d:g}" for d in FALLBACK_DISCOUNTS)
    note = f"Order {order} uses the fallback discounts {values}, since {why}: the text is small or unlike natural language."
    return np.array([0.0, *FALLBACK_DISCOUNTS]), note


def _count_of_counts(counts: NgramCounts, order: int, adjusted: np.ndarray) -> np.ndarray:
    """As lmplz counts them: below the highest order, the n-gram that is last in suffix order enters with its raw count."""
    result = count_of_counts(adjusted, 4)
    if counts.boundaries and order < counts.order and len(counts.last_path) >= order:
        for value, change in ((int(adjusted[counts.last_path[order - 1]]), -1), (counts.last_counts[order - 1], 1)):
            if value < 5:
                result[value] += change
    return result
