"""safetensors files of others: names and tensors of their header, memory-mapped, checked as lmkit's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lmkit import _container, _files
from lmkit.errors import FormatError

_FLOATS = ("F16", "BF16", "F32", "F64")


def names(path: Path, start: bytes | None) -> frozenset[str]:
    """The tensors that a file's header names; none if it is no such file. start : its first bytes, None if they are not read yet."""
    try:
        if start is None:
            with open(path, "rb") as file:
                start = file.read(16)
        if len(start) < 9 or start[8:9] != b"{" or int.from_bytes(start[:8], "little") > _container.MAXIMUM_HEADER:
            return frozenset()
        header = _container._read_header(path)[0]
    except (OSError, FormatError):
        return frozenset()
    return frozenset(header) - {"__metadata__"}


def _tensor(path: Path, name: str) -> np.ndarray:
    header, data_start, size = _container._read_header(path)
    entry: Any = header.get(name)
    is_bfloat = isinstance(entry, dict) and entry.get("dtype") == "BF16"
    if is_bfloat:
        entry = {**entry, "dtype": "U16"}
    mapped = np.memmap(path, np.uint8, "r") if size > data_start else None
    tensor = _container._tensor(path, name, entry, mapped, data_start, size)  # type: ignore[arg-type]
    if is_bfloat:
        tensor = (tensor.astype(np.uint32) << 16).view(np.float32)
    return tensor


def matrix(path: Path, name: str) -> np.ndarray:
    """float32 (V, d). Raises FormatError for a tensor of another kind."""
    tensor = _tensor(path, name)
    if tensor.ndim != 2 or tensor.dtype.kind != "f" or tensor.size == 0:
        raise FormatError(f"{path}: the tensor {name!r} is {tensor.dtype} {list(tensor.shape)}; numbers [words, dimensions] belong there.")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(tensor, np.float32)


def vector(path: Path, name: str) -> np.ndarray:
    """One-dimensional numbers. Raises FormatError for a tensor of another kind."""
    tensor = _tensor(path, name)
    if tensor.ndim != 1 or tensor.dtype.kind not in "fiu":
        raise FormatError(f"{path}: the tensor {name!r} is {tensor.dtype} {list(tensor.shape)}; one number a word belongs there.")
    return tensor


def metadata(path: Path) -> dict[str, Any]:
    """What a file's header says beside its tensors. Raises FormatError."""
    found = _container._read_header(path)[0].get("__metadata__")
    return found if isinstance(found, dict) else {}


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a plain safetensors file, whose header others read. Raises OutputError."""
    header: dict[str, Any] = {"__metadata__": metadata}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with _files.replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for tensor in tensors.values():
            file.write(memoryview(np.ascontiguousarray(tensor, "<f4").reshape(-1).view(np.uint8)))
