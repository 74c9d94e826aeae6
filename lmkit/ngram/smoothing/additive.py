"""Additive smoothing: every count is taken to be delta higher than it is.

Laplace (delta = 1), Lidstone 1920 and Jeffreys 1948 (delta = 0.5); Chen and Goodman 1998 (TR-10-98), section 2.1. With V words that can be
predicted:

p(w|h) = (c(hw) + delta) / (c(h) + delta V),   which is 1/V after a history that was never seen.

As a back-off model: the orders below the highest are uniform, 1/V, and a seen history has b(h) = delta V / (c(h) + delta V), so that an
unseen word gets b(h)/V = delta / (c(h) + delta V). Histories that begin with `<s>` are whole at any length: a sentence has nothing before.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit._validation import check_float
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, log10_of, predictable_words, raw_counts, with_conventions


@dataclasses.dataclass(frozen=True)
class Additive(Smoothing):
    """Add delta to every count. Only the highest order is used; it is here to be compared with, since it gives the unseen far too much.

    Attributes
    ----------
    delta : float > 0; 1 is Laplace's law of succession.
    """

    name: ClassVar[str] = "additive"
    summary: ClassVar[str] = "delta added to every count"
    takes_fractions: ClassVar[bool] = True

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_float("Additive", "delta", self.delta, minimum=0, open_minimum=True)

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        predictable = predictable_words(counts)
        words = int(np.count_nonzero(predictable))
        if counts.order == 1:
            here = raw_counts(counts, 1)
            unigrams = (here + self.delta) / (here.sum() + self.delta * words)
        else:
            unigrams = np.full(len(predictable), 1 / words)
        log10_probabilities = [log10_of(with_conventions(unigrams, counts.boundaries))]
        back_offs = []
        for order in range(2, counts.order + 1):
            level, below = counts.levels[order - 1], counts.levels[order - 2]
            contexts = _whole_histories(counts, order)
            probability, back_off = np.full(len(level), 1 / words), np.ones(len(below))
            kernels.add_to_counts(
                level.counts, below.first_child, float(self.delta), words, contexts.start, contexts.stop, probability, back_off
            )
            log10_probabilities.append(log10_of(probability))
            back_offs.append(log10_of(back_off))
        return Estimates(log10_probabilities, back_offs, {}, [])


def _whole_histories(counts: NgramCounts, order: int) -> slice:
    """The contexts of an order that have all there is of a history: every one for the highest order, those behind <s> below."""
    if order == counts.order:
        return slice(0, len(counts.levels[order - 2]))
    return counts.sentence_starts(order - 1) if counts.boundaries else slice(0, 0)
