"""ARPA files: the text format that every n-gram toolkit reads and writes. Written to the bit, read in bounded steps and checked.

Format: `\\data\\`, a line `ngram n=count` an order, then for each order `\\n-grams:` and a line an n-gram: log10 probability, words, and below the highest
order the log10 back-off weight; `\\end\\`. docs/file-formats.md tells the conventions for <s>, <unk> and zero probabilities.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit import _files, _progress
from lmkit.errors import FormatError, InputError
from lmkit.ngram.backoff import BackoffTrie
from lmkit.ngram.formats import _kernels_arpa_read as read_kernels
from lmkit.ngram.formats import _kernels_arpa_write as write_kernels
from lmkit.text.vocabulary import Vocabulary

_BUFFER = 1 << 24
_ROWS = 1 << 16
_MAXIMUM_LINE = 1 << 26
_ZERO = -99.0
"""What ARPA files write for log10(0)."""

_PROBLEMS = {
    read_kernels.BAD_NUMBER: "a number was expected at its start or end",
    read_kernels.NOT_A_NUMBER: "NaN or plus infinity stands where a log10 probability or back-off weight belongs",
    read_kernels.POSITIVE: "a log10 probability above 0",
}


# -- writing ---------------------------------------------------------------------------------------------------------------------------------


def write_arpa(path: str | os.PathLike[str], trie: BackoffTrie, vocabulary: Vocabulary) -> None:
    """Write a model, gzipped if the name ends in .gz. Raises OutputError if it can't be written."""
    with _files.replacing(path) as temporary, _open_for_writing(temporary, str(path).endswith(".gz")) as file:
        file.write(b"\\data\\\n")
        for order, size in enumerate(trie.sizes, 1):
            file.write(b"ngram %d=%d\n" % (order, size))
        with _progress.Progress("writing ARPA", len(trie.word), "n-gram") as progress:
            for order in range(1, trie.order + 1):
                file.write(b"\n\\%d-grams:\n" % order)
                for block in _lines(trie, vocabulary, order, progress):
                    file.write(block)
        file.write(b"\n\\end\\\n")


def _lines(trie: BackoffTrie, vocabulary: Vocabulary, order: int, progress: _progress.Progress) -> Iterator[memoryview]:
    longest = int(np.diff(vocabulary.offsets).max())
    buffer = np.empty(max(_BUFFER, 4 * (order * (longest + 1) + 64)), np.uint8)
    path = trie.order_start[:order].copy()
    node, stop = int(trie.order_start[order - 1]), int(trie.order_start[order])
    while node < stop:
        start = node
        node, used = write_kernels.write_lines(
            node, stop, order, path, order < trie.order, trie.word, trie.log10_prob, trie.log10_bow, trie.first_child,
            vocabulary.blob, vocabulary.offsets, longest, buffer,
        )  # fmt: skip
        progress.advance(node - start)
        yield memoryview(buffer[:used])


@contextmanager
def _open_for_writing(path: Path, compressed: bool) -> Iterator[BinaryIO]:
    with open(path, "wb") as raw:
        if compressed:
            with gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
                yield file  # type: ignore[misc]
        else:
            yield raw


# -- reading ---------------------------------------------------------------------------------------------------------------------------------


def read_arpa(path: str | os.PathLike[str]) -> tuple[BackoffTrie, Vocabulary, bool, list[str]]:
    """Read a model.

    Returns
    -------
    trie, vocabulary (`<unk>` 0, `<s>` 1, `</s>` 2, then the file's order), whether sentences have boundaries, notes for the user.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : with the line, if it is cut, miscounts, holds NaN or a probability above 1, or repeats or lacks an n-gram.
    """
    with _Lines(Path(path)) as lines:
        declared = _read_counts(lines)
        reader = _Reader(lines, len(declared))
        with _progress.Progress("reading ARPA", sum(declared), "n-gram") as progress:
            for order, count in enumerate(declared, 1):
                reader.read_section(order, count, progress)
        lines.expect("\\end\\", "the file is cut, or declares fewer n-grams than it has")
    return reader.finish()


