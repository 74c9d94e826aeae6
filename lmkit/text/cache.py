"""Encoded corpora kept in the cache folder: memory-mapped when read again, checked, and pruned by last use.

An entry is one file in the model container format (kind "encoded-corpus"), named by the sha256 of the files' contents and names and of the
text options. It is written beside its place and renamed, so that several processes may write the same entry at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from lmkit import _container, paths
from lmkit._memory import bytes_of, let_go
from lmkit.errors import FormatError, InputError, OutputError, UsageError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource
from lmkit.text.vocabulary import Vocabulary

KIND = "encoded-corpus"
VERSION = 1  # raise it whenever the same text and options give another encoding
DEFAULT_SIZE = 8 << 30
_ENDING = ".safetensors"
_OLD = 24 * 3600  # seconds after which an unfinished file is taken for left behind
_PIECE = 1 << 24
_LARGEST_SUM = (1 << 32) - 1
_NOT_KEPT = "The encoded text could not be kept in the cache: {}"
_writing = threading.Lock()


def cached(source: TextSource, options: TextOptions, encode: Callable[[Path | None, str | None], EncodedCorpus]) -> EncodedCorpus:
    """The encoding of a source of files from the cache, or by `encode`, then kept.

    `encode` takes the folder where it may gather what does not fit in memory, or None, and the sha256 of the text, if that is known.

    A damaged entry is made again. Where the cache folder can't be written the corpus bears a note that says so.
    """
    limit = size_limit()
    if limit == 0:
        return encode(None, None)
    hashed = _stamps(source)
    key, sha256 = _key_and_sha256(source, options)
    path = folder() / (key + _ENDING)
    with contextlib.suppress(FormatError, InputError, OSError):
        corpus = read_entry(path, source.name)
        with contextlib.suppress(OSError):
            os.utime(path)
        return corpus
    corpus = encode(path.parent, sha256)
    if _stamps(source) != hashed:  # another text than was hashed
        return encode(None, None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _writing:
            write_entry(path, corpus)
    except (OSError, OutputError) as error:
        corpus.notes += (_NOT_KEPT.format(error),)
        return corpus
    del corpus  # it need not lie in memory twice
    try:
        stored = read_entry(path, source.name)
    except (OSError, FormatError, InputError) as error:  # such as a disk that gives back what was not written
        corpus = encode(None, sha256)
        corpus.notes += (_NOT_KEPT.format(error),)
        return corpus
    prune(limit, keep=path)
    return stored


def folder() -> Path:
    """Where entries lie."""
    return paths.cache_folder() / "encoded"


def size_limit() -> int:
    """Bytes that the cache may take: $LMKIT_CACHE_SIZE, such as 500M or 8G (the default); 0 turns it off.

    Raises
    ------
    UsageError : if the variable is no size.
    """
    text = os.environ.get("LMKIT_CACHE_SIZE", "")
    if not text:
        return DEFAULT_SIZE
    size = bytes_of(text)
    if size is None:
        raise UsageError(f"LMKIT_CACHE_SIZE is {text!r}, which is no size; set it to a number of bytes such as 500M or 8G.")
    return size


def entry_key(source: TextSource, options: TextOptions) -> str:
    """Name of an entry: sha256 over the files' contents as they lie on disk, their names, and the options."""
    return _key_and_sha256(source, options)[0]


def _key_and_sha256(source: TextSource, options: TextOptions) -> tuple[str, str | None]:
    """`entry_key`, and the sha256 of the text where it comes along: that of a single file which is not compressed."""
    of_file = hashlib.sha256()
    digest = hashlib.sha256(json.dumps([VERSION, options.to_dict()], sort_keys=True).encode())
    for document in source.documents():
        assert document.path is not None
        digest.update(json.dumps(document.name).encode())
        try:
            with open(document.path, "rb") as file:
                of_file = hashlib.file_digest(file, "sha256")
        except OSError as error:
            raise InputError(f"{document.path}: could not be read ({error.strerror or error}); check the path.") from None
        digest.update(of_file.digest())
    return digest.hexdigest(), of_file.hexdigest() if len(source) == 1 and not source.is_compressed else None


