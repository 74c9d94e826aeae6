"""Documents to checked blocks of UTF-8: decoding, byte order marks, binary files, and cuts that split no word or line."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from lmkit._progress import Progress
from lmkit.errors import InputError
from lmkit.text.options import TextOptions
from lmkit.text.sources import Block, Document

_BOM = np.frombuffer(codecs.BOM_UTF8, np.uint8)
_SNIFFED = 8192  # bytes in which a NUL betrays a binary file
_KINDS = {b"%PDF-": "a PDF document", b"PK\x03\x04": "a ZIP archive or an office document", b"\x89PNG": "an image", b"\x7fELF": "a program"}
_WIDE = ("utf-16", "utf-32", "utf_16", "utf_32", "utf16", "utf32", "u16", "u32")
_SPACES = np.zeros(256, np.bool_)
_SPACES[[0, 9, 10, 13, 32]] = True


class Tally:
    """What is counted while documents are read: bytes, characters, sha256 of the raw bytes unless it is known; moves the progress bar.

    Attributes
    ----------
    raw_bytes, raw_characters : read so far.
    """

    def __init__(self, progress: Progress | None = None, sha256: str | None = None) -> None:
        self.raw_bytes = 0
        self.raw_characters = 0
        self._known, self._digest = sha256, hashlib.sha256()
        self._progress = progress

    def over(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Pass blocks of raw bytes on and count them."""
        for block in blocks:
            if self._known is None:
                self._digest.update(block)
            self.raw_bytes += len(block)
            yield block
            if self._progress is not None:
                self._progress.advance(len(block))

    def sha256(self) -> str:
        return self._known or self._digest.hexdigest()


def read_document(document: Document, options: TextOptions, tally: Tally, cut: str) -> Iterator[np.ndarray]:
    """Blocks of a document in UTF-8, checked, its byte order mark dropped.

    Parameters
    ----------
    cut : blocks end behind white space ("space"), behind a newline ("line"), or anywhere ("byte": the bytes are not checked either).

    Yields
    ------
    uint8 (n,), contiguous.

    Raises
    ------
    InputError : if the document is binary or not in the encoding that the options name.
    """
    checked = cut != "byte"
    offset, line = 0, 1
    for block in unchecked_blocks(document, options, tally.over(document.blocks()), cut):
        if checked:
            characters = _check(block, document.name, offset, line)
            tally.raw_characters += characters
            line += int(np.count_nonzero(block == 10))
        else:
            tally.raw_characters += int(np.count_nonzero((block & 0xC0) != 0x80))
        offset += len(block)
        yield block


def unchecked_blocks(document: Document, options: TextOptions, raw: Iterable[Block], cut: str) -> Iterator[np.ndarray]:
    """As `read_document`, for blocks that the caller checks: those of UTF-8 text may hold bytes that are not."""
    checked = cut != "byte"
    if checked and document.path is not None and not options.encoding.lower().startswith(_WIDE):
        raw = _refuse_binary(raw, document.name)
    if options.encoding != "utf-8" and checked:
        raw = _transcoded(raw, document.name, options.encoding)
    return _without_mark(_cut_blocks(raw, cut))


