"""The forward index of an n-gram model: the most probable next words, and draws, without going through the vocabulary."""

from __future__ import annotations

import functools

import numpy as np

from lmkit.errors import FormatError
from lmkit.ngram.querying import _kernels_successors as kernels
from lmkit.ngram.querying._kernels_query import ROOT, is_state
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.ngram.querying.compact import CompactTrie

_CUMULATED_ORDERS = 3
"""Running sums are kept up to this order: contexts of 0 to 2 words have many children, those of longer ones are few and summed on the
way."""


def index_of(trie: BackoffTrie | CompactTrie, vocabulary_size: int, begin_id: int) -> Successors | CompactSuccessors:
    """The forward index of a model in either form."""
    kind = CompactSuccessors if isinstance(trie, CompactTrie) else Successors
    return kind(trie, vocabulary_size, begin_id)  # type: ignore[arg-type]


class Successors:
    """Lists and draws next words of a trie. For draws it makes 8 bytes for each node of the lowest orders at the first use.

    Parameters
    ----------
    trie : the model.
    vocabulary_size : number of words V, specials included.
    begin_id : id of <s>, which is never predicted.
    """

    def __init__(self, trie: BackoffTrie, vocabulary_size: int, begin_id: int) -> None:
        self.trie = trie
        self.vocabulary_size = vocabulary_size
        self.begin_id = begin_id

    @functools.cached_property
    def _cumulative(self) -> np.ndarray:
        stop = int(self.trie.order_start[min(_CUMULATED_ORDERS, self.trie.order)])
        below = len(self.trie.nodes) - 1
        log10 = np.concatenate([self.trie.nodes["log10_prob"][: min(stop, below)], self.trie.leaves["log10_prob"][: max(stop - below, 0)]])
        linear = 10.0 ** log10.astype(np.float64)
        linear[self.begin_id] = 0.0
        return np.cumsum(linear, out=linear)

    def top(self, state: int | np.integer, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The most probable words after a state: ids int64, log10 probabilities float64, n-gram lengths int8, at most `count`, most
        probable first.

        Words with probability 0 are not listed.
        """
        arrays = (self.trie.word, self.trie.nodes, self.trie.leaves, self.trie.order_start)
        ids, values, lengths, damaged = kernels.top_successors(
            int(state), min(count, self.vocabulary_size), self.begin_id, self.vocabulary_size, *self.trie.landmarks.for_lists, *arrays
        )
        if damaged:
            raise FormatError(
                f"{self.trie.where}: its n-grams don't fit together; the file is damaged, so train or convert the model again."
            )
        listed = int(np.count_nonzero(ids >= 0))
        return ids[:listed], values[:listed], lengths[:listed]

    def draw(
        self, states: np.ndarray, longest: int, rng: np.random.Generator, *, end_id: int, refused_id: int = -1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Continue each of S histories, drawing word after word from the model's distribution.

        Returns
        -------
        ids : int32 (S, longest), of which the first lengths[s] of each row count; lengths : int64 (S,). The end of a sentence is left out.
        """
        ids = np.zeros((len(states), longest), np.int32)
        lengths = np.zeros(len(states), np.int64)
        damaged = kernels.draw_sentences(
            np.ascontiguousarray(states, np.int64), longest, end_id, refused_id, rng, self._cumulative, self.vocabulary_size,
            np.empty(self.trie.order + 2, np.int64), self.trie.word, self.trie.nodes, self.trie.leaves, ids, lengths,
        )  # fmt: skip
        if damaged:
            raise FormatError(
                f"{self.trie.where}: its n-grams don't fit together; the file is damaged, so train or convert the model again."
            )
        return ids, lengths


class CompactSuccessors:
    """The same for the compact form: lists in time that grows with the vocabulary, and draws from a fast form that is made in memory at the
    first draw."""

    def __init__(self, trie: CompactTrie, vocabulary_size: int, begin_id: int) -> None:
        self.trie = trie
        self.vocabulary_size = vocabulary_size
        self.begin_id = begin_id

    @functools.cached_property
    def _fast(self) -> Successors:
        return Successors(self.trie.expand(), self.vocabulary_size, self.begin_id)

    def top(self, state: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Successors.top`, in time that grows with the vocabulary: some milliseconds for a million words."""
        return self.trie.top_successors(state, min(count, self.vocabulary_size), self.begin_id)

    def draw(
        self, states: np.ndarray, longest: int, rng: np.random.Generator, *, end_id: int, refused_id: int = -1
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Successors.draw`."""
        different, place = np.unique(states, axis=0, return_inverse=True)
        fast = np.array([self._fast_state(state) for state in different], np.int64)
        return self._fast.draw(fast[place.reshape(-1)], longest, rng, end_id=end_id, refused_id=refused_id)

    def _fast_state(self, state: np.ndarray) -> int:
        """The node in the fast form of the longest suffix that the state knows and that matters as a context."""
        trie = self._fast.trie
        for level in range(trie.order - 2, -1, -1):
            node = int(trie.order_start[level] + state[level])
            if state[level] >= 0 and is_state(node, trie.nodes):
                return node
        return ROOT
