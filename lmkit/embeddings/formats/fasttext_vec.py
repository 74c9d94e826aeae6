"""fastText's .vec: word2vec's text form with 5 significant digits. Only written by this name; the reader of word2vec text reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.embeddings.formats import _text, word2vec_text

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

CLASSIC = _text.Style(("significant", 5), tail=True)


def recognises(path: Path, start: bytes) -> bool:
    """Never: nothing tells such a file from word2vec text."""
    return False


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    return word2vec_text.read(path, errors)


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`."""
    word2vec_text.write(vectors, path, options, CLASSIC, "fastText .vec")
