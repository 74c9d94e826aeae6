"""Where text comes from: files (plain or compressed), folders, globs, standard input, strings. Everything is read in blocks of bytes."""

from __future__ import annotations

import dataclasses
import glob
import itertools
import mmap
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lmkit.errors import InputError, UsageError
from lmkit.text import compression

BLOCK_SIZE = 1 << 20
_LINES_AT_ONCE = 256
_LET_GO = 1 << 22
TEXT_ENDINGS = (".txt", ".text", ".tokens")

Block = bytes | bytearray | memoryview


@dataclasses.dataclass(frozen=True)
class Document:
    """One text: `blocks()` yields its bytes, decompressed, from the beginning each time (a stream: once)."""

    name: str
    blocks: Callable[[], Iterator[Block]]
    path: Path | None = None


class TextSource:
    """One or more documents.

    Attributes
    ----------
    name : for people and for the names of models made from it.
    size : bytes on disk, or None where that is not known.
    is_stream : it can be read once only.
    is_compressed : `size` is not the size of the text.
    """

    def __init__(
        self,
        name: str,
        documents: Sequence[Document],
        *,
        size: int | None = None,
        is_stream: bool = False,
        is_compressed: bool = False,
    ) -> None:
        self.name = name
        self.size = size
        self.is_stream = is_stream
        self.is_compressed = is_compressed
        self._documents = tuple(documents)

    def documents(self) -> Iterator[Document]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def __repr__(self) -> str:
        return f"TextSource({self.name!r}, {len(self)} documents)"

    @property
    def is_file(self) -> bool:
        """Whether every document is a file that stays, so that its encoding can be cached."""
        return not self.is_stream and all(document.path is not None for document in self._documents)


def open_source(spec: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> TextSource:
    """A file, a folder, a glob, several files, or "-" for standard input.

    Compressed files (.gz .bz2 .xz .zst) are recognised by their content. Of a folder all text files are read (.txt, .text, .tokens,
    compressed ones too), in the order of their paths, hidden ones left out. Every file is a document.

    Raises
    ------
    InputError : if there is no such file, the folder has no text files, the glob matches none, or a file can't be opened.
    UsageError : for an empty sequence.
    """
    if isinstance(spec, (str, os.PathLike)):
        if os.fspath(spec) == "-":
            return _standard_input()
        text = os.path.expanduser(os.fspath(spec))
        paths = _matching(text)
        return _of_files(Path(text).name or text, paths)
    paths = [Path(path).expanduser() for path in spec]
    if not paths:
        raise UsageError("No text files were named; name at least one.")
    return _of_files(paths[0].name if len(paths) == 1 else f"{len(paths)} files", [file for path in paths for file in _matching(str(path))])


def text_source(text: str, name: str = "text") -> TextSource:
    """A string as one document."""

    def blocks() -> Iterator[Block]:
        for start in range(0, len(text), BLOCK_SIZE):
            yield _encoded(text[start : start + BLOCK_SIZE], name)

    return TextSource(name, [Document(name, blocks)], size=None)


def lines_source(lines: Iterable[str], name: str = "text") -> TextSource:
    """Strings as the lines of one document; a newline inside a string counts as a space. An iterator can be read once only."""

    def blocks() -> Iterator[Block]:
        ahead = iter(lines)
        pending: list[str] = []
        size = 0
        while batch := list(itertools.islice(ahead, _LINES_AT_ONCE)):
            pending.append(_joined(batch, name))
            size += len(pending[-1])
            if size >= BLOCK_SIZE:
                yield _encoded("".join(pending), name)
                pending, size = [], 0
        if pending:
            yield _encoded("".join(pending), name)

    return TextSource(name, [Document(name, blocks)], is_stream=iter(lines) is lines)


def _joined(lines: list[str], name: str) -> str:
    """The strings as lines, each ended by a newline."""
    try:
        text = "\n".join(lines) + "\n"
    except TypeError:
        strange = next(line for line in lines if not isinstance(line, str))
        raise UsageError(f"{name}: every line must be a string, got {type(strange).__name__}.") from None
    if text.count("\n") == len(lines):
        return text
    return "\n".join([line.removesuffix("\n").replace("\n", " ") for line in lines]) + "\n"


def bytes_source(data: bytes, name: str) -> TextSource:
    """Bytes in memory as one document."""

    def blocks() -> Iterator[Block]:
        view = memoryview(data)
        for start in range(0, len(view), BLOCK_SIZE):
            yield view[start : start + BLOCK_SIZE]

    return TextSource(name, [Document(name, blocks)], size=len(data))


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name}: the string holds half of a surrogate pair (U+{ord(text[error.start]):04X}), which is no character; remove it."
        ) from None


