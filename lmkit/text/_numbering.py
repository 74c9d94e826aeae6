"""Prepared text to ids, block by block: words through a growing hash table, characters and bytes through a table of symbols."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lmkit._memory import let_go
from lmkit.text._growing import Growing, GrowingFile
from lmkit.text.vocabulary import _SPECIAL_BLOB, _SPECIAL_OFFSETS, SPECIALS, Vocabulary, empty_table, frozen

LINES_KEEP, LINES_DROP, PARAGRAPHS, CONTINUOUS = 0, 1, 2, 3  # as in _kernels_words.py
_BATCH = 512  # words cut before they are looked up; fits the first-level cache
_FIRST_BLOB = 1 << 16  # bytes and types that fit before the first growth
_FIRST_TYPES = 1 << 12
_PIECE = 1 << 22  # ids looked at before memory is let go
_NEWLINE = np.array([10], np.uint8)


@dataclasses.dataclass
class Sighting:
    """How often something was seen, and where first: line from 1, document from 0."""

    count: int = 0
    line: int = 0
    document: int = 0


@dataclasses.dataclass
class Numbered:
    """What a numberer has read: see EncodedCorpus for the arrays."""

    ids: np.ndarray
    sentence_offsets: np.ndarray
    document_offsets: np.ndarray


class _Collector:
    """Gathers ids and ends of sentences and documents over blocks; in files of `folder` if one is given."""

    def __init__(self, folder: Path | None) -> None:
        self.ids, self.ends = (Growing(dtype) if folder is None else GrowingFile(dtype, folder) for dtype in (np.int32, np.int64))
        self.ends.append(np.zeros(1, np.int64))
        self._document_ends = [0]

    def end_document(self) -> None:
        self._document_ends.append(self.ends.size - 1)

    def take(self) -> Numbered:
        return Numbered(self.ids.take(), self.ends.take(), np.array(self._document_ends, np.int64))


class WordNumberer:
    """White-space separated words to ids, numbered by first appearance from 3 on; the literals <unk>, <s> and </s> are 0, 1 and 2.

    Parameters
    ----------
    mode : what a newline does: LINES_KEEP, LINES_DROP, PARAGRAPHS or CONTINUOUS.
    folder : where ids go while they are gathered; None: they stay in memory.
    """

    def __init__(self, mode: int, folder: Path | None = None) -> None:
        from lmkit.text import _kernels_words

        self._kernels = _kernels_words
        self._mode = mode
        self._collector = _Collector(folder)
        self._state = np.zeros(_kernels_words.STATE_SIZE, np.int64)
        self._state[_kernels_words.LINE] = self._state[_kernels_words.ENDS] = 1
        self._state[_kernels_words.TYPES] = len(SPECIALS)
        self._state[_kernels_words.BLOB_USED] = len(_SPECIAL_BLOB)
        self._blob = np.zeros(_FIRST_BLOB, np.uint8)
        self._blob[: len(_SPECIAL_BLOB)] = _SPECIAL_BLOB
        self._offsets = np.zeros(_FIRST_TYPES, np.int64)
        self._offsets[: len(_SPECIAL_OFFSETS)] = _SPECIAL_OFFSETS
        self._table = empty_table(len(SPECIALS))
        self._enter_specials()
        self._scratch = batch_scratch()
        self._at_line_start = True
        self._empty_document = True

    def _enter_specials(self) -> None:
        from lmkit.numeric import _kernels_hash

        _kernels_hash.build_table(frozen(self._blob), frozen(self._offsets), len(SPECIALS), self._table)

    def feed(self, data: np.ndarray) -> None:
        """Read a block of UTF-8: uint8 (n,), contiguous. No word may run on into the next block of the same document."""
        if not len(data):
            return
        kernels, collector = self._kernels, self._collector
        ids = collector.ids.reserve(len(data) // 2 + 1)
        ends = collector.ends.reserve(len(data) + 1)
        data = frozen(data)
        position = 0
        while True:
            position = kernels.number_words(
                data,
                position,
                self._mode,
                self._state,
                self._table,
                frozen(self._blob),
                frozen(self._offsets),
                self._blob,
                self._offsets,
                ids,
                ends,
                *self._scratch,
            )
            if position == len(data):
                break
            self._grow()
        collector.ids.settle(int(self._state[kernels.WORDS]))
        collector.ends.settle(int(self._state[kernels.ENDS]))
        self._at_line_start = data[-1] == 10
        self._empty_document = False

    def _grow(self) -> None:
        """Make room for the batch that did not fit, and at least double what was too small."""
        kernels = self._kernels
        types = int(self._state[kernels.TYPES] + self._state[kernels.NEED_TYPES])
        used = int(self._state[kernels.BLOB_USED] + self._state[kernels.NEED_BYTES])
        if used > len(self._blob):
            self._blob = _resized(self._blob, max(used, 2 * len(self._blob)))
        if types > len(self._offsets) - 1:
            self._offsets = _resized(self._offsets, max(types + 1, 2 * len(self._offsets)))
        if types > len(self._table) >> 2:
            from lmkit.numeric import _kernels_hash

            larger = np.zeros(2 * len(self._table), np.uint64)
            _kernels_hash.move_table(self._table, larger)
            self._table = larger

    def end_document(self) -> None:
        """The document is over: its last line counts without a newline as well."""
        if not self._empty_document:
            if not self._at_line_start:
                self.feed(_NEWLINE)
            if self._mode == PARAGRAPHS:
                self.feed(_NEWLINE)
        if self._mode == CONTINUOUS:
            self._collector.ends.append(self._state[[self._kernels.WORDS]])
            self._state[self._kernels.ENDS] += 1
        self._collector.end_document()
        self._state[self._kernels.LINE] = 1
        self._state[self._kernels.DOCUMENT] += 1
        self._at_line_start = self._empty_document = True

    @property
    def n_tokens(self) -> int:
        return int(self._state[self._kernels.WORDS])

    def sightings(self) -> dict[str, Sighting]:
        """Literals left out ("boundary"), literal <unk> ("unknown") and blank lines kept ("blank")."""
        return sightings_of(self._state)

    def take(self) -> tuple[Numbered, Vocabulary]:
        """Everything read, and its words with their counts. The numberer is spent."""
        numbered = self._collector.take()
        types = int(self._state[self._kernels.TYPES])
        counts = np.zeros(types, np.int64)
        for start in range(0, len(numbered.ids), _PIECE):
            self._kernels.count_ids(numbered.ids[start : start + _PIECE], counts)
            let_go(numbered.ids)
        blob = self._blob[: self._state[self._kernels.BLOB_USED]].copy()
        vocabulary = Vocabulary(blob, self._offsets[: types + 1].copy(), counts)
        return numbered, vocabulary


def sightings_of(state: np.ndarray) -> dict[str, Sighting]:
    """What the kernels of words noted in their state."""
    from lmkit.text import _kernels_words as kernels

    places = {"boundary": kernels.LEFT_OUT, "unknown": kernels.UNKNOWN, "blank": kernels.BLANK}
    return {name: Sighting(*(int(state[place + i]) for i in range(3))) for name, place in places.items()}


def batch_scratch() -> tuple[np.ndarray, ...]:
    """starts, lengths, keys and slots of a batch, as the kernels of words take them."""
    return np.zeros(_BATCH, np.int64), np.zeros(_BATCH, np.int64), np.zeros(_BATCH, np.uint64), np.zeros(_BATCH, np.uint64)


class SymbolNumberer:
    """Characters or bytes to ids, by first appearance.

    Parameters
    ----------
    mode : LINES_KEEP, LINES_DROP or CONTINUOUS (then a newline is a symbol like others).
    symbols : how many there can be: 256, or 0x110000.
    spell : the token of each symbol.
    folder : as for `WordNumberer`.
    """

    def __init__(self, mode: int, symbols: int, spell: Callable[[int], str], folder: Path | None = None) -> None:
        self._mode = mode
        self._spell = spell
        self._ids_of = np.full(symbols, -1, np.int32)
        self._order: list[int] = []
        self._counts = np.zeros(len(SPECIALS), np.int64)
        self._collector = _Collector(folder)
        self.n_tokens = 0
        self._sentence_start = 0
        self._line = 1
        self._document = 0
        self._at_line_start = True
        self._blank = Sighting()

    def feed(self, codes: np.ndarray) -> None:
        """Read a block of symbols, uint8 or uint32 (n,)."""
        if not len(codes):
            return
        self._at_line_start = codes[-1] == 10
        ends = np.empty(0, np.int64)
        if self._mode != CONTINUOUS:
            newlines = np.flatnonzero(codes == 10)
            ends = self.n_tokens + newlines - np.arange(len(newlines))
            codes = codes[codes != 10]
            ends = self._ended(ends)
        ids = self._ids_of[codes]
        if ids.size and ids.min() < 0:
            self._enter(codes[ids < 0])
            ids = self._ids_of[codes]
        self.n_tokens += len(ids)
        counts = np.bincount(ids, minlength=len(SPECIALS) + len(self._order))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._collector.ids.append(ids)
        self._collector.ends.append(ends)

    def _ended(self, ends: np.ndarray) -> np.ndarray:
        """Drop or note the empty sentences among these ends."""
        if not len(ends):
            return ends
        lengths = np.diff(ends, prepend=self._sentence_start)
        self._sentence_start = int(ends[-1])
        empty = np.flatnonzero(lengths == 0)
        lines = len(ends)
        if self._mode == LINES_DROP:
            ends = ends[lengths > 0]
        elif len(empty):
            if self._blank.count == 0:
                self._blank = Sighting(0, self._line + int(empty[0]), self._document)
            self._blank.count += len(empty)
        self._line += lines
        return ends

    def _enter(self, codes: np.ndarray) -> None:
        values, first = np.unique(codes, return_index=True)
        for code in values[np.argsort(first)].tolist():
            self._ids_of[code] = len(SPECIALS) + len(self._order)
            self._order.append(code)

    def end_document(self) -> None:
        """The document is over: its last line counts without a newline as well."""
        if self._mode == CONTINUOUS:
            self._collector.ends.append(np.array([self.n_tokens], np.int64))
        elif not self._at_line_start:
            self.feed(_NEWLINE)
        self._collector.end_document()
        self._line = 1
        self._document += 1
        self._at_line_start = True

    def sightings(self) -> dict[str, Sighting]:
        return {"blank": self._blank}

    def take(self) -> tuple[Numbered, Vocabulary]:
        """Everything read, and its symbols with their counts. The numberer is spent."""
        numbered = self._collector.take()
        return numbered, Vocabulary.from_tokens([self._spell(code) for code in self._order], self._counts[len(SPECIALS) :])


def _resized(array: np.ndarray, size: int) -> np.ndarray:
    larger = np.zeros(size, array.dtype)
    larger[: len(array)] = array
    return larger
