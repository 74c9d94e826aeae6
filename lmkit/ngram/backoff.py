"""The query structure of n-gram models: a back-off trie with links from each n-gram to its longest useful suffix."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lmkit.errors import FormatError
from lmkit.ngram import _kernels_query as kernels
from lmkit.ngram.counting import NgramCounts
from lmkit.ngram.smoothing.base import Estimates

_SENTENCES_A_TASK = 4096


@dataclasses.dataclass(eq=False)
class BackoffTrie:
    """All n-grams of a model. The arrays are described at the head of `_kernels_query.py`; they may be memory-mapped and read-only."""

    word: np.ndarray
    log10_prob: np.ndarray
    log10_bow: np.ndarray
    first_child: np.ndarray
    link: np.ndarray
    order_start: np.ndarray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # read-only, so that kernels meet one type whether the arrays come from a file or not
            view = getattr(self, field.name).view()
            view.flags.writeable = False
            setattr(self, field.name, view)

    @classmethod
    def from_estimates(cls, counts: NgramCounts, estimates: Estimates) -> BackoffTrie:
        """Lay the levels of counting and smoothing out as one trie."""
        sizes = [len(level) for level in counts.levels]
        order_start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        total, below = int(order_start[-1]), int(order_start[-2])
        first_child = np.empty(below + 1, _index_dtype(total))
        suffix = np.empty(total, _index_dtype(total))
        suffix[: sizes[0]] = kernels.ROOT
        for n, level in enumerate(counts.levels):
            start, stop = int(order_start[n]), int(order_start[n + 1])
            if n > 0:
                np.add(level.suffixes, order_start[n - 1], out=suffix[start:stop], casting="unsafe")
            if level.first_child is not None:
                np.add(level.first_child[:-1], stop, out=first_child[start:stop], casting="unsafe")
        first_child[-1] = total
        back_offs = estimates.log10_back_offs
        log10_bow = np.concatenate(back_offs) if back_offs else np.empty(0, np.float32)
        kernels.link_states(suffix, log10_bow, first_child, suffix)
        return cls(
            word=np.concatenate([level.words for level in counts.levels]),
            log10_prob=np.concatenate(estimates.log10_probabilities),
            log10_bow=log10_bow,
            first_child=first_child,
            link=suffix,
            order_start=order_start,
        )

    @classmethod
    def from_levels(
        cls,
        words: Sequence[np.ndarray],
        first_children: Sequence[np.ndarray],
        log10_probabilities: Sequence[np.ndarray],
        log10_back_offs: Sequence[np.ndarray],
    ) -> BackoffTrie:
        """From levels whose suffixes are not known, as an ARPA file has them: `first_children` are indices in the level above."""
        order_start = np.concatenate([[0], np.cumsum([len(level) for level in words])]).astype(np.int64)
        total = int(order_start[-1])
        shifted = [children[:-1] + order_start[n + 1] for n, children in enumerate(first_children)]
        first_child = np.concatenate([*shifted, [total]]).astype(_index_dtype(total))
        word = np.concatenate(words).astype(np.uint32, copy=False)
        log10_bow = np.concatenate([np.empty(0, np.float32), *log10_back_offs]).astype(np.float32, copy=False)
        suffix = np.empty(total, _index_dtype(total))
        kernels.link_suffixes(word, log10_bow, first_child, order_start, suffix)
        kernels.link_states(suffix, log10_bow, first_child, suffix)
        log10_prob = np.concatenate(log10_probabilities).astype(np.float32, copy=False)
        return cls(word, log10_prob, log10_bow, first_child, suffix, order_start)

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.order_start) - 1

    @property
    def sizes(self) -> list[int]:
        """Number of n-grams of each order."""
        return [int(size) for size in np.diff(self.order_start)]

    @property
    def _walk(self) -> tuple[np.ndarray, ...]:
        return self.word, self.log10_prob, self.log10_bow, self.first_child, self.link

    def state_of(self, history: Sequence[int] | np.ndarray) -> int:
        """State after a history of word ids: the node of its longest suffix that matters as a context, or -1."""
        state = kernels.ROOT
        for word_id in history:
            state = int(self.advance(np.array([state]), np.array([word_id]))[0])
        return state

    def advance(self, states: np.ndarray, word_ids: np.ndarray) -> np.ndarray:
        """States after one more word each; int64 (B,)."""
        return kernels.advance_states(_int64(states), _int64(word_ids), *self._walk)  # type: ignore[no-any-return]

    def distribution(self, state: int, vocabulary_size: int) -> tuple[np.ndarray, np.ndarray]:
        """log10 probabilities float64 (V,) of all words after a state, and the n-gram length int8 (V,) that gave each."""
        return kernels.next_word_distribution(int(state), vocabulary_size, *self._walk, self.order_start)  # type: ignore[no-any-return]

    def score(
        self, ids: np.ndarray, offsets: np.ndarray, begin_state: int, *, ends: bool, carry: bool = False, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score sentences of word ids; see `_kernels_query.score_sentences`.

        Returns
        -------
        log_prob float64, hit_length int8, back_off float32, each one entry an event, logarithms natural. The same for any number of threads.
        """
        sentences = len(offsets) - 1
        events = len(ids) + (sentences if ends else 0)
        log_prob, hit_length, back_off = np.empty(events), np.empty(events, np.int8), np.empty(events, np.float32)
        ids, offsets = np.ascontiguousarray(ids, np.int32), _int64(offsets)

        def run(start: int) -> None:
            stop = sentences if carry else min(start + _SENTENCES_A_TASK, sentences)
            kernels.score_sentences(
                ids, offsets, start, stop, carry, ends, begin_state, *self._walk, self.order_start, log_prob, hit_length, back_off,
                np.empty(1, np.int64),
            )  # fmt: skip

        starts = [0] if carry else range(0, sentences, _SENTENCES_A_TASK)
        if threads <= 1 or len(starts) <= 1:
            for start in starts:
                run(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, starts))
        return log_prob, hit_length, back_off

    def check(self, where: str, vocabulary_size: int) -> None:
        """Raise FormatError unless the arrays fit together, so that no query can leave them. For models read from a file."""
        total, below = len(self.word), len(self.log10_bow)
        starts = self.order_start
        fits = (
            len(starts) >= 2
            and starts[0] == 0
            and starts[1] == vocabulary_size >= 3
            and starts[-1] == total == len(self.log10_prob) == len(self.link)
            and starts[-2] == below == len(self.first_child) - 1
            and bool((np.diff(starts) >= 0).all())
        )
        if fits:
            fits = int(self.word.max()) < vocabulary_size and int(self.link.min()) >= kernels.ROOT
            # every link leads to a shorter n-gram, so that walks end; children lie in the order above their parents'
            for n in range(self.order):
                low, high = int(starts[n]), int(starts[n + 1])
                fits &= low == high or int(self.link[low:high].max()) < low
                fits &= n == self.order - 1 or low == high or int(self.first_child[low]) == high
            fits = fits and int(self.first_child[-1]) == total and bool((self.first_child[1:] >= self.first_child[:-1]).all())
        if not fits:
            raise FormatError(f"{where}: the n-gram arrays don't fit together. The file is damaged; train or convert the model again.")


def _index_dtype(total: int) -> type[np.signedinteger]:
    return np.int32 if total < 2**31 else np.int64


def _int64(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64)
