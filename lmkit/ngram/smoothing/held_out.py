"""Held-out text as n-grams of the training text: where in the trie of counts each of its events and histories lies."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.errors import InputError
from lmkit.ngram.counting._kernels_counts import make_stream
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_held_out as kernels
from lmkit.ngram.smoothing.base import HeldOut


@dataclasses.dataclass
class Trace:
    """E events of a held-out text.

    Attributes
    ----------
    contexts : one int64 (E,) an order n, the index in level n-1 of the n-1 words before the event, -1 if not seen; zeros for n = 1.
    ngrams : one int64 (E,) an order, the index in its level of those words and the event's, -1 if they were not seen.
    """

    contexts: list[np.ndarray]
    ngrams: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.ngrams[0])


def trace(counts: NgramCounts, held_out: HeldOut) -> Trace:
    """Look the n-grams of a held-out text up in the counts. Raises InputError if it has no events."""
    stream = make_stream(held_out.ids, held_out.sentence_offsets, counts.boundaries)
    events = np.flatnonzero(stream != 1)
    if len(events) == 0:
        raise InputError("The held-out text has no tokens; give one that has, or leave it out.")
    here = stream.astype(np.int64)
    if not counts.boundaries:
        here[stream == 1] = -1
    contexts, ngrams = [np.zeros(len(events), np.int64)], [here[events]]
    for order in range(2, counts.order + 1):
        below = counts.levels[order - 2]
        contexts.append(here[events - 1])
        here = kernels.find_ngrams(stream, here, below.first_child, counts.levels[order - 1].words)
        ngrams.append(here[events])
    return Trace(contexts, ngrams)
