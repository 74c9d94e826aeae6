"""Opening any model file by its content."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from lmkit._container import is_container, read_container
from lmkit.errors import FormatError, InputError

_START = 1 << 16

_READERS = {
    # kind in the container -> module and class with `from_container`
    "ngram": ("lmkit.ngram.model", "NgramLanguageModel"),
}


def load(path: str | os.PathLike[str]) -> Any:
    """Open a model: lmkit's own files of any kind, or an ARPA file (plain or gzipped), recognised by content.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it is neither, cut, inconsistent, or of a newer version.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file. Check the path, or train a model first (lmkit train-ngram).")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a model file.")
    if _is_arpa(path):
        from lmkit.ngram.model import NgramLanguageModel

        return NgramLanguageModel.from_arpa(path)
    if not is_container(path):
        raise FormatError(f"{path}: neither a model written by lmkit nor an ARPA file, so it can't be opened.")
    container = read_container(path)
    if container.kind not in _READERS:
        raise FormatError(f"{path}: holds a {container.kind!r} model, which this lmkit can't read. It reads: {', '.join(_READERS)}.")
    module, name = _READERS[container.kind]
    return getattr(importlib.import_module(module), name).from_container(container)


def _is_arpa(path: Path) -> bool:
    """Whether \\data\\ stands near the start, behind comments as SRILM may write; compressed or not."""
    from lmkit.text import compression

    try:
        with open(path, "rb") as file:
            start = next(compression.decompressed(file, str(path), _START), b"")
    except (OSError, FormatError):
        return False
    return b"\\data\\" in start
