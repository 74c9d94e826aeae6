"""What is kept of stretches of a trie, so that a search among thousands of n-grams reads a few cache lines and pages of them.

The words behind a frequent word, with their probabilities, lie on hundreds of pages of a mapped file. To find one word among them, every
16th word is looked at first; to find the ten most probable ones, a bound for every 64 of them. Both are part of the model's file.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from lmkit.ngram.querying._kernels_scoring import SAMPLE_BITS, WINDOW
from lmkit.ngram.querying._kernels_successors import BLOCK_BITS, COARSE_BITS
from lmkit.text.vocabulary import frozen

_BOUNDED_ORDERS = 3
"""Contexts of 0 to 2 words have many children; those of longer ones are few and read as they lie."""


class Landmarks:
    """Every 16th word of a trie, and the highest log10 probability of every 64 nodes of its orders 1 to 3.

    Attributes
    ----------
    samples : uint32 (T/16 + 17,), word of the nodes 0, 16, ..., then zeros, so that 16 can be read from any place on.
    bounds : float32 (B,), of each whole 64 nodes within those orders.
    coarse : float32 (B/64,), the highest of each 64 bounds.
    """

    def __init__(self, samples: np.ndarray, bounds: np.ndarray, coarse: np.ndarray) -> None:
        self.samples, self.bounds, self.coarse = samples, bounds, coarse
        self._lock = threading.Lock()

    @classmethod
    def room_for(cls, order_start: np.ndarray) -> Landmarks:
        """Of a trie whose nodes are still to come. order_start : first node of each order, and their number; see `BackoffTrie`."""
        samples, *others = _sizes(order_start)
        return cls(np.zeros(samples, np.uint32), *(np.full(size, -np.inf, np.float32) for size in others))

    def add(self, start: int, words: np.ndarray, log10_prob: np.ndarray) -> None:
        """Take in the nodes from `start` on, in any order and from any thread."""
        first = -start % WINDOW
        chosen = words[first::WINDOW]
        place = (start + first) >> SAMPLE_BITS
        self.samples[place : place + len(chosen)] = chosen
        part = log10_prob[: max((len(self.bounds) << BLOCK_BITS) - start, 0)]
        if not len(part):
            return
        block, last = start >> BLOCK_BITS, (start + len(part) - 1) >> BLOCK_BITS
        highest = np.maximum.reduceat(part, np.maximum((np.arange(block, last + 1) << BLOCK_BITS) - start, 0))
        with self._lock:  # the blocks at both ends may be another thread's too
            own = self.bounds[block : last + 1]
            np.maximum(own, highest, out=own)
            np.maximum.at(self.coarse, np.arange(block, last + 1) >> (COARSE_BITS - BLOCK_BITS), highest)

    def fit(self, order_start: np.ndarray) -> bool:
        """Whether their sizes are those of such a trie."""
        return (self.samples.shape, self.bounds.shape, self.coarse.shape) == tuple((size,) for size in _sizes(order_start))

    def __getstate__(self) -> dict[str, Any]:
        """Without the lock, so that models can be pickled; what is finished needs none."""
        return {**vars(self), "_lock": None}

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a model file."""
        return {"trie.samples": self.samples, "trie.bounds": self.bounds, "trie.coarse_bounds": self.coarse}

    @functools.cached_property
    def for_words(self) -> tuple[np.ndarray, np.ndarray]:
        """What `_kernels_scoring.score_segments` takes: the samples, and every 16th of them, then zeros."""
        return frozen(self.samples), frozen(np.concatenate([self.samples[::WINDOW], np.zeros(WINDOW, np.uint32)]))

    @property
    def for_lists(self) -> tuple[np.ndarray, np.ndarray]:
        """What `_kernels_successors.top_successors` takes: the bounds, and the highest of each 64 of them."""
        return frozen(self.bounds), frozen(self.coarse)


def stored_bytes(order_start: np.ndarray) -> int:
    """What those of such a trie take in a model file."""
    return 4 * sum(_sizes(order_start))


def _sizes(order_start: np.ndarray) -> tuple[int, int, int]:
    """Of samples, of bounds, of coarse ones."""
    bounds = int(order_start[min(_BOUNDED_ORDERS, len(order_start) - 1)]) >> BLOCK_BITS
    return (int(order_start[-1]) >> SAMPLE_BITS) + 1 + WINDOW, bounds, -(-bounds >> (COARSE_BITS - BLOCK_BITS))
