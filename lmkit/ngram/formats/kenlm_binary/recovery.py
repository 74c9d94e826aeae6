"""Finding the words of n-grams again of which KenLM's hash tables hold only hashes.

Of order 2 every pair of a word that can begin a bigram and one that can end one is tested. Of a higher order, w1..wn can be there only if
its context w1..wn-1 and its suffix w2..wn are (KenLM sees to both), and both are marked as going on; so for each middle w2..wn-1 every
pair of a first word and a last word is tested. A test is one xor and one bit of a filter; long lists are cut so that the piece of the
filter stays in the L1 cache. The time is that of the pairs: about the square of the vocabulary at order 2, and the sum of (words before)
* (words after) over all middles above.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lmkit import _progress
from lmkit.errors import FormatError
from lmkit.ngram.formats.kenlm_binary import _kernels_probing as probing_kernels
from lmkit.ngram.formats.kenlm_binary import _kernels_recovery as kernels
from lmkit.ngram.formats.kenlm_binary.probing import ProbingTables
from lmkit.ngram.formats.levels import LevelBuilder, RepeatedNgram

_LONG = 1 << 21
"""Groups of so many pairs are parted."""
_BITS_A_HASH = 64
_PIECE_BITS = 17
"""Bits of the filter that fit the nearest cache beside the lists: 16 kB."""
_PART = 64
"""Members of a list that a part should have at least."""
_TASKS = 64


class _Table:
    """One order's table with its filter."""

    def __init__(self, tables: ProbingTables, order: int) -> None:
        words, _, starts, buckets, strides = tables.tables
        place = words, int(starts[order - 1]), int(buckets[order - 1]), int(strides[order - 1])
        self.entries = kernels.count_entries(*place)
        self.bits = max(10, (self.entries * _BITS_A_HASH).bit_length())
        filter_bits = np.zeros(1 << (self.bits - 6), np.uint64)
        kernels.fill_filter(*place, filter_bits, 64 - self.bits)
        self.arguments: tuple[Any, ...] = (*place, filter_bits, 64 - self.bits)


def recover(tables: ProbingTables, threads: int = 2) -> LevelBuilder:
    """All n-grams of hash tables, with their words.

    Raises
    ------
    FormatError : if some entries belong to no n-gram that could be there.
    """
    assert tables.words is not None
    _, _, starts, _, strides = tables.tables
    builder = LevelBuilder(str(tables.path))
    bound = tables.bound
    places = starts[0] + strides[0] * np.arange(bound) - 2  # entries without a hash
    log10_prob, log10_bow, extends_left, extends_right = _entries(tables, places, True)
    size = len(tables.words.vocabulary)
    own_prob, own_bow = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32)
    own_prob[tables.words.ids], own_bow[tables.words.ids] = _zeros(log10_prob), log10_bow
    builder.add_unigrams(own_prob, own_bow)
    ids = np.arange(bound, dtype=np.int32)[:, None]  # KenLM's ids
    hashes = np.arange(bound, dtype=np.uint64)
    middles = 1
    contexts = suffixes = np.zeros(bound, np.int64)
    for order in range(2, tables.order + 1):
        table = _Table(tables, order)
        groups = _Groups(ids[:, 0], hashes, np.flatnonzero(extends_right), np.flatnonzero(extends_left), suffixes, contexts, middles)
        with _progress.Progress(f"finding {order}-grams", groups.pairs, "pair") as progress:
            found = _in_table_order(list(groups.found(table, threads, progress)))
        if len(found) < table.entries:
            raise FormatError(
                f"{tables.path}: of {table.entries:,} {order}-grams, {table.entries - len(found):,} have hashes that no words give; "
                "convert the ARPA file that it was built from."
            )
        middles, contexts, suffixes = len(ids), found[:, 0], found[:, 1]
        ids = np.concatenate([ids[contexts, :1], ids[suffixes]], axis=1)
        log10_prob, log10_bow, extends_left, extends_right = _entries(tables, found[:, 2], order < tables.order)
        if order < tables.order:
            hashes = np.empty(len(ids), np.uint64)
            probing_kernels.hash_ngrams(ids, hashes)
        try:
            builder.add(tables.words.ids[ids], _zeros(log10_prob), log10_bow)
        except RepeatedNgram:
            raise FormatError(
                f"{tables.path}: one of its {order}-grams stands there twice; the file is damaged, so copy it again."
            ) from None
    return builder


