"""Counts of n-grams of every order as a trie in level order."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable

import numpy as np

from lmkit import _progress
from lmkit.ngram.counting import _kernels_counts as kernels
from lmkit.ngram.counting._kernels_records import count_words
from lmkit.ngram.counting.partitions import Chunk, Layout, Text, Wanted, make_plan, shared_words, sorted_chunks
from lmkit.ngram.counting.workspace import Workspace

NARROW_LIMIT = 2**31
"""From so many positions on, counts and indices of n-grams take 64 bits."""
_GROUPED_FROM = 2
"""From so many contexts a suffix on they are grouped by it, which costs a pass over them at random."""


_Link = Callable[["np.ndarray | None"], tuple[np.ndarray, bool]]
"""Finds a level's suffixes; counts them, if it can do so along the way, in an array, if it gets one, and says whether it did."""


@dataclasses.dataclass
class Level:
    """The n-grams of one order, G of them, sorted by context and word.

    Attributes
    ----------
    words : uint32 (G,), last word. For order 1 it is the index itself.
    suffixes : uint32 or int64 (G,), index in the level below of the n-gram without its first word. Empty for order 1.
    counts : int32 or int64 (G,), how often the n-gram occurs. Below the highest order those behind `<s>` may be the last ones that count.
    first_child : int32 or int64 (G+1,), index in the level above of the first n-gram with this one as context. None for the highest order.
    """

    words: np.ndarray
    suffixes: np.ndarray
    counts: np.ndarray
    first_child: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.words)

    def count_suffixes(self, extensions: np.ndarray) -> bool:
        """extensions[s] += the number of these n-grams with suffix s, if that costs nothing extra. Returns whether it was done."""
        return False


class _UnlinkedLevel(Level):
    """A level whose suffixes are found when they are first asked for: by then memory of the levels below may be free again."""

    def __init__(self, words: np.ndarray, counts: np.ndarray, first_child: np.ndarray | None, link: _Link) -> None:
        self.words, self.counts, self.first_child = words, counts, first_child
        self._link: _Link | None = link
        self._lock = threading.Lock()

    @property
    def suffixes(self) -> np.ndarray:  # type: ignore[override]
        self.count_suffixes(None)
        return self._suffixes

    def count_suffixes(self, extensions: np.ndarray | None) -> bool:
        counted = False
        with self._lock:
            if self._link is not None:
                (self._suffixes, counted), self._link = self._link(extensions), None
        return counted


