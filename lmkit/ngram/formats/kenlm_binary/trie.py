"""KenLM's tries into levels. They are tries over reversed n-grams: a node's children are the words that stand in front of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.ngram.formats.kenlm_binary import _kernels_packed as kernels
from lmkit.ngram.formats.kenlm_binary.header import ARRAY_TRIE, QUANT_ARRAY_TRIE, QUANT_TRIE, BinaryFile
from lmkit.ngram.formats.kenlm_binary.words import Words, read_words
from lmkit.ngram.formats.levels import LevelBuilder, RepeatedNgram

_QUANTISATION_VERSION = 2
_ARRAY_VERSION = 0
_UNIGRAM = np.dtype([("log10_prob", "<f4"), ("log10_bow", "<f4"), ("next", "<u8")])
_MAXIMUM_BITS = 25
_SPARE = 8  # bytes behind packed records, so that eight can be read at once


def bits_for(value: int) -> int:
    """Bits that hold the numbers up to `value`."""
    return value.bit_length()


@dataclasses.dataclass(frozen=True)
class PointerArray:
    """KenLM's variant of Bhiksha: the high bits of the sorted pointers are not stored with each, but as the places where they change.

    inline_bits : low bits that stand in each record; entries : uint64 numbers of the array, the place where each high part begins.
    """

    inline_bits: int
    entries: int

    @classmethod
    def of(cls, records: int, largest: int, maximum_bits: int) -> PointerArray:
        """The cut that takes least memory for so many records: an entry costs 64 bits, a bit cut saves one a record."""
        required = bits_for(largest)
        costs = [(largest >> (required - cut)) * 64 - records * cut for cut in range(min(required, maximum_bits) + 1)]
        cut = int(np.argmin(costs))
        return cls(required - cut, (largest >> (required - cut)) + 1)

    @property
    def size(self) -> int:
        return 8 * (1 + self.entries) + 7


def read_trie(file: BinaryFile) -> tuple[LevelBuilder, Words]:
    """All n-grams of a trie file, with their words.

    Raises
    ------
    FormatError : if the file is cut or its parts contradict each other.
    """
    return _TrieReader(file).read()


class _TrieReader:
    def __init__(self, file: BinaryFile) -> None:
        self.file = file
        self.counts = [int(count) for count in file.header.counts]
        self.order = file.header.order
        kind = file.header.kind
        self.is_quantised = kind in (QUANT_TRIE, QUANT_ARRAY_TRIE)
        self.has_arrays = kind in (ARRAY_TRIE, QUANT_ARRAY_TRIE)
        # nothing is trusted before the counts are seen to fit: a record takes at least a bit, or a tenth of a byte
        least = file.header.size + 24 * self.counts[0] + sum(self.counts[1:]) // 8
        file.check_size(least, "tries")
        self.at = file.header.size + 8 + 8 * self.counts[0]
        self.word_bits = bits_for(self.counts[0])

    def read(self) -> tuple[LevelBuilder, Words]:
        stored = int(self.file.array(self.file.header.size, 1, np.uint64)[0])
        if stored + 1 != self.counts[0]:
            raise self.file.damaged(f"its vocabulary has {stored:,} words besides <unk>, but {self.counts[0]:,} 1-grams")
        self._read_tables()
        unigrams = self._take(_UNIGRAM.itemsize * (self.counts[0] + 2)).view(_UNIGRAM)
        borders = self._borders(unigrams["next"][: self.counts[0] + 1].astype(np.int64), 1)
        middles = [self._middle(order) for order in range(2, self.order)]
        longest = self._longest()
        words = read_words(self.file, self.at, self.counts[0])
        return self._build(unigrams, borders, [*middles, longest], words), words

    def _build(self, unigrams: np.ndarray, borders: np.ndarray, levels: list[tuple[np.ndarray, ...]], words: Words) -> LevelBuilder:
        builder = LevelBuilder(str(self.file.path))
        size = len(words.vocabulary)
        log10_prob, log10_bow = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32)
        log10_prob[words.ids], log10_bow[words.ids] = (
            _zeros(unigrams["log10_prob"][: len(words.ids)]),
            unigrams["log10_bow"][: len(words.ids)],
        )
        builder.add_unigrams(log10_prob, log10_bow)
        suffixes = words.ids[:, None]
        for order, (own, log10_prob, log10_bow, following) in enumerate(levels, 2):
            if len(own) and int(own.max()) >= len(words.ids):
                raise self.file.damaged(f"one of its {order}-grams names a word that it hasn't")
            if not kernels.rises_within(own, borders):
                raise self.file.damaged(f"its {order}-grams are out of order")
            ids = np.empty((len(own), order), np.int32)
            kernels.spell(words.ids[own], borders, suffixes, ids)
            try:
                builder.add(ids, _zeros(log10_prob), log10_bow)
            except RepeatedNgram:
                raise self.file.damaged(f"one of its {order}-grams stands there twice") from None
            suffixes, borders = ids, following
        return builder

    # -- parts -------------------------------------------------------------------------------------------------------------------------

    def _take(self, size: int) -> np.ndarray:
        """The next so many bytes."""
        self.file.check_size(self.at + size, "a trie")
        raw = self.file.bytes[self.at : self.at + size]
        self.at += size
        return raw

    def _read_tables(self) -> None:
        """The values that quantised weights stand for."""
        self.prob_tables: list[np.ndarray] = []
        self.bow_tables: list[np.ndarray] = []
        self.prob_bits, self.bow_bits = 31, 32
        if not self.is_quantised:
            return
        version, self.prob_bits, self.bow_bits = (int(value) for value in self._take(8)[:3])
        if version != _QUANTISATION_VERSION or not (1 <= self.prob_bits <= _MAXIMUM_BITS and 1 <= self.bow_bits <= _MAXIMUM_BITS):
            raise self.file.damaged(f"quantisation of version {version} in {self.prob_bits} and {self.bow_bits} bits can't be read")
        for _ in range(self.order - 2):
            self.prob_tables.append(self._take(4 << self.prob_bits).view("<f4"))
            self.bow_tables.append(self._take(4 << self.bow_bits).view("<f4"))
        self.prob_tables.append(self._take(4 << self.prob_bits).view("<f4"))

    def _middle(self, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Words, log10 probabilities, log10 back-off weights and borders (N+1,) of the children of all n-grams of an order."""
        count, largest = self.counts[order - 1], self.counts[order]
        inline, high = bits_for(largest), None
        if self.has_arrays:
            inline, high = self._pointer_array(count + 1, largest)
        weights = self.prob_bits + self.bow_bits
        width = self.word_bits + weights + inline
        data = self._records(count + 1, width)
        words = self._unpack(data, 0, width, self.word_bits, count, np.uint32)
        if self.is_quantised:
            bow = self.bow_tables[order - 2][self._unpack(data, self.word_bits, width, self.bow_bits, count, np.uint32)]
            prob = self.prob_tables[order - 2][self._unpack(data, self.word_bits + self.bow_bits, width, self.prob_bits, count, np.uint32)]
        else:
            prob = self._negative(data, width, count)
            bow = self._unpack(data, self.word_bits + 31, width, 32, count, np.uint32).view(np.float32)
        pointers = self._unpack(data, self.word_bits + weights, width, inline, count + 1, np.int64)
        if high is not None:
            pointers |= (np.searchsorted(high, np.arange(count + 1), side="right") - 1).astype(np.int64) << inline
        return words, prob, bow, self._borders(pointers, order)

    def _longest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        count = self.counts[-1]
        width = self.word_bits + self.prob_bits
        data = self._records(count + 1, width)
        words = self._unpack(data, 0, width, self.word_bits, count, np.uint32)
        if self.is_quantised:
            prob = self.prob_tables[-1][self._unpack(data, self.word_bits, width, self.prob_bits, count, np.uint32)]
        else:
            prob = self._negative(data, width, count)
        return words, prob, np.zeros(count, np.float32), np.empty(0, np.int64)

    def _negative(self, data: np.ndarray, width: int, count: int) -> np.ndarray:
        """Probabilities, whose sign bit is not stored."""
        return (self._unpack(data, self.word_bits, width, 31, count, np.uint32) | np.uint32(1 << 31)).view(np.float32)

    def _records(self, count: int, width: int) -> np.ndarray:
        return self._take((count * width + 7) // 8 + _SPARE)

    def _unpack(self, data: np.ndarray, bit: int, width: int, bits: int, count: int, dtype: type) -> np.ndarray:
        values: np.ndarray = np.empty(count, dtype)
        if bits > 57:
            raise self.file.damaged(f"records of {bits} bits can't be")
        kernels.unpack(data, bit, width, bits, values)
        return values

    def _pointer_array(self, records: int, largest: int) -> tuple[int, np.ndarray]:
        """Low bits that stand in each record, and the record at which each high part begins."""
        start = self.at
        self.file.check_size(start + 16, "a trie")
        version, maximum_bits = (int(value) for value in self.file.bytes[start : start + 2])
        if version != _ARRAY_VERSION:
            raise self.file.damaged(f"pointers compressed by version {version} can't be read")
        layout = PointerArray.of(records, largest, maximum_bits)
        self._take(layout.size)
        at = (start + 7) // 8 * 8 + 8  # KenLM aligns in memory; the file is mapped from its first byte
        high = self.file.array(at, layout.entries, np.uint64)
        if high[0] != 0 or bool((high[1:] < high[:-1]).any()) or int(high[-1]) > records:
            raise self.file.damaged("its compressed pointers don't rise")
        return layout.inline_bits, high.astype(np.int64)

    def _borders(self, borders: np.ndarray, order: int) -> np.ndarray:
        if borders[0] != 0 or int(borders[-1]) != self.counts[order] or bool((borders[1:] < borders[:-1]).any()):
            raise self.file.damaged(f"the children of its {order}-grams don't fit its {self.counts[order]:,} {order + 1}-grams")
        return borders


def _zeros(log10: np.ndarray) -> np.ndarray:
    """ARPA's -99 as a probability of 0. KenLM knows none and keeps the -99."""
    return np.where(log10 <= -99, -np.inf, log10).astype(np.float32)
