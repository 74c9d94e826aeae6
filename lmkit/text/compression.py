"""Compressed text, recognised by its first bytes: gzip, bzip2, xz and Zstandard, several members or frames in a row included."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from lmkit.errors import FormatError, MissingDependencyError

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}
MAGIC_LENGTH = max(map(len, MAGIC))
_COMPRESSED_BLOCK = 1 << 16  # small, since highly repetitive text unpacks to a thousand times as much
ENDINGS = (".gz", ".bz2", ".xz", ".zst")


def recognise(start: bytes) -> str | None:
    """Name of the compression that a file's first bytes show, None for a plain file."""
    for magic, name in MAGIC.items():
        if start.startswith(magic):
            return name
    return None


def decompressed(file: BinaryIO, name: str, block_size: int) -> Iterator[bytes]:
    """Bytes of a file, decompressed if they need it, as they become available.

    Parameters
    ----------
    name : of the file, for messages.
    block_size : bytes read at once, at most.

    Raises
    ------
    FormatError : if the compressed data are damaged or cut short.
    """
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    start = b""
    while len(start) < MAGIC_LENGTH:
        more = read(MAGIC_LENGTH - len(start)) if start else read(block_size)
        if not more:
            break
        start += more
        if not any(magic.startswith(start[: len(magic)]) for magic in MAGIC):
            break
    kind = recognise(start)
    if kind is None:
        while start:
            yield start
            start = read(block_size)
        return
    yield from _members(kind, start, read, name)


def _members(kind: str, data: bytes, read: Callable[[int], bytes], name: str) -> Iterator[bytes]:
    decompress = None
    while True:
        if decompress is None:
            if kind == "gzip" and not data.strip(b"\0"):  # zero padding behind the last member, as tapes have it
                data = b""
            if not data:
                data = read(_COMPRESSED_BLOCK)
                if not data:
                    return
                continue
            decompress = _decompressor(kind)
        try:
            block = decompress.decompress(data)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            raise _damaged(name, kind, str(error)) from None
        except Exception as error:  # zstandard's own class, which is not imported here
            if type(error).__name__ != "ZstdError":
                raise
            raise _damaged(name, kind, str(error)) from None
        if block:
            yield block
        if decompress.eof:
            data, decompress = decompress.unused_data, None
            continue
        data = read(_COMPRESSED_BLOCK)
        if not data:
            raise FormatError(f"{name}: the {kind} data end too early, the file was cut short; copy or download it again.")


def _damaged(name: str, kind: str, reason: str) -> FormatError:
    return FormatError(f"{name}: the {kind} data are damaged ({reason}); copy or download the file again.")


def _decompressor(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(wbits=31)
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor()
    try:
        import zstandard
    except ImportError:
        raise MissingDependencyError("Reading .zst files needs the package zstandard; install it with: pip install zstandard") from None
    return zstandard.ZstdDecompressor().decompressobj()
