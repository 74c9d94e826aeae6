r"""Writing ARPA files, order by order: from a trie, or from levels as they are estimated, with no model in memory at all."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import os
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit import _files, _progress
from lmkit.ngram.counting.workspace import Workspace
from lmkit.ngram.formats import _kernels_arpa_write as kernels
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.vocabulary import Vocabulary, frozen

_ROWS = 1 << 13  # n-grams printed at a time: their words and text stay in the second-level cache
_BUFFER = 1 << 20


@dataclasses.dataclass(frozen=True)
class Contexts:
    """The n-grams of one order as those of the next have them for contexts.

    Attributes
    ----------
    words : uint32 (G,), their last words.
    first_child : int (G+1,), index of the first continuation of each.
    offset : what the index of the first of all continuations is.
    """

    words: np.ndarray
    first_child: np.ndarray
    offset: int = 0


def write_arpa(path: str | os.PathLike[str], trie: BackoffTrie, vocabulary: Vocabulary) -> None:
    """Write a model, gzipped if the name ends in .gz. Raises OutputError if it can't be written."""
    starts = trie.order_start.tolist()
    with arpa_file(path, trie.sizes, vocabulary, Workspace()) as writer:
        contexts: list[Contexts] = []
        for n, (start, stop) in enumerate(itertools.pairwise(starts)):
            words = trie.word[start:stop]
            if n + 1 == trie.order:
                writer.section(contexts, words, trie.leaves["log10_prob"], None)
                break
            nodes = trie.nodes[start:stop]
            writer.section(contexts, words, nodes["log10_prob"], nodes["log10_bow"])
            contexts.append(Contexts(words, trie.nodes["first_child"][start : stop + 1], stop))


@contextmanager
def arpa_file(path: str | os.PathLike[str], sizes: Sequence[int], vocabulary: Vocabulary, workspace: Workspace) -> Iterator[ArpaWriter]:
    """An ARPA file that gets its sections one after the other; on failure nothing stays of it.

    Parameters
    ----------
    path : gzipped if the name ends in .gz.
    sizes : number of n-grams of each order.
    vocabulary : the words that the n-grams' ids stand for.
    workspace : where the n-grams are; its threads print them.

    Raises
    ------
    OutputError : if the file can't be written.
    """
    with _files.replacing(path) as temporary, _opened(temporary, str(path).lower().endswith(".gz")) as file:
        file.write(b"\\data\\\n")
        for order, size in enumerate(sizes, 1):
            file.write(b"ngram %d=%d\n" % (order, size))
        with _progress.Progress("writing ARPA", sum(sizes), "n-gram") as progress:
            yield ArpaWriter(file, vocabulary, workspace, progress)
        file.write(b"\n\\end\\\n")


class ArpaWriter:
    """Prints the sections of a file, made by `arpa_file`."""

    def __init__(self, file: BinaryIO, vocabulary: Vocabulary, workspace: Workspace, progress: _progress.Progress) -> None:
        self._file, self._workspace, self._progress = file, workspace, progress
        blob = np.concatenate([vocabulary.blob, np.zeros(PADDING, np.uint8)])
        spellings = np.zeros(len(vocabulary) * kernels.SPELLING, np.uint8)
        kernels.spell_tokens(blob, frozen(vocabulary.offsets), spellings)
        self._tokens = spellings, blob, frozen(vocabulary.offsets), int(np.diff(vocabulary.offsets).max())
        self._buffers: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()

    def section(self, contexts: Sequence[Contexts], words: np.ndarray, log10_prob: np.ndarray, log10_bow: np.ndarray | None) -> None:
        """Write the n-grams of the next order, G of them, sorted by context and word.

        Parameters
        ----------
        contexts : one entry a lower order, lowest first.
        words : uint32 (G,), their last words.
        log10_prob, log10_bow : float32 (G,); no back-off weights for the highest order.
        """
        self._file.write(b"\n\\%d-grams:\n" % (len(contexts) + 1))

        def print_block(block: tuple[int, int]) -> list[tuple[np.ndarray, int]]:
            here = slice(*block)
            ids = _words_of(contexts, words, *block)
            bow = np.empty(0, np.float32) if log10_bow is None else np.ascontiguousarray(log10_bow[here])
            printed = self._print(ids, len(contexts) + 1, np.ascontiguousarray(log10_prob[here]), bow)
            self._workspace.drop(words, log10_prob, log10_bow, *(array for level in contexts for array in (level.words, level.first_child)))
            return printed

        blocks = [(low, min(low + _ROWS, len(words))) for low in range(0, len(words), _ROWS)]
        for (low, high), printed in zip(blocks, self._workspace.map(print_block, blocks), strict=True):
            for buffer, used in printed:
                for at in range(0, used, _files.WRITE_BLOCK):
                    self._file.write(memoryview(buffer[at : min(at + _files.WRITE_BLOCK, used)]))
                self._buffers.put(buffer)
            self._progress.advance(high - low)

    def _print(self, ids: np.ndarray, order: int, log10_prob: np.ndarray, log10_bow: np.ndarray) -> list[tuple[np.ndarray, int]]:
        """The lines of a block: buffers, and how much of each is used."""
        result = []
        row = 0
        while row < len(log10_prob):
            try:
                buffer = self._buffers.get_nowait()
            except queue.Empty:
                buffer = np.empty(0, np.uint8)
            least = max(_BUFFER, 4 * int(kernels.line_room(order, self._tokens[-1])))
            if len(buffer) < least:
                buffer = np.empty(least, np.uint8)
            row, used = kernels.write_lines(row, ids, order, log10_prob, log10_bow, *self._tokens, buffer)
            result.append((buffer, used))
        return result


def _words_of(contexts: Sequence[Contexts], words: np.ndarray, low: int, high: int) -> np.ndarray:
    """uint32 ((high - low) n,): all words of the n-grams low..high of an order, flat."""
    order = len(contexts) + 1
    ids, nodes = np.empty((high - low) * order, np.uint32), np.arange(low, high)
    kernels.take_words(frozen(words), nodes, ids, order, order - 1)
    for place in range(order - 2, -1, -1):
        level = contexts[place]
        child = level.first_child.dtype.type(nodes[0] + level.offset)  # of the array's own type, or NumPy would convert all of it
        first = int(np.searchsorted(level.first_child, child, side="right")) - 1
        kernels.find_contexts(frozen(level.first_child), level.offset, first, nodes, nodes)
        kernels.take_words(frozen(level.words), nodes, ids, order, place)
    return ids


@contextmanager
def _opened(path: Path, compressed: bool) -> Iterator[BinaryIO]:
    with open(path, "wb") as raw:
        if compressed:
            with gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
                yield file  # type: ignore[misc]
        else:
            yield raw