class _Lines:
    """A file as blocks of bytes with a cursor that knows its line number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0  # of lines before the cursor
        self.data = np.empty(0, np.uint8)
        self.at = 0
        self._ended = False
        try:
            self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 closed by __exit__
            if self._file.read(2) == b"\x1f\x8b":
                self._file.close()
                self._file = gzip.open(path, "rb")  # type: ignore[assignment]
            else:
                self._file.seek(0)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file. Check the path.") from None

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def refill(self) -> bool:
        """Read another block behind what is left; False at the end of the file. The last line gets its LF."""
        if self._ended:
            return False
        try:
            block = self._file.read(_BUFFER)
        except (OSError, EOFError) as error:
            raise FormatError(f"{self.path}: can't be unpacked after line {self.number:,}: {error}. Copy the file again.") from None
        rest = self.data[self.at :]
        if not block:
            self._ended = True
            block = b"\n" if len(rest) and rest[-1] != 10 else b""
        if len(rest) > _MAXIMUM_LINE:
            raise FormatError(f"{self.path}, line {self.number + 1:,}: is longer than {_MAXIMUM_LINE:,} bytes. This is no ARPA file.")
        self.data = np.concatenate([rest, np.frombuffer(block, np.uint8)])
        self.at = 0
        return bool(block)

    def next(self) -> str | None:
        """The next line without its end, or None at the end of the file."""
        while True:
            ends = np.flatnonzero(self.data[self.at : self.at + 4096] == 10)
            if len(ends) == 0:
                ends = np.flatnonzero(self.data[self.at :] == 10)
            if len(ends):
                line = self.data[self.at : self.at + int(ends[0])].tobytes()
                self.at += int(ends[0]) + 1
                self.number += 1
                return line.decode("utf-8", "replace").strip(" \t\r\0")
            if not self.refill():
                return None

    def next_filled(self) -> str | None:
        """The next line that is not blank."""
        line = self.next()
        while line == "":
            line = self.next()
        return line

    def expect(self, expected: str, otherwise: str) -> None:
        line = self.next_filled()
        if line != expected:
            found = "the file ends" if line is None else f"found {_shorten(line)}"
            raise FormatError(f"{self.path}, line {self.number:,}: expected {expected} but {found}: {otherwise}.")


def _read_counts(lines: _Lines) -> list[int]:
    line = lines.next_filled()
    while line is not None and line != "\\data\\":
        line = lines.next_filled()
    if line is None:
        raise FormatError(f"{lines.path}: no \\data\\ line. This is no ARPA file.")
    counts: list[int] = []
    while True:
        before = lines.at, lines.number
        line = lines.next()
        match = re.fullmatch(r"ngram\s+(\d{1,4})\s*=\s*(\d{1,20})", line or "")
        if match:
            if int(match[1]) != len(counts) + 1:
                raise FormatError(f"{lines.path}, line {lines.number:,}: order {match[1]} where {len(counts) + 1} was expected.")
            counts.append(int(match[2]))
        elif line == "" or line is None:
            break
        elif line.startswith("\\"):
            lines.at, lines.number = before
            break
        else:
            raise FormatError(f"{lines.path}, line {lines.number:,}: expected 'ngram {len(counts) + 1}=COUNT', found {_shorten(line)}.")
    if not counts:
        raise FormatError(f"{lines.path}, line {lines.number:,}: no 'ngram 1=COUNT' line behind \\data\\. The file is cut.")
    _check_size(lines, counts)
    return counts


def _check_size(lines: _Lines, counts: list[int]) -> None:
    """Refuse counts that the file can't hold, before anything is allocated for them."""
    if isinstance(lines._file, gzip.GzipFile):
        return  # rows are then stored as they are met, so a forged count costs nothing either
    least = sum(count * (2 * order + 2) for order, count in enumerate(counts, 1))
    size = os.fstat(lines._file.fileno()).st_size
    if least > size:
        raise FormatError(
            f"{lines.path}: declares {sum(counts):,} n-grams, which take at least {least:,} bytes, but the file has {size:,}. It is cut or forged."
        )


