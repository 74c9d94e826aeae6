"""No smoothing: relative frequencies.

p(w|h) = c(hw) / c(h), the maximum-likelihood estimate; a word that was never seen after h has probability 0. After a history that was
never seen itself the quotient is 0/0; here its longest suffix that was seen takes its place, so that every history has a distribution.
This is the model of Goldberg, "The unreasonable effectiveness of character-level language models", 2015.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, raw_counts
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import constant


@dataclasses.dataclass(frozen=True)
class MaximumLikelihood(Smoothing):
    """Relative frequencies, unsmoothed: what was not seen after a seen history has probability 0."""

    name: ClassVar[str] = "maximum-likelihood"
    summary: ClassVar[str] = "relative frequencies, unsmoothed"
    takes_fractions: ClassVar[bool] = True

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        return discounted(counts, lambda order: raw_counts(counts, order), constant(np.zeros(2)), interpolated=True)
