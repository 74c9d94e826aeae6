"""Absolute discounting: one constant is taken from every count of an order.

Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic language modelling", Computer Speech and Language 8, 1994;
Chen and Goodman 1998 (TR-10-98), section 2.6. With T(h) different words after h and 0 < D < 1:

interpolated:  p(w|h) = (c(hw) - D) / c(h) + D T(h) / c(h) p(w|h')
backed off:    p(w|h) = (c(hw) - D) / c(h) where c(hw) > 0, else b(h) p(w|h'), b(h) so that all sum to one

D = n1 / (n1 + 2 n2) for each order, from the numbers of n-grams that occur once and twice, or fixed, or tuned on held-out text.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, check_flag, raw_counts
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import check_discount, choose_discount, discounts_chosen


@dataclasses.dataclass(frozen=True)
class AbsoluteDiscounting(Smoothing):
    """One discount an order, on the counts as they are.

    Attributes
    ----------
    discount : "formula", "tuned" (on a held-out text) or a float in (0, 1) for all orders.
    interpolated : seen words get a share of the lower order too; otherwise it is asked for unseen words only.
    """

    name: ClassVar[str] = "absolute-discounting"
    summary: ClassVar[str] = "one constant taken from every count"

    discount: str | float = "formula"
    interpolated: bool = True

    def __post_init__(self) -> None:
        check_discount("AbsoluteDiscounting", self.discount)
        check_flag("AbsoluteDiscounting", "interpolated", self.interpolated)

    @property
    def held_out_use(self) -> str:
        return "required" if self.discount == "tuned" else "none"

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        def counts_of(order: int) -> np.ndarray:
            return raw_counts(counts, order)

        chosen = discounts_chosen(self.discount, counts, counts_of, choose_discount, held_out, self.interpolated)
        return discounted(counts, counts_of, chosen, interpolated=self.interpolated)
