"""word2vec's text form: a line `V d`, then a line for each word, with its numbers. Numbers of 6 decimals in the original; fastText's .vec
is the same with other numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.embeddings.formats import _text
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._source import Source, Window

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

CLASSIC = _text.Style(("fixed", 6), tail=True)
FORM = "word2vec text"


def recognises(path: Path, start: bytes) -> bool:
    """A first line of two whole numbers, then a line whose other fields are numbers, or nothing."""
    first, _, rest = start.partition(b"\n")
    return _text.header_counts(first) is not None and (not rest or looks_like_row(rest))


def looks_like_row(text: bytes) -> bool:
    """Whether the first line that is not blank is text and has a number behind a word; judged by what is there if it is cut."""
    lines = [line for line in text[:4096].split(b"\n") if line.strip()]
    if not lines:
        return True
    fields = lines[0].split()
    return len(fields) > 1 and any(_is_number(field) for field in fields[1:3]) and b"\0" not in lines[0]


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    with Source(path) as source:
        window = Window(source)
        counts = _text.header_counts(window.line())
        assert counts is not None
        _text.check_counts(path, *counts)
        rows = _text.read_lines(source, window, _text.Layout(*counts, line=1), errors)
    return vectors_of(rows, path, FORM)


def write(vectors: WordVectors, path: Path, options: Writing, classic: _text.Style = CLASSIC, form: str = FORM) -> None:
    """See `write_vectors`."""
    words, matrix = _text.text_words(vectors.words, vectors.matrix, form, options.errors)
    style = classic if options.digits == "classic" else _text.Style()
    _text.write_text(path, b"%d %d\n" % matrix.shape, words, matrix, style)
