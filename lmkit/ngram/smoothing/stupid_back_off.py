"""Stupid back-off: relative frequencies, times alpha for every order that has not seen the n-gram.

Brants, Popat, Xu, Och and Dean, "Large language models in machine translation", EMNLP 2007, equation 5:

S(w | h) = c(hw) / c(h) where c(hw) > 0, else alpha S(w | h');   S(w) = c(w) / number of tokens.

The scores after a history don't sum to one; they are no probabilities, and the perplexity of such a model compares with no other.

The recursion starts at the highest order whether or not the history was seen, so a score depends on the length n of the n-gram that was
found and on nothing else: alpha^(N - n) c(hw) / c(h). So it is stored, and all back-off weights are 1 (a weight on seen histories alone
would leave out the alphas of unseen ones). A sentence is preceded by N - 1 `<s>`, as is usual: what begins with `<s>` has length N.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit._validation import check_float
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, log10_of, raw_counts, with_conventions


@dataclasses.dataclass(frozen=True)
class StupidBackOff(Smoothing):
    """Scores that are no probabilities but need no normalisation: made for counts over very large texts.

    Attributes
    ----------
    alpha : float in (0, 1], paid for every order that has not seen the n-gram.
    """

    name: ClassVar[str] = "stupid-back-off"
    summary: ClassVar[str] = "relative frequencies times alpha an order; scores, no probabilities"

    alpha: float = 0.4

    def __post_init__(self) -> None:
        check_float("StupidBackOff", "alpha", self.alpha, minimum=0, maximum=1, open_minimum=True)

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        here = raw_counts(counts, 1)
        paid = float(self.alpha) ** (counts.order - 1)
        log10_probabilities = [log10_of(with_conventions(paid * here / here.sum(), counts.boundaries))]
        back_offs = []
        for order in range(2, counts.order + 1):
            level, below = counts.levels[order - 1], counts.levels[order - 2]
            probability = np.empty(len(level))
            paid = float(self.alpha) ** (counts.order - order)
            kernels.relative_frequencies(level.counts, below.first_child, paid, 0, len(below), probability)
            if counts.boundaries:
                starts = counts.sentence_starts(order - 1)
                kernels.relative_frequencies(level.counts, below.first_child, 1.0, starts.start, starts.stop, probability)
            log10_probabilities.append(log10_of(probability))
            back_offs.append(np.zeros(len(below), np.float32))
        notes = ["Stupid back-off gives scores that don't sum to one: what is called perplexity here compares with no other model's."]
        return Estimates(log10_probabilities, back_offs, {}, notes, is_normalised=False)
