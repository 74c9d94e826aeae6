"""Text straight to the ids of a vocabulary that is given, block by block on all cores, for those who need nothing else of the text.

`encode` numbers the words of a text anew, keeps them all and translates them for each model. Where a text is only summed over, such as
for a perplexity, most of that is in vain: here words are looked up in the model's own table, and a block is forgotten once it is scored.
"""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

from lmkit.text import _numbering
from lmkit.text._numbering import LINES_DROP, LINES_KEEP, Sighting
from lmkit.text._reading import not_in_encoding, unchecked_blocks
from lmkit.text.encoding import add_sightings, describe_sightings, no_tokens
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource
from lmkit.text.vocabulary import Vocabulary, frozen

_T = TypeVar("_T")
_U = TypeVar("_U")
_NEWLINE = np.array([10], np.uint8)


@dataclasses.dataclass
class KnownWords:
    """The words of a block of whole lines, each line a sentence.

    Attributes
    ----------
    ids : int32 (N,), in the vocabulary given; 0 for words that it lacks and for a literal `<unk>`. Valid until the thread reads another.
    sentence_offsets : int64 (S+1,), into ids.
    characters, bytes : what words, the spaces between them and the newlines cover, in code points and in UTF-8.
    """

    ids: np.ndarray
    sentence_offsets: np.ndarray
    characters: int
    bytes: int


class KnownWordsReader:
    """Reads a text under a vocabulary, the blocks of it on several threads.

    Parameters
    ----------
    source, options : the text and how it is read; `can_read` tells which options will do.
    vocabulary : whose ids the words become.
    may_be_empty : whether a text without words is read without complaint.

    Attributes
    ----------
    notes : what the user should be told, one sentence each; whole once all has been read.
    """

    def __init__(self, source: TextSource, options: TextOptions, vocabulary: Vocabulary, *, may_be_empty: bool = False) -> None:
        self.notes: tuple[str, ...] = ()
        self._source, self._options, self._vocabulary = source, options, vocabulary
        self._mode = LINES_KEEP if options.blank_lines == "keep" else LINES_DROP
        self._may_be_empty = may_be_empty
        self._local = threading.local()

    @staticmethod
    def can_read(options: TextOptions) -> bool:
        """Whether lines can be read one by one, and words as they stand."""
        plain = options.tokenizer == "whitespace" and not options.transforms and not options.fold_numbers
        return plain and options.sentences == "line"

    def map(self, function: Callable[[KnownWords], _T], threads: int) -> Iterator[_T]:
        """`function` of every block of the text, in order.

        Parameters
        ----------
        function : called on several threads at once.

        Raises
        ------
        InputError : if the text can't be read, or holds no tokens at all and that is not allowed.
        """
        sightings: dict[str, Sighting] = {}
        read = words = 0
        names = [document.name for document in self._source.documents()]
        self._table = self._vocabulary.table  # built here, not on every thread at once
        for index, document in enumerate(self._source.documents()):
            lines = offset = 0
            for block in _in_order(
                lambda data: self._encode(data, function), unchecked_blocks(document, self._options, document.blocks(), "line"), threads
            ):
                if block.bad_byte is not None:
                    place, value, line = block.bad_byte
                    raise not_in_encoding(document.name, "utf-8", lines + line, offset + place, value)
                add_sightings(sightings, block.sightings, lines, index)
                lines += block.lines
                offset += block.size
                words += block.words
                assert block.result is not None
                yield block.result
            read += offset
        if words == 0 and not self._may_be_empty:
            raise no_tokens(self._source.name, read)
        self.notes = describe_sightings(sightings, names, "line")

    def _encode(self, data: np.ndarray, function: Callable[[KnownWords], _T]) -> _Block[_T]:
        from lmkit.text import _kernels_words as kernels

        data = frozen(data)
        place, characters = kernels.check_utf8(data)
        if place >= 0:
            line = 1 + int(np.count_nonzero(data[:place] == 10))
            return _Block(len(data), bad_byte=(int(place), int(data[place]), line))
        ids, ends = self._buffers(len(data))
        state = np.zeros(kernels.STATE_SIZE, np.int64)
        state[kernels.LINE] = state[kernels.ENDS] = 1
        for part in (data,) if data[-1] == 10 else (data, frozen(_NEWLINE)):
            vocabulary = self._vocabulary
            kernels.find_words(
                part, self._mode, state, self._table, frozen(vocabulary.blob), frozen(vocabulary.offsets), ids, ends, *self._scratch()
            )
        words, known, left_out = (int(state[place]) for place in (kernels.WORDS, kernels.WORD_BYTES, kernels.LEFT_OUT_BYTES))
        offsets = ends[: state[kernels.ENDS]]
        sentences = len(offsets) - 1
        separators = words - int(np.count_nonzero(offsets[1:] > offsets[:-1])) + sentences
        spaces = len(data) - known - left_out
        result = function(KnownWords(ids[:words], offsets, int(characters) - spaces - left_out + separators, known + separators))
        sightings = _numbering.sightings_of(state)
        return _Block(len(data), int(state[kernels.LINE]) - 1, words, sightings, result)

    def _buffers(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """ids and ends for a block of so many bytes, kept by the thread; ends[0] is 0."""
        held = getattr(self._local, "buffers", None)
        if held is None or len(held[1]) < size + 2:
            held = self._local.buffers = np.empty(size // 2 + 1, np.int32), np.zeros(size + 2, np.int64)
        return held  # type: ignore[no-any-return]

    def _scratch(self) -> tuple[np.ndarray, ...]:
        held = getattr(self._local, "scratch", None)
        if held is None:
            held = self._local.scratch = _numbering.batch_scratch()
        return held  # type: ignore[no-any-return]


@dataclasses.dataclass
class _Block(Generic[_T]):
    """What came of a block: its bytes, its lines, its words, what was seen, and what the caller made of its words."""

    size: int
    lines: int = 0
    words: int = 0
    sightings: dict[str, Sighting] = dataclasses.field(default_factory=dict)
    result: _T | None = None
    bad_byte: tuple[int, int, int] | None = None


def _in_order(function: Callable[[_T], _U], items: Iterable[_T], threads: int) -> Iterator[_U]:
    """map() on threads, in order; only a few results wait."""
    if threads <= 1:
        yield from map(function, items)
        return
    waiting: collections.deque[Future[_U]] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 3 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
