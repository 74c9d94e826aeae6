"""The container of lmkit's own model files: safetensors layout, streamed out, memory-mapped in, never pickle.

Layout (docs/file-formats.md): 8 bytes little-endian header length, a JSON header, then the tensors one after the other. The header names
each tensor's dtype, shape and place, and under `__metadata__` a string `lmkit` that holds lmkit's own JSON: kind, format version, options,
how it was made. Every tensor starts at a multiple of 64 bytes; the gaps are filled by named padding tensors, since safetensors allows no
holes. Any safetensors reader can open these files.
"""

from __future__ import annotations

import contextlib
import json
import math
import mmap
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lmkit import _files
from lmkit.errors import FormatError, InputError

FORMAT_VERSION = 1
ALIGNMENT = 64
MAXIMUM_HEADER = 100 * 1024 * 1024  # as the safetensors library refuses; keeps a forged length from filling the memory

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_PADDING = "__padding__"


class Container(Mapping[str, np.ndarray]):
    """An opened model file: its header in `kind` and `metadata`, its tensors by name as read-only memory-mapped arrays."""

    def __init__(self, path: Path, kind: str, metadata: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
        self.path = path
        self.kind = kind
        self.metadata = metadata
        self._tensors = tensors

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._tensors[name]
        except KeyError:
            raise FormatError(f"{self.path}: the tensor {name!r} is missing; the file is not a whole {self.kind} model.") from None

    def array(self, name: str, dtype: npt.DTypeLike | None = None, ndim: int | None = None) -> np.ndarray:
        """The tensor of that name. Raises FormatError if it is missing or not of the stated dtype and number of dimensions."""
        tensor = self[name]
        if (dtype is not None and tensor.dtype != dtype) or (ndim is not None and tensor.ndim != ndim):
            raise FormatError(
                f"{self.path}: tensor {name!r} is {tensor.dtype} with {tensor.ndim} dimensions, which a {self.kind} model does not have. "
                "The file is damaged."
            )
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors


def write_container(
    path: str | os.PathLike[str],
    kind: str,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    *,
    header_multiple: int = ALIGNMENT,
) -> None:
    """Write a model file, beside its target and then renamed.

    Parameters
    ----------
    path : where to write.
    kind : what the file holds, such as "ngram"; `lmkit.load` finds the reader by it.
    metadata : JSON-able; stored under `__metadata__`.
    tensors : arrays by name, of the dtypes that safetensors knows; little-endian on disk.
    header_multiple : the tensors begin at a multiple of so many bytes.

    Raises
    ------
    OutputError : if the file can't be written; what stood at `path` before is then untouched.
    """
    stored = {name: _as_stored(tensor) for name, tensor in tensors.items()}
    shapes = {name: (tensor.dtype, tensor.shape) for name, tensor in stored.items()}
    with writing_container(path, kind, metadata, shapes, header_multiple=header_multiple) as writer:
        for name, tensor in stored.items():
            writer.write(name, 0, tensor)


@contextlib.contextmanager
def writing_container(
    path: str | os.PathLike[str],
    kind: str,
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[np.dtype, tuple[int, ...]]],
    *,
    header_multiple: int = ALIGNMENT,
) -> Iterator[ContainerWriter]:
    """As `write_container`, for tensors that are written piece by piece; shapes : see `ContainerWriter`.

    The header is written in the end, with what `metadata` says by then.
    """
    with _files.replacing(path) as temporary, open(temporary, "w+b", buffering=0) as file:
        writer = ContainerWriter(file, kind, metadata, shapes, header_multiple=header_multiple)
        yield writer
        writer.finish(metadata)


