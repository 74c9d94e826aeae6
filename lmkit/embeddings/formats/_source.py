"""A vectors file as bytes from its beginning, unpacked where it is compressed, and a window that moves over it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit import _memory, paths
from lmkit._progress import Progress
from lmkit.errors import FormatError, InputError
from lmkit.numeric._kernels_decimal import DECIMAL_PADDING
from lmkit.text import compression

BLOCK = 1 << 20
START = 1 << 16
MAXIMUM_RECORD = 1 << 26
_MARK = b"\xef\xbb\xbf"  # a byte order mark, which some editors put in front of text
_BIG = 0.4  # the share of the machine's memory above which an array lies in a file


class Source:
    """Bytes of a file in order, a byte order mark in front of them left out. Use as a context manager.

    Attributes
    ----------
    size : bytes of the file, None where it is compressed and nobody knows.
    at : bytes given out so far.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 closed by __exit__
            magic = self._file.read(compression.MAGIC_LENGTH) or b""
            self._file.seek(0)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; check the path.") from None
        except IsADirectoryError:
            raise InputError(f"{path}: is a folder, not a file.") from None
        self.at = 0
        self.packed_size = os.fstat(self._file.fileno()).st_size
        self.size: int | None = self.packed_size
        self._blocks: Iterator[bytes] | None = None
        self._left = memoryview(b"")
        if compression.recognise(magic):
            self.size = None
            self._blocks = compression.decompressed(self._file, str(path), BLOCK)
            self._left = memoryview(next(self._blocks, b""))
        if (bytes(self._left[:3]) or magic[:3]) == _MARK:
            self._left = self._left[3:]
            self.at = 3
            if self._blocks is None:
                self._file.seek(3)
        self._progress = Progress(f"reading {self.path.name}", self.packed_size, "B")
        self._told = 0

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.close()
        self._file.close()

    @property
    def left(self) -> int | None:
        """Bytes that are still to come, None where nobody knows."""
        return None if self.size is None else self.size - self.at

    def read_into(self, target: np.ndarray) -> int:
        """Fill target (uint8) as far as the file goes: the number of bytes. Raises FormatError for damaged compressed data."""
        view, done = memoryview(target), 0
        while done < len(view):
            if len(self._left):
                count = min(len(self._left), len(view) - done)
                view[done : done + count] = self._left[:count]
                self._left = self._left[count:]
            elif self._blocks is None:
                count = self._file.readinto(view[done : done + (BLOCK << 4)]) or 0  # type: ignore[attr-defined]
            else:
                self._left = memoryview(next(self._blocks, b""))
                if len(self._left):
                    continue
                count = 0
            if count == 0:
                break
            done += count
            self._tell()
        self.at += done
        return done

    def give_back(self, data: bytes) -> None:
        """Bytes that were read too far: they come again."""
        self._left = memoryview(data + bytes(self._left))
        self.at -= len(data)

    def _tell(self) -> None:
        at = self._file.tell()
        self._progress.advance(at - self._told)
        self._told = at

    def read(self, count: int) -> bytes:
        """The next bytes, fewer at the end of the file."""
        if self.left is not None:
            count = min(count, self.left)
        target = np.empty(count, np.uint8)
        return target[: self.read_into(target)].tobytes()

    def array(self, dtype: str, count: int, what: str) -> np.ndarray:
        """The next numbers as an array, memory for which is taken only as far as the file goes.

        Raises
        ------
        FormatError : if the file ends before; `what` says in words what ends there.
        """
        wanted = np.dtype(dtype)
        if self.left is not None and wanted.itemsize * count > self.left:
            raise self.cut(wanted.itemsize * count, what)
        if self.left is not None:
            target = allocate(count, wanted)
            if self.read_into(target.view(np.uint8)) < target.nbytes:
                raise self.cut(target.nbytes, what)
            return target
        parts: list[np.ndarray] = []
        done, size = 0, wanted.itemsize * count
        while done < size:
            part = np.empty(min(size - done, max(BLOCK, done)), np.uint8)
            got = self.read_into(part)
            if got < len(part):
                raise self.cut(size, what)
            parts.append(part)
            done += got
        return np.concatenate([*parts, np.empty(0, np.uint8)]).view(wanted)

    def cut(self, wanted: int, what: str) -> FormatError:
        """The error for a file that ends inside of `what`, which takes so many bytes from here on."""
        end = f"the file has {self.size:,}" if self.size is not None else "the data end before"
        return FormatError(f"{self.path}: cut short or damaged: {what} should end at byte {self.at + wanted:,}, {end}; copy it again.")

    def finish(self) -> None:
        """Read compressed data to their end, where their checksum stands. Raises FormatError if they are damaged."""
        for _ in self._blocks or ():
            pass