def _matching(spec: str) -> list[Path]:
    """The files that a path, folder or glob stands for."""
    path = Path(spec)
    if os.path.lexists(path):
        return _text_files(path) if path.is_dir() else [path]
    if not glob.has_magic(spec):
        raise InputError(f"{spec}: no such file or folder; check the path.")
    matches = sorted(Path(match) for match in glob.glob(spec, recursive=True))
    files = [match for match in matches if not match.is_dir()]
    if not files:
        raise InputError(f"{spec}: no file matches this pattern; check the folder, and quote the pattern if the shell changes it.")
    return files


def _text_files(folder: Path) -> list[Path]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in files if _is_text_name(name)]
    if not found:
        raise InputError(
            f"{folder}: the folder has no text files ({', '.join(TEXT_ENDINGS)}, plain or compressed);"
            f" name the files by a pattern, such as '{folder}/*.md'."
        )
    return sorted(found)


def _is_text_name(name: str) -> bool:
    stem, ending = os.path.splitext(name.lower())
    if ending in compression.ENDINGS:
        ending = os.path.splitext(stem)[1]
    return ending in TEXT_ENDINGS and not name.startswith(".")


def _of_files(name: str, paths: Sequence[Path]) -> TextSource:
    size = 0
    is_stream = is_compressed = False
    documents = []
    for path in paths:
        regular = not path.exists() or stat.S_ISREG(path.stat().st_mode)
        if regular:  # a pipe is opened only once, when it is read
            with _opened(path) as file:
                size += os.fstat(file.fileno()).st_size
                is_compressed |= compression.recognise(file.read(compression.MAGIC_LENGTH)) is not None
        is_stream |= not regular
        documents.append(Document(str(path), _file_reader(path, regular), path))
    return TextSource(name, documents, size=None if is_stream else size, is_stream=is_stream, is_compressed=is_compressed)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path.") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it; change its permissions, or copy it.") from None
    except OSError as error:
        raise InputError(f"{path}: could not be opened ({error.strerror or error}); check the path.") from None


def _file_reader(path: Path, regular: bool) -> Callable[[], Iterator[Block]]:
    def blocks() -> Iterator[Block]:
        with _opened(path) as file:
            start = file.read(compression.MAGIC_LENGTH) if regular else b""
            if not regular or compression.recognise(start):
                if regular:
                    file.seek(0)
                yield from compression.decompressed(file, str(path), BLOCK_SIZE)
            elif start:
                yield from _mapped(file)

    return blocks


def _mapped(file: BinaryIO) -> Iterator[memoryview]:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_SEQUENTIAL"):
        mapped.madvise(mmap.MADV_SEQUENTIAL)
    view = memoryview(mapped)
    for start in range(0, len(view), BLOCK_SIZE):
        yield view[start : start + BLOCK_SIZE]
        if hasattr(mmap, "MADV_DONTNEED") and start % _LET_GO == 0:
            mapped.madvise(mmap.MADV_DONTNEED)  # what was read counts as this process's memory no more; whoever still looks reads again


def _standard_input() -> TextSource:
    def blocks() -> Iterator[Block]:
        yield from compression.decompressed(sys.stdin.buffer, "standard input", BLOCK_SIZE)

    return TextSource("standard input", [Document("standard input", blocks)], is_stream=True)
