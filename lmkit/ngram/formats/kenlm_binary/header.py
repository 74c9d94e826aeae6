"""The header that all of KenLM's binary files share, and the file as an array."""

from __future__ import annotations

import dataclasses
import mmap
import os
import struct
from pathlib import Path

import numpy as np

from lmkit.errors import FormatError, InputError

_MAGIC_BEGIN = b"mmap lm http://kheafield.com/code"
_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_INCOMPLETE = b"mmap lm http://kheafield.com/code incomplete"
_MAGIC_SIZE = 56  # the magic, its own NUL and zeros up to a multiple of 8
_SANITY = struct.pack("<3f3IQ", 0.0, 1.0, -0.5, 1, 0xFFFFFFFF, 0, 1)
_FIXED = struct.Struct("<B3xfIB3xI")
_COUNTS_AT = _MAGIC_SIZE + len(_SANITY) + _FIXED.size

PROBING, REST_PROBING, TRIE, QUANT_TRIE, ARRAY_TRIE, QUANT_ARRAY_TRIE = range(6)
NAMES = (
    "probing",
    "probing with rest costs",
    "trie",
    "trie, quantised",
    "trie, compressed pointers",
    "trie, quantised, compressed pointers",
)
_SEARCH_VERSIONS = (0, 0, 1, 1, 1, 1)
MAXIMUM_ORDER = 100


@dataclasses.dataclass(frozen=True)
class Header:
    """What stands in front of a binary file.

    counts : n-grams of each order. KenLM's hash tables may hold a few more: blanks, in place of n-grams that the ARPA file left out.
    size : bytes of the header, where the vocabulary's table begins.
    """

    kind: int
    counts: tuple[int, ...]
    probing_multiplier: float
    has_words: bool

    @property
    def order(self) -> int:
        return len(self.counts)

    @property
    def size(self) -> int:
        return aligned(_COUNTS_AT + 8 * len(self.counts))

    def to_bytes(self) -> bytes:
        """The header as a file begins with it."""
        fixed = _FIXED.pack(self.order, self.probing_multiplier, self.kind, self.has_words, _SEARCH_VERSIONS[self.kind])
        counts = struct.pack(f"<{self.order}Q", *self.counts)
        return (_MAGIC.ljust(_MAGIC_SIZE, b"\0") + _SANITY + fixed + counts).ljust(self.size, b"\0")


def aligned(size: int) -> int:
    """Up to a multiple of 8."""
    return (size + 7) // 8 * 8


def is_kenlm_binary(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as KenLM's binary files do, those of other versions included."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MAGIC_BEGIN)) == _MAGIC_BEGIN
    except OSError:
        return False


class BinaryFile:
    """A binary file, mapped.

    Attributes
    ----------
    header : `Header`.
    bytes : uint8, the whole file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            with open(path, "rb") as file:
                start = file.read(_COUNTS_AT)
                self.header = _parsed(self.path, start, file.read(8 * MAXIMUM_ORDER))
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; check the path.") from None
        self.bytes = np.frombuffer(mapped, np.uint8)

    def check_size(self, wanted: int, what: str) -> None:
        """Raise FormatError unless the file has so many bytes."""
        if wanted > len(self.bytes):
            raise FormatError(
                f"{self.path}: cut short: its header promises {what} up to byte {wanted:,}, the file has {len(self.bytes):,}; "
                "copy it again."
            )

    def array(self, start: int, count: int, dtype: type) -> np.ndarray:
        """`count` values that begin at a byte; a view where it is aligned."""
        raw = self.bytes[start : start + count * np.dtype(dtype).itemsize]
        return raw.view(dtype) if start % np.dtype(dtype).itemsize == 0 else np.frombuffer(raw.tobytes(), dtype)

    def damaged(self, what: str) -> FormatError:
        """The error for contents that can't be true."""
        return FormatError(f"{self.path}: {what}; the file is damaged, so copy it again, or build it anew with KenLM's build_binary.")


def _parsed(path: Path, start: bytes, counts: bytes) -> Header:
    if start.startswith(_INCOMPLETE):
        raise FormatError(f"{path}: KenLM did not finish building this file; run build_binary again.")
    if start[: len(_MAGIC)] != _MAGIC:
        version = start[len(_MAGIC_BEGIN) :].split(b"\n")[0].decode("latin-1").strip() or "nothing"
        raise FormatError(
            f"{path}: a KenLM file, but its header says {version[:40]!r}, where this lmkit reads format version 5; "
            "build it anew from ARPA with a current build_binary."
        )
    if len(start) < _COUNTS_AT:
        raise FormatError(f"{path}: cut short inside the header, after {len(start):,} bytes; copy it again.")
    if start[_MAGIC_SIZE : _MAGIC_SIZE + len(_SANITY)] != _SANITY:
        raise FormatError(
            f"{path}: built by KenLM on a machine with another number format (test values differ); build it anew from ARPA on this one."
        )
    order, multiplier, kind, has_words, version = _FIXED.unpack_from(start, _MAGIC_SIZE + len(_SANITY))
    if kind >= len(NAMES):
        raise FormatError(
            f"{path}: holds KenLM's data structure number {kind}, which lmkit doesn't know; build one of {', '.join(NAMES)} from ARPA."
        )
    if version != _SEARCH_VERSIONS[kind]:
        raise FormatError(f"{path}: holds version {version} of KenLM's {NAMES[kind]}, lmkit reads {_SEARCH_VERSIONS[kind]}; build it anew.")
    if not 2 <= order <= MAXIMUM_ORDER or len(counts) < 8 * order or not 1.0 <= multiplier <= 1e6:
        raise FormatError(
            f"{path}: claims order {order} and a table multiplier of {multiplier:g}, which can't be; the file is damaged, so copy it again."
        )
    return Header(kind, struct.unpack_from(f"<{order}Q", counts), float(multiplier), bool(has_words))
