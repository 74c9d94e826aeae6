"""Cutting and ranking the lines of a text by their perplexity under a model, in bounded memory: what cleaners of large corpora do.

A line is a sentence. Its perplexity is exp of the mean negative log probability over its words and its end, as `kenlm.Model.perplexity`
counts. Lines are read, scored and written in blocks, several at a time on as many threads, and come out byte for byte as they went in.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, Protocol

import numpy as np

from lmkit._progress import Progress
from lmkit._validation import check_int
from lmkit.errors import InputError, InvalidParameterError, OutputError
from lmkit.events import ScoredEvents
from lmkit.text.encoding import encode
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource, bytes_source

BLOCK_BYTES = 1 << 21
_LONGEST_LINE = 1 << 28
_WIDE = ("utf-16", "utf-32", "utf_16", "utf_32", "utf16", "utf32")
_GUARD = b"x\n"
"""Stands in front of every block that is scored, so that a block of blank lines has a word too."""
_SELECT_BITS = 16


class Scorer(Protocol):
    """What is needed of a model."""

    text_options: TextOptions

    def score(self, corpus: Any, state: Any = "reset", threads: int | None = None) -> ScoredEvents: ...


@dataclasses.dataclass(frozen=True)
class ScoredLines:
    """A stretch of a text: line i is data[starts[i]:starts[i + 1]], its newline included.

    perplexity : float64 (L,); inf where a line has a word of probability 0, or nothing that could be scored.
    """

    data: np.ndarray
    starts: np.ndarray
    perplexity: np.ndarray
    invalid: int

    def __len__(self) -> int:
        return len(self.perplexity)

    def chosen(self, keep: np.ndarray) -> memoryview:
        """The bytes of the lines that keep (L,) marks."""
        if keep.all():
            return memoryview(self.data)
        return memoryview(self.data[np.repeat(keep, np.diff(self.starts))])

    def line(self, index: int) -> memoryview:
        return memoryview(self.data[self.starts[index] : self.starts[index + 1]])


@dataclasses.dataclass
class FilterSummary:
    """What a filter did.

    threshold : the perplexity up to which lines stayed where a share was asked for, else None.
    invalid : lines that are not in the text's encoding; they were scored with a replacement character in place of what is wrong.
    """

    lines: int = 0
    kept: int = 0
    bytes: int = 0
    kept_bytes: int = 0
    invalid: int = 0
    lowest: float = float("inf")
    highest: float = 0.0
    threshold: float | None = None

    def add(self, block: ScoredLines, keep: np.ndarray) -> None:
        lengths = np.diff(block.starts)
        self.lines += len(block)
        self.kept += int(np.count_nonzero(keep))
        self.bytes += int(lengths.sum())
        self.kept_bytes += int(lengths[keep].sum())
        self.invalid += block.invalid
        if len(block):
            self.lowest = min(self.lowest, float(block.perplexity.min()))
            self.highest = max(self.highest, float(block.perplexity.max()))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


Write = Callable[[ScoredLines, np.ndarray], None]


# -- scoring -------------------------------------------------------------------------------------------------------------------------


def score_lines(
    model: Scorer, source: TextSource, options: TextOptions | None = None, *, include_oov: bool = True, threads: int | None = None
) -> Iterator[ScoredLines]:
    """Score a text line by line.

    Parameters
    ----------
    model : any language model; its own reading is applied, but a line is always a sentence.
    source : read once, from beginning to end.
    options : how to read the text, the model's own way if left out.
    include_oov : whether words that the model doesn't know count.
    threads : blocks that are scored at the same time; all cores if left out. The result is the same for any number.

    Raises
    ------
    InputError : if the text can't be read.
    """
    options = (options or model.text_options).replace(sentences="line", blank_lines="keep", sentence_model=None)
    if options.encoding.lower().startswith(_WIDE):
        raise InvalidParameterError(f"Lines can't be filtered in the encoding {options.encoding}. Convert the text to UTF-8 first.")
    workers = threads or os.cpu_count() or 1
    pending: deque[Future[ScoredLines]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for block in _line_blocks(source):
                pending.append(pool.submit(_scored, model, block, options, include_oov))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _line_blocks(source: TextSource) -> Iterator[bytes]:
    """Blocks of whole lines; the last line of a document gets a newline if it has none."""
    for document in source.documents():
        pieces: list[bytes] = []  # joined only where a line ends in them, so that a long line is not copied with each of its pieces
        size = end = 0  # bytes in them, and how many of these are whole lines
        for block in document.blocks():
            pieces.append(bytes(block))
            if newline := pieces[-1].rfind(b"\n") + 1:
                end = size + newline
            size += len(block)
            if size < BLOCK_BYTES:
                continue
            if end:
                whole = b"".join(pieces)
                yield whole[:end]
                pieces, size, end = [whole[end:]], size - end, 0
            elif size > _LONGEST_LINE:
                raise InputError(f"{document.name}: has a line of more than {_LONGEST_LINE:,} bytes. Is it a text of lines?")
        whole = b"".join(pieces)
        if whole:
            yield whole if whole.endswith(b"\n") else whole + b"\n"


def _scored(model: Scorer, block: bytes, options: TextOptions, include_oov: bool) -> ScoredLines:
    data = np.frombuffer(block, np.uint8)
    starts = np.concatenate([[0], np.flatnonzero(data == 10) + 1])
    text, invalid = _readable(block, options.encoding)
    corpus = encode(bytes_source(_GUARD + text, "block"), options.replace(encoding="utf-8"), progress=False)
    if corpus.n_sentences != len(starts):
        raise InputError(f"{len(starts) - 1:,} lines were read as {corpus.n_sentences - 1:,} sentences. Convert the text to UTF-8 first.")
    events = model.score(corpus, threads=1)
    log_probabilities, sentences = events.log_probabilities, events.sentence
    if not include_oov:
        known = ~events.is_oov
        log_probabilities, sentences = log_probabilities[known], sentences[known]
    counts = np.bincount(sentences, minlength=len(starts))[1:]
    sums = np.bincount(sentences, weights=log_probabilities, minlength=len(starts))[1:]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        perplexity = np.where(counts > 0, np.exp(-sums / counts), np.inf)
    return ScoredLines(data, starts, perplexity, invalid)


def _readable(block: bytes, encoding: str) -> tuple[bytes, int]:
    """A block as it is scored, UTF-8 without NUL, and how many of its lines had bytes that are not in its encoding."""
    invalid = 0
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        try:
            str(block, "utf-8")
        except UnicodeDecodeError:
            lines = [(line, line.decode("utf-8", "replace").encode()) for line in block.split(b"\n")]
            invalid = sum(line != replaced for line, replaced in lines)
            block = b"\n".join(replaced for _, replaced in lines)
    else:
        text = block.decode(encoding, "replace")
        invalid = sum("\ufffd" in line for line in text.split("\n"))
        block = text.encode()
    return (block.replace(b"\0", b" ") if b"\0" in block else block), invalid


# -- cutting -------------------------------------------------------------------------------------------------------------------------


def filter_lines(
    model: Scorer,
    source: TextSource,
    write: Write,
    options: TextOptions | None = None,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    keep: float | int | None = None,
    invert: bool = False,
    include_oov: bool = True,
    threads: int | None = None,
) -> FilterSummary:
    """Hand on the lines whose perplexity lies within bounds, in their order.

    Parameters
    ----------
    write : called with each block and a mask of the lines that stay.
    minimum, maximum : bounds, both included.
    keep : the share (float, 0 to 1) or the number (int) of lines with the lowest perplexity to keep, of those within the bounds; of equal
        ones the first. The text is then gone through twice, scored once: scores wait in a temporary file, 8 bytes a line, and so does what
        comes from a stream.
    invert : hand on the other lines.

    Raises
    ------
    InvalidParameterError : if a bound or a share makes no sense.
    InputError : if the text can't be read, or changes while it is read.
    """
    _check(minimum, maximum, keep)
    summary = FilterSummary()

    def within(perplexity: np.ndarray) -> np.ndarray:
        inside = np.ones(len(perplexity), np.bool_)
        if minimum is not None:
            inside &= perplexity >= minimum
        if maximum is not None:
            inside &= perplexity <= maximum
        return inside

    with _bar(source) as bar:
        if keep is None:
            for block in score_lines(model, source, options, include_oov=include_oov, threads=threads):
                chosen = within(block.perplexity) ^ invert
                summary.add(block, chosen)
                write(block, chosen)
                bar.advance(len(block.data))
            return summary
        with tempfile.TemporaryFile() as scores, tempfile.TemporaryFile() as spool:
            total = inside = 0
            for block in score_lines(model, source, options, include_oov=include_oov, threads=threads):
                _put(scores, np.ascontiguousarray(block.perplexity))
                if source.is_stream:
                    _put(spool, block.data)
                total += len(block)
                inside += int(np.count_nonzero(within(block.perplexity)))
                summary.invalid += block.invalid
                bar.advance(len(block.data))
            wanted = min(round(keep * inside) if isinstance(keep, float) else keep, inside)
            summary.threshold, ties = _threshold(scores, total, wanted, within)
            for block in _again(source, spool, scores, total):
                below = within(block.perplexity) & (block.perplexity < summary.threshold)
                equal = np.flatnonzero(within(block.perplexity) & (block.perplexity == summary.threshold))
                below[equal[:ties]] = True
                ties -= min(ties, len(equal))
                chosen = below ^ invert
                summary.add(block, chosen)
                write(block, chosen)
            if wanted == 0:
                summary.threshold = None
    return summary


def rank_lines(
    model: Scorer,
    source: TextSource,
    write: Write,
    options: TextOptions | None = None,
    *,
    top: int | None = None,
    include_oov: bool = True,
    threads: int | None = None,
) -> FilterSummary:
    """Hand on all lines, or the first `top`, by rising perplexity; of equal ones the first in the text first.

    Takes 24 bytes of memory a line, and a temporary file as large as the text.
    """
    if top is not None:
        check_int("rank_lines", "top", top, minimum=1)
    summary = FilterSummary()
    scores: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    with _bar(source) as bar, tempfile.TemporaryFile() as spool:
        for block in score_lines(model, source, options, include_oov=include_oov, threads=threads):
            _put(spool, block.data)
            scores.append(block.perplexity)
            lengths.append(np.diff(block.starts))
            summary.add(block, np.zeros(len(block), np.bool_))
            bar.advance(len(block.data))
        spool.flush()
        perplexity = np.concatenate([*scores, np.empty(0)])
        starts = np.concatenate([[0], *lengths]).cumsum()
        order = np.argsort(perplexity, kind="stable")[:top]
        for first in range(0, len(order), 1 << 14):
            part = order[first : first + (1 << 14)]
            lines = [os.pread(spool.fileno(), int(starts[i + 1] - starts[i]), int(starts[i])) for i in part]
            borders = np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64)
            ranked = ScoredLines(np.frombuffer(b"".join(lines), np.uint8), borders, perplexity[part], 0)
            summary.kept += len(part)
            summary.kept_bytes += len(ranked.data)
            write(ranked, np.ones(len(part), np.bool_))
    return summary


def _check(minimum: float | None, maximum: float | None, keep: float | int | None) -> None:
    for name, value in (("minimum", minimum), ("maximum", maximum)):
        if value is not None and not value >= 0:
            raise InvalidParameterError(f"The {name} perplexity must be a number of at least 0. Got {value} instead.")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidParameterError(f"The minimum perplexity, {minimum:g}, is above the maximum, {maximum:g}, so no line would be left.")
    if keep is not None and (not keep >= 0 or (isinstance(keep, float) and keep > 1)):
        raise InvalidParameterError(f"keep must be a share from 0.0 to 1.0 or a number of lines. Got {keep} instead.")


def _put(file: IO[bytes], array: np.ndarray) -> None:
    try:
        file.write(memoryview(array).cast("B"))
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: temporary files could not be written there ({error.strerror})."
            " Set TMPDIR to a folder on a disk with room for 8 bytes a line, and for the text if it comes from a stream."
        ) from None


def _threshold(scores: IO[bytes], total: int, wanted: int, within: Callable[[np.ndarray], np.ndarray]) -> tuple[float, int]:
    """(perplexity t, k): exactly `wanted` of the stored values within the bounds are below t, or among the first k that equal it.

    Finds the bits of t from the highest on, 16 a pass over the file: non-negative floats rise as their bit patterns do.
    """
    if wanted == 0:
        return 0.0, 0
    prefix, rank = 0, wanted - 1
    for level in range(64 // _SELECT_BITS):
        shift = 64 - _SELECT_BITS * (level + 1)
        histogram = np.zeros(1 << _SELECT_BITS, np.int64)
        for values in _stored(scores, total):
            bits = values[within(values)].view(np.uint64)
            if level:
                bits = bits[bits >> np.uint64(shift + _SELECT_BITS) == prefix]
            histogram += np.bincount(((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64), minlength=len(histogram))
        sums = histogram.cumsum()
        digit = int(np.searchsorted(sums, rank, side="right"))
        rank -= int(sums[digit] - histogram[digit])
        prefix = prefix << _SELECT_BITS | digit
    return float(np.array([prefix], np.uint64).view(np.float64)[0]), rank + 1


def _stored(scores: IO[bytes], total: int) -> Iterator[np.ndarray]:
    scores.flush()
    scores.seek(0)
    for _ in range(0, total, 1 << 20):
        yield np.frombuffer(scores.read(8 << 20), np.float64)


def _again(source: TextSource, spool: IO[bytes], scores: IO[bytes], total: int) -> Iterator[ScoredLines]:
    """The text once more, with the scores that were stored."""
    scores.seek(0)
    spool.seek(0)
    left = total
    for block in _spooled(spool) if source.is_stream else _line_blocks(source):
        data = np.frombuffer(block, np.uint8)
        starts = np.concatenate([[0], np.flatnonzero(data == 10) + 1])
        perplexity = np.frombuffer(scores.read(8 * (len(starts) - 1)), np.float64)
        left -= len(perplexity)
        if len(perplexity) < len(starts) - 1:
            left = -1
            break
        yield ScoredLines(data, starts, perplexity, 0)
    if left != 0:
        raise InputError(f"{source.name}: changed while it was read. Run the filter again on a file that stays as it is.")


def _spooled(spool: IO[bytes]) -> Iterator[bytes]:
    """What `_line_blocks` yielded, in other blocks: each line has its newline."""
    rest: list[bytes] = []
    while block := spool.read(BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest = []
        rest.append(block[end:])


def _bar(source: TextSource) -> Progress:
    return Progress(f"Filtering {source.name}", None if source.is_compressed else source.size, "B")
