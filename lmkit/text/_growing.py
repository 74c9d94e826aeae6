"""Arrays that grow at their end, in memory or in a nameless file."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from lmkit._memory import let_go


class Growing:
    """An array that grows at its end; the memory is moved by the system's page tables, not copied.

    Attributes
    ----------
    array : what is there of it; entries from `size` on are of any content.
    size : how many entries were entered.
    """

    def __init__(self, dtype: type) -> None:
        self.array: np.ndarray = np.empty(0, dtype)
        self.size = 0

    def reserve(self, more: int) -> np.ndarray:
        """Make room for `more` entries behind `size`; returns the whole array."""
        needed = self.size + more
        if needed > len(self.array):
            self._enlarge(max(needed, len(self.array) * 3 // 2))
        return self.array

    def append(self, values: np.ndarray) -> None:
        self.reserve(len(values))[self.size : self.size + len(values)] = values
        self.settle(self.size + len(values))

    def settle(self, size: int) -> None:
        """The first `size` entries have been entered, and won't be needed for a while."""
        self.size = size

    def take(self) -> np.ndarray:
        """Everything entered; the growing array is spent."""
        array, self.array = self.array, np.empty(0, self.array.dtype)
        array.resize(self.size, refcheck=False)
        return array

    def _enlarge(self, entries: int) -> None:
        self.array.resize(entries, refcheck=False)


class GrowingFile(Growing):
    """As `Growing`, in a nameless file of `folder`, which the system removes however the process ends; of it only what was entered last
    takes memory. Where the folder can't be written, its disk is full or the system can't promise its room, it goes on in memory.
    """

    def __init__(self, dtype: type, folder: Path) -> None:
        super().__init__(dtype)
        self._file = None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if hasattr(os, "posix_fallocate"):
                self._file = tempfile.TemporaryFile(dir=folder, prefix="lmkit-")  # noqa: SIM115 closed by `take`, or with its owner

    def settle(self, size: int) -> None:
        super().settle(size)
        let_go(self.array)

    def take(self) -> np.ndarray:
        if self._file is None:
            return super().take()
        self._file.close()  # the mapping keeps it
        array, self.array = self.array[: self.size], np.empty(0, self.array.dtype)
        return array

    def _enlarge(self, entries: int) -> None:
        if self._file is not None:
            try:
                size = entries * self.array.itemsize
                os.posix_fallocate(self._file.fileno(), 0, size)  # a full disk shows here, not as a signal when a page is written
                self.array = np.frombuffer(mmap.mmap(self._file.fileno(), size), self.array.dtype)
                return
            except OSError:
                self._file.close()
                self._file = None
                self.array = self.array[: self.size].copy()
        super()._enlarge(entries)
