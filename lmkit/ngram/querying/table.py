"""All n-grams of a back-off model as plain arrays: what pruning and mixing compute with, and the one way from a model to arrays and
back.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.querying import _kernels_table as kernels
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.ngram.smoothing.base import Estimates, log10_of
from lmkit.text.vocabulary import Vocabulary


@dataclasses.dataclass(eq=False)
class NgramTable:
    """N-grams of all orders, lowest order first, each order sorted by context and word; T in all, C of them below the highest order.

    Attributes
    ----------
    words : uint32 (T,), last word of each.
    first_child : int64 (C+1,), first n-gram with this one as context, and T.
    order_start : int64 (N+1,), first n-gram of each order, and T.
    suffix : int64 (T,), the longest proper suffix that is in the table; -1 for 1-grams.
    probability : float64 (T,), p(last word | words before it); 1 for `<s>`, which is never predicted.
    back_off : float64 (C,), back-off weight as a context, 1 for what is none.
    """

    words: np.ndarray
    first_child: np.ndarray
    order_start: np.ndarray
    suffix: np.ndarray
    probability: np.ndarray
    back_off: np.ndarray

    @property
    def order(self) -> int:
        return len(self.order_start) - 1

    @property
    def sizes(self) -> list[int]:
        """Number of n-grams of each order."""
        return [int(size) for size in np.diff(self.order_start)]

    @property
    def vocabulary_size(self) -> int:
        return int(self.order_start[1])

    def __len__(self) -> int:
        return len(self.words)

    def level(self, order: int) -> slice:
        """Where the n-grams of an order lie."""
        return slice(int(self.order_start[order - 1]), int(self.order_start[order]))

    @property
    def contexts(self) -> np.ndarray:
        """int64 (T,): the context of each n-gram, -1 for 1-grams."""
        parents = np.repeat(np.arange(len(self.first_child) - 1), np.diff(self.first_child))
        return np.concatenate([np.full(self.vocabulary_size, -1), parents])

    # -- making ------------------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_trie(cls, trie: BackoffTrie) -> NgramTable:
        """The n-grams of a model."""
        words, first_child = np.ascontiguousarray(trie.word), trie.first_child.astype(np.int64)
        order_start = np.array(trie.order_start, np.int64)
        suffix = np.empty(len(words), np.int64)
        kernels.find_suffixes(_frozen(words), first_child, order_start, suffix)
        return cls(words, first_child, order_start, suffix, _linear(trie.log10_prob), _linear(trie.log10_bow))

    @classmethod
    def from_estimates(cls, counts: NgramCounts, estimates: Estimates) -> NgramTable:
        """The n-grams of a text with their probabilities, before they are a model."""
        order_start = np.concatenate([[0], np.cumsum([len(level) for level in counts.levels])]).astype(np.int64)
        suffixes = [np.full(len(counts.levels[0]), -1)]
        suffixes += [level.suffixes + order_start[n] for n, level in enumerate(counts.levels[1:])]
        children = [
            level.first_child[:-1] + order_start[n + 1] for n, level in enumerate(counts.levels[:-1]) if level.first_child is not None
        ]
        return cls(
            np.concatenate([np.asarray(level.words, np.uint32) for level in counts.levels]),
            np.concatenate([*children, order_start[-1:]]).astype(np.int64),
            order_start,
            np.concatenate(suffixes).astype(np.int64),
            _linear(np.concatenate(estimates.log10_probabilities)),
            _linear(np.concatenate(estimates.log10_back_offs)) if counts.order > 1 else np.empty(0),
        )

    def to_trie(self) -> BackoffTrie:
        """The query structure. Rounding above probability 1 is cut off; an n-gram without children takes back-off weight 1."""
        starts = self.order_start
        bounds = [(int(starts[n]), int(starts[n + 1])) for n in range(self.order)]
        log10_prob, log10_bow = log10_of(self.probability), log10_of(self.back_off, at_most_one=False)
        return BackoffTrie.from_levels(
            [self.words[low:high] for low, high in bounds],
            [self.first_child[low : high + 1] - high for low, high in bounds[:-1]],
            [log10_prob[low:high] for low, high in bounds],
            [log10_bow[low:high] for low, high in bounds[:-1]],
        )

    # -- parts and sums ----------------------------------------------------------------------------------------------------------------

    def select(self, keep: np.ndarray) -> tuple[NgramTable, np.ndarray]:
        """The n-grams with `keep`, bool (T,), and where each of them stood, int64 (T',).

        Probabilities and back-off weights are copied as they are. 1-grams that go are words that go: the others are numbered anew. Orders
        that are left empty go too, but order 1.

        Raises
        ------
        ValueError : if an n-gram is kept whose context is not.
        """
        sizes = np.array([np.count_nonzero(keep[self.level(order)]) for order in range(1, self.order + 1)])
        total, below = int(sizes.sum()), int(sizes[:-1].sum())
        words, suffix, origin = np.empty(total, np.uint32), np.empty(total, np.int64), np.empty(total, np.int64)
        first_child, order_start = np.empty(below + 1, np.int64), np.empty(self.order + 1, np.int64)
        sound = kernels.select(
            _frozen(self.words), self.first_child, self.order_start, self.suffix, keep, words, first_child, order_start, suffix, origin
        )
        if not sound:
            raise ValueError("an n-gram is kept whose context is not")
        vocabulary = self.level(1)
        if not keep[vocabulary].all():
            words = (np.cumsum(keep[vocabulary]) - 1).astype(np.uint32)[words]
        order = self.order
        while order > 1 and sizes[order - 1] == 0:
            order -= 1
        contexts = int(sizes[: order - 1].sum())
        part = NgramTable(
            words,
            np.ascontiguousarray(first_child[: contexts + 1]),
            np.ascontiguousarray(order_start[: order + 1]),
            suffix,
            self.probability[origin],
            self.back_off[origin[:contexts]],
        )
        part.first_child[-1] = total
        return part, origin

    def remove(self, keep: np.ndarray) -> NgramTable:
        """The n-grams with `keep` and their probabilities; what went is backed off to, and back-off weights are such that all sums to one.

        keep : bool (T,), True for all 1-grams.
        """
        left = np.empty(len(self.back_off))
        kernels.left_over(self.first_child, self.order_start, self.suffix, self.probability, self.back_off, keep, left)
        part, origin = self.select(keep)
        left = left[origin[: len(part.back_off)]]
        kernels.renormalise(part.first_child, part.order_start, part.suffix, part.probability, left, part.back_off)
        return part

    def normalise(self) -> float:
        """Take the rounding of float32 out of probabilities and back-off weights, in place; the largest distance of a total from one."""
        predictable = np.ones(self.vocabulary_size, np.bool_)
        predictable[Vocabulary.BOS] = False
        return float(kernels.normalise(self.first_child, self.order_start, self.suffix, predictable, self.probability, self.back_off))


def _linear(log10: np.ndarray) -> np.ndarray:
    return np.power(10.0, log10, dtype=np.float64)


def _frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view: kernels then meet one type whether the array is mapped from a file or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
