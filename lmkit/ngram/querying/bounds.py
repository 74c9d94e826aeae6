"""Upper bounds of probabilities, by which lists of next words pass over what can't enter them.

The probabilities of a frequent word's successors, or of a whole vocabulary, lie on hundreds of pages of a mapped file. To find the ten
highest among them, a bound for every 64 of them is read instead; it is part of the model's file.
"""

from __future__ import annotations

import threading

import numpy as np

from lmkit.ngram.querying._kernels_successors import BLOCK_BITS

_BOUNDED_ORDERS = 3
"""Contexts of 0 to 2 words have many children; those of longer ones are few and read as they lie."""


class BlockBounds:
    """The highest log10 probability of every 64 nodes of a trie, of the orders 1 to 3, collected while the trie is laid out.

    Parameters
    ----------
    order_start : first node of each order, and their number; see `BackoffTrie`.

    Attributes
    ----------
    values : float32 (B,), one for each whole 64 nodes within those orders.
    """

    def __init__(self, order_start: np.ndarray) -> None:
        self.values = np.full(int(order_start[min(_BOUNDED_ORDERS, len(order_start) - 1)]) >> BLOCK_BITS, -np.inf, np.float32)
        self._lock = threading.Lock()

    def add(self, start: int, log10_prob: np.ndarray) -> None:
        """Take in the probabilities of the nodes from `start` on, in any order and from any thread."""
        part = log10_prob[: max((len(self.values) << BLOCK_BITS) - start, 0)]
        if not len(part):
            return
        first, last = start >> BLOCK_BITS, (start + len(part) - 1) >> BLOCK_BITS
        borders = np.maximum((np.arange(first, last + 1) << BLOCK_BITS) - start, 0)
        highest = np.maximum.reduceat(part, borders)
        with self._lock:  # the blocks at both ends may be another thread's too
            own = self.values[first : last + 1]
            np.maximum(own, highest, out=own)
