"""floret's text form: hashed rows without words. Recognised, so that the refusal says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

_HEADER = re.compile(rb"\d+ \d+ \d+ \d+ [1-4] \d+ \S+ \S+\s*\n")  # bucket dim minn maxn hashCount hashSeed BOW EOW


def recognises(path: Path, start: bytes) -> bool:
    """The header of eight fields."""
    return _HEADER.match(start) is not None


def read(path: Path, errors: str) -> WordVectors:
    """Always raises FormatError."""
    raise FormatError(
        f"{path}: is floret's hash table, which holds rows of n-grams and no words, so there is nothing to list or search. Train floret "
        "with -mode fasttext, or write the words' vectors from spaCy: one line `word number ...` each."
    )