class Window:
    """data[at:used] are bytes read and not yet consumed; at least DECIMAL_PADDING bytes follow, the first of them a line end."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data = np.zeros(2 * BLOCK + DECIMAL_PADDING, np.uint8)
        self.at = self.used = 0

    @property
    def place(self) -> int:
        """Bytes of the file in front of data[at]."""
        return self.source.at - (self.used - self.at)

    def more(self) -> bool:
        """Read on behind what is left; False at the end of the file.

        Raises
        ------
        FormatError : where one record grows beyond any sensible size.
        """
        rest = self.used - self.at
        if rest > MAXIMUM_RECORD:
            raise FormatError(
                f"{self.source.path}: one line or word from byte {self.place:,} on is longer than {MAXIMUM_RECORD:,} bytes, so this is no "
                "vectors file, or a damaged one."
            )
        if rest + BLOCK + DECIMAL_PADDING > len(self.data):
            self.data = np.concatenate([self.data[self.at : self.used], np.zeros(rest + 2 * BLOCK + DECIMAL_PADDING, np.uint8)])
        else:
            self.data[:rest] = self.data[self.at : self.used]
        self.at, self.used = 0, rest
        count = self.source.read_into(self.data[rest : rest + BLOCK])
        self.used += count
        self.data[self.used] = 10
        return count > 0

    def lines_end(self) -> int:
        """Place behind the last line end of data[at:used]; `at` if there is none."""
        for stop in range(self.used, self.at, -4096):
            ends = np.flatnonzero(self.data[max(stop - 4096, self.at) : stop] == 10)
            if len(ends):
                return max(stop - 4096, self.at) + int(ends[-1]) + 1
        return self.at

    def give_back(self) -> None:
        """Hand what is not consumed back to the source, which is then read from here on."""
        self.source.give_back(self.data[self.at : self.used].tobytes())
        self.at = self.used

    def line(self) -> bytes:
        """The next line without its end, or what is left; moves behind it. Empty at the end of the file."""
        while True:
            ends = np.flatnonzero(self.data[self.at : self.used] == 10)
            if len(ends) or not self.more():
                stop = self.at + int(ends[0]) if len(ends) else self.used
                line = self.data[self.at : stop].tobytes()
                self.at = min(stop + 1, self.used)
                return line


def allocate(count: int, dtype: np.dtype) -> np.ndarray:
    """Room for so many numbers: in memory, or in an unnamed file where it would take much of the machine's memory."""
    size = dtype.itemsize * count
    if size <= _BIG * _memory.machine_memory():
        return np.empty(count, dtype)
    folder = paths.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:  # stays as long as it is mapped
        file.truncate(size)
        return np.memmap(file, dtype, "r+", shape=(count,)).view(np.ndarray)


def first_bytes(path: str | os.PathLike[str], count: int = START) -> bytes:
    """The first bytes of a file, unpacked, without a byte order mark; fewer where it is shorter. Empty for a file that can't be read or
    unpacked."""
    found = b""
    try:
        with open(path, "rb") as file:
            for block in compression.decompressed(file, str(path), count):
                found += block
                if len(found) >= count:
                    break
    except (OSError, FormatError):
        pass
    return found[:count].removeprefix(_MARK)