@dataclasses.dataclass
class NgramCounts:
    """Raw counts of all orders of a text.

    Attributes
    ----------
    levels : one `Level` an order, lowest first; level 0 has one entry for each word of the vocabulary, `<s>` with the number of sentences.
    boundaries : whether sentences have `<s>` and `</s>`.
    tokens : int, number of events: words, and ends where there are boundaries.
    last_path : index in each level of the suffixes of the n-gram that is last in suffix order, lowest order first (lmplz counts
        these differently, see `modified_kneser_ney`).
    last_counts : how often each n-gram of `last_path` occurs.
    workspace : where the arrays are, and further ones of their size should be.
    """

    levels: list[Level]
    boundaries: bool
    tokens: int
    last_path: list[int]
    last_counts: list[int]
    workspace: Workspace = dataclasses.field(default_factory=Workspace, repr=False)

    def __post_init__(self) -> None:
        self._starts = [(1, 2)]
        for level in self.levels[:-1]:
            assert level.first_child is not None
            low, high = self._starts[-1]
            self._starts.append((int(level.first_child[low]), int(level.first_child[high])))

    @property
    def order(self) -> int:
        return len(self.levels)

    @property
    def vocabulary_size(self) -> int:
        return len(self.levels[0])

    def sentence_starts(self, order: int) -> slice:
        """The n-grams of one order that begin with <s>: they are contiguous."""
        return slice(*self._starts[order - 1])

    def release(self, order: int) -> None:
        """Free the arrays of an order; only the number of its n-grams remains."""
        level = self.levels[order - 1]
        if order + 2 <= self.order:
            _ = self.levels[order + 1].suffixes  # they are found by means of this level
        gone = (np.broadcast_to(np.zeros(1, array.dtype), array.shape) for array in (level.words, level.suffixes, level.counts))
        self.levels[order - 1] = Level(*gone)

    def release_all_but_words(self, order: int) -> None:
        """Free the suffixes and counts of an order; the n-grams themselves remain."""
        level = self.levels[order - 1]
        suffixes, counts = (np.broadcast_to(np.zeros(1, dtype), len(level)) for dtype in (np.uint32, level.counts.dtype))
        self.levels[order - 1] = Level(level.words, suffixes, counts, level.first_child)

    def adjusted_counts(self, order: int) -> np.ndarray:
        """Kneser-Ney's counts, int (G,): distinct left neighbours; raw counts for the highest order and behind <s>; 0 for <s> itself.

        Read-only for callers: the highest order's are the level's own. Chen and Goodman 1998, section 4.1.6; with the treatment of <s> as
        in Heafield et al. 2013, section 3.
        """
        level, workspace = self.levels[order - 1], self.workspace
        if order == self.order and order > 1:
            return level.counts
        if order == self.order:
            adjusted = level.counts.copy()
        else:
            adjusted = workspace.zeros(len(level), level.counts.dtype)
            self._count_left_neighbours(order, adjusted)
            if self.boundaries:
                starts = self.sentence_starts(order)
                adjusted[starts] = level.counts[starts]
            else:  # an n-gram met only at the very start of the text has no left neighbour: count it once
                for low, high in workspace.blocks(len(level)):
                    np.maximum(adjusted[low:high], level.counts[low:high] > 0, out=adjusted[low:high])
            workspace.drop(adjusted, level.counts)
        if order == 1:
            adjusted[1] = 0
        return adjusted

    def _count_left_neighbours(self, order: int, adjusted: np.ndarray) -> None:
        if self.levels[order].count_suffixes(adjusted):
            return
        suffixes, workspace = self.levels[order].suffixes, self.workspace
        for band in workspace.bands(len(adjusted), adjusted.itemsize):
            for low, high in workspace.blocks(len(suffixes)):
                kernels.count_extensions(suffixes[low:high], *band, adjusted)
                workspace.drop(suffixes)
            workspace.drop(adjusted)


def count_ngrams(
    ids: np.ndarray,
    sentence_offsets: np.ndarray,
    vocabulary_size: int,
    order: int,
    *,
    boundaries: bool = True,
    lower_counts: bool = True,
    workspace: Workspace | None = None,
) -> NgramCounts:
    """Count all n-grams up to `order`.

    Every position becomes a record of `order` words. The records are sorted, a partition of their range at a time, and the levels of all
    orders are read off them side by side; no array as long as the text is accessed at random.

    Parameters
    ----------
    ids : int32 (N,), words of all sentences, `<unk>` (0) among them where it occurs, without `<s>` and `</s>`.
    sentence_offsets : int64 (S+1,) into ids. Without boundaries each entry is a stretch of continuous text.
    vocabulary_size : ids lie in [0, vocabulary_size).
    order : highest n. The result has fewer levels if no sentence is that long.
    boundaries : count `<s>` in front of every sentence and `</s>` behind it.
    lower_counts : whether all counts are wanted below the highest order, or, with boundaries, only those behind `<s>`: Kneser-Ney takes no
        others, and they are a quarter of the memory.
    workspace : where the arrays go and how many threads work; in memory, on all cores, if left out. Changes nothing in the result.

    Raises
    ------
    OutputError : if the workspace is on a disk that is full.
    """
    workspace = workspace or Workspace()
    text = Text(np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(sentence_offsets, np.int64), boundaries)
    sentences = len(text.offsets) - 1
    longest = int(np.diff(text.offsets).max(initial=0)) + (2 if boundaries else 0)
    order = max(1, min(order, longest))
    wide = len(ids) + 2 * sentences >= NARROW_LIMIT
    word_counts = np.zeros(vocabulary_size, np.int64)
    for low, high in workspace.blocks(len(text.ids)):
        count_words(text.ids[low:high], word_counts)
    workspace.drop(text.ids)
    if boundaries:
        word_counts[1:3] = sentences
    tokens = len(ids) + (sentences if boundaries else 0)
    unigrams = Level(
        np.arange(vocabulary_size, dtype=np.uint32), np.empty(0, np.uint32), word_counts.astype(np.int64 if wide else np.int32)
    )
    levels = [unigrams]
    if order > 1:
        builder = _Builder(unigrams, order, tokens, workspace, wide)
        _fill(builder, text, word_counts, workspace, Wanted(wide, lower_counts or not boundaries))
        levels = builder.finish()
    path, path_counts = _path_of_last(text, levels, workspace) if boundaries else ([], [])
    return NgramCounts(levels, boundaries, tokens, path, path_counts, workspace)


