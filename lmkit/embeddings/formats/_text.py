"""What all text forms share: lines `word number ... number`, read and written."""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lmkit import _files
from lmkit._progress import Progress
from lmkit.embeddings.formats._rows import Collector, Rows, mend, shorten
from lmkit.embeddings.formats._source import Source, Window
from lmkit.errors import FormatError, InputError
from lmkit.numeric._kernels_decimal import DECIMAL_PADDING, NUMBER_WIDTH
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.strings import StringTable, frozen

_PIECE = 1 << 12  # rows a call
_HARD = 1 << 12
_SAMPLE = 64  # lines that are looked at before the first is read
_BUFFER = 1 << 20
MAXIMUM_DIMENSIONS = 1 << 20


@dataclasses.dataclass
class Layout:
    """What stands in front of the rows: the first line, where there is one.

    Attributes
    ----------
    rows, dimensions : as a header says, None where nothing says it.
    line : lines in front of the first row.
    """

    rows: int | None
    dimensions: int | None
    line: int


def header_counts(line: bytes) -> tuple[int, int] | None:
    """(rows, dimensions) of a first line `V d`, or None."""
    fields = line.split()
    if len(fields) != 2 or b"\t" in line or not all(field.isdigit() and len(field) < 19 for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def check_counts(path: Path, rows: int, dimensions: int) -> None:
    """Refuse headers that no vectors can have. Raises FormatError."""
    if dimensions == 0 or rows == 0:
        raise FormatError(f"{path}, line 1: the header says {rows:,} words with {dimensions:,} dimensions, so there is nothing to read.")
    if dimensions > MAXIMUM_DIMENSIONS:
        raise FormatError(f"{path}, line 1: the header says {dimensions:,} dimensions, which no vectors have; the file is damaged.")


def read_lines(source: Source, window: Window, layout: Layout, errors: str, has_words: bool = True) -> Rows:
    """Read the rows from the window on, in bounded steps. Without `has_words` all words are wanted from elsewhere and `words` is empty."""
    dimensions = _check_first_lines(window, layout, errors, has_words)
    reader = _LineReader(source, window, layout, dimensions, errors, has_words)
    reader.read()
    return reader.finish()


def _check_first_lines(window: Window, layout: Layout, errors: str, has_words: bool) -> int:
    """The dimensions that the first lines show; a header that says another number is refused."""
    from lmkit.embeddings.formats import _kernels_rows as kernels

    path = window.source.path
    while window.lines_end() == window.at and window.more():
        pass
    limit = max(window.lines_end(), window.at)
    if limit == window.at:
        limit = window.used
    found, most, seen = kernels.count_numbers(window.data, window.at, limit, _SAMPLE)
    found += 0 if has_words else 1  # the first field is a number too
    if seen == 0:
        said = "" if layout.rows is None else f", the header says {layout.rows:,}"
        raise FormatError(f"{path}: holds no rows{said}; the file was cut, or is no vectors file.")
    if layout.dimensions is None:
        if not 0 < found <= MAXIMUM_DIMENSIONS:
            raise FormatError(f"{path}, line {layout.line + 1}: no numbers behind the word; this is no vectors file.")
        return int(found)
    if found != layout.dimensions and not found < layout.dimensions <= most:  # else single rows are short, which their reader tells
        raise FormatError(
            f"{path}, line 1: the header says {layout.dimensions:,} dimensions, but the first {seen} rows have {found:,} numbers; "
            "correct the header, or make the file again."
        )
    return layout.dimensions


class _LineReader:
    def __init__(self, source: Source, window: Window, layout: Layout, dimensions: int, errors: str, has_words: bool) -> None:
        self.source, self.window, self.layout = source, window, layout
        self.dimensions, self.has_words = dimensions, has_words
        self.line = layout.line  # lines in front of window.at
        self.collector = Collector(source.path, dimensions, self._expected(), errors)
        self.blank = 0  # lines without anything
        self.hard = np.empty((max(_HARD, dimensions), 3), np.int64)

    def _expected(self) -> int:
        """Rows to make room for: what the header says, if the file can hold so many, else what the first lines let one expect."""
        window, declared = self.window, self.layout.rows
        lines = max(1, int(np.count_nonzero(window.data[window.at : window.used] == 10)))
        left = self.source.left
        if left is None:
            return min(declared or lines, lines)
        guess = int(lines * (1 + left / max(1, window.used - window.at)) * 1.02) + 1
        if declared is not None:
            return min(declared, (left + window.used - window.at) // (2 * self.dimensions) + 1, 2 * guess + 16)
        return guess

    def read(self) -> None:
        """Read lines until the file ends."""
        from lmkit.embeddings.formats import _kernels_rows as kernels

        window, collector = self.window, self.collector
        while True:
            limit = window.lines_end()
            if limit == window.at:
                if window.more():
                    continue
                if window.at == window.used:
                    return
                limit = window.used + 1  # the last line has no end of its own: the window's padding gives it one
            vectors, offsets = collector.room(_PIECE, limit - window.at)
            start = window.at
            rows, window.at, hards, status, column = kernels.scan_lines(
                window.data, limit, start, self.has_words, vectors, collector.words, offsets, self.hard, collector.errors == "replace"
            )
            for row, place, number in self._hard_numbers(hards):
                vectors[row, place] = number
            collector.take(rows, self._place) if self.has_words else collector.take_numbers(rows, self._place)
            self.line += rows
            if status == kernels.BLANK_LINE:
                self.blank += 1
                self._skip_line()
            elif status not in (kernels.DONE, kernels.HARD_FULL):
                self._bad_line(status, column)
            window.at = min(window.at, window.used)

    def _hard_numbers(self, count: int) -> Iterator[tuple[int, int, np.float32]]:
        """Numbers with more digits than a kernel rounds right, read by Python."""
        data = self.window.data
        for row, column, at in self.hard[:count].tolist():
            field = data[at : at + 4096].tobytes().split(None, 1)[0]
            with np.errstate(over="ignore"):
                yield row, column, np.float32(float(field))

    def _place(self, row: int) -> str:
        return f"line {self.line + row + 1:,}"

    def _skip_line(self) -> None:
        ends = np.flatnonzero(self.window.data[self.window.at :] == 10)
        self.window.at += int(ends[0]) + 1
        self.line += 1

    def _bad_line(self, status: int, column: int) -> None:
        from lmkit.embeddings.formats import _kernels_rows as kernels

        window, path = self.window, self.source.path
        stop = window.at + int(np.flatnonzero(window.data[window.at :] == 10)[0])
        text = window.data[window.at : min(stop, window.at + 4096)].tobytes().decode("utf-8", "backslashreplace")
        fields = text.split()
        word = shorten(fields[0]) if fields else "''"
        where = f"line {self.line + 1:,}"
        numbers = len(window.data[window.at : stop].tobytes().split()) - self.has_words
        if status == kernels.NO_NUMBER:
            named = shorten(fields[column + self.has_words]) if column + self.has_words < len(fields) else "something else"
            what = f"{named} stands where number {column + 1} of {word} belongs"
        else:
            what = f"{word} has {numbers:,} numbers, the rows before have {self.dimensions:,}"
        if self.collector.is_strict:
            last = " It is the last line: the file was cut." if window.used == stop and not window.more() else ""
            raise FormatError(f"{path}, {where}: {what}.{last} Correct it, or leave such rows out: {mend('skip')}.")
        self.collector.mend("Rows of a wrong form, left out", f"{where}, {what}")
        self._skip_line()

    def finish(self) -> Rows:
        """The rows, if they are as many as the header says."""
        declared, found = self.layout.rows, self.line - self.layout.line - self.blank
        self.source.finish()
        if declared is not None and declared != self.collector.rows and declared != found:
            which = "fewer; it was cut" if found < declared else "more"
            message = f"the header says {declared:,} rows, the file has {found:,}, {which}"
            if self.collector.is_strict:
                raise FormatError(f"{self.source.path}: {message}. Correct the header, or take what is there: {mend('skip')}.")
            self.collector.notes.append(message[0].upper() + message[1:] + ".")
        return self.collector.finish() if self.has_words else self.collector.finish_numbers()


# -- writing -------------------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Style:
    """How lines look.

    Attributes
    ----------
    digits : None, the fewest that read back as the same float32; ("fixed", n) as %.nf, ("significant", n) as %.ng.
    separator : between fields.
    tail : whether a separator stands behind the last number too.
    """

    digits: tuple[str, int] | None = None
    separator: str = " "
    tail: bool = False


def write_text(target: Path, header: bytes, words: StringTable | None, matrix: np.ndarray, style: Style) -> None:
    """Write a header and the rows, compressed if the name ends in .gz, .bz2, .xz or .zst. Raises OutputError."""
    with _files.replacing(target) as temporary, open_for_writing(temporary, target.name) as file:
        file.write(header)
        for block in _blocks(words, matrix, style, target.name):
            file.write(block)


def _blocks(words: StringTable | None, matrix: np.ndarray, style: Style, name: str) -> Iterator[memoryview]:
    from lmkit.embeddings.formats import _kernels_rows as kernels

    kinds = {"shortest": kernels.SHORTEST, "fixed": kernels.FIXED, "significant": kernels.SIGNIFICANT}
    name_of_kind, digits = style.digits or ("shortest", 0)
    kind = kinds[name_of_kind]
    blob = np.concatenate([words.blob if words is not None else np.empty(0, np.uint8), np.zeros(PADDING, np.uint8)])
    offsets = words.offsets if words is not None else np.zeros(1, np.int64)
    longest = int(np.diff(offsets).max(initial=0))
    line = longest + matrix.shape[1] * (NUMBER_WIDTH + 1) + 2 + 2 * PADDING
    buffer = np.empty(max(_BUFFER, 2 * line) + DECIMAL_PADDING, np.uint8)
    row = 0
    with Progress(f"writing {name}", len(matrix), "word") as progress:
        while row < len(matrix):
            begin = row
            row, used = kernels.write_lines(
                row,
                frozen(matrix),
                frozen(blob),
                frozen(offsets),
                words is not None,
                kind,
                digits,
                ord(style.separator),
                style.tail,
                buffer,
            )
            progress.advance(row - begin)
            yield memoryview(buffer[:used])


@contextlib.contextmanager
def open_for_writing(path: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file, compressed as the ending of `name` says."""
    with open(path, "wb", buffering=0) as raw:
        wrapped: Any = raw
        if name.endswith(".gz"):
            wrapped = gzip.GzipFile("", "wb", 6, raw, mtime=0)
        elif name.endswith(".bz2"):
            wrapped = bz2.BZ2File(raw, "wb")
        elif name.endswith(".xz"):
            wrapped = lzma.open(raw, "wb")  # noqa: SIM115
        elif name.endswith(".zst"):
            import zstandard

            wrapped = zstandard.ZstdCompressor().stream_writer(raw, closefd=False)
        try:
            yield _Whole(wrapped)  # type: ignore[misc]
        finally:
            if wrapped is not raw:
                wrapped.close()


class _Whole:
    """Writes all of what it is given, as an unbuffered file need not."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while len(view):
            view = view[self._file.write(view) :]


def text_words(words: StringTable, matrix: np.ndarray, form: str, errors: str, spaces: bool = False) -> tuple[StringTable, np.ndarray]:
    """The words and rows as a text form can hold them, where white space ends a word.

    Raises
    ------
    InputError : for words with white space, with "strict". "replace" writes _ for it, "skip" leaves them out.
    """
    white = (words.blob == 32) if not spaces else np.zeros(len(words.blob), np.bool_)
    white |= (words.blob >= 9) & (words.blob <= 13)
    if not white.any():
        return words, matrix
    rows = np.unique(np.searchsorted(words.offsets, np.flatnonzero(white), side="right") - 1)
    if errors == "strict":
        raise InputError(
            f"{len(rows):,} words hold white space, which {form} can't: {shorten(words.string(int(rows[0])))} (row {int(rows[0]):,})."
            " Write _ for it with --errors replace, leave them out with --errors skip, or choose another format."
        )
    if errors == "skip":
        kept = np.setdiff1d(np.arange(len(words)), rows)
        if len(kept) == 0:
            raise InputError(f"All words hold white space, which {form} can't; choose another format.")
        return words.pick(kept), matrix[kept]
    blob = words.blob.copy()
    blob[white] = ord("_")
    changed = StringTable(blob, words.offsets)
    changed.check_distinct(InputError)
    return changed, matrix
