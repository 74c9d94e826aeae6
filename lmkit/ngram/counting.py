"""Counts of n-grams of every order as a trie in level order."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit import _progress
from lmkit.errors import InputError
from lmkit.ngram import _kernels_counting as kernels

MAXIMUM_POSITIONS = 2**31 - 1
"""Positions are stored in 32 bits; ids of n-grams cannot outgrow them."""


@dataclasses.dataclass
class Level:
    """The n-grams of one order, G of them, sorted by context and word.

    Attributes
    ----------
    words : uint32 (G,), last word. For order 1 it is the index itself.
    suffixes : uint32 (G,), index in the level below of the n-gram without its first word. Empty for order 1.
    counts : int32 or int64 (G,), how often the n-gram occurs.
    first_child : int64 (G+1,), index in the level above of the first n-gram with this one as context. None for the highest order.
    """

    words: np.ndarray
    suffixes: np.ndarray
    counts: np.ndarray
    first_child: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.words)


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
    """

    levels: list[Level]
    boundaries: bool
    tokens: int
    last_path: list[int]

    @property
    def order(self) -> int:
        return len(self.levels)

    @property
    def vocabulary_size(self) -> int:
        return len(self.levels[0])

    def sentence_starts(self, order: int) -> slice:
        """The n-grams of one order that begin with <s>: they are contiguous."""
        low, high = _bos_range(self.levels, order)
        return slice(low, high)

    def adjusted_counts(self, order: int) -> np.ndarray:
        """Kneser-Ney's counts, int64 (G,): distinct left neighbours; raw counts for the highest order and behind <s>; 0 for <s> itself.

        Chen and Goodman 1998, section 4.1.6; with the treatment of <s> as in Heafield et al. 2013, section 3.
        """
        level = self.levels[order - 1]
        if order == self.order:
            adjusted = level.counts.astype(np.int64)
        else:
            adjusted = np.zeros(len(level), np.int64)
            kernels.count_extensions(self.levels[order].suffixes, adjusted)
            if self.boundaries:
                starts = self.sentence_starts(order)
                adjusted[starts] = level.counts[starts]
            else:  # an n-gram met only at the very start of the text has no left neighbour: count it once
                np.maximum(adjusted, level.counts > 0, out=adjusted)
        if order == 1:
            adjusted[1] = 0
        return adjusted


def _bos_range(levels: list[Level], order: int) -> tuple[int, int]:
    """First and last+1 index, in the level of `order`, of the n-grams that begin with <s>."""
    low, high = 1, 2
    for level in levels[: order - 1]:
        assert level.first_child is not None
        low, high = int(level.first_child[low]), int(level.first_child[high])
    return low, high


def count_ngrams(ids: np.ndarray, sentence_offsets: np.ndarray, vocabulary_size: int, order: int, *, boundaries: bool = True) -> NgramCounts:
    """Count all n-grams up to `order`.

    Parameters
    ----------
    ids : int32 (N,), words of all sentences, `<unk>` (0) among them where it occurs, without `<s>` and `</s>`.
    sentence_offsets : int64 (S+1,) into ids. Without boundaries each entry is a stretch of continuous text.
    vocabulary_size : ids lie in [0, vocabulary_size).
    order : highest n. The result has fewer levels if no sentence is that long.
    boundaries : count `<s>` in front of every sentence and `</s>` behind it.

    Raises
    ------
    InputError : if the text has 2^31 positions or more.
    """
    positions = len(ids) + (len(sentence_offsets) - 1) * (2 if boundaries else 1)
    if positions > MAXIMUM_POSITIONS:
        raise InputError(f"The text has {positions:,} positions, more than the {MAXIMUM_POSITIONS:,} that can be counted. Train on a part of it.")
    stream = kernels.make_stream(ids, sentence_offsets, boundaries)
    by_word, word_counts = kernels.sort_positions_by_word(stream, vocabulary_size)
    words = np.arange(vocabulary_size, dtype=np.uint32)
    levels = [Level(words, np.empty(0, np.uint32), _narrow(word_counts))]
    ids_here = stream.copy()  # the id of a unigram is its word
    if not boundaries:
        ids_here[stream == 1] = kernels.NONE
        levels[0].counts[1] = 0
    pairs = np.empty(len(by_word), np.uint64)
    spare = np.empty(len(by_word), np.uint64)
    ids_next = np.empty(len(stream), np.uint32)
    with _progress.Progress("counting", order, "order") as progress:
        progress.advance()
        for _ in range(2, order + 1):
            level = _next_level(levels[-1], stream, by_word, ids_here, ids_next, pairs, spare)
            if len(level) == 0:
                levels[-1].first_child = None
                break
            levels.append(level)
            ids_here, ids_next = ids_next, ids_here
            progress.advance()
    path = _path_of_last(stream, levels)
    return NgramCounts(levels, boundaries, len(by_word), path)


def _next_level(
    below: Level,
    stream: np.ndarray,
    by_word: np.ndarray,
    ids_here: np.ndarray,
    ids_next: np.ndarray,
    pairs: np.ndarray,
    spare: np.ndarray,
) -> Level:
    """Count the n-grams that extend those of `below` by one word; fill below.first_child and ids_next."""
    count = kernels.context_pairs(by_word, ids_here, pairs)
    ordered, other = kernels.sort_by_context(pairs, spare, count, len(below))
    below.first_child = np.empty(len(below) + 1, np.int64)
    ids_next.fill(kernels.NONE)
    size = kernels.number_ngrams(ordered, count, stream, ids_here, ids_next, other, below.first_child)
    level = Level(np.empty(size, np.uint32), np.empty(size, np.uint32), np.empty(size, np.int32))
    kernels.unpack_runs(other, ordered, count, level.words, level.suffixes, level.counts)
    return level


def _narrow(counts: np.ndarray) -> np.ndarray:
    return counts.astype(np.int32)


def _path_of_last(stream: np.ndarray, levels: list[Level]) -> list[int]:
    """Indices of the suffixes of the n-gram that is last in suffix order, for orders 1 .. up to <s> or the highest order."""
    end = int(kernels.last_in_suffix_order(stream, len(levels)))
    path = []
    for order in range(1, len(levels) + 1):
        words = stream[max(0, end - order + 1) : end + 1]
        if len(words) < order or (words[1:] == 1).any():
            break
        index = int(words[0])
        for depth, word in enumerate(words[1:]):
            first_child = levels[depth].first_child
            assert first_child is not None
            low, high = int(first_child[index]), int(first_child[index + 1])
            children = levels[depth + 1].words[low:high]
            index = low + int(np.searchsorted(children, word))
            if index == high or children[index - low] != word:  # continuous text: the n-gram would begin with a break
                return path
        path.append(index)
    return path