def _stamps(source: TextSource) -> list[tuple[int, int]]:
    """Size and time of each file: what changes if somebody writes to it. A file that is not there has none."""
    found = []
    for document in source.documents():
        assert document.path is not None
        with contextlib.suppress(OSError):
            status = document.path.stat()
            found.append((status.st_size, status.st_mtime_ns))
    return found


def write_entry(path: Path, corpus: EncodedCorpus) -> None:
    """Write a corpus as a cache entry."""
    tensors = {
        "ids": corpus.ids,
        "sentence_offsets": corpus.sentence_offsets,
        "document_offsets": corpus.document_offsets,
        **corpus.vocabulary.to_tensors(),
    }
    stored = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    checksums = dict.fromkeys(stored, _LARGEST_SUM)
    about = {
        "version": VERSION,
        "options": corpus.options.to_dict(),
        "name": corpus.name,
        "sha256": corpus.sha256,
        "raw_bytes": corpus.raw_bytes,
        "raw_characters": corpus.raw_characters,
        "notes": list(corpus.notes),
        "checksums": checksums,
    }
    shapes = {name: (tensor.dtype, tensor.shape) for name, tensor in stored.items()}
    with _container.writing_container(path, KIND, about, shapes) as writer:
        for name, tensor in stored.items():
            checksums[name] = 0
            for start, piece in _pieces(tensor):
                writer.write(name, start, piece)
                checksums[name] = zlib.crc32(piece, checksums[name])


def read_entry(path: Path, name: str) -> EncodedCorpus:
    """Open a cache entry; its arrays are memory-mapped and read-only.

    Raises
    ------
    FormatError : if it is damaged.
    InputError : if there is none.
    """
    entry = _container.read_container(path)
    about = entry.metadata
    try:
        if entry.kind != KIND or about["version"] != VERSION:
            raise FormatError(f"{path}: is no encoded corpus of this version; delete it.")
        _check_sums(path, entry, about["checksums"])
        return EncodedCorpus(
            entry["ids"],
            entry["sentence_offsets"],
            entry["document_offsets"],
            Vocabulary.from_tensors(entry, str(path)),
            TextOptions.from_dict(about["options"], str(path)),
            name,
            str(about["sha256"]),
            int(about["raw_bytes"]),
            int(about["raw_characters"]),
            tuple(map(str, about["notes"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: the cache entry is damaged ({error}); delete it.") from None


def prune(limit: int, keep: Path | None = None) -> None:
    """Delete the entries not used for longest until all take at most `limit` bytes; `keep` stays. Also what writers left behind."""
    entries = []
    with contextlib.suppress(OSError):
        for path in folder().iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == _ENDING:
                    entries.append((status.st_mtime, status.st_size, path))
                elif path.name.endswith(".part") and time.time() - status.st_mtime > _OLD:
                    path.unlink()
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= limit:
            break
        if path != keep:
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _pieces(tensor: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """A contiguous tensor's bytes, piece by piece with the place of each: one that is mapped from a file does not fill the memory."""
    flat = tensor.reshape(-1).view(np.uint8)
    for start in range(0, len(flat), _PIECE):
        yield start, flat[start : start + _PIECE]
        let_go(flat)


def _check_sums(path: Path, tensors: Mapping[str, np.ndarray], checksums: Mapping[str, int]) -> None:
    for name, expected in checksums.items():
        found = 0
        for _, piece in _pieces(np.ascontiguousarray(tensors[name])):
            found = zlib.crc32(piece, found)
        if found != expected:
            raise FormatError(f"{path}: the tensor {name!r} of the cache entry is damaged; delete it.")
