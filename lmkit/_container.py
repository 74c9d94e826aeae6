"""The container of lmkit's own model files: safetensors layout, streamed out, memory-mapped in, never pickle.

Layout (docs/file-formats.md): 8 bytes little-endian header length, a JSON header, then the tensors one after the other. The header names
each tensor's dtype, shape and place, and under `__metadata__` a string `lmkit` that holds lmkit's own JSON: kind, format version, options,
how it was made. Every tensor starts at a multiple of 64 bytes; the gaps are filled by named padding tensors, since safetensors allows no
holes. Any safetensors reader can open these files.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
_WRITE_BLOCK = 1 << 26


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


def write_container(path: str | os.PathLike[str], kind: str, metadata: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> None:
    """Write a model file, beside its target and then renamed.

    Parameters
    ----------
    path : where to write.
    kind : what the file holds, such as "ngram"; `lmkit.load` finds the reader by it.
    metadata : JSON-able; stored under `__metadata__`.
    tensors : arrays by name, of the dtypes that safetensors knows; little-endian on disk.

    Raises
    ------
    OutputError : if the file can't be written; what stood at `path` before is then untouched.
    """
    header: dict[str, Any] = {
        "__metadata__": {
            "format": "lmkit",
            "lmkit": json.dumps({"kind": kind, "format_version": FORMAT_VERSION, **metadata}, ensure_ascii=False, sort_keys=True),
        }
    }
    blocks: list[np.ndarray] = []
    position = 0
    for name, tensor in tensors.items():
        gap = -position % ALIGNMENT
        if gap:
            padding = np.zeros(gap, np.uint8)
            header[f"{_PADDING}{len(blocks)}"] = _entry(padding, position)
            blocks.append(padding)
            position += gap
        stored = _as_stored(tensor)
        header[name] = _entry(stored, position)
        blocks.append(stored)
        position += stored.nbytes
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-(len(encoded) + 8) % ALIGNMENT)
    with _files.replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for block in blocks:
            flat = block.reshape(-1).view(np.uint8)
            for start in range(0, flat.size, _WRITE_BLOCK):
                file.write(memoryview(flat[start : start + _WRITE_BLOCK]))


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


def _entry(tensor: np.ndarray, position: int) -> dict[str, Any]:
    return {
        "dtype": _NAMES[tensor.dtype],
        "shape": list(tensor.shape),
        "data_offsets": [position, position + tensor.nbytes],
    }


def _read_header(path: Path) -> tuple[dict[str, Any], int, int]:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, MAXIMUM_HEADER):
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