def _fill(builder: _Builder, text: Text, word_counts: np.ndarray, workspace: Workspace, wanted: Wanted) -> None:
    layout = builder.layout
    record_counts = word_counts.copy()
    record_counts[2] = 0  # nothing follows </s>
    records = int(record_counts.sum())
    at_once, target = workspace.scratch_records(records, layout.keys * 8, layout.order)
    plan = make_plan(text, layout, record_counts, target)
    with _progress.Progress("counting", records, "n-gram") as progress:
        for chunk in sorted_chunks(text, layout, plan, workspace, at_once, wanted):
            builder.append(chunk)
            progress.advance(chunk.records)


class _Builder:
    """Joins the levels of one partition after the other."""

    def __init__(self, unigrams: Level, order: int, most: int, workspace: Workspace, wide: bool) -> None:
        self.layout = Layout.of(len(unigrams), order)
        self._unigrams = unigrams
        self._integer = np.int64 if wide else np.int32
        self._workspace = workspace
        self._children = np.zeros(len(unigrams) + 1, np.int64)
        self._words = [workspace.collector(np.uint32, most) for _ in range(order - 1)]
        self._counts = [workspace.collector(self._integer, most) for _ in range(order - 1)]
        self._first_child = [workspace.collector(self._integer, most + 1) for _ in range(order - 2)]
        self._last_record: np.ndarray | None = None

    def append(self, chunk: Chunk) -> None:
        """Add a partition's levels. Where its first n-gram goes on from the last one, their common prefixes are one n-gram each."""
        shared = 0 if self._last_record is None else shared_words(self._last_record, chunk.first_record, self.layout)
        self._last_record = chunk.last_record
        sizes = [collector.size for collector in self._words]
        self._children[chunk.words[0] + np.int64(1)] += np.diff(chunk.first_child[0], append=len(chunk.words[1]))
        self._children[chunk.words[0][0] + 1] -= shared >= 2
        for n in range(1, self.layout.order):
            known = int(shared > n)
            if known and len(chunk.counts[n]):
                self._counts[n - 1].add_to_last(int(chunk.counts[n][0]))
            self._words[n - 1].append(chunk.words[n][known:])
            self._counts[n - 1].append(chunk.counts[n][known:])
            if n + 1 < self.layout.order:
                self._first_child[n - 1].append(chunk.first_child[n][known:] + self._integer(sizes[n] - int(shared > n + 1)))

    def finish(self) -> list[Level]:
        """All levels."""
        self._unigrams.first_child = np.cumsum(self._children).astype(self._integer)
        levels = [self._unigrams]
        for n in range(1, self.layout.order):
            last = n + 1 == self.layout.order
            if not last:
                self._first_child[n - 1].append(np.array([self._words[n].size], self._integer))
            words, counts = self._words[n - 1].finish(), self._counts[n - 1].finish()
            first_child = None if last else self._first_child[n - 1].finish()
            if n == 1:
                levels.append(Level(words, words if self._integer is np.int32 else words.astype(np.int64), counts, first_child))
            else:
                link = functools.partial(_find_suffixes, words, levels[n - 1], levels[n - 2], self._workspace, self._integer is np.int64)
                levels.append(_UnlinkedLevel(words, counts, first_child, link))
        return levels