class ContainerWriter:
    """Writes a model file whose tensors come in pieces, in any order and from any thread, and whose metadata come last.

    Until `finish` has written the header the file opens as nothing. Bytes are those that `write_container` would write, if it is given the
    same `header_multiple`.

    Parameters
    ----------
    file : opened for writing and reading, unbuffered, empty.
    kind : as for `write_container`.
    metadata : what is known of it; `finish` needs least time where its metadata are about as long.
    shapes : dtype and shape of each tensor by name, in the order of the file.
    header_multiple : the tensors begin at a multiple of so many bytes.
    """

    def __init__(
        self,
        file: BinaryIO,
        kind: str,
        metadata: Mapping[str, Any],
        shapes: Mapping[str, tuple[np.dtype, tuple[int, ...]]],
        *,
        header_multiple: int = ALIGNMENT,
    ) -> None:
        self._file, self._kind, self._multiple = file, kind, header_multiple
        self._lock = threading.Lock()
        self._entries: dict[str, Any] = {}
        position = blocks = 0
        for name, (dtype, shape) in shapes.items():
            gap = -position % ALIGNMENT
            if gap:
                self._entries[f"{_PADDING}{blocks}"] = _entry(np.dtype(np.uint8), (gap,), position)
                position += gap
                blocks += 1
            self._entries[name] = _entry(dtype, shape, position)
            position = self._entries[name]["data_offsets"][1]
            blocks += 1
        self._size = position
        self._data_start = len(self._header(metadata)) + 8

    def write(self, name: str, start: int, piece: np.ndarray) -> None:
        """Write a piece of a tensor that begins `start` bytes behind its own beginning. Raises OSError."""
        flat = np.ascontiguousarray(piece).reshape(-1).view(np.uint8)
        low, high = self._entries[name]["data_offsets"]
        if start + flat.size > high - low:
            raise ValueError(f"a piece of {name!r} runs over its end")
        for at in range(0, flat.size, _files.WRITE_BLOCK):
            self._write_at(memoryview(flat[at : at + _files.WRITE_BLOCK]), self._data_start + low + start + at)

    def finish(self, metadata: Mapping[str, Any]) -> None:
        """Write the header. Where it needs more or less room than was kept for it, the tensors are moved. Raises OSError."""
        header = self._header(metadata)
        if len(header) + 8 != self._data_start:
            self._move_data(len(header) + 8)
        self._file.truncate(self._data_start + self._size)
        self._write_at(memoryview(header), 8)
        self._write_at(memoryview(len(header).to_bytes(8, "little")), 0)

    def tensors(self) -> dict[str, np.ndarray]:
        """The tensors, mapped from the finished file, read-only."""
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        where = Path(str(self._file.name))
        return {
            name: _tensor(where, name, entry, mapped, self._data_start, len(mapped))
            for name, entry in self._entries.items()
            if not name.startswith(_PADDING)
        }

    def _header(self, metadata: Mapping[str, Any]) -> bytes:
        document = json.dumps({"kind": self._kind, "format_version": FORMAT_VERSION, **metadata}, ensure_ascii=False, sort_keys=True)
        header = {"__metadata__": {"format": "lmkit", "lmkit": document}, **self._entries}
        encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        return encoded + b" " * (-(len(encoded) + 8) % self._multiple)

    def _write_at(self, data: memoryview, position: int) -> None:
        while len(data):
            if hasattr(os, "pwrite"):
                written = os.pwrite(self._file.fileno(), data, position)
            else:
                with self._lock:
                    self._file.seek(position)
                    written = self._file.write(data)
            data, position = data[written:], position + written

    def _move_data(self, data_start: int) -> None:
        pieces = range(0, self._size, _files.WRITE_BLOCK)
        with open(self._file.fileno(), "rb", closefd=False) as source:
            for at in reversed(pieces) if data_start > self._data_start else pieces:
                source.seek(self._data_start + at)
                self._write_at(memoryview(source.read(min(_files.WRITE_BLOCK, self._size - at))), data_start + at)
        self._data_start = data_start


def read_container(path: str | os.PathLike[str]) -> Container:
    """Open a model file without reading its tensors: they are memory-mapped, read-only.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it is not such a file, is cut, or was written by a newer lmkit.
    """
    path = Path(path)
    header, data_start, size = _read_header(path)
    document = _lmkit_document(path, header)
    tensors: dict[str, np.ndarray] = {}
    if size > data_start:
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    else:
        mapped = None
    for name, entry in header.items():
        if name == "__metadata__" or name.startswith(_PADDING):
            continue
        tensors[name] = _tensor(path, name, entry, mapped, data_start, size)
    kind = document.pop("kind")
    document.pop("format_version")
    return Container(path, kind, document, tensors)


def is_container(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as one of lmkit's own model files does (a safetensors header with an `lmkit` entry)."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return len(start) > 8 and start[8:].startswith(b'{"__metadata__":{"format":"lmkit"')


def _as_stored(tensor: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(tensor)
    little = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
    array = array.astype(little, copy=False)
    if array.dtype not in _NAMES:
        raise TypeError(f"dtype {array.dtype} has no place in a model file")
    return array


def _entry(dtype: np.dtype, shape: tuple[int, ...], position: int) -> dict[str, Any]:
    size = math.prod(shape) * dtype.itemsize
    return {"dtype": _NAMES[dtype], "shape": list(shape), "data_offsets": [position, position + size]}


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8:
                raise FormatError(f"{path}: not an lmkit model, or cut short: it has {size} bytes; delete it, or copy it again.")
            if length > min(size - 8, MAXIMUM_HEADER):
                raise FormatError(
                    f"{path}: not an lmkit model, or cut short: its header should take {length:,} bytes, the file has {size:,}."
                )
            raw = file.read(length)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path, or train a model first.") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a model file.") from None
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise FormatError(f"{path}: not an lmkit model: its first {length + 8:,} bytes hold no JSON header.") from None
    if not isinstance(header, dict):
        raise FormatError(f"{path}: not an lmkit model: its header is no JSON object.")
    return header, 8 + length, size


def _lmkit_document(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    metadata = header.get("__metadata__")
    text = metadata.get("lmkit") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise FormatError(f"{path}: a safetensors file, but not written by lmkit (no `lmkit` entry in its header).")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        raise FormatError(f"{path}: the lmkit entry of its header can't be read; the file is damaged.")
    version = document.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise FormatError(f"{path}: written in format version {version}, this lmkit reads up to {FORMAT_VERSION}; update lmkit to open it.")
    return document


def _tensor(path: Path, name: str, entry: Any, mapped: mmap.mmap | None, data_start: int, size: int) -> np.ndarray:
    try:
        dtype = _DTYPES[entry["dtype"]]
        shape = tuple(int(extent) for extent in entry["shape"])
        start, stop = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"{path}: the header's entry for tensor {name!r} can't be read; the file is damaged.") from None
    count = 1
    for extent in shape:
        count *= extent
    if min(shape, default=0) < 0 or start < 0 or stop - start != count * dtype.itemsize:
        raise FormatError(f"{path}: tensor {name!r} declares shape {list(shape)} but {stop - start:,} bytes; the file is damaged.")
    if data_start + stop > size:
        raise FormatError(f"{path}: cut short: tensor {name!r} ends at byte {data_start + stop:,}, the file has {size:,}; copy it again.")
    if mapped is None or count == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(mapped, dtype, count, data_start + start).reshape(shape)
