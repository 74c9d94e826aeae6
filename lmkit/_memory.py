"""Sizes as people write them, and how much memory there is and is taken."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from lmkit.errors import InvalidParameterError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def bytes_of(text: str) -> int | None:
    """Bytes that a text names: a number, or one with K, M, G or T (powers of 1024), as in 8, 2K, 500 MB, 1.5GiB; None for other texts."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?", text.strip(), re.IGNORECASE)
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()]) if match else None


def parse_size(owner: str, name: str, value: int | str) -> int:
    """Bytes: an int, what `bytes_of` reads, or a number with % of the machine's memory.

    Raises
    ------
    InvalidParameterError : if it is nothing of that kind, or below 1.
    """
    size = None
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str):
        share = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())
        if share:
            size = int(float(share[1]) / 100 * machine_memory()) if float(share[1]) <= 100 else None
        else:
            size = bytes_of(value)
    if size is None or size < 1:
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must be a size such as '2G', '500M' or '50%' (100% at most), or a number of bytes. "
            f"Got {value!r} instead."
        )
    return size


def show_size(size: float) -> str:
    """Bytes for people: 1.5 GB; in powers of 1024, as `parse_size` reads them."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{int(size)} bytes"


def machine_memory() -> int:
    """Bytes of memory that this process may take: the machine's, or the limit of its control group."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 1 << 33
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            size = min(size, int(Path(path).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return size


def resident_memory() -> int:
    """Bytes of memory that this process takes now, or did at most where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return peak_memory()


def peak_memory() -> int:
    """Bytes of memory that this process took at most so far; a guess where the system does not tell."""
    try:
        import resource
        import sys

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    except ImportError:  # Windows
        return 1 << 27


class PrivateMemory(mmap.mmap):
    """So many bytes, zeros at first, of no file, so that `let_go` leaves them alone. They are in small pages; NumPy asks for large ones.

    Raises MemoryError where the system has not so much.
    """

    def __new__(cls, size: int) -> PrivateMemory:
        flags: dict[str, Any] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        try:
            return super().__new__(cls, -1, max(size, 1), **flags)
        except OSError as error:
            raise MemoryError(f"{show_size(size)} of memory are not to be had") from error


def let_go(*arrays: np.ndarray | None) -> None:
    """Take arrays that are mapped from files out of this process's memory until they are used again; other arrays stay as they are."""
    for array in arrays:
        mapped = _mapping_of(array)
        if mapped is not None and hasattr(mapped, "madvise") and not isinstance(mapped, PrivateMemory):
            mapped.madvise(mmap.MADV_DONTNEED)  # the mappings are shared: changed pages stay in the system's cache


def prefer_large_pages(array: np.ndarray) -> None:
    """Ask the system to read the file that an array is mapped from in large pages, where it knows them.

    Linux takes those that it can; reading at random places all over a large file then takes two thirds of the time, or half.
    """
    mapped = _mapping_of(array)
    if mapped is not None and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            mapped.madvise(mmap.MADV_HUGEPAGE)


def _mapping_of(array: np.ndarray | None) -> mmap.mmap | None:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) else None
