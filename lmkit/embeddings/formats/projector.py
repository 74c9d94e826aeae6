"""TensorBoard's projector: tensor.tsv, a line of numbers for each word, tab-separated, and metadata.tsv, a word a line beside it; with a
header line and tabs where it has more columns (here: word and count)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmkit import _files
from lmkit.embeddings.formats import _text
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._rows import Collector, Rows
from lmkit.embeddings.formats._source import BLOCK, Source, Window
from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "TensorBoard projector"
_WORD, _COUNT = "word", "count"


def metadata_path(path: Path) -> Path:
    """Where the words of a tensor file stand: metadata.tsv beside tensor.tsv or vectors.tsv, X.metadata.tsv beside X.tsv."""
    for name in ("tensors", "tensor", "vectors"):
        if name in path.name:
            return path.with_name(path.name.replace(name, "metadata"))
    return path.with_name(path.name.removesuffix(".tsv") + ".metadata.tsv")


def recognises(path: Path, start: bytes) -> bool:
    """A first line of numbers with tabs between, and the words in a file beside it."""
    if path.is_dir():
        return False
    line = start.partition(b"\n")[0]
    fields = line.split(b"\t")
    if len(fields) < 2 and not metadata_path(path).is_file():
        return False
    try:
        [float(field) for field in fields]
    except ValueError:
        return False
    return metadata_path(path) != path


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    if not metadata_path(path).is_file():
        raise FormatError(f"{path}: holds numbers alone; the projector's words belong in {metadata_path(path)}, one a line.")
    words, counts = _read_words(metadata_path(path))
    with Source(path) as source:
        numbers = _text.read_lines(source, Window(source), _text.Layout(None, None, line=0), errors, has_words=False)
    if len(words) != len(numbers.matrix):
        raise FormatError(
            f"{path}: has {len(numbers.matrix):,} rows, {metadata_path(path)} has {len(words):,} words; they belong to different vectors."
        )
    rows = _together(path, words, numbers, errors)
    if counts is not None and rows.kept is not None:
        counts = counts[rows.kept]
    return vectors_of(rows, path, FORM, counts=counts)


def _together(path: Path, words: list[bytes], numbers: Rows, errors: str) -> Rows:
    collector = Collector(metadata_path(path), numbers.matrix.shape[1], len(words), errors)
    collector.notes += numbers.notes
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=offsets[1:])
    blob = np.frombuffer(b"".join(words), np.uint8)
    collector.put(numbers.matrix, blob, offsets, lambda row: f"row {row + 1:,}")
    return collector.finish()


def _read_words(path: Path) -> tuple[list[bytes], np.ndarray | None]:
    """The words, and counts where the metadata have such a column."""
    with Source(path) as source:
        lines = b"".join(iter(lambda: source.read(BLOCK), b"")).split(b"\n")
    lines = [line.removesuffix(b"\r") for line in lines]
    if lines and lines[-1] == b"":
        lines.pop()
    if not lines or b"\t" not in lines[0]:
        return lines, None
    header = lines[0].split(b"\t")
    table = [line.split(b"\t") for line in lines[1:]]
    wrong = next((number for number, row in enumerate(table, 2) if len(row) != len(header)), None)
    if wrong is not None:
        raise FormatError(f"{path}, line {wrong:,}: has {len(table[wrong - 2])} columns, the header has {len(header)}; correct it.")
    counts = None
    if _COUNT.encode() in header:
        column = header.index(_COUNT.encode())
        try:
            counts = np.array([int(row[column]) for row in table], np.int64)
        except (ValueError, OverflowError):
            raise FormatError(f"{path}: the column `count` holds something else than whole numbers; correct it.") from None
    return [row[0] for row in table], counts


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. Writes the words beside: see `metadata_path`."""
    words, matrix = _text.text_words(vectors.words, vectors.matrix, FORM, options.errors, spaces=True)
    counts = vectors.counts
    if counts is not None and len(words) != len(vectors):
        counts = counts[vectors.words.find_packed(words.blob, words.offsets)]
    if counts is None:
        lines = words.strings()
    else:
        pairs = zip(words.strings(), counts.tolist(), strict=True)
        lines = [f"{_WORD}\t{_COUNT}", *(f"{word}\t{count}" for word, count in pairs)]
    with _files.replacing(metadata_path(path)) as temporary:
        temporary.write_bytes(("\n".join(lines) + "\n").encode())
    style = _text.Style(("fixed", 6) if options.digits == "classic" else None, separator="\t")
    _text.write_text(path, b"", None, matrix, style)
