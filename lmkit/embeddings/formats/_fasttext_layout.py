"""The parts of fastText's .bin (version 12 and 11): header, dictionary, matrices, dense or quantised. Little-endian throughout."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import numpy as np

from lmkit.embeddings.formats._source import Source, Window, allocate
from lmkit.errors import FormatError
from lmkit.numeric._kernels_memory import PADDING

MAGIC = 793712314
VERSION = 12
LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
CENTROIDS = 256
_PIECE = 1 << 12
_ROWS = 1 << 13  # of a quantised matrix at once
_HEADER = struct.Struct("<12id")
_MOST = 2**31 - 1
_LARGEST = 1 << 20


@dataclasses.dataclass
class Header:
    """fastText's Args as it stores them, in its names."""

    dim: int
    ws: int
    epoch: int
    minCount: int
    neg: int
    wordNgrams: int
    loss: int
    model: int
    bucket: int
    minn: int
    maxn: int
    lrUpdateRate: int
    t: float
    is_old: bool = False  # from before version 11: no magic number, no pruned n-grams, nothing quantised

    def encode(self) -> bytes:
        """Magic, version and the fields."""
        return struct.pack("<2i", MAGIC, VERSION) + _HEADER.pack(*dataclasses.astuple(self)[:-1])

    @property
    def is_possible(self) -> bool:
        """Whether fastText would write such values."""
        return (
            self.loss in LOSSES
            and self.model in MODELS
            and 0 < self.dim <= _LARGEST
            and self.bucket >= 0
            and min(self.minn, self.maxn, self.ws, self.epoch, self.neg, self.lrUpdateRate) >= 0
            and max(self.maxn, self.ws) <= _LARGEST
            and self.t == self.t
        )

    def record(self) -> dict[str, Any]:
        """For people: names of model and loss instead of numbers."""
        record = {**dataclasses.asdict(self), "loss": LOSSES[self.loss], "model": MODELS[self.model]}
        del record["is_old"]
        return record


@dataclasses.dataclass
class Dictionary:
    """Words (labels left out) with their counts; `pruned`: int32 (n, 2), bucket and row of each n-gram that stayed, None where all did."""

    words: np.ndarray  # uint8 (B,)
    offsets: np.ndarray  # int64 (nwords + 1,)
    counts: np.ndarray  # int64 (nwords,)
    labels: int
    tokens: int
    pruned: np.ndarray | None


def recognises(start: bytes) -> bool:
    """The magic number; or, for files from before it, a header whose values all are possible."""
    if len(start) < 8 + _HEADER.size:
        return start[:4] == struct.pack("<i", MAGIC)
    if start[:4] == struct.pack("<i", MAGIC):
        return True
    header = Header(*_HEADER.unpack(start[: _HEADER.size]))
    return header.is_possible and 0 < header.epoch <= _LARGEST and header.minn <= header.maxn <= 64 and 0 < header.t <= 1


def read_header(source: Source) -> Header:
    """Raises FormatError for other versions and impossible values."""
    path = source.path
    start = _exactly(source, 8, "the header")
    magic, version = struct.unpack("<2i", start)
    is_old = magic != MAGIC
    if is_old:
        source.give_back(start)
    elif version not in (11, 12):
        raise FormatError(
            f"{path}: is fastText's format version {version}; lmkit reads 11, 12 and the one before. Make it again with today's fastText."
        )
    header = Header(*_HEADER.unpack(_exactly(source, _HEADER.size, "the header")))
    header.is_old = is_old
    if not header.is_possible:
        raise FormatError(
            f"{path}: the header says dim {header.dim}, bucket {header.bucket}, loss {header.loss}, model {header.model}, n-grams of "
            f"{header.minn} to {header.maxn}, which fastText never writes; the file is damaged."
        )
    if version <= 11 and MODELS[header.model] == "supervised":
        header.maxn = 0  # as fastText itself reads such files: they had no character n-grams
    return header


def read_dictionary(source: Source, is_old: bool) -> Dictionary:
    """Raises FormatError for counts that don't fit together or the file."""
    path = source.path
    size, words, labels, tokens = struct.unpack("<3iq", _exactly(source, 20, "the dictionary's header"))
    pruned = -1 if is_old else struct.unpack("<q", _exactly(source, 8, "the dictionary's header"))[0]
    if not 0 < words <= size or labels != size - words or pruned < -1 or pruned > _MOST:
        raise FormatError(
            f"{path}: the dictionary says {size:,} entries of which {words:,} words and {labels:,} labels, and {pruned:,} pruned n-grams, "
            "which does not fit together; the file is damaged."
        )
    if source.left is not None and 10 * size + 8 * max(pruned, 0) > source.left:
        raise source.cut(10 * size + 8 * max(pruned, 0), f"a dictionary of {size:,} entries and {max(pruned, 0):,} pruned n-grams")
    blob, offsets, counts, kinds = _read_entries(source, size)
    if np.any(kinds[:words] != 0) or np.any(kinds[words:] != 1):
        raise FormatError(f"{path}: the dictionary does not hold {words:,} words first and {labels:,} labels behind; the file is damaged.")
    pairs = None if pruned < 0 else source.array("<i4", 2 * pruned, f"{pruned:,} pruned n-grams").reshape(-1, 2)
    end = int(offsets[words])
    return Dictionary(blob[: end + PADDING], offsets[: words + 1], counts[:words], labels, tokens, pairs)


