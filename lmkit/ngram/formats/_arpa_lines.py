"""An ARPA file as blocks of bytes with a cursor that knows its line number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit.errors import FormatError, InputError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text import compression

BLOCK = 1 << 20
_MAXIMUM_LINE = 1 << 26


class Lines:
    """Bytes data[at:used] are read and not yet consumed; they end in LF, so that kernels that stop there need no other end test.

    Attributes
    ----------
    number : lines in front of the cursor.
    size : bytes of the file where it is not compressed, else None.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.data = np.zeros(2 * BLOCK + PADDING, np.uint8)
        self.at = self.used = 0
        self._filled = 0  # data[used:_filled] is the beginning of a line
        self._ended = False
        try:
            self._file: BinaryIO = open(path, "rb", buffering=0)  # noqa: SIM115 closed by __exit__
            start = self._file.read(compression.MAGIC_LENGTH) or b""
            self._file.seek(0)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; check the path.") from None
        self._blocks: Iterator[bytes] | None = None
        self.size: int | None = os.fstat(self._file.fileno()).st_size
        if compression.recognise(start):
            self.size = None
            self._blocks = compression.decompressed(self._file, str(path), BLOCK)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def refill(self) -> bool:
        """Read on behind what is left; False if there was nothing more. The file's last line gets its LF.

        Raises
        ------
        FormatError : if a line is longer than any sensible one, or the compressed data are damaged.
        """
        if self._ended:
            return False
        while True:
            rest = self._filled - self.at
            self.data[:rest] = self.data[self.at : self._filled]
            self._filled, self.at = rest, 0
            more = self._read()
            if more == 0:
                self._ended = True
                if self._filled == 0:
                    self.used = 0
                    return False
                if self.data[self._filled - 1] != 10:
                    self.data[self._filled] = 10
                    self._filled += 1
                self.used = self._filled
                return True
            end = self._last_line_end(rest)
            if end > 0:
                self.used = end
                return True
            if self._filled > _MAXIMUM_LINE:
                raise FormatError(
                    f"{self.path}, line {self.number + 1:,}: is longer than {_MAXIMUM_LINE:,} bytes, so this is no ARPA file."
                )

    def _last_line_end(self, start: int) -> int:
        """Place behind the last LF of data[start:_filled], 0 if there is none."""
        for stop in range(self._filled, start, -4096):
            ends = np.flatnonzero(self.data[max(stop - 4096, start) : stop] == 10)
            if len(ends):
                return max(stop - 4096, start) + int(ends[-1]) + 1
        return 0

    def _read(self) -> int:
        """Append a block; how many bytes it had."""
        block = b"" if self._blocks is None else next(self._blocks, b"")
        wanted = BLOCK if self._blocks is None else len(block)
        if self._filled + wanted + 1 + PADDING > len(self.data):
            self.data = np.concatenate([self.data[: self._filled], np.zeros(max(self._filled, wanted) + BLOCK + PADDING, np.uint8)])
        if self._blocks is None:
            count = self._file.readinto(memoryview(self.data[self._filled : self._filled + BLOCK])) or 0  # type: ignore[attr-defined]
        else:
            count = len(block)
            self.data[self._filled : self._filled + count] = np.frombuffer(block, np.uint8)
        self._filled += count
        return count

    def finish(self) -> None:
        """Read compressed data to their end, where their checksum stands. Raises FormatError if they are damaged."""
        for _ in self._blocks or ():
            pass

    def next(self) -> str | None:
        """The next line without its end, or None at the end of the file."""
        if self.at >= self.used and not self.refill():
            return None
        ends = np.flatnonzero(self.data[self.at : min(self.at + 4096, self.used)] == 10)
        if len(ends) == 0:
            ends = np.flatnonzero(self.data[self.at : self.used] == 10)
        line = self.data[self.at : self.at + int(ends[0])].tobytes()
        self.at += int(ends[0]) + 1
        self.number += 1
        return line.decode("utf-8", "replace").strip(" \t\r\0")

    def next_filled(self) -> str | None:
        """The next line that is not blank."""
        line = self.next()
        while line == "":
            line = self.next()
        return line

    def expect(self, expected: str, otherwise: str) -> None:
        """Read the next line that is not blank. Raises FormatError if it is not the expected one."""
        line = self.next_filled()
        if line != expected:
            found = "the file ends" if line is None else f"found {shorten(line)}"
            raise FormatError(f"{self.path}, line {self.number:,}: expected {expected} but {found}: {otherwise}.")


def shorten(line: str) -> str:
    """A line for a message."""
    return repr(line if len(line) <= 60 else line[:57] + "...")
