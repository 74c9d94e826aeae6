"""N-grams in any order, as files hold them, built into the levels of a trie."""

from __future__ import annotations

import itertools

import numpy as np

from lmkit.errors import FormatError
from lmkit.ngram.formats import _kernels_levels as kernels
from lmkit.ngram.querying.backoff import BackoffTrie

_MAXIMUM_LEVEL = 2**32 - 2  # nodes of one order are numbered in 32 bits while they are built


class RepeatedNgram(Exception):
    """An n-gram stands there twice; `row` is the row of its second occurrence."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class LevelBuilder:
    """Takes the n-grams of one order after the other, 1-grams first, and sorts each by context and word.

    A context that is missing as an n-gram of its own (SRILM can prune it) is inserted with its backed-off probability and a back-off weight
    of 1, which changes no score.

    Attributes
    ----------
    words, first_children, log10_probabilities, log10_back_offs : one array an order; see `BackoffTrie.from_levels`.
    inserted : number of contexts that were missing.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.words: list[np.ndarray] = []
        self.first_children: list[np.ndarray] = []
        self.log10_probabilities: list[np.ndarray] = []
        self.log10_back_offs: list[np.ndarray] = []
        self.inserted = 0
        self._hashes: list[np.ndarray | None] = []
        self._tables: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    def of_trie(cls, trie: BackoffTrie, where: str) -> LevelBuilder:
        """The levels of a trie."""
        result = cls(where)
        starts = [int(start) for start in trie.order_start]
        first_child, prob, bow = trie.first_child, trie.log10_prob, trie.log10_bow
        for order, (start, stop) in enumerate(itertools.pairwise(starts), 1):
            result.words.append(trie.word[start:stop])
            result.log10_probabilities.append(prob[start:stop])
            if order < trie.order:
                result.first_children.append(first_child[start : stop + 1].astype(np.int64) - stop)
            result.log10_back_offs.append(bow[start:stop] if order < trie.order else np.zeros(stop - start, np.float32))
            result._hashes.append(None)
        return result

    @property
    def order(self) -> int:
        return len(self.words)

    def add_unigrams(self, log10_probabilities: np.ndarray, log10_back_offs: np.ndarray) -> None:
        """float32 (V,) each, by word id."""
        self.words.append(np.arange(len(log10_probabilities), dtype=np.uint32))
        self.log10_probabilities.append(log10_probabilities)
        self.log10_back_offs.append(log10_back_offs)
        self._hashes.append(None)

    def add(
        self,
        ids: np.ndarray,
        log10_probabilities: np.ndarray,
        log10_back_offs: np.ndarray,
    ) -> None:
        """The n-grams of the next order.

        Parameters
        ----------
        ids : int32 (N, n), word ids, each below the number of unigrams.
        log10_probabilities, log10_back_offs : float32 (N,).

        Raises
        ------
        RepeatedNgram : if one stands there twice.
        """
        if len(ids) > _MAXIMUM_LEVEL:
            raise FormatError(f"{self.where}: has {len(ids):,} n-grams of one order; lmkit reads at most {_MAXIMUM_LEVEL:,}.")
        contexts = self._contexts(ids)
        word_bits = max(1, (len(self.words[0]) - 1).bit_length())
        keys = np.empty(len(ids), np.uint64)
        rising = kernels.sort_keys_of(contexts, ids, word_bits, keys)
        order: np.ndarray | None = None
        if not rising:
            keys, order = self._sort(keys, word_bits)
        words = np.empty(len(ids), np.uint32)
        first_child = np.empty(len(self.words[-1]) + 1, np.int64)
        repeated = kernels.split_keys(keys, word_bits, words, first_child)
        if repeated >= 0:
            raise RepeatedNgram(repeated if order is None else int(order[repeated]))
        self.first_children.append(first_child)
        self.words.append(words)
        self.log10_probabilities.append(log10_probabilities if order is None else log10_probabilities[order])
        self.log10_back_offs.append(log10_back_offs if order is None else log10_back_offs[order])
        self._hashes.append(None)

    def log10_of(self, ids: np.ndarray) -> np.ndarray:
        """float64 (R,): log10 p(last word | words before it) of rows of word ids (R, k), k <= order + 1, under what was added so far."""
        total = np.zeros(len(ids))
        open_rows = np.arange(len(ids))
        for start in range(ids.shape[1]):
            part = ids[open_rows, start:]
            length = part.shape[1]
            nodes = self.find(part) if length <= self.order else np.full(len(part), -1)
            found = nodes >= 0
            total[open_rows[found]] += self.log10_probabilities[length - 1][nodes[found]] if found.any() else 0.0
            open_rows = open_rows[~found]
            if length > 1 and len(open_rows):
                contexts = self.find(part[~found, :-1])
                weights = self.log10_back_offs[length - 2]
                total[open_rows] += np.where(contexts >= 0, weights[np.maximum(contexts, 0)] if len(weights) else 0.0, 0.0)
        return total

    def back_off_of(self, contexts: np.ndarray) -> np.ndarray:
        """float64 (R,): log10 back-off weight of contexts (R, k), k <= order; 0 where one is no n-gram."""
        nodes = self.find(contexts)
        weights = self.log10_back_offs[contexts.shape[1] - 1].astype(np.float64)
        return np.where(nodes >= 0, weights[np.maximum(nodes, 0)] if len(weights) else 0.0, 0.0)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """int64 (R,): place in its level of each n-gram (R, k), k <= order; -1 where there is none."""
        hashes = np.empty(len(ids), np.uint64)
        kernels.hash_rows(np.ascontiguousarray(ids, np.int32), ids.shape[1], hashes)
        return self._find(ids.shape[1], hashes)[0]

    def to_trie(self) -> BackoffTrie:
        """The query structure; empty highest orders are left out."""
        order = self.order
        while order > 1 and len(self.words[order - 1]) == 0:
            order -= 1
        return BackoffTrie.from_levels(
            self.words[:order], self.first_children[: order - 1], self.log10_probabilities[:order], self.log10_back_offs[: order - 1]
        )

    # -- contexts --------------------------------------------------------------------------------------------------------------------------

    def _contexts(self, ids: np.ndarray) -> np.ndarray:
        hashes = np.empty(len(ids), np.uint64)
        length = ids.shape[1] - 1
        kernels.hash_rows(ids, length, hashes)
        contexts, missing = self._find(length, hashes)
        if missing:
            rows = np.unique(ids[contexts < 0, :-1], axis=0)
            self._insert(rows)
            contexts, _ = self._find(length, hashes)
        if length >= 2:
            self._tables.pop(length, None)
        return contexts

    def _insert(self, rows: np.ndarray) -> None:
        """Add n-grams to the highest order so far."""
        length = rows.shape[1]
        own = np.concatenate([self.expanded(length), rows]).astype(np.int32)
        probabilities, back_offs = self.log10_probabilities.pop(), self.log10_back_offs.pop()
        for level in (self.words, self.first_children, self._hashes):
            level.pop()
        self._tables.clear()
        self._contexts(own)  # inserts the contexts' own contexts first
        added = self.log10_of(rows).astype(np.float32)
        self.inserted += len(rows)
        self.add(own, np.concatenate([probabilities, added]), np.concatenate([back_offs, np.zeros(len(rows), np.float32)]))

    def expanded(self, length: int) -> np.ndarray:
        """int32 (N, length): the words of all n-grams of a level, in its order."""
        ids = np.empty((len(self.words[length - 1]), length), np.int32)
        nodes = np.arange(len(ids))
        for level in range(length - 1, -1, -1):
            ids[:, level] = self.words[level][nodes]
            if level > 0:
                parents = np.repeat(np.arange(len(self.words[level - 1])), np.diff(self.first_children[level - 1]))
                nodes = parents[nodes]
        return ids

    def _find(self, length: int, hashes: np.ndarray) -> tuple[np.ndarray, int]:
        nodes = np.empty(len(hashes), np.int64)
        missing = kernels.find_nodes(hashes, *self._table(length), nodes)
        return nodes, missing

    def _table(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        if length not in self._tables:
            hashes = self._hashes_of(length)
            slots = 1 << max(4, (len(hashes) * 4 // 3).bit_length())
            table = np.empty(slots, np.uint64), np.zeros(slots, np.uint32)
            kernels.fill_table(hashes, *table)
            self._tables[length] = table
        return self._tables[length]

    def _hashes_of(self, length: int) -> np.ndarray:
        known = self._hashes[length - 1]
        if known is None and length == 1:
            known = np.empty(len(self.words[0]), np.uint64)
            kernels.hash_rows(np.arange(len(known), dtype=np.int32)[:, None], 1, known)
            self._hashes[0] = known
        if known is None:
            known = np.empty(len(self.words[length - 1]), np.uint64)
            kernels.hash_children(self._hashes_of(length - 1), self.first_children[length - 2], self.words[length - 1], known)
            self._hashes[length - 1] = known
            if length > 2:
                self._hashes[length - 2] = None  # not needed again, as a rule
        return known

    def _sort(self, keys: np.ndarray, word_bits: int) -> tuple[np.ndarray, np.ndarray]:
        bits = word_bits + max(1, (len(self.words[-1]) - 1).bit_length())
        order = np.arange(len(keys), dtype=np.uint32)
        spare_keys, spare_order = np.empty_like(keys), np.empty_like(order)
        if kernels.radix_sort(keys, order, spare_keys, spare_order, bits):
            return spare_keys, spare_order
        return keys, order


def with_all_suffixes(levels: LevelBuilder) -> LevelBuilder:
    """The same model with every n-gram's suffixes as n-grams: what is missing gets its backed-off probability and a back-off of 1.

    SRILM can prune "b c" while "a b c" stays. No score changes.
    """
    missing: list[np.ndarray] = [np.empty((0, order), np.int32) for order in range(1, levels.order + 1)]
    for order in range(levels.order, 2, -1):
        rows = np.concatenate([levels.expanded(order), missing[order - 1]])
        # an inserted n-gram needs its context, which the one it comes from has as a suffix of its own context
        wanted = np.concatenate([rows[:, 1:], missing[order - 1][:, :-1]])
        absent = wanted[levels.find(wanted) < 0]
        missing[order - 2] = np.unique(absent, axis=0)
    if not any(len(rows) for rows in missing):
        return levels
    result = LevelBuilder(levels.where)
    result.add_unigrams(levels.log10_probabilities[0], levels.log10_back_offs[0])
    for order in range(2, levels.order + 1):
        rows = missing[order - 1]
        result.add(
            np.concatenate([levels.expanded(order), rows]),
            np.concatenate([levels.log10_probabilities[order - 1], levels.log10_of(rows).astype(np.float32)]),
            np.concatenate([levels.log10_back_offs[order - 1], np.zeros(len(rows), np.float32)]),
        )
    result.inserted = sum(len(rows) for rows in missing)
    return result
