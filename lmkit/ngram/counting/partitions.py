"""A text's n-grams as sorted records, one partition of their range after the other."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import queue
from collections.abc import Iterator

import numpy as np

from lmkit.ngram.counting import _kernels_records as kernels
from lmkit.ngram.counting.workspace import PooledScratch, Scratch, Workspace

_SAMPLES = 64
"""Sampled records a partition, from which the borders within a frequent word are chosen."""
_BOS = 1  # Vocabulary.BOS
_PIECE = 256
"""Tokens in a row that are sampled together."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How `order` words of `bits` bits each lie in `keys` uint64 keys."""

    order: int
    keys: int
    bits: int
    words_a_key: int
    words_in_last: int

    @classmethod
    def of(cls, vocabulary_size: int, order: int) -> Layout:
        bits = max(2, (vocabulary_size - 1).bit_length())
        keys = -(-order // (64 // bits))
        words = -(-order // keys)  # evenly, so that sorting by the first key has less to do
        keys = -(-order // words)
        return cls(order, keys, bits, words, order - (keys - 1) * words)

    @property
    def array(self) -> np.ndarray:
        """int64 (4,), as the kernels take it."""
        return np.array([self.keys, self.bits, self.words_a_key, self.words_in_last], np.int64)


@dataclasses.dataclass(frozen=True)
class Text:
    """The sentences to count: see `count_ngrams`."""

    ids: np.ndarray
    offsets: np.ndarray
    boundaries: bool

    def pieces(self, parts: int) -> list[tuple[int, int]]:
        """The sentences in at most so many stretches of about equal size."""
        sentences = len(self.offsets) - 1
        weights = self.offsets[1:] + np.arange(1, sentences + 1) - self.offsets[0]  # an empty sentence takes time, too
        inner = np.searchsorted(weights, np.linspace(0, weights[-1], parts + 1)[1:-1]).tolist() if sentences else []
        borders = np.unique(np.array([0, *inner, sentences]))
        return list(itertools.pairwise(borders.tolist()))


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which partition a record belongs to: see `_kernels_records.py` for the arrays. Partitions are in the order of records."""

    first_part: np.ndarray
    last_part: np.ndarray
    lower_keys: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.first_part, self.last_part, self.lower_keys

    def __len__(self) -> int:
        return len(self.lower_keys)


@dataclasses.dataclass
class Chunk:
    """The levels of one partition's n-grams. The indices in `first_child` count from the chunk's own first n-gram of the level above.

    Attributes
    ----------
    words, counts, first_child : one array (G,) an order; no first_child for the highest; empty counts below it where they are not wanted.
    first_record, last_record : uint64 (K,).
    records : how many it was made from.
    """

    words: list[np.ndarray]
    counts: list[np.ndarray]
    first_child: list[np.ndarray]
    first_record: np.ndarray
    last_record: np.ndarray
    records: int


def make_plan(text: Text, layout: Layout, record_counts: np.ndarray, target: int) -> Plan:
    """Partitions of about `target` records. `record_counts` : int64 (V,), records that begin with each word."""
    size = len(record_counts)
    first_part, last_part = np.empty(size, np.int32), np.empty(size, np.int32)
    frequent = np.flatnonzero(record_counts > target)  # these words get partitions of their own
    samples = _sample_first_keys(text, layout, frequent, record_counts, target)
    lower_keys: list[np.ndarray] = []
    parts = start = 0
    for word in [*frequent.tolist(), size]:
        if word > start:  # a stretch of less frequent words: whole words share a partition
            before = np.cumsum(record_counts[start:word]) - record_counts[start:word]
            here = (before // target).astype(np.int32)
            first_part[start:word] = last_part[start:word] = parts + here
            parts += int(here[-1]) + 1
            lower_keys.append(np.zeros(int(here[-1]) + 1, np.uint64))
        if word < size:
            borders = _borders(
                samples[samples >> np.uint64((layout.words_a_key - 1) * layout.bits) == word], int(record_counts[word]) // target
            )
            first_part[word], last_part[word] = parts, parts + len(borders) - 1
            parts += len(borders)
            lower_keys.append(borders)
        start = word + 1
    return Plan(first_part, last_part, np.concatenate(lower_keys))


def _borders(samples: np.ndarray, parts: int) -> np.ndarray:
    """Smallest first keys of at most so many partitions of one word, the first 0."""
    inner = np.sort(samples)[np.linspace(0, len(samples), max(parts, 1) + 1)[1:-1].astype(np.int64)] if len(samples) else samples
    return np.concatenate([np.zeros(1, np.uint64), np.unique(inner)])


def _sample_first_keys(text: Text, layout: Layout, words: np.ndarray, record_counts: np.ndarray, target: int) -> np.ndarray:
    """First keys of some of the records that begin with these words, from pieces of text at even distances."""
    if not len(words):
        return np.empty(0, np.uint64)
    part = np.ones(len(record_counts), np.int32)
    part[words] = 0
    tokens = int(text.offsets[-1] - text.offsets[0])
    pieces = max(
        1, _SAMPLES * int(record_counts[words].sum() // target + 1) * int(record_counts.sum()) // int(record_counts[words].sum()) // _PIECE
    )
    found = []
    for start in np.unique(np.linspace(0, max(tokens - _PIECE, 0), pieces + 1).astype(np.int64)) + text.offsets[0]:
        ids = np.array(text.ids[start : start + _PIECE])
        borders = text.offsets[np.searchsorted(text.offsets, start, "right") : np.searchsorted(text.offsets, start + len(ids))] - start
        offsets = np.concatenate([[0], borders, [len(ids)]]).astype(np.int64)
        cursors = np.zeros(1, np.int64)
        keys = np.empty((len(ids) + len(offsets)) * layout.keys, np.uint64)
        kernels.place_records(
            ids, offsets, 0, len(offsets) - 1, text.boundaries, layout.array, part, part, np.zeros(2, np.uint64), 0, 1, cursors, keys
        )
        found.append(keys.reshape(-1, layout.keys)[: cursors[0], 0].copy())
    return np.concatenate(found)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is read off the records.

    Attributes
    ----------
    wide : whether counts and indices may need 64 bits.
    lower_counts : whether counts are wanted below the highest order for all n-grams, or for those that begin with `<unk>` or `<s>` only.
    """

    wide: bool
    lower_counts: bool = True


def sorted_chunks(text: Text, layout: Layout, plan: Plan, workspace: Workspace, at_once: int, wanted: Wanted) -> Iterator[Chunk]:
    """The partitions' levels, in order. At most about `at_once` records are held at a time, one partition at least."""
    pieces = text.pieces(workspace.pieces(text.ids.nbytes))
    shares = np.zeros((len(pieces), len(plan)), np.int64)

    def count(piece: int) -> None:
        kernels.count_records(text.ids, text.offsets, *pieces[piece], text.boundaries, layout.array, *plan.arrays, shares[piece])
        workspace.drop(text.ids, text.offsets)

    def place(piece: int, low: int, high: int, cursors: np.ndarray, records: np.ndarray) -> None:
        kernels.place_records(
            text.ids, text.offsets, *pieces[piece], text.boundaries, layout.array, *plan.arrays, low, high, cursors[piece], records
        )
        workspace.drop(text.ids, text.offsets)

    workspace.run(count, range(len(pieces)))
    sizes = shares.sum(axis=0)
    for low, high in _groups(sizes, at_once):
        starts = np.concatenate([[0], np.cumsum(sizes[low:high])])
        if starts[-1] == 0:
            continue
        cursors = np.zeros_like(shares)
        cursors[:, low:high] = starts[:-1] + np.cumsum(shares[:, low:high], axis=0) - shares[:, low:high]
        records = workspace.scratch(int(starts[-1]) * layout.keys)
        workspace.run(functools.partial(place, low=low, high=high, cursors=cursors, records=records.array), range(len(pieces)))
        yield from _chunks_of_group(records, starts, layout, workspace, wanted)


def _groups(sizes: np.ndarray, at_once: int) -> Iterator[tuple[int, int]]:
    """Neighbouring partitions with at most `at_once` records together, or single ones."""
    low = 0
    while low < len(sizes):
        total = np.cumsum(sizes[low:])
        high = low + max(1, int(np.searchsorted(total, at_once, side="right")))
        yield low, high
        low = high


def _chunks_of_group(
    records: Scratch | PooledScratch, starts: np.ndarray, layout: Layout, workspace: Workspace, wanted: Wanted
) -> Iterator[Chunk]:
    keys = layout.keys
    largest = int(np.diff(starts).max())
    sorters: queue.SimpleQueue[_Sorter] = queue.SimpleQueue()
    for _ in range(workspace.threads):
        sorters.put(_Sorter(layout, largest, wanted))

    def read(part: int) -> Chunk | None:
        low, high = int(starts[part]), int(starts[part + 1])
        if low == high:
            return None
        sorter = sorters.get()
        try:
            return sorter.read(records.array[low * keys : high * keys])
        finally:
            sorters.put(sorter)
            records.discard(low * keys, high * keys)

    for chunk in workspace.map(read, range(len(starts) - 1)):
        if chunk is not None:
            yield chunk


class _Sorter:
    """Sorts partitions and reads their levels off, one at a time, in buffers of its own."""

    def __init__(self, layout: Layout, largest: int, wanted: Wanted) -> None:
        self._layout = layout
        self._lower_counts = wanted.lower_counts
        self._integer = np.int64 if wanted.wide else np.int32
        self._spare = np.empty(largest * layout.keys, np.uint64)
        self._common, self._lengths = np.empty(largest, np.uint8), np.empty(largest, np.uint8)
        self._histogram, self._stack = np.empty((6, 2048), np.int64), np.empty(128, np.int64)

    def read(self, records: np.ndarray) -> Chunk:
        layout, shape = self._layout, self._layout.array
        keys, order = layout.keys, layout.order
        count = len(records) // keys
        if kernels.sort_records(records, self._spare, count, keys, self._histogram, self._stack):
            records = self._spare[: count * keys]
        sizes = np.empty(order, np.int64)
        kernels.compare_neighbours(records, count, shape, order, self._common, self._lengths, sizes)
        chunk = Chunk([], [], [], records[:keys].copy(), records[-keys:].copy(), count)
        first_word = int(records[0] >> np.uint64((layout.words_a_key - 1) * layout.bits))
        for level, size in enumerate(sizes.tolist()):
            has_counts = self._lower_counts or level + 1 == order or first_word <= _BOS
            words, counts = np.empty(size + 1, np.uint32), np.empty((size + 1) * has_counts, self._integer)
            first_child = np.empty((size + 1) * (level + 1 < order), self._integer)
            kernels.read_level(records, count, shape, level, self._common, self._lengths, words, counts, first_child)
            chunk.words.append(words[:size])
            chunk.counts.append(counts[:size])
            chunk.first_child.append(first_child[:size])
        return chunk


def shared_words(a: np.ndarray, b: np.ndarray, layout: Layout) -> int:
    """Number of leading words that two records share, at most the length of b."""
    common, lengths, sizes = np.empty(2, np.uint8), np.empty(2, np.uint8), np.empty(layout.order, np.int64)
    kernels.compare_neighbours(np.concatenate([a, b]), 2, layout.array, layout.order, common, lengths, sizes)
    return int(common[1])