def _without_mark(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for index, block in enumerate(blocks):
        if index == 0 and np.array_equal(block[:3], _BOM):
            block = block[3:]
        if len(block):
            yield block


def _cut_blocks(raw: Iterable[Block], cut: str) -> Iterator[np.ndarray]:
    """Put raw blocks together anew so that each ends as `cut` says; the last one ends where the document does."""
    pending: list[np.ndarray] = []
    for block in raw:
        data = np.frombuffer(block, np.uint8)
        place = len(data) if cut == "byte" else _last_cut(data, cut)
        if place:
            yield np.concatenate([*pending, data[:place]])
            pending = []
        if place < len(data):
            pending.append(data[place:].copy())
    if pending:
        yield np.concatenate(pending)


def _last_cut(data: np.ndarray, cut: str) -> int:
    """Place behind the last white space (not between CR and LF) or newline, 0 if there is none."""
    window = 4096
    while True:
        start = max(0, len(data) - window)
        tail = data[start:]
        places = np.flatnonzero(tail == 10 if cut == "line" else _SPACES[tail])
        if len(places) and start + places[-1] == len(data) - 1 and data[-1] == 13:
            places = places[:-1]
        if len(places):
            return start + int(places[-1]) + 1
        if start == 0:
            return 0
        window *= 16


def _check(block: np.ndarray, name: str, offset: int, line: int) -> int:
    """Number of characters of a block, or InputError if it is not UTF-8."""
    from lmkit.text import _kernels_words
    from lmkit.text.vocabulary import frozen

    place, characters = _kernels_words.check_utf8(frozen(block))
    if place >= 0:
        line += int(np.count_nonzero(block[:place] == 10))
        raise not_in_encoding(name, "utf-8", line, offset + place, int(block[place]))
    return int(characters)


def not_in_encoding(name: str, encoding: str, line: int, offset: int, value: int) -> InputError:
    """One sentence about a byte that does not belong there. offset counts from 0, line from 1."""
    other = "latin-1" if encoding == "utf-8" else "utf-8"
    return InputError(
        f"{name}: is not {encoding.upper()} text: line {line:,}, byte offset {offset:,} holds 0x{value:02X};"
        f" name its encoding, for example --encoding {other}."
    )


def _refuse_binary(raw: Iterable[Block], name: str) -> Iterator[Block]:
    first = True
    for block in raw:
        if first:
            first = False
            start = bytes(block[:_SNIFFED])
            for magic, kind in _KINDS.items():
                if start.startswith(magic):
                    raise InputError(f"{name}: is {kind}, not plain text; convert it to text first.")
            if start[8:].startswith(b'{"__metadata__":{"format":"lmkit"') or start.startswith(b"mmap lm http://kheafield.com/code"):
                raise InputError(f"{name}: is a model, not a text; name a text here, and models where a command asks for one.")
            if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _looks_wide(start):
                raise InputError(f"{name}: looks like UTF-16 text; read it with --encoding utf-16.")
            place = start.find(b"\0")
            if place >= 0:
                raise InputError(f"{name}: is a binary file (a NUL at byte offset {place:,}), not text; convert it to text first.")
        yield block


def _looks_wide(start: bytes) -> bool:
    """Whether every second byte is NUL and the others mostly are not: UTF-16 of a European text, without a mark."""
    if len(start) < 4:
        return False
    pairs = np.frombuffer(start[: len(start) & ~1], np.uint8).reshape(-1, 2) == 0
    low, high = sorted(pairs.mean(axis=0))
    return bool(high > 0.7 and low < 0.1)


def _transcoded(raw: Iterable[Block], name: str, encoding: str) -> Iterator[bytes]:
    """Text of another encoding as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset, line = 0, 1
    held = 0  # bytes that the decoder keeps back from earlier blocks
    for block, last in _with_last(raw):
        try:
            text = decoder.decode(bytes(block), last)
            encoded = text.encode()
        except UnicodeDecodeError as error:
            before = codecs.decode(error.object[: error.start], encoding, "replace")
            value = error.object[error.start] if error.start < len(error.object) else 0
            raise not_in_encoding(name, encoding, line + before.count("\n"), offset - held + error.start, value) from None
        except UnicodeError as error:  # UTF-16 and UTF-32 without their mark
            raise InputError(f"{name}: is not {encoding.upper()} text ({error}); name its encoding with --encoding.") from None
        offset += len(block)
        held = len(decoder.getstate()[0])
        line += text.count("\n")
        if text:
            yield encoded


def _with_last(raw: Iterable[Block]) -> Iterator[tuple[Block, bool]]:
    for block in raw:
        yield block, False
    yield b"", True
