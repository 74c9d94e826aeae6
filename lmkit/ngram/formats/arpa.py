r"""ARPA files: the text format that every n-gram toolkit reads and writes. Read here in bounded steps and checked; written in
`arpa_writing.py`.

Format: `\data\`, a line `ngram n=count` an order, then for each order `\n-grams:` and a line an n-gram: log10 probability, words, and
below the highest order the log10 back-off weight; `\end\`. docs/file-formats.md tells the conventions for <s>, <unk> and zero.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from lmkit import _progress
from lmkit.errors import FormatError
from lmkit.ngram.formats import _kernels_arpa_read as read_kernels
from lmkit.ngram.formats._arpa_lines import Lines, shorten
from lmkit.ngram.formats.levels import LevelBuilder, RepeatedNgram
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.numeric import _kernels_hash
from lmkit.text.vocabulary import Vocabulary, empty_table, frozen, gather_strings

_ROWS = 1 << 12
_SPECIALS = (b"<unk>", b"<s>", b"</s>")

_PROBLEMS = {
    read_kernels.BAD_NUMBER: "a number was expected at its start or end",
    read_kernels.NOT_A_NUMBER: "NaN or plus infinity stands where a log10 probability or back-off weight belongs",
    read_kernels.POSITIVE: "a log10 probability above 0",
}


def read_arpa(path: str | os.PathLike[str]) -> tuple[BackoffTrie, Vocabulary, bool, list[str]]:
    """Read a model, plain or compressed, as KenLM, SRILM, IRSTLM and others write it.

    A context that is missing as an n-gram of its own is inserted with its backed-off probability, and a note says so. IRSTLM's iARPA, whose
    probabilities lack the share of the lower order, is completed: p + back-off of the context * p of the lower order.

    Returns
    -------
    trie, vocabulary (`<unk>` 0, `<s>` 1, `</s>` 2, then the file's order), whether sentences have boundaries, notes for the user.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : with the line, if it is cut, miscounts, holds NaN or a probability above 1, or repeats an n-gram.
    """
    with Lines(Path(path)) as lines:
        declared, is_incomplete = _read_counts(lines)
        reader = _Reader(lines, len(declared), is_incomplete)
        with _progress.Progress("reading ARPA", sum(declared), "n-gram") as progress:
            for order, count in enumerate(declared, 1):
                reader.read_section(order, count, progress)
        lines.expect("\\end\\", "the file is cut, or declares fewer n-grams than it has")
        lines.finish()
    return reader.finish()


def _read_counts(lines: Lines) -> tuple[list[int], bool]:
    """The number of n-grams of each order, and whether this is IRSTLM's incomplete ARPA."""
    line = lines.next_filled()
    is_incomplete = line is not None and line.split()[0] == "iARPA"
    if line is not None and line.split()[0] in ("qARPA", "blmt", "Qblmt", "blmtI", "QblmtI"):
        raise FormatError(
            f"{lines.path}: IRSTLM's {line.split()[0]} format can't be read; make ARPA of it: compile-lm --text=yes IN OUT.arpa."
        )
    while line is not None and line != "\\data\\":
        line = lines.next_filled()
    if line is None:
        raise FormatError(f"{lines.path}: no \\data\\ line, so this is no ARPA file; name one that is.")
    counts: list[int] = []
    while True:
        before = lines.at, lines.number
        line = lines.next()
        match = re.fullmatch(r"ngram\s+(\d{1,4})\s*=\s*(\d{1,20})", line or "")
        if match:
            if int(match[1]) != len(counts) + 1:
                raise FormatError(f"{lines.path}, line {lines.number:,}: order {match[1]} where {len(counts) + 1} was expected.")
            counts.append(int(match[2]))
        elif line is None or (line == "" and counts):
            break
        elif line.startswith("\\"):
            lines.at, lines.number = before
            break
        elif line:
            raise FormatError(f"{lines.path}, line {lines.number:,}: expected 'ngram {len(counts) + 1}=COUNT', found {shorten(line)}.")
    if not counts:
        raise FormatError(
            f"{lines.path}, line {lines.number:,}: no 'ngram 1=COUNT' line behind \\data\\; the file is cut, so copy it again."
        )
    least = sum(count * (2 * order + 2) for order, count in enumerate(counts, 1))
    if (
        lines.size is not None and least > lines.size
    ):  # refused before anything is allocated for them; a compressed file grows what it needs
        raise FormatError(
            f"{lines.path}: declares {sum(counts):,} n-grams, which take at least {least:,} bytes, but the file has {lines.size:,}; "
            "it is cut or forged, so copy it again."
        )
    return counts, is_incomplete


class _Reader:
    """Collects the sections, order by order."""

    def __init__(self, lines: Lines, order: int, is_incomplete: bool) -> None:
        self.lines = lines
        self.order = order
        self.is_incomplete = is_incomplete
        self.notes: list[str] = []
        self.levels = LevelBuilder(str(lines.path))
        self.has_boundaries = True

    def read_section(self, order: int, declared: int, progress: _progress.Progress) -> None:
        self.lines.expect(f"\\{order}-grams:", f"the header declares {self.order} orders")
        first_line = self.lines.number + 1
        section = _Section(declared if self.lines.size is not None else 0, order)
        room = max(1, _ROWS // order)
        starts, lengths, keys = np.empty((room, order), np.int64), np.empty((room, order), np.int32), np.empty((room, order), np.uint64)
        strings: list[tuple[np.ndarray, np.ndarray]] = []
        while section.rows < declared:
            wanted = min(room, declared - section.rows)
            probabilities, back_offs, ids = section.room(wanted)
            read, self.lines.at, status = read_kernels.scan_lines(
                self.lines.data, self.lines.used, self.lines.at, wanted, order, probabilities, back_offs, starts, lengths, keys
            )
            self.lines.number += read
            if read:
                cut = starts[:read].reshape(-1), lengths[:read].reshape(-1), keys[:read].reshape(-1)
                if order == 1:
                    strings.append(self._pack(*cut[:2]))
                else:
                    self._look_up(*cut, ids[:read].reshape(-1), order)
                section.rows += read
                progress.advance(read)
            if status != read_kernels.OK:
                self._refuse(order, status, section.rows, declared)
            elif read < wanted and not self.lines.refill():
                self._refuse(order, read_kernels.SECTION_END, section.rows, declared)
        probabilities, back_offs, ids = section.columns()
        if order == 1:
            self._add_unigrams(strings, probabilities, back_offs, first_line)
        else:
            self._add(ids, probabilities, back_offs, first_line)

    def _pack(self, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        blob, offsets = np.empty(int(lengths.sum(dtype=np.int64)), np.uint8), np.empty(len(starts) + 1, np.int64)
        read_kernels.pack_words(self.lines.data, starts, lengths, blob, offsets)
        return blob, offsets

    def _look_up(self, starts: np.ndarray, lengths: np.ndarray, keys: np.ndarray, ids: np.ndarray, order: int) -> None:
        """Fill ids (R * order,). Raises FormatError at the first word that is no unigram."""
        vocabulary = self.vocabulary
        read_kernels.look_up_words(
            self.lines.data, starts, lengths, keys, frozen(vocabulary.blob), frozen(vocabulary.offsets), self._table, ids
        )
        if len(ids) and ids.min() < 0:
            for place in np.flatnonzero(ids < 0):
                word = self.lines.data[starts[place] : starts[place] + lengths[place]].tobytes().decode("utf-8", "replace")
                if word != "<UNK>":
                    line = self.lines.number - len(ids) // order + int(place) // order + 1
                    raise FormatError(f"{self.lines.path}, line {line:,}: the word {word!r} is not among the 1-grams.")
                ids[place] = Vocabulary.UNK

    def _refuse(self, order: int, status: int, rows: int, declared: int) -> None:
        path, line = self.lines.path, self.lines.number + 1
        if status == read_kernels.SECTION_END:
            raise FormatError(
                f"{path}, line {line:,}: the header declares {declared:,} {order}-grams, but only {rows:,} stand here; the file "
                "is cut or miscounts, so copy it again."
            )
        found = shorten(self.lines.next() or "")
        if status == read_kernels.BAD_FIELDS:
            raise FormatError(f"{path}, line {line:,}: expected a probability, {order} words and perhaps a back-off weight: {found}.")
        raise FormatError(f"{path}, line {line:,}: {_PROBLEMS[status]}: {found}.")

    def _add_unigrams(
        self, strings: list[tuple[np.ndarray, np.ndarray]], probabilities: np.ndarray, back_offs: np.ndarray, first_line: int
    ) -> None:
        blob = np.concatenate([part for part, _ in strings] + [np.frombuffer(b"".join(_SPECIALS), np.uint8)])
        lengths = np.concatenate([np.diff(borders) for _, borders in strings] + [np.array([len(special) for special in _SPECIALS])])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        count = len(lengths) - len(_SPECIALS)
        places = [_places_of(blob, offsets, count, special) for special in _SPECIALS]
        if len(places[0]) == 0:
            places[0] = _places_of(blob, offsets, count, b"<UNK>")
        for special, found in zip(_SPECIALS, places, strict=True):
            if len(found) > 1:
                raise FormatError(f"{self.lines.path}, line {first_line + int(found[1]):,}: {special.decode()} stands there twice.")
        words = np.ones(count, bool)
        words[np.concatenate(places)] = False
        rows = np.concatenate([np.arange(count, count + len(_SPECIALS)), np.flatnonzero(words)])
        self._make_vocabulary(*gather_strings(blob, offsets, rows), first_line + rows)
        own = np.concatenate([found if len(found) else [-1] for found in places] + [np.flatnonzero(words)]).astype(np.int64)
        probability = np.where(own >= 0, probabilities[np.maximum(own, 0)] if count else 0, -np.inf).astype(np.float32)
        back_off = np.where(own >= 0, back_offs[np.maximum(own, 0)] if count else 0, 0).astype(np.float32)
        if len(places[0]) == 0:
            self.notes.append(f"{self.lines.path} has no <unk>: words that it does not know have probability 0.")
        self.has_boundaries = bool(probability[Vocabulary.EOS] > -np.inf)
        self.levels.add_unigrams(probability, back_off)

    def _make_vocabulary(self, blob: np.ndarray, offsets: np.ndarray, lines: np.ndarray) -> None:
        """lines : of the file, where each word stands; behind the last for a special that it lacks."""
        try:
            str(memoryview(np.ascontiguousarray(blob)), "utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(
                f"{self.lines.path}, lines {int(lines.min()):,} and on: a word is not in UTF-8 ({error.reason}); convert the file to UTF-8."
            ) from None
        self._table = empty_table(len(offsets) - 1)
        double = _kernels_hash.build_table(frozen(blob), frozen(offsets), len(offsets) - 1, self._table)
        if double >= 0:
            word = blob[offsets[double] : offsets[double + 1]].tobytes().decode("utf-8", "replace")
            raise FormatError(f"{self.lines.path}, line {int(lines[double]):,}: the 1-gram {word!r} stands there twice.")
        self.vocabulary = Vocabulary.from_tensors({"vocabulary.bytes": blob, "vocabulary.offsets": offsets}, str(self.lines.path))

    def _add(self, ids: np.ndarray, probabilities: np.ndarray, back_offs: np.ndarray, first_line: int) -> None:
        if self.is_incomplete:
            own, below = probabilities.astype(np.float64), self.levels.back_off_of(ids[:, :-1]) + self.levels.log10_of(ids[:, 1:])
            probabilities = np.minimum(np.log10(10.0**own + 10.0**below), 0.0).astype(np.float32)
        inserted = self.levels.inserted
        try:
            self.levels.add(ids, probabilities, back_offs)
        except RepeatedNgram as repeated:
            line = first_line + repeated.row
            raise FormatError(f"{self.lines.path}, line {line:,}: this {ids.shape[1]}-gram stands there twice.") from None
        if self.levels.inserted > inserted:
            self.notes.append(
                f"{self.levels.inserted - inserted:,} contexts of {ids.shape[1]}-grams are not in {self.lines.path} as n-grams of"
                " their own; they were inserted with their backed-off probabilities, which changes no score."
            )

    def finish(self) -> tuple[BackoffTrie, Vocabulary, bool, list[str]]:
        return self.levels.to_trie(), self.vocabulary, self.has_boundaries, self.notes


class _Section:
    """Columns that grow with the lines: the whole is allocated at once only where the file is known to be long enough for it."""

    def __init__(self, expected: int, order: int) -> None:
        self.rows = 0
        self._probabilities, self._back_offs = np.empty(expected, np.float32), np.empty(expected, np.float32)
        self._ids = np.empty((expected if order > 1 else 0, order), np.int32)
        self._order = order

    def room(self, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Views of the next so many rows."""
        if self.rows + rows > len(self._probabilities):
            size = max(2 * len(self._probabilities), self.rows + rows)
            self._probabilities, self._back_offs = _grown(self._probabilities, size), _grown(self._back_offs, size)
            self._ids = _grown(self._ids, size if self._order > 1 else 0)
        span = slice(self.rows, self.rows + rows)
        return self._probabilities[span], self._back_offs[span], self._ids[span]

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What was read."""
        return self._probabilities[: self.rows], self._back_offs[: self.rows], self._ids[: self.rows]


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    larger = np.empty((size, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def _places_of(blob: np.ndarray, offsets: np.ndarray, count: int, token: bytes) -> np.ndarray:
    """Rows below `count` whose string is this token."""
    rows = np.flatnonzero(np.diff(offsets[: count + 1]) == len(token))
    found: np.ndarray = rows[(blob[offsets[rows][:, None] + np.arange(len(token))] == np.frombuffer(token, np.uint8)).all(axis=1)]
    return found
