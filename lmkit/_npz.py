"""NumPy's .npz files of others: arrays taken out with their sizes checked before memory is taken for them, and never pickled objects."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from lmkit.errors import FormatError

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, OSError, RuntimeError, NotImplementedError, ValueError, OverflowError)
"""What reading a damaged archive may raise beside FormatError."""
_HEADER = 1 << 16
_RATIO = 1100
"""Deflate makes nothing smaller than by this."""


def member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """An array of text or numbers, read-only. Raises FormatError, or one of BROKEN."""
    info = archive.getinfo(name)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(file, max_header_size=_HEADER)
        if dtype.hasobject or dtype.kind not in "USfiu":
            raise FormatError(f"{path}: {name} holds {dtype}, not text or numbers; pickled objects can run any code and are never opened.")
        size = math.prod(shape) * dtype.itemsize
        packed_size = path.stat().st_size
        if any(extent < 0 for extent in shape) or size > info.file_size or info.file_size > _RATIO * packed_size:
            raise FormatError(f"{path}: {name} says {size:,} bytes, the archive {info.file_size:,}; the file is damaged, make it again.")
        data = file.read(size)
        if len(data) < size:
            raise FormatError(f"{path}: {name} is cut: {len(data):,} of {size:,} bytes; copy it again.")
        if file.read(1):  # reads to the end, where the archive's check sum is
            raise FormatError(f"{path}: {name} goes on behind its {size:,} bytes; the file is damaged, make it again.")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def one_line(error: Exception) -> str:
    """What an exception says, for the middle of a sentence."""
    return " ".join(str(error).split())[:120] or type(error).__name__
