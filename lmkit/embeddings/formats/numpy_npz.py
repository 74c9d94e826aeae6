"""NumPy's .npz: arrays `words` (text), `vectors` (float) and, where there are such, `counts`. Never pickled objects."""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmkit import _files
from lmkit._npz import BROKEN, member, one_line
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._rows import Collector
from lmkit.errors import FormatError, InputError
from lmkit.text.strings import packed

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "NumPy .npz"
_PIECE = 1 << 12


def recognises(path: Path, start: bytes) -> bool:
    """A zip file with an array `vectors`, or one that is cut; other arrays are none of our business."""
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "vectors.npy" in archive.namelist()
    except BROKEN:
        return path.suffix == ".npz"


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy"): name for name in archive.namelist()}
            for name in ("words", "vectors"):
                if name not in names:
                    found = ", ".join(sorted(names)[:8]) or "nothing"
                    raise FormatError(f"{path}: a .npz of vectors holds `words` and `vectors`, this file holds {found[:200]}.")
            words = member(archive, names["words"], path)
            matrix = member(archive, names["vectors"], path)
            counts = member(archive, names["counts"], path) if "counts" in names else None
    except FormatError:
        raise
    except BROKEN as error:
        raise FormatError(f"{path}: the .npz file is cut or damaged ({one_line(error)}); copy or make it again.") from None
    return _checked(path, words, matrix, counts, errors)


def _checked(path: Path, words: np.ndarray, matrix: np.ndarray, counts: np.ndarray | None, errors: str) -> WordVectors:
    if words.ndim != 1 or words.dtype.kind not in "US" or matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or len(words) != len(matrix):
        raise FormatError(
            f"{path}: `words` is {words.dtype} {list(words.shape)}, `vectors` {matrix.dtype} {list(matrix.shape)}; "
            "they must be text [V] and numbers [V, d]."
        )
    if counts is not None and (counts.shape != words.shape or counts.dtype.kind not in "iu"):
        raise FormatError(f"{path}: `counts` is {counts.dtype} {list(counts.shape)}; it must be whole numbers [{len(words):,}].")
    if matrix.size == 0:
        raise FormatError(f"{path}: `vectors` is {list(matrix.shape)}, so there is nothing to read.")
    collector = Collector(path, matrix.shape[1], len(words), errors)
    for first in range(0, len(words), _PIECE):
        try:
            piece = words[first : first + _PIECE].tolist()
            blob, offsets = packed([word if isinstance(word, str) else word.decode() for word in piece])
        except (UnicodeError, ValueError) as error:
            raise FormatError(f"{path}: `words` from row {first:,} on are no text ({one_line(error)}); the file is damaged.") from None
        collector.put(matrix[first : first + _PIECE], blob, offsets, functools.partial(_place, first))
    rows = collector.finish()
    if counts is not None:
        counts = np.asarray(counts if rows.kept is None else counts[rows.kept], np.int64)
    return vectors_of(rows, path, FORM, counts=counts)


def _place(first: int, row: int) -> str:
    return f"row {first + row:,}"


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. Not compressed, so that NumPy reads it fast."""
    words = np.array(vectors.words.strings())
    if vectors.words.strings() != words.tolist():  # NumPy's text can't end in NUL
        raise InputError("A word ends in the character NUL, which NumPy's text can't hold; choose another format.")
    arrays = {"words": words, "vectors": vectors.matrix}
    if vectors.counts is not None:
        arrays["counts"] = vectors.counts
    with _files.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