def _read_entries(source: Source, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from lmkit.embeddings.formats import _kernels_rows as kernels

    window = Window(source)
    blobs, borders, numbers, types = [], [np.zeros(1, np.int64)], [], []
    done = end = 0
    while done < size:
        words = np.empty(window.used - window.at + PADDING, np.uint8)
        offsets, counts, kinds = np.zeros(_PIECE + 1, np.int64), np.empty(_PIECE, np.int64), np.empty(_PIECE, np.int8)
        most = min(_PIECE, size - done)
        rows, window.at, status = kernels.scan_entries(window.data, window.used, window.at, words, offsets, counts[:most], kinds[:most])
        blobs.append(words[: offsets[rows]].copy())
        borders.append(offsets[1 : rows + 1] + end)
        end += int(offsets[rows])
        numbers.append(counts[:rows])
        types.append(kinds[:rows])
        done += rows
        if status == kernels.MORE and not window.more():
            raise FormatError(f"{source.path}: cut short: the dictionary should have {size:,} entries, {done:,} are there; copy it again.")
    window.give_back()
    blob = np.concatenate([*blobs, np.zeros(PADDING, np.uint8)])
    return blob, np.concatenate(borders), np.concatenate(numbers), np.concatenate(types)


def read_matrix(source: Source, what: str, is_old: bool) -> np.ndarray:
    """float32 (m, n): a dense matrix, or a quantised one as numbers, each as fastText itself computes it. Raises FormatError."""
    is_quantised = not is_old and _flag(source, f"{what}: whether it is quantised")
    if is_quantised:
        return _read_quantised(source, what)
    rows, columns = struct.unpack("<2q", _exactly(source, 16, what))
    _check_shape(source, rows, columns, what)
    return source.array("<f4", rows * columns, f"{what} of {rows:,} x {columns:,}").reshape(rows, columns)


def _read_quantised(source: Source, what: str) -> np.ndarray:
    """Product quantisation (Jegou, Douze and Schmid 2011; Joulin et al. 2016, "FastText.zip"): a byte for each piece of a row."""
    has_norms = _flag(source, f"{what}: whether norms are quantised")
    rows, columns, size = struct.unpack("<2qi", _exactly(source, 20, what))
    _check_shape(source, rows, columns, what)
    if size < 0 or rows == 0 or size % rows or size // rows > columns:
        raise FormatError(f"{source.path}: {what} has {rows:,} x {columns:,} numbers in {size:,} codes; the file is damaged.")
    codes = source.array("u1", size, f"the codes of {what}").reshape(rows, -1)
    centroids, piece = _read_centroids(source, columns, codes.shape[1], what)
    norms = None
    if has_norms:
        norm_codes = source.array("u1", rows, f"the norms of {what}")
        norms = _read_centroids(source, 1, 1, what)[0][:CENTROIDS][norm_codes]
    matrix = allocate(rows * columns, np.dtype(np.float32)).reshape(rows, columns)
    for first in range(0, rows, _ROWS):
        some = codes[first : first + _ROWS]
        for sub in range(codes.shape[1]):
            width = min(piece, columns - sub * piece)
            start = CENTROIDS * piece * sub
            values = centroids[start : start + CENTROIDS * width].reshape(CENTROIDS, width)[some[:, sub]]
            matrix[first : first + _ROWS, sub * piece : sub * piece + width] = values
        if norms is not None:
            matrix[first : first + _ROWS] *= norms[first : first + _ROWS, None]
    return matrix


def _read_centroids(source: Source, columns: int, pieces: int, what: str) -> tuple[np.ndarray, int]:
    """The centroids of all pieces one after the other, float32 (256 columns,), and the columns of a piece; the last may have fewer."""
    dim, count, width, last = struct.unpack("<4i", _exactly(source, 16, f"the centroids of {what}"))
    if dim != columns or count != pieces or width < 1 or last != dim - (count - 1) * width or not 0 < last <= width:
        raise FormatError(
            f"{source.path}: the centroids of {what} are {count} x {width} + {last} of {dim} columns, which does not fit together; "
            "the file is damaged."
        )
    return source.array("<f4", CENTROIDS * dim, f"the centroids of {what}"), width


def _check_shape(source: Source, rows: int, columns: int, what: str) -> None:
    if not (0 <= rows <= 2**40 and 0 < columns <= 2**24):
        raise FormatError(f"{source.path}: {what} says {rows:,} x {columns:,} numbers; the file is damaged.")


def _flag(source: Source, what: str) -> bool:
    value = _exactly(source, 1, what)[0]
    if value > 1:
        raise FormatError(
            f"{source.path}: {what} must be told by a byte 0 or 1, found {value} at byte {source.at - 1:,}; the file is damaged."
        )
    return bool(value)


def _exactly(source: Source, count: int, what: str) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise source.cut(count - len(data), what)
    return data
