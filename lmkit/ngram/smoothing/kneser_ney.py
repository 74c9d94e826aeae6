"""Kneser-Ney smoothing with one discount an order.

Kneser and Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995 (backed off); Chen and Goodman 1998 (TR-10-98), section
2.7 (and interpolated). Absolute discounting in which the orders below the highest count not how often an n-gram occurs but after how many
different words (`NgramCounts.adjusted_counts`), so that their marginals agree with the text's. docs/kneser-ney.md derives it.

interpolated:  p(w|h) = (a(hw) - D) / a(h) + D T(h) / a(h) p(w|h'),   a(h) = sum of a(hw), T(h) = number of different w
backed off:    p(w|h) = (a(hw) - D) / a(h) where a(hw) > 0, else b(h) p(w|h'), b(h) so that all sum to one

D = n1 / (n1 + 2 n2) from the adjusted counts of each order, or fixed, or tuned on held-out text.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, check_flag
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import check_discount, choose_discount, discounts_chosen


@dataclasses.dataclass(frozen=True)
class KneserNey(Smoothing):
    """One discount an order, lower orders on counts of different left neighbours.

    Attributes
    ----------
    discount : "formula", "tuned" (on a held-out text) or a float in (0, 1) for all orders.
    interpolated : seen words get a share of the lower order too; otherwise it is asked for unseen words only, as Kneser and Ney had it.
    """

    name: ClassVar[str] = "kneser-ney"
    summary: ClassVar[str] = "one discount; lower orders count left neighbours"
    takes_lower_counts: ClassVar[bool] = False

    discount: str | float = "formula"
    interpolated: bool = True

    def __post_init__(self) -> None:
        check_discount("KneserNey", self.discount)
        check_flag("KneserNey", "interpolated", self.interpolated)

    @property
    def held_out_use(self) -> str:
        return "required" if self.discount == "tuned" else "none"

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        chosen = discounts_chosen(self.discount, counts, counts.adjusted_counts, choose_discount, held_out, self.interpolated)
        return discounted(counts, counts.adjusted_counts, chosen, interpolated=self.interpolated)
