"""Witten-Bell smoothing: the share of the unseen after a history is the share of what was new there.

Witten and Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4), 1991, method C; for n-grams as in Chen and
Goodman 1998 (TR-10-98), section 2.5. With T(h) different words after h:

interpolated:  p(w|h) = (c(hw) + T(h) p(w|h')) / (c(h) + T(h))
backed off:    p(w|h) = c(hw) / (c(h) + T(h)) where c(hw) > 0, else b(h) p(w|h'), b(h) so that all sum to one
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, check_flag, raw_counts
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import constant


@dataclasses.dataclass(frozen=True)
class WittenBell(Smoothing):
    """Each different word after a history counts as one more event, "something new". Needs no counts of counts, so suits odd data.

    Attributes
    ----------
    interpolated : seen words get a share of the lower order too; otherwise it is asked for unseen words only.
    """

    name: ClassVar[str] = "witten-bell"
    summary: ClassVar[str] = "as much for the new as was new before"
    takes_fractions: ClassVar[bool] = True

    interpolated: bool = True

    def __post_init__(self) -> None:
        check_flag("WittenBell", "interpolated", self.interpolated)

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        return discounted(
            counts, lambda order: raw_counts(counts, order), constant(np.zeros(2)), interpolated=self.interpolated, types_weight=1.0
        )
