"""Zip archives, as GloVe's and fastText's downloads come: recognised, so that the refusal says what to do."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors


def recognises(path: Path, start: bytes) -> bool:
    """A whole zip archive of something else than NumPy's arrays."""
    return start.startswith(b"PK\x03\x04") and any(not name.endswith(".npy") for name in _names(path))


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def read(path: Path, errors: str) -> WordVectors:
    """Always raises FormatError."""
    names = _names(path)
    held = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
    raise FormatError(f"{path}: is a zip archive that holds {held[:200]!r}; unpack it first (unzip) and open the file that you want.")
