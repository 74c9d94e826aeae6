"""Where counting and smoothing keep their arrays: in memory, or in nameless files when memory is bounded."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from lmkit._files import explain_write_error
from lmkit._memory import PrivateMemory, let_go
from lmkit.errors import OutputError

Item = TypeVar("Item")
Result = TypeVar("Result")

POOL_UNIT = 1 << 20
"""Bytes from which on arrays are worth a place in a pool; places are multiples of it."""
_BLOCK = 1 << 16
"""Entries handled at a time where a pass goes through a whole level: its temporary arrays stay in the second-level cache."""


class Workspace:
    """Arrays in memory.

    Parameters
    ----------
    threads : how many kernels may run at once; None for all cores. Results are the same for any number.
    reuse : whether memory that was taken is kept for the arrays that come later, rather than given back: faster, since the system
        clears all memory that it gives out, but for a caller who goes on to take much memory elsewhere.
    """

    block = _BLOCK

    def __init__(self, threads: int | None = None, *, reuse: bool = False) -> None:
        self.threads = threads or available_cores()
        self._pool = Pool() if reuse else None

    def empty(self, count: int, dtype: npt.DTypeLike) -> np.ndarray:
        """An array of so many entries, of any content."""
        return np.empty(count, dtype) if self._pool is None else self._pool.take(count, np.dtype(dtype))

    def zeros(self, count: int, dtype: npt.DTypeLike) -> np.ndarray:
        """An array of so many zeros."""
        if self._pool is None:
            return np.zeros(count, dtype)
        result = self._pool.take(count, np.dtype(dtype))
        result.fill(0)
        return result

    def collector(self, dtype: npt.DTypeLike, most: int) -> Collector:
        """For an array that is made piece by piece and has at most `most` entries in the end."""
        return Collector(dtype, most, self._pool)

    def scratch(self, count: int) -> Scratch | PooledScratch:
        """uint64 memory for so many entries, of any content, that is not needed for long."""
        return Scratch(count) if self._pool is None else PooledScratch(self.empty(count, np.uint64))

    def drop(self, *arrays: np.ndarray | None) -> None:
        """Arrays of this workspace that are not needed for the moment. They keep their contents."""

    def scratch_records(self, records: int, record_bytes: int, order: int) -> tuple[int, int]:
        """(records that may be held at once, records that a partition should have). A partition fits the last-level cache."""
        return max(records * 24, 1 << 28) // record_bytes, max(1 << 18, records >> 10)

    def bands(self, count: int, itemsize: int) -> list[tuple[int, int]]:
        """[0, count) in stretches short enough to be accessed at random in memory."""
        return [(0, count)]

    def blocks(self, count: int) -> list[tuple[int, int]]:
        """[0, count) in stretches of `block`."""
        return [(start, min(start + self.block, count)) for start in range(0, count, self.block)]

    def blocks_by_children(self, first_child: np.ndarray) -> list[tuple[int, int]]:
        """The contexts in stretches that have about `block` children and contexts."""
        return self._stretches(first_child, self.block)

    def bands_by_children(self, first_child: np.ndarray) -> list[tuple[int, int]]:
        """The contexts in stretches that, with their children, are short enough to be accessed at random in memory."""
        return [(0, len(first_child) - 1)]

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """function of every item, in order, `threads` at a time."""
        items = list(items)
        if self.threads <= 1 or len(items) <= 1:
            yield from map(function, items)
            return
        pool = ThreadPoolExecutor(self.threads)
        try:
            pending = [pool.submit(function, item) for item in items[: 2 * self.threads]]
            for index in range(len(items)):
                result = pending.pop(0).result()
                if index + 2 * self.threads < len(items):  # results wait for few others, so that they don't pile up
                    pending.append(pool.submit(function, items[index + 2 * self.threads]))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)

    def run(self, function: Callable[[Item], Any], items: Iterable[Item]) -> None:
        """Call function for every item, `threads` at a time."""
        for _ in self.map(function, items):
            pass

    def pieces(self, size: int) -> int:
        """Into how many pieces an input of so many bytes is cut."""
        return self.threads

    def _stretches(self, first_child: np.ndarray, most: int) -> list[tuple[int, int]]:
        """The contexts in stretches of at most `most`, with at most as many children unless it is a single one."""
        contexts = len(first_child) - 1
        result = []
        start = looked_at = 0
        while start < contexts:
            nearby = first_child[start : start + most + 1]
            target = min(int(nearby[0]) + most, int(nearby[-1]))  # of the array's own type, or NumPy would convert all of it
            stop = start + int(np.searchsorted(nearby, first_child.dtype.type(target), side="right")) - 1
            stop = min(max(stop, start + 1), contexts)
            result.append((start, stop))
            start = stop
            if start - looked_at >= self.block or start == contexts:
                self.drop(first_child)
                looked_at = start
        return result


class Scratch:
    """uint64 memory whose parts can be given back one after the other."""

    def __init__(self, count: int) -> None:
        self._memory = PrivateMemory(count * 8)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):  # a kernel built without huge pages
                self._memory.madvise(mmap.MADV_HUGEPAGE)
        self.array = np.frombuffer(self._memory, np.uint64, count)

    def discard(self, start: int, stop: int) -> None:
        """The entries from start to stop are not needed any more."""
        if hasattr(mmap, "MADV_DONTNEED"):
            low = -(-start * 8 // mmap.PAGESIZE) * mmap.PAGESIZE
            high = stop * 8 // mmap.PAGESIZE * mmap.PAGESIZE
            if low < high:
                self._memory.madvise(mmap.MADV_DONTNEED, low, high - low)


@dataclasses.dataclass
class PooledScratch:
    """As `Scratch`: what is given back is used again for the next array, not by the system."""

    array: np.ndarray

    def discard(self, start: int, stop: int) -> None:
        """Nothing: all of it goes back to its pool in the end."""


class Pool:
    """Memory that is used again: what an array took comes back by itself when nothing refers to that array or a view of it any more.

    It lies in small pages, as that of a `Collector` and for the same reason; a sixth less system time.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[tuple[int, int]]] = {}  # by place in _memory: the bytes that are free, rising
        self._memory: dict[int, np.ndarray] = {}
        self._returned: collections.deque[tuple[int, int, int]] = collections.deque()  # filled whenever an array dies, in any thread

    def take(self, count: int, dtype: np.dtype) -> np.ndarray:
        """An array of so many entries, of any content. Not to be called from several threads at once."""
        size = -(-count * dtype.itemsize // POOL_UNIT) * POOL_UNIT
        if count * dtype.itemsize < POOL_UNIT:
            return np.empty(count, dtype)
        self._sort_in()
        fitting = [(high - low, number, low) for number, pieces in self._free.items() for low, high in pieces if high - low >= size]
        if fitting:
            room, number, low = min(fitting)
            pieces = self._free[number]
            at = pieces.index((low, low + room))
            pieces[at : at + 1] = [(low + size, low + room)] if room > size else []
        else:
            for number, memory in list(self._memory.items()):  # what holds nothing and is too small goes
                if self._free[number] == [(0, memory.size)]:
                    del self._memory[number], self._free[number]
            number, low = self._add(np.frombuffer(PrivateMemory(size), np.uint8)), 0
        return self._lend(number, low, low + size, count, dtype)

    def adopt(self, memory: np.ndarray, count: int) -> np.ndarray:
        """The first entries of an array that this pool did not give out; their memory comes here when nothing refers to them any more."""
        size = min(-(-count * memory.itemsize // POOL_UNIT) * POOL_UNIT, memory.nbytes)
        if count * memory.itemsize < POOL_UNIT:
            return memory[:count].copy()
        return self._lend(self._add(memory.view(np.uint8)[:size]), 0, size, count, memory.dtype)

    def _add(self, memory: np.ndarray) -> int:
        number = max(self._memory, default=-1) + 1
        self._memory[number], self._free[number] = memory, []
        return number

    def _lend(self, number: int, low: int, high: int, count: int, dtype: np.dtype) -> np.ndarray:
        # of a memoryview: views of the array then refer to the array, not past it to the memory
        array = np.frombuffer(memoryview(self._memory[number])[low:high], dtype, count)
        weakref.finalize(array, self._returned.append, (number, low, high)).atexit = False
        return array

    def _sort_in(self) -> None:
        """Put what came back among the free pieces, joined with its neighbours."""
        while self._returned:
            number, low, high = self._returned.popleft()
            joined: list[tuple[int, int]] = []
            for piece in sorted([*self._free[number], (low, high)]):
                if joined and joined[-1][1] == piece[0]:
                    joined[-1] = (joined[-1][0], piece[1])
                else:
                    joined.append(piece)
            self._free[number] = joined


class Collector:
    """An array that is made piece by piece, in memory, which goes to a pool in the end. Pages that are never written to are never taken.

    It is written from front to back, so small pages do. NumPy would ask for large ones, which a virtual machine may have to get from its
    host: measured 1 to 2.5 seconds a GB, small ones 0.4.
    """

    def __init__(self, dtype: npt.DTypeLike, most: int, pool: Pool | None = None) -> None:
        self._array, self._pool = np.frombuffer(PrivateMemory(most * np.dtype(dtype).itemsize), dtype, most), pool
        self.size = 0

    def append(self, piece: np.ndarray) -> None:
        self._array[self.size : self.size + len(piece)] = piece
        self.size += len(piece)

    def add_to_last(self, amount: int) -> None:
        """Increase the entry appended last."""
        self._array[self.size - 1] += amount

    def finish(self) -> np.ndarray:
        """All that was appended."""
        return self._array[: self.size] if self._pool is None else self._pool.adopt(self._array, self.size)


def available_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


class DiskWorkspace(Workspace):
    """Arrays in nameless temporary files, which the system removes however the process ends; only a bounded part of them is in memory.

    Parameters
    ----------
    folder : where the files go; it must exist.
    memory : bytes that arrays may take in memory at once.
    threads : as for `Workspace`.

    Raises
    ------
    OutputError : from any method, if the disk is full or can't be written.
    """

    def __init__(self, folder: Path, memory: int, threads: int | None = None) -> None:
        super().__init__(threads)
        self.folder = folder
        self.memory = memory
        self.block = int(max(min(_BLOCK * 4, memory // (self.threads * 256)), 1 << 10))

    def empty(self, count: int, dtype: npt.DTypeLike) -> np.ndarray:
        return self._map(self._file(count * np.dtype(dtype).itemsize), count, dtype)

    def zeros(self, count: int, dtype: npt.DTypeLike) -> np.ndarray:
        return self.empty(count, dtype)  # the files' bytes are zeros

    def collector(self, dtype: npt.DTypeLike, most: int) -> Collector:
        return DiskCollector(self, dtype)

    def drop(self, *arrays: np.ndarray | None) -> None:
        let_go(*arrays)

    def scratch_records(self, records: int, record_bytes: int, order: int) -> tuple[int, int]:
        sorting = record_bytes + 2 + order * 16  # a record's share of a sorter's buffers and of the levels read off, at most
        target = self.memory // 3 // (sorting * 3 * self.threads)  # as many results wait as are made
        return max(self.memory // 3 // record_bytes, 1 << 12), int(min(max(target, 1 << 10), 1 << 19))

    def pieces(self, size: int) -> int:
        return max(self.threads, size * 16 // self.memory)

    def bands(self, count: int, itemsize: int) -> list[tuple[int, int]]:
        width = max(self.memory // 4 // itemsize, 1 << 10)
        return [(start, min(start + width, count)) for start in range(0, count, width)]

    def bands_by_children(self, first_child: np.ndarray) -> list[tuple[int, int]]:
        return self._stretches(first_child, max(self.memory // 8 // first_child.itemsize, 1 << 10))

    def _file(self, size: int) -> IO[bytes]:
        try:
            file = tempfile.TemporaryFile(dir=self.folder, prefix="lmkit-")  # noqa: SIM115 closed when it is mapped
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk shows here, not as a signal when a page is written
            elif size:
                file.truncate(size)
            return file
        except OSError as error:
            raise disk_error(error, self.folder) from error

    def _map(self, file: IO[bytes], count: int, dtype: npt.DTypeLike) -> np.ndarray:
        with file:
            if count == 0:
                return np.empty(0, dtype)
            try:
                return np.frombuffer(mmap.mmap(file.fileno(), count * np.dtype(dtype).itemsize), dtype)
            except OSError as error:
                raise disk_error(error, self.folder) from error


class DiskCollector(Collector):
    """An array that is made piece by piece, in a file."""

    def __init__(self, workspace: DiskWorkspace, dtype: npt.DTypeLike) -> None:
        self._workspace = workspace
        self._dtype = np.dtype(dtype)
        self._file = workspace._file(0)
        self._last = 0
        self.size = 0

    def append(self, piece: np.ndarray) -> None:
        if not len(piece):
            return
        try:
            self._file.write(memoryview(np.ascontiguousarray(piece, self._dtype)).cast("B"))
        except OSError as error:
            raise disk_error(error, self._workspace.folder) from error
        self._last = int(piece[-1])
        self.size += len(piece)

    def add_to_last(self, amount: int) -> None:
        self._last += amount
        try:
            self._file.seek(-self._dtype.itemsize, os.SEEK_END)
            self._file.write(np.array([self._last], self._dtype).tobytes())
        except OSError as error:
            raise disk_error(error, self._workspace.folder) from error

    def finish(self) -> np.ndarray:
        try:
            self._file.flush()
        except OSError as error:
            raise disk_error(error, self._workspace.folder) from error
        return self._workspace._map(self._file, self.size, self._dtype)


def disk_error(error: OSError, folder: Path) -> OutputError:
    """One sentence about a temporary file that can't be written."""
    if error.errno in (28, 122, 27):  # ENOSPC, EDQUOT, EFBIG
        return OutputError(
            f"{folder}: the disk is full, so the counts could not be kept there; free some space or name another folder with --temp."
        )
    return explain_write_error(error, folder / "temporary file")
