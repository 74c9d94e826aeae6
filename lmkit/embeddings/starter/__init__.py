"""Starter vectors: English words with vectors that come with lmkit, so that the first question needs no training.

They were trained by lmkit itself on Simple English Wikipedia: benchmarks/starter_vectors.py is the program that made them, its results say
how good they are, and NOTICE beside this file says whose text it was and under which licence they come (CC BY-SA 3.0).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import InputError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

PATH = Path(__file__).resolve().parent / "simplewiki.vectors"


@functools.cache
def load() -> WordVectors:
    """The starter vectors, opened once.

    Raises
    ------
    InputError : if this installation lacks their file.
    """
    if not PATH.is_file():
        raise InputError(f"{PATH}: the starter vectors are missing from this installation; reinstall lmkit, or name vectors with --model.")
    from lmkit._container import read_container
    from lmkit.embeddings.vectors import WordVectors

    return WordVectors.from_container(read_container(PATH))


def describe(vectors: WordVectors) -> str:
    """What they are, in a few words."""
    corpus = vectors.made.get("corpus", {})
    return f"{len(vectors):,} words of {corpus.get('title', 'Simple English Wikipedia')}, {vectors.dimensions} dimensions"
