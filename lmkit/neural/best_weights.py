"""The weights of the best validation, set aside while training goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit._files import explain_write_error
from lmkit._memory import let_go
from lmkit.errors import FormatError

_PIECE = 1 << 22  # bytes that are read back at once


class BestWeights:
    """A copy of a network's weights: in an unnamed file beside the checkpoint, so that it takes no memory; without checkpoint in memory.

    The file is gone when this is closed and when the process ends, however it ends.

    Parameters
    ----------
    values : the network's arrays by name, C-contiguous. The copy has their names, shapes and dtypes.
    beside : path of the checkpoint; None keeps the copy in memory.

    Attributes
    ----------
    is_there : whether anything has been kept yet.
    """

    def __init__(self, values: Mapping[str, np.ndarray], beside: Path | None) -> None:
        self.is_there = False
        self._values, self._beside = values, beside
        self._arrays: dict[str, np.ndarray] = {}
        self._file: BinaryIO | None = None

    def keep(self, values: Mapping[str, np.ndarray]) -> None:
        """Copy these over what was kept before, so that there are never three sets. Raises OutputError if the file can't be written."""
        if self._beside is None:
            for name in self._values:
                if name in self._arrays:
                    self._arrays[name][...] = values[name]
                else:
                    self._arrays[name] = np.array(values[name])
        else:
            try:
                self._write(values)
            except OSError as error:
                raise explain_write_error(error, self._beside) from error
        self.is_there = True

    def _write(self, values: Mapping[str, np.ndarray]) -> None:
        assert self._beside is not None
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._beside.parent, buffering=0)  # noqa: SIM115 - open as long as the training
        self._file.seek(0)
        for name in self._values:
            data = memoryview(_as_bytes(np.ascontiguousarray(values[name])))
            while len(data):
                data = data[self._file.write(data) :]
            let_go(values[name])

    def pieces(self) -> Iterator[tuple[str, int, np.ndarray]]:
        """What is kept, in order: a name, at which byte of that array a piece begins, and the piece, valid until the next."""
        if self._file is None:
            for name, array in self._arrays.items():
                yield name, 0, array
            return
        self._file.seek(0)
        room = np.empty(_PIECE, np.uint8)
        for name, value in self._values.items():
            for start in range(0, value.nbytes, _PIECE):
                yield name, start, _fill(self._file, room[: min(_PIECE, value.nbytes - start)])

    def give_back(self) -> None:
        """Copy what is kept into the network's arrays."""
        for name, start, piece in self.pieces():
            data = _as_bytes(piece)
            _as_bytes(self._values[name])[start : start + data.size] = data

    def close(self) -> None:
        """Forget it."""
        self.is_there = False
        self._arrays.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """uint8 (n,), a view."""
    return array.reshape(-1).view(np.uint8)


def _fill(file: BinaryIO, room: np.ndarray) -> np.ndarray:
    at = 0
    while at < room.size:
        count = file.readinto(memoryview(room)[at:])  # type: ignore[attr-defined]
        if not count:
            raise FormatError("The file of the best weights so far has become shorter than it was written; is the disk in order?")
        at += count
    return room
