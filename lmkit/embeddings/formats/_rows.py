"""Rows of a vectors file, gathered with bounded memory and checked: what is wrong with a row is told with its place, or mended.

The policy of all readers, by `errors`:

==================  ================================  =====================================  ==========================
                    strict                            replace                                skip
==================  ================================  =====================================  ==========================
bytes not UTF-8     FormatError with the byte         U+FFFD, as Python replaces them        the row is left out
NaN, infinity       FormatError with the word         0                                      the row is left out
row of wrong size   FormatError with the line         the row is left out                    the row is left out
wrong count, cut    FormatError with both counts      the rows that are there                the rows that are there
empty word          left out                          left out                               left out
word twice          the first stays                   the first stays                        the first stays
==================  ================================  =====================================  ==========================

Whatever was changed is told in the notes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lmkit._validation import check_choice
from lmkit.embeddings.formats._source import allocate
from lmkit.errors import FormatError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.strings import StringTable, empty_table, first_bad_byte, frozen

ERRORS = ("strict", "replace", "skip")
_CHUNK = 1 << 26  # bytes


@dataclasses.dataclass
class Rows:
    """What a reader found: V words, float32 (V, d), and what the user should know of it.

    kept : int64 (V,), the rows of the file that stayed, or None for all of them.
    """

    words: StringTable
    matrix: np.ndarray
    notes: list[str]
    kept: np.ndarray | None = None


class Collector:
    """Receives rows piece by piece; memory grows with what the file holds, never with what its header says.

    Parameters
    ----------
    path : for messages.
    dimensions : d, at least 1.
    expected : how many rows to make room for at first: no more than the file can hold.
    errors : "strict", "replace" or "skip".
    """

    def __init__(self, path: Path, dimensions: int, expected: int, errors: str) -> None:
        self.path = path
        self.dimensions = dimensions
        self.errors = check_choice("read_vectors", "errors", errors, ERRORS)
        self.notes: list[str] = []
        self.rows = 0
        self._chunks = [_room(max(expected, 1), dimensions)]
        self._filled = 0  # rows of the last chunk
        self._kept: list[np.ndarray] = []  # the file's number of each row, once one was left out
        self.seen = 0  # rows of the file
        self.words = np.empty(1 << 16, np.uint8)
        self.offsets = np.zeros(1 << 12, np.int64)
        self._mended: dict[str, list[str]] = {}

    @property
    def is_strict(self) -> bool:
        return self.errors == "strict"

    def room(self, most: int, word_bytes: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the next rows and their words' borders go: float32 (R, d) and int64 (R+1,), 1 <= R <= most.

        `words` then has room for so many bytes more, and borders count from its beginning.
        """
        if self._filled == len(self._chunks[-1]):
            size = min(_CHUNK, max(_CHUNK >> 6, 4 * self.dimensions * self.rows))  # grows with what was read
            self._chunks.append(_room(max(1, size // (4 * self.dimensions)), self.dimensions))
            self._filled = 0
        vectors = self._chunks[-1][self._filled : self._filled + most]
        used = int(self.offsets[self.rows])
        if used + word_bytes + PADDING > len(self.words):
            self.words = np.concatenate([self.words[:used], np.empty(used + word_bytes + PADDING, np.uint8)])
        if self.rows + len(vectors) + 1 > len(self.offsets):
            self.offsets = np.concatenate([self.offsets[: self.rows + 1], np.empty(self.rows + len(vectors) + 1, np.int64)])
        return vectors, self.offsets[self.rows : self.rows + len(vectors) + 1]

    def take(self, count: int, place: Callable[[int], str]) -> None:
        """Accept the first rows of what `room` gave, checked. place(i): where row i of them stands, in words.

        Raises
        ------
        FormatError : by the policy above.
        """
        if count == 0:
            return
        vectors = self._chunks[-1][self._filled : self._filled + count]
        keep = np.ones(count, np.bool_)
        self._check_numbers(vectors, keep, place)
        self._check_words(count, keep, place)
        if not keep.all() or self._kept:
            if not self._kept:
                self._kept.append(np.arange(self.seen))
            self._kept.append(self.seen + np.flatnonzero(keep))
        self.seen += count
        if not keep.all():
            count = self._close(vectors, keep)
        self._filled += count
        self.rows += count

    def put(self, vectors: np.ndarray, blob: np.ndarray, offsets: np.ndarray, place: Callable[[int], str]) -> None:
        """Accept rows that are in memory already, copied: numbers (n, d), and the words blob[offsets[i]:offsets[i+1]]. As `take`."""
        done = 0
        while done < len(vectors):
            room, borders = self.room(len(vectors) - done, int(offsets[-1] - offsets[done]))
            count = len(room)
            with np.errstate(over="ignore"):
                room[:] = vectors[done : done + count]
            start = int(borders[0])
            self.words[start : start + int(offsets[done + count] - offsets[done])] = blob[offsets[done] : offsets[done + count]]
            borders[:] = offsets[done : done + count + 1] - offsets[done] + start
            self.take(count, functools.partial(_shifted, place, done))
            done += count

    def take_numbers(self, count: int, place: Callable[[int], str]) -> None:
        """As `take`, where the words come from elsewhere: no row is ever left out."""
        vectors = self._chunks[-1][self._filled : self._filled + count]
        if self.errors == "skip" and not np.isfinite(vectors).all():
            raise FormatError(f"{self.path}: rows hold NaN or infinity and can't be left out here; take 0 for it: {mend('replace')}.")
        self._check_numbers(vectors, np.ones(count, np.bool_), place)
        self._filled += count
        self.rows += count

    def _check_numbers(self, vectors: np.ndarray, keep: np.ndarray, place: Callable[[int], str]) -> None:
        from lmkit.embeddings.formats import _kernels_rows as kernels

        marks = np.empty(len(vectors), np.uint8)
        if kernels.mark_not_finite(vectors.view(np.uint32), marks) == 0:
            return
        bad = np.flatnonzero(marks)
        for row in bad[:1] if self.is_strict else bad:
            word = self._word(int(row))
            column = int(np.flatnonzero(~np.isfinite(vectors[row]))[0])
            where = f"the vector of {shorten(word)} holds {vectors[row, column]} at dimension {column + 1} ({place(int(row))})"
            if self.is_strict:
                raise FormatError(
                    f"{self.path}: {where}; train again, or leave such rows out: {mend('skip')} (or `replace`, which takes 0)."
                )
            self.mend("Rows with NaN or infinity, " + ("left out" if self.errors == "skip" else "filled with 0 there"), where)
        if self.errors == "skip":
            keep[bad] = False
        else:
            vectors[bad] = np.nan_to_num(vectors[bad], nan=0.0, posinf=0.0, neginf=0.0)

    def _check_words(self, count: int, keep: np.ndarray, place: Callable[[int], str]) -> None:
        offsets = self.offsets[self.rows : self.rows + count + 1]
        lengths = np.diff(offsets)
        for row in np.flatnonzero(lengths == 0):
            keep[row] = False
            self.mend("Rows with an empty word, left out", place(int(row)))
        blob = self.words[offsets[0] : offsets[-1]]
        begins = offsets[:-1][lengths > 0]
        if first_bad_byte(blob) < 0 and not np.any((self.words[begins] & 0xC0) == 0x80):
            return
        words = [self._raw(row) for row in range(count)]
        for place_in_piece, word in enumerate(words):
            try:
                word.decode()
                continue
            except UnicodeDecodeError as error:
                byte = word[error.start]
            where = f"{shorten(word.decode('utf-8', 'backslashreplace'))} ({place(place_in_piece)})"
            if self.is_strict:
                raise FormatError(
                    f"{self.path}: the word {where} is not UTF-8, from byte 0x{byte:02x} on; store the words in UTF-8, "
                    f"or mend them: {mend('replace')} (or `skip`)."
                )
            self.mend("Words that are not UTF-8, " + ("left out" if self.errors == "skip" else "mended with U+FFFD"), where)
            if self.errors == "skip":
                keep[place_in_piece] = False
            else:
                words[place_in_piece] = word.decode("utf-8", "replace").encode()
        self._put_words(words)

    def _close(self, vectors: np.ndarray, keep: np.ndarray) -> int:
        """Drop rows of the piece that is just being taken; how many stay."""
        from lmkit.embeddings.formats import _kernels_rows as kernels

        words = [self._raw(row) for row in np.flatnonzero(keep).tolist()]
        self._put_words(words)
        return int(kernels.close_ranks(vectors, keep))

    def _put_words(self, words: list[bytes]) -> None:
        start = int(self.offsets[self.rows])
        blob = b"".join(words)
        if start + len(blob) + PADDING > len(self.words):
            self.words = np.concatenate([self.words[:start], np.empty(2 * len(blob) + start + PADDING, np.uint8)])
        self.words[start : start + len(blob)] = np.frombuffer(blob, np.uint8)
        np.cumsum([len(word) for word in words], out=self.offsets[self.rows + 1 : self.rows + len(words) + 1])
        self.offsets[self.rows + 1 : self.rows + len(words) + 1] += start

    def _raw(self, row: int) -> bytes:
        start, stop = self.offsets[self.rows + row : self.rows + row + 2]
        return self.words[start:stop].tobytes()

    def _word(self, row: int) -> str:
        return self._raw(row).decode("utf-8", "backslashreplace")

    def mend(self, what: str, where: str) -> None:
        """Remember that something was mended, for a note that tells the number and the first places."""
        self._mended.setdefault(what, []).append(where if len(self._mended.get(what, ())) < 3 else "")

    def finish(self) -> Rows:
        """All rows, those left out whose word came before. Raises FormatError if none is left."""
        matrix = self._matrix()
        used = int(self.offsets[self.rows])
        blob, offsets = self.words[:used].copy(), self.offsets[: self.rows + 1].copy()
        self.words, self.offsets = np.empty(0, np.uint8), np.zeros(1, np.int64)
        if self.rows == 0:
            raise FormatError(f"{self.path}: holds no words with vectors; check that it is the file you mean.")
        rows = without_repeats(self.path, blob, offsets, matrix)
        if self._kept:
            kept = np.concatenate(self._kept)
            rows.kept = kept if rows.kept is None else kept[rows.kept]
        rows.notes = [_told(what, places) for what, places in self._mended.items()] + self.notes + rows.notes
        return rows

    def finish_numbers(self) -> Rows:
        """All rows, without words."""
        notes = [_told(what, places) for what, places in self._mended.items()] + self.notes
        return Rows(StringTable(np.empty(0, np.uint8), np.zeros(1, np.int64)), self._matrix(), notes)

    def _matrix(self) -> np.ndarray:
        """The chunks as one array; each is let go of when it has been copied."""
        if len(self._chunks) == 1:
            whole = self._chunks[0]
            return whole[: self._filled] if 2 * self._filled > len(whole) else whole[: self._filled].copy()
        matrix, at = _room(self.rows, self.dimensions), 0
        self._chunks[-1] = self._chunks[-1][: self._filled]
        while self._chunks:
            chunk = self._chunks.pop(0)
            matrix[at : at + len(chunk)] = chunk
            at += len(chunk)
        return matrix


def _shifted(place: Callable[[int], str], by: int, row: int) -> str:
    return place(by + row)


def _room(rows: int, dimensions: int) -> np.ndarray:
    return allocate(rows * dimensions, np.dtype(np.float32)).reshape(rows, dimensions)


def without_repeats(path: Path, blob: np.ndarray, offsets: np.ndarray, matrix: np.ndarray) -> Rows:
    """Rows whose word came before left out, in place, with a note."""
    from lmkit.embeddings.formats import _kernels_rows as kernels

    count = len(offsets) - 1
    first = np.empty(count, np.int64)
    repeats = kernels.mark_repeats(frozen(blob), frozen(offsets), empty_table(count), first)
    if repeats == 0:
        return Rows(StringTable(blob, offsets, str(path)), matrix, [])
    keep = first == np.arange(count)
    places = [f"{shorten(blob[offsets[row] : offsets[row + 1]].tobytes().decode())} (row {row:,})" for row in np.flatnonzero(~keep)[:3]]
    if matrix.flags.writeable:
        matrix = matrix[: kernels.close_ranks(matrix, keep)]
    else:
        matrix = matrix[keep]
    kept = np.flatnonzero(keep)
    words = StringTable(blob, offsets, str(path)).pick(kept)
    note = _told("Rows whose word stood before, left out", places + [""] * (repeats - len(places)))
    return Rows(words, matrix, [note], kept)


def mend(errors: str) -> str:
    """The command that reads a faulty file in spite of its faults."""
    return f"`lmkit convert IN OUT --errors {errors}`"


def _told(what: str, places: list[str]) -> str:
    named = "; ".join(place for place in places[:3] if place)
    return f"{what}: {len(places):,} ({named}{' ...' if len(places) > 3 else ''})."


def shorten(word: str) -> str:
    """A word for a message."""
    return repr(word if len(word) <= 60 else word[:57] + "...")
