"""GloVe's text form: a line for each word, with its numbers, and no header. Words may hold spaces, as some of the 840B file do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.embeddings.formats import _text
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._source import Source, Window

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

CLASSIC = _text.Style(("fixed", 6))
FORM = "GloVe text"
_LEAST = 2  # a word and one number could be any list of counts


def recognises(path: Path, start: bytes) -> bool:
    """The first two lines have as many numbers behind a word, two at least."""
    lines = [line for line in start.split(b"\n") if line.strip()][:3]
    if b"\0" in start or not lines:
        return False
    whole = lines if len(lines) < 3 else lines[:2]
    counts = [_trailing_numbers(line) for line in whole]
    return min(counts) >= _LEAST and len(set(counts[:2])) == 1


def _trailing_numbers(line: bytes) -> int:
    count = 0
    for field in reversed(line.split()[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    with Source(path) as source:
        rows = _text.read_lines(source, Window(source), _text.Layout(None, None, line=0), errors)
    return vectors_of(rows, path, FORM)


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. Words with spaces are written as they are, as GloVe does."""
    words, matrix = _text.text_words(vectors.words, vectors.matrix, FORM, options.errors, spaces=True)
    _text.write_text(path, b"", words, matrix, CLASSIC if options.digits == "classic" else _text.Style())