def _find_suffixes(
    words: np.ndarray, contexts: Level, below: Level, workspace: Workspace, wide: bool, extensions: np.ndarray | None
) -> tuple[np.ndarray, bool]:
    """The suffixes of the n-grams of an order from 3 on, and whether they were counted in `extensions`.

    `words` are those of these n-grams; `contexts` and `below` the levels one and two orders below.
    """
    assert contexts.first_child is not None
    assert below.first_child is not None
    suffixes = workspace.empty(len(words), np.int64 if wide else np.uint32)
    if len(contexts) >= _GROUPED_FROM * len(below) and len(workspace.bands(len(words), words.itemsize)) == 1:
        _find_suffixes_in_groups(words, contexts, below, suffixes, workspace, extensions)
        return suffixes, extensions is not None
    fixed = (contexts.first_child, contexts.suffixes, words, below.first_child, contexts.words, suffixes)
    blocks = workspace.blocks_by_children(contexts.first_child)
    for band in workspace.bands_by_children(below.first_child):

        def link(block: tuple[int, int], band: tuple[int, int] = band) -> None:
            kernels.link_children(*block, *band, *fixed)
            workspace.drop(fixed[0], fixed[1], fixed[2], fixed[5])

        workspace.run(link, blocks)
        workspace.drop(*fixed)
    return suffixes, False


def _find_suffixes_in_groups(
    words: np.ndarray, contexts: Level, below: Level, suffixes: np.ndarray, workspace: Workspace, extensions: np.ndarray | None
) -> None:
    """Fill them in for all contexts with the same suffix at a time: a long list of children is then a table, for many questions."""
    assert contexts.first_child is not None
    assert below.first_child is not None
    borders = np.zeros(len(below) + 1, contexts.first_child.dtype)
    order = workspace.empty(len(contexts), contexts.first_child.dtype)
    vocabulary_size = int(contexts.words.max(initial=0)) + 1
    kernels.group_by_suffix(contexts.suffixes, borders, order)
    count = np.empty(0, np.int64 if suffixes.dtype == np.int64 else np.int32) if extensions is None else extensions

    def link(block: tuple[int, int]) -> None:
        places = np.empty(vocabulary_size, suffixes.dtype)
        kernels.link_groups(*block, borders, order, contexts.first_child, words, below.first_child, contexts.words, places, suffixes, count)

    workspace.run(link, workspace.blocks_by_children(borders))


def _path_of_last(text: Text, levels: list[Level], workspace: Workspace) -> tuple[list[int], list[int]]:
    """Indices and counts of the suffixes of the n-gram that is last in suffix order, for orders 1 .. up to <s> or the highest order."""
    sentence, place = np.int64(-1), np.int64(-1)
    blocks = workspace.blocks_by_children(text.offsets)
    for first, stop in blocks:
        found = np.int64(sentence), np.int64(place)
        sentence, place = kernels.last_in_suffix_order(text.ids, text.offsets, first, stop, len(levels), *found)
        workspace.drop(text.ids, text.offsets)
    if sentence < 0:
        return [], []
    ids = text.ids[int(text.offsets[sentence]) : int(text.offsets[sentence + 1])]
    words = np.concatenate([[1], ids, [2]])[: place + 1].astype(np.int64)
    path: list[int] = []
    for order in range(1, min(len(levels), len(words)) + 1):
        index = int(words[-order])
        for depth, word in enumerate(words[len(words) - order + 1 :]):
            first_child = levels[depth].first_child
            assert first_child is not None
            low, high = int(first_child[index]), int(first_child[index + 1])
            index = low + int(np.searchsorted(levels[depth + 1].words[low:high], word))
        path.append(index)
    occurrences = np.zeros(len(path), np.int64)
    for first, stop in blocks:
        kernels.count_endings(text.ids, text.offsets, first, stop, words, occurrences)
        workspace.drop(text.ids, text.offsets)
    return path, occurrences.tolist()