class _Groups:
    """N-grams that go on to the right and such that go on to the left, grouped by what they share: all words but one.

    begins, ends : their rows; suffixes[begins] and contexts[ends] : what they share, below `middles`.
    """

    def __init__(
        self, first_words: np.ndarray, hashes: np.ndarray, begins: np.ndarray, ends: np.ndarray, suffixes: np.ndarray, contexts: np.ndarray,
        middles: int,
    ) -> None:  # fmt: skip
        self.begins, self.left_borders = _grouped(begins, suffixes[begins], middles)
        self.ends, self.right_borders = _grouped(ends, contexts[ends], middles)
        self.lefts, self.rights = np.empty(len(begins), np.uint64), np.empty(len(ends), np.uint64)
        kernels.left_parts(first_words[self.begins], self.lefts)
        kernels.multiplied(hashes[self.ends], self.rights)
        self._pairs = np.diff(self.left_borders) * np.diff(self.right_borders)

    @property
    def pairs(self) -> int:
        return int(self._pairs.sum())

    def found(self, table: _Table, threads: int, progress: _progress.Progress) -> Iterator[np.ndarray]:
        """(row of the context, row of the suffix, place in the table) of all n-grams, int64 (F, 3)."""
        parts = {int(group): self._parted(int(group), table) for group in np.flatnonzero(self._pairs > _LONG)}
        with ThreadPoolExecutor(threads) as pool:
            for part, amount in pool.map(lambda task: task(), list(self._tasks(table, parts))):
                progress.advance(amount)
                part[:, 0], part[:, 1] = self.begins[part[:, 0]], self.ends[part[:, 1]]
                yield part

    def _tasks(self, table: _Table, parts: dict[int, tuple[np.ndarray, np.ndarray]]) -> Iterator[Any]:
        """Functions that return what a share of the pairs held, and how many pairs that was."""
        sums = np.concatenate([[0], np.cumsum(np.where(self._pairs <= _LONG, self._pairs, 0))])
        borders = np.unique(np.searchsorted(sums, np.linspace(0, sums[-1], _TASKS + 1)))
        borders[-1:] = len(self._pairs)
        lists = self.lefts, self.left_borders, self.rights, self.right_borders
        for first, last in itertools.pairwise(borders):
            yield functools.partial(_join, table, int(sums[last] - sums[first]), kernels.join_groups, first, last, _LONG, *lists)
        for group, (left_borders, right_borders) in parts.items():
            a, b, c, d = *self.left_borders[group : group + 2], *self.right_borders[group : group + 2]
            own = self.lefts[a:b], left_borders, self.rights[c:d], right_borders, a, c
            tasks = min(len(left_borders) - 1, -(-int(self._pairs[group]) // (16 * _LONG)))
            steps = np.linspace(0, len(left_borders) - 1, tasks + 1).astype(int)
            for first, last in itertools.pairwise(steps):
                amount = int(left_borders[last] - left_borders[first]) * int(d - c)
                yield functools.partial(_join, table, amount, kernels.join_parts, first, last, *own)

    def _parted(self, group: int, table: _Table) -> tuple[np.ndarray, np.ndarray]:
        """Sort the lists of a long group; where the parts of each by highest bits begin."""
        a, b, c, d = *self.left_borders[group : group + 2], *self.right_borders[group : group + 2]
        bits = max(0, min(table.bits - _PIECE_BITS, int(min(b - a, d - c) // _PART).bit_length() - 1))
        borders = []
        for values, rows, span in ((self.lefts, self.begins, slice(a, b)), (self.rights, self.ends, slice(c, d))):
            order = np.argsort(values[span])
            values[span], rows[span] = values[span][order], rows[span][order]
            inner = np.arange(1, 1 << bits, dtype=np.uint64) << np.uint64(64 - bits) if bits else np.empty(0, np.uint64)
            borders.append(np.concatenate([[0], np.searchsorted(values[span], inner), [span.stop - span.start]]).astype(np.int64))
        return borders[0], borders[1]


def _join(table: _Table, pairs: int, join: Any, *arguments: Any) -> tuple[np.ndarray, int]:
    """Run a join with room for what it may find, and again with more if that was too little; what it found, and the number of pairs."""
    size = min(pairs, max(1024, 4 * table.entries // _TASKS))
    while True:
        room = np.empty((size, 3), np.int64)
        used = join(*table.arguments, *arguments, room)
        if used < size or size >= pairs:
            return room[:used].copy(), pairs
        size = min(pairs, 4 * size)


def _grouped(nodes: np.ndarray, groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(groups, kind="stable")
    return nodes[order], np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=count))]).astype(np.int64)


def _in_table_order(parts: list[np.ndarray]) -> np.ndarray:
    """All that was found, in the order of the table."""
    found = np.concatenate([*parts, np.empty((0, 3), np.int64)])
    return found[np.argsort(found[:, 2], kind="stable")]


def _entries(tables: ProbingTables, places: np.ndarray, has_back_off: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    count = len(places)
    result = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.bool_), np.empty(count, np.bool_)
    kernels.read_entries(tables.tables[0], tables.tables[1], np.ascontiguousarray(places, np.int64), has_back_off, *result)
    return result


def _zeros(log10: np.ndarray) -> np.ndarray:
    return np.where(log10 <= -99, -np.inf, log10).astype(np.float32)
