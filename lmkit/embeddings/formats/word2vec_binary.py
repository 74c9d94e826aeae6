"""word2vec's binary form: a line `V d`, then for each word its bytes, a space and d float32, little-endian. word2vec.c writes a line end
behind each row, gensim none; both are read."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmkit import _files
from lmkit._progress import Progress
from lmkit.embeddings.formats import _text
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._rows import Collector, mend
from lmkit.embeddings.formats._source import Source, Window
from lmkit.embeddings.formats.word2vec_text import looks_like_row
from lmkit.errors import FormatError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.strings import frozen

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "word2vec binary"
_PIECE = 1 << 12
_BUFFER = 1 << 20
_LOOKED_AT = 32  # rows


def recognises(path: Path, start: bytes) -> bool:
    """A first line of two whole numbers, then bytes that are no line of text."""
    first, _, rest = start.partition(b"\n")
    return _text.header_counts(first) is not None and bool(rest) and not looks_like_row(rest)


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    from lmkit.embeddings.formats import _kernels_rows as kernels

    with Source(path) as source:
        window = Window(source)
        counts = _text.header_counts(window.line())
        assert counts is not None
        _text.check_counts(path, *counts)
        declared, dimensions = counts
        _check_dimensions(path, window, dimensions)
        left = source.left
        most = None if left is None else (left + window.used - window.at) // (4 * dimensions + 1)
        if most is not None and most < declared and errors == "strict":
            raise _miscounted(path, declared, most, "fewer; it was cut")
        expected = min(declared, most if most is not None else (1 << 24) // (4 * dimensions) + 1)
        collector = Collector(path, dimensions, expected, errors)
        while collector.seen < declared:
            vectors, offsets = collector.room(min(_PIECE, declared - collector.seen), window.used - window.at)
            places = window.place
            rows, window.at, status = kernels.scan_records(
                window.data, window.used, window.at, vectors.view(np.uint8), collector.words, offsets
            )
            if sys.byteorder == "big":
                vectors[:rows].byteswap(inplace=True)
            collector.take(rows, functools.partial(_place, collector.seen + 1, places))
            if status == kernels.MORE and not window.more():
                break
        _check_end(collector, window, declared)
        source.finish()
        result = collector.finish()
    return vectors_of(result, path, FORM)


def _check_dimensions(path: Path, window: Window, dimensions: int) -> None:
    """Refuse a header whose dimensions the rows don't have: what would be words is then the bytes of numbers, control characters among
    them. Raises FormatError."""
    while window.used - window.at < _LOOKED_AT * (4 * dimensions + 100) and window.more():
        pass
    data = window.data[window.at : window.used].tobytes()
    at = rows = odd = 0
    while rows < _LOOKED_AT and 0 <= (space := data.find(b" ", at)) <= len(data) - 4 * dimensions:
        rows += 1
        odd += any(byte < 32 for byte in data[at:space].lstrip(b"\r\n"))
        at = space + 1 + 4 * dimensions
    if odd > max(2, rows // 10):
        raise FormatError(
            f"{path}: the header says {dimensions:,} dimensions, and read so, {odd} of the first {rows} words hold control characters: the "
            "rows have other dimensions, or the file is damaged. Mend its first line, or copy it again."
        )


def _place(first: int, byte: int, row: int) -> str:
    return f"row {first + row:,}, behind byte {byte:,}"


def _check_end(collector: Collector, window: Window, declared: int) -> None:
    """Whether the rows are as many as declared, and nothing but line ends follows."""
    path = window.source.path
    if collector.seen < declared:
        error = _miscounted(path, declared, collector.seen, f"fewer; it was cut at byte {window.source.at:,}")
    else:
        rest = window.data[window.at : window.used].tobytes().strip(b"\r\n")
        if not rest and not (window.more() and window.data[: window.used].tobytes().strip(b"\r\n")):
            return
        error = _miscounted(path, declared, None, f"and more bytes up to byte {window.source.at:,}")
    if collector.is_strict:
        raise error
    collector.notes.append(str(error).partition(": ")[2].partition(". ")[0].capitalize() + ".")


def _miscounted(path: Path, declared: int, found: int | None, how: str) -> FormatError:
    rows = "so many" if found is None else f"{found:,}" if "byte" in how else f"at most {found:,}"
    return FormatError(
        f"{path}: the header says {declared:,} rows, the file has {rows}, {how}. Copy it again, or take what is there: {mend('skip')}."
    )


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. With a line end behind each row, as word2vec.c and its readers expect."""
    from lmkit.embeddings.formats import _kernels_rows as kernels

    words, matrix = _text.text_words(vectors.words, vectors.matrix, FORM, options.errors)
    values = np.ascontiguousarray(matrix, "<f4").view(np.uint8)
    blob = np.concatenate([words.blob, np.zeros(PADDING, np.uint8)])
    longest = int(np.diff(words.offsets).max())
    buffer = np.empty(max(_BUFFER, 2 * (longest + values.shape[1] + 2 + 2 * PADDING)), np.uint8)
    with _files.replacing(path) as temporary, _text.open_for_writing(temporary, path.name) as file:
        file.write(b"%d %d\n" % matrix.shape)
        row = 0
        with Progress(f"writing {path.name}", len(values), "word") as progress:
            while row < len(values):
                begin = row
                row, used = kernels.write_records(row, frozen(values), frozen(blob), frozen(words.offsets), True, buffer)
                progress.advance(row - begin)
                file.write(memoryview(buffer[:used]))