class _Reader:
    """Collects the sections, order by order, into the levels of a trie."""

    def __init__(self, lines: _Lines, order: int) -> None:
        self.lines = lines
        self.order = order
        self.notes: list[str] = []
        self.words: list[np.ndarray] = []
        self.first_children: list[np.ndarray] = []
        self.probabilities: list[np.ndarray] = []
        self.back_offs: list[np.ndarray] = []
        self.has_boundaries = True

    def read_section(self, order: int, declared: int, progress: _progress.Progress) -> None:
        self.lines.expect(f"\\{order}-grams:", f"the header declares {self.order} orders")
        first_line = self.lines.number + 1
        tokens: list[bytes] = []
        ids: list[np.ndarray] = []
        numbers: list[np.ndarray] = []
        rows = 0
        room = max(1, _ROWS // order)
        block_numbers, spans = np.empty((room, 2)), np.empty((room, order, 2), np.int64)
        while rows < declared:
            wanted = min(room, declared - rows)
            start = self.lines.at
            read, self.lines.at, status = read_kernels.read_lines(self.lines.data, start, wanted, order, block_numbers, spans)
            self.lines.number += read
            if read:
                if order == 1:
                    tokens += [self.lines.data[a:b].tobytes() for a, b in spans[:read, 0]]
                else:
                    ids.append(self._look_up(spans[:read], order))
                numbers.append(block_numbers[:read].copy())
                rows += read
                progress.advance(read)
            if status != read_kernels.OK:
                self._refuse(order, status, rows, declared)
            elif read < wanted and not self.lines.refill():
                self._refuse(order, read_kernels.SECTION_END, rows, declared)
        columns = np.concatenate(numbers) if numbers else np.empty((0, 2))
        if order == 1:
            self._unigrams(tokens, columns, first_line)
        else:
            grams = np.concatenate(ids) if ids else np.empty((0, order), np.int32)
            self._add_level(order, grams, columns, first_line)

    def _look_up(self, spans: np.ndarray, order: int) -> np.ndarray:
        """int32 (R, order): ids of the words at the spans. Raises FormatError at the first that is no unigram."""
        flat = spans.reshape(-1, 2)
        blob = np.empty(int((flat[:, 1] - flat[:, 0]).sum()), np.uint8)
        offsets = np.empty(len(flat) + 1, np.int64)
        read_kernels.pack_spans(self.lines.data, flat, blob, offsets)
        found = self.vocabulary.find_packed(blob, offsets)
        for place in np.flatnonzero(found < 0):
            word = blob[offsets[place] : offsets[place + 1]].tobytes().decode("utf-8", "replace")
            if word != "<UNK>":
                line = self.lines.number - len(spans) + int(place) // order + 1
                raise FormatError(f"{self.lines.path}, line {line:,}: the word {word!r} is not among the 1-grams.")
            found[place] = Vocabulary.UNK
        return found.reshape(-1, order)

    def _refuse(self, order: int, status: int, rows: int, declared: int) -> None:
        path, line = self.lines.path, self.lines.number + 1
        if status == read_kernels.SECTION_END:
            raise FormatError(
                f"{path}, line {line:,}: the header declares {declared:,} {order}-grams, but only {rows:,} stand here. The file is cut or miscounts."
            )
        if status == read_kernels.BAD_FIELDS:
            raise FormatError(f"{path}, line {line:,}: expected a probability, {order} words and perhaps a back-off weight: {self._line()}.")
        raise FormatError(f"{path}, line {line:,}: {_PROBLEMS[status]}: {self._line()}.")

    def _line(self) -> str:
        return _shorten(self.lines.next() or "")

    def _unigrams(self, tokens: list[bytes], numbers: np.ndarray, first_line: int) -> None:
        specials = {b"<unk>": 0, b"<s>": 1, b"</s>": 2}
        if b"<unk>" not in tokens and b"<UNK>" in tokens:
            specials = {b"<UNK>": 0, b"<s>": 1, b"</s>": 2}
        words = [token for token in tokens if token not in specials]
        self.vocabulary = self._vocabulary(words, first_line)
        size = len(self.vocabulary)
        places = np.empty(len(tokens), np.int64)
        following = 3
        seen: set[bytes] = set()
        for row, token in enumerate(tokens):
            if token in specials:
                if token in seen:
                    raise FormatError(f"{self.lines.path}, line {first_line + row:,}: {token.decode()} stands there twice.")
                seen.add(token)
                places[row] = specials[token]
            else:
                places[row] = following
                following += 1
        probability, back_off = np.full(size, -np.inf, np.float32), np.zeros(size, np.float32)
        probability[places], back_off[places] = _zeros(numbers[:, 0]), _zeros(numbers[:, 1])
        if not seen & {b"<unk>", b"<UNK>"}:
            self.notes.append(f"{self.lines.path} has no <unk>: words that it does not know have probability 0.")
        self.has_boundaries = bool(probability[2] > -np.inf)
        self.words.append(np.arange(size, dtype=np.uint32))
        self.probabilities.append(probability)
        self.back_offs.append(back_off)

    def _vocabulary(self, words: list[bytes], first_line: int) -> Vocabulary:
        if len(set(words)) != len(words):
            seen: set[bytes] = set()
            for word in words:
                if word in seen:
                    raise FormatError(f"{self.lines.path}: the 1-gram {word.decode('utf-8', 'replace')!r} stands there twice.")
                seen.add(word)
        try:
            return Vocabulary.from_tokens(word.decode("utf-8") for word in words)
        except UnicodeDecodeError as error:
            raise FormatError(
                f"{self.lines.path}, lines {first_line:,} and on: a word is not in UTF-8 ({error.object!r}). Convert the file to UTF-8."
            ) from None

    def _add_level(self, order: int, grams: np.ndarray, numbers: np.ndarray, first_line: int) -> None:
        contexts = grams[:, 0].astype(np.int64)
        for depth in range(1, order - 1):
            targets = np.ascontiguousarray(grams[:, depth].astype(np.uint32))
            read_kernels.descend(contexts, targets, self.first_children[depth - 1], self.words[depth])
        if len(contexts) and contexts.min() < 0:
            row = int(np.argmin(contexts))
            raise FormatError(
                f"{self.lines.path}, line {first_line + row:,}: the context of this {order}-gram is not among the {order - 1}-grams. "
                "Pruned files must keep the contexts of what they keep."
            )
        keys = (contexts.astype(np.uint64) << np.uint64(32)) | grams[:, -1].astype(np.uint64)
        places = np.argsort(keys, kind="stable")
        repeated = np.flatnonzero(keys[places[1:]] == keys[places[:-1]])
        if len(repeated):
            row = int(places[repeated[0] + 1])
            raise FormatError(f"{self.lines.path}, line {first_line + row:,}: this {order}-gram stands there twice.")
        children = np.bincount(contexts, minlength=len(self.words[-1]))
        self.first_children.append(np.concatenate([[0], np.cumsum(children)]).astype(np.int64))
        self.words.append(grams[places, -1].astype(np.uint32))
        self.probabilities.append(_zeros(numbers[places, 0]))
        self.back_offs.append(_zeros(numbers[places, 1]))

    def finish(self) -> tuple[BackoffTrie, Vocabulary, bool, list[str]]:
        while len(self.words) > 1 and len(self.words[-1]) == 0:
            for levels in (self.words, self.first_children, self.probabilities, self.back_offs):
                levels.pop()
        trie = BackoffTrie.from_levels(self.words, self.first_children, self.probabilities, self.back_offs[:-1])
        return trie, self.vocabulary, self.has_boundaries, self.notes


def _zeros(log10: np.ndarray) -> np.ndarray:
    """float32, with ARPA's -99 as a probability or back-off weight of 0."""
    return np.where(log10 <= _ZERO, -np.inf, log10).astype(np.float32)


def _shorten(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")
