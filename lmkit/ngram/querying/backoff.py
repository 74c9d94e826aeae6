"""The query structure of n-gram models: a back-off trie with links from each n-gram to its longest useful suffix."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from lmkit.errors import FormatError
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.querying import _kernels_query as kernels
from lmkit.ngram.querying import _kernels_scoring as scoring
from lmkit.ngram.querying import layout
from lmkit.ngram.querying.landmarks import Landmarks
from lmkit.ngram.smoothing.base import Estimates
from lmkit.text.strings import frozen

NODE = np.dtype([("log10_prob", "<f4"), ("log10_bow", "<f4"), ("first_child", "<i4"), ("link", "<i4")])
LEAF = np.dtype([("log10_prob", "<f4"), ("link", "<i4")])
WIDE_NODE = np.dtype([("log10_prob", "<f4"), ("log10_bow", "<f4"), ("first_child", "<i8"), ("link", "<i8")])
WIDE_LEAF = np.dtype([("log10_prob", "<f4"), ("unused", "<f4"), ("link", "<i8")])
if numba.config.DISABLE_JIT:  # kernels read fields as attributes, which plain Python gives to np.record only
    NODE, LEAF, WIDE_NODE, WIDE_LEAF = (np.dtype((np.record, fields)) for fields in (NODE, LEAF, WIDE_NODE, WIDE_LEAF))
NARROW_LIMIT = 2**31
"""From so many n-grams on, nodes are numbered in 64 bits."""

MAXIMUM_ORDER = 100
_SEGMENT = 8192  # longest stretch that one lane scores; what lies in front of it is read again for its state
_SEGMENTS_A_TASK = 4096


@dataclasses.dataclass(eq=False)
class BackoffTrie:
    """All n-grams of a model. The arrays are described at the head of `_kernels_query.py`; they may be memory-mapped and read-only.

    stored : its landmarks, if a file has them; None to have them made when they are first asked for.
    """

    word: np.ndarray
    nodes: np.ndarray
    leaves: np.ndarray
    order_start: np.ndarray
    where: str = "the model"
    stored: Landmarks | None = None

    def __post_init__(self) -> None:
        # read-only, so that kernels meet one type whether the arrays come from a file or not
        for name in ("word", "nodes", "leaves", "order_start"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            setattr(self, name, view)

    # -- making ----------------------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_estimates(cls, counts: NgramCounts, estimates: Estimates, *, consume: bool = False) -> BackoffTrie:
        """Lay the levels of counting and smoothing out as one trie. `consume` : free each level of the counts on the way."""
        order_start = layout.starts_of(counts)
        sink = _MemorySink(*_allocate(order_start))
        layout.lay_out(counts, estimates, sink, consume=consume)
        return cls(sink.word, sink.nodes, sink.leaves, order_start)

    @classmethod
    def from_levels(
        cls,
        words: Sequence[np.ndarray],
        first_children: Sequence[np.ndarray],
        log10_probabilities: Sequence[np.ndarray],
        log10_back_offs: Sequence[np.ndarray],
    ) -> BackoffTrie:
        """From levels whose suffixes are not known, as an ARPA file has them.

        Parameters
        ----------
        words, log10_probabilities : one array (G,) an order.
        first_children : one int (G+1,) an order but the highest: indices in the level above.
        log10_back_offs : one (G,) an order but the highest.
        """
        order_start = _starts([len(level) for level in words])
        word, nodes, leaves = _allocate(order_start)
        for n, own in enumerate(words):
            start, stop = int(order_start[n]), int(order_start[n + 1])
            word[start:stop] = own
            if n + 1 < len(words):
                nodes["first_child"][start:stop] = first_children[n][:-1] + stop
                nodes["log10_bow"][start:stop] = log10_back_offs[n]
                nodes["log10_prob"][start:stop] = log10_probabilities[n]
            else:
                leaves["log10_prob"] = log10_probabilities[n]
        suffix = np.empty(len(word), np.int64)
        kernels.link_suffixes(word, nodes, order_start, suffix)
        for n in range(len(words)):
            start, stop = int(order_start[n]), int(order_start[n + 1])
            links = nodes["link"][start:stop] if n + 1 < len(words) else leaves["link"]
            kernels.link_states(suffix[start:stop], nodes, links)
        return cls(word, nodes, leaves, order_start)

    # -- what it holds ---------------------------------------------------------------------------------------------------------------------

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.order_start) - 1

    @property
    def sizes(self) -> list[int]:
        """Number of n-grams of each order."""
        return [int(size) for size in np.diff(self.order_start)]

    @property
    def log10_prob(self) -> np.ndarray:
        """float32 (T,): log10 probability of every node; a copy."""
        return np.concatenate([self.nodes["log10_prob"][:-1], self.leaves["log10_prob"]])

    @property
    def log10_bow(self) -> np.ndarray:
        """float32 (L,): log10 back-off weight of every node below the highest order; a copy."""
        return np.ascontiguousarray(self.nodes["log10_bow"][:-1])

    @property
    def first_child(self) -> np.ndarray:
        """int (L+1,): first child of every node below the highest order, and T; a copy."""
        return np.ascontiguousarray(self.nodes["first_child"])

    @property
    def link(self) -> np.ndarray:
        """int (T,): longest proper suffix that is a state, of every node; a copy."""
        return np.concatenate([self.nodes["link"][:-1], self.leaves["link"]])

    @functools.cached_property
    def landmarks(self) -> Landmarks:
        """Samples of its words and bounds of its probabilities."""
        if self.stored is not None:
            return self.stored
        made, below = Landmarks.room_for(self.order_start), len(self.nodes) - 1
        made.add(0, self.word[:below], self.nodes["log10_prob"][:-1])
        made.add(below, self.word[below:], self.leaves["log10_prob"])
        return made

    @property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.word, self.nodes, self.leaves

    # -- asking ----------------------------------------------------------------------------------------------------------------------------

    def state_of(self, history: Sequence[int] | np.ndarray) -> int:
        """State after a history of word ids: the node of its longest suffix that matters as a context, or -1."""
        ids = np.ascontiguousarray(history, np.int32)
        return int(self._sound(kernels.states_after(ids, np.array([len(ids)]), len(ids), kernels.ROOT, *self._arrays))[0])

    def advance(self, states: np.ndarray, word_ids: np.ndarray) -> np.ndarray:
        """States after one more word each; int64 (B,)."""
        return self._sound(kernels.advance_states(_int64(states), _int64(word_ids), *self._arrays))

    def context_length(self, states: np.ndarray) -> np.ndarray:
        """Length of the n-gram of each state, int64 (B,); 0 for the empty context."""
        return np.searchsorted(self.order_start, _int64(states), side="right")

    def distribution(self, state: int, vocabulary_size: int) -> tuple[np.ndarray, np.ndarray]:
        """log10 probabilities float64 (V,) of all words after a state, and the n-gram length int8 (V,) that gave each."""
        log10, hit_length, damaged = kernels.next_word_distribution(int(state), vocabulary_size, *self._arrays, self.order_start)
        self._refuse_if(damaged)
        return log10, hit_length

    def score(
        self, ids: np.ndarray, offsets: np.ndarray, begin_state: int, *, ends: bool, carry: bool = False, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score sentences of word ids.

        Parameters
        ----------
        ids : int32 (N,), words of all sentences; offsets : int64 (S+1,) into ids.
        begin_state : where each sentence begins; with `carry` only the first does, and the others go on where the last one ended.
        ends : score </s> after each sentence; nothing reaches back beyond it, so `carry` then changes nothing.
        threads : the result is the same for any number.

        Returns
        -------
        log_prob float64, hit_length int8, back_off float32, each one entry an event, logarithms natural.
        """
        ids, offsets = np.ascontiguousarray(ids, np.int32), _int64(offsets)
        events = len(ids) + (len(offsets) - 1 if ends else 0)
        log_prob, hit_length, back_off = np.empty(events), np.empty(events, np.int8), np.empty(events, np.float32)
        self._score(ids, offsets, begin_state, ends, carry, threads, log_prob, hit_length, back_off)
        return log_prob, hit_length, back_off

    def log_probabilities(self, ids: np.ndarray, offsets: np.ndarray, begin_state: int, *, ends: bool) -> np.ndarray:
        """The first column of `score`, on this thread and without the cost of the others."""
        ids, offsets = np.ascontiguousarray(ids, np.int32), _int64(offsets)
        log_prob = np.empty(len(ids) + (len(offsets) - 1 if ends else 0))
        self._score(ids, offsets, begin_state, ends, False, 1, log_prob, np.empty(0, np.int8), np.empty(0, np.float32))
        return log_prob

    def _score(
        self,
        ids: np.ndarray,
        offsets: np.ndarray,
        begin_state: int,
        ends: bool,
        carry: bool,
        threads: int,
        log_prob: np.ndarray,
        hit_length: np.ndarray,
        back_off: np.ndarray,
    ) -> None:
        """Fill the columns; those of details only if they are there."""
        detailed = len(hit_length) == len(log_prob)
        samples = self.landmarks.for_words
        segments = [frozen(column) for column in self._segments(ids, offsets, begin_state, ends, carry)]
        ids, count = frozen(ids), len(segments[0])

        def run(first: int) -> None:
            last = min(first + _SEGMENTS_A_TASK, count)
            self._refuse_if(
                scoring.score_segments(
                    ids, *segments, first, last, *self._arrays, self.order_start, *samples, detailed, log_prob, hit_length, back_off
                )
            )

        firsts = range(0, count, _SEGMENTS_A_TASK)
        if threads <= 1 or len(firsts) <= 1:
            for first in firsts:
                run(first)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, firsts))

    def _segments(self, ids: np.ndarray, offsets: np.ndarray, begin_state: int, ends: bool, carry: bool) -> tuple[np.ndarray, ...]:
        """Starts, stops, first events, states (all int64) and ends (bool) of the stretches that are scored independently.

        A long sentence is cut: since a state holds at most order - 1 words, that of a later piece follows from the words just before it.
        """
        if carry and not ends:
            offsets = offsets[[0, -1]]
        starts, stops = offsets[:-1], offsets[1:]
        events = starts + (np.arange(len(starts)) if ends else 0)
        states = np.full(len(starts), begin_state, np.int64)
        last = np.full(len(starts), ends, np.bool_)
        lengths = stops - starts
        if len(lengths) == 0 or lengths.max() <= _SEGMENT:
            return starts, stops, events, states, last
        pieces = np.maximum(-(-lengths // _SEGMENT), 1)
        sentence = np.repeat(np.arange(len(starts)), pieces)
        piece = np.arange(len(sentence)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        piece_starts = starts[sentence] + piece * _SEGMENT
        piece_stops = np.minimum(piece_starts + _SEGMENT, stops[sentence])
        later = np.flatnonzero(piece > 0)
        piece_states = states[sentence]
        piece_states[later] = self._sound(kernels.states_after(ids, piece_starts[later], self.order - 1, begin_state, *self._arrays))
        return (
            piece_starts,
            piece_stops,
            events[sentence] + piece * _SEGMENT,
            piece_states,
            last[sentence] & (piece == pieces[sentence] - 1),
        )

    def _sound(self, states: np.ndarray) -> np.ndarray:
        """The states, unless one of them shows that the file is damaged."""
        self._refuse_if(bool((states == kernels.DAMAGED).any()))
        return states

    def _refuse_if(self, damaged: bool) -> None:
        if damaged:
            raise FormatError(f"{self.where}: its n-grams don't fit together; the file is damaged, so train or convert the model again.")

    def check_shape(self, vocabulary_size: int) -> None:
        """Raise FormatError unless the arrays' sizes fit together. Their contents are checked where queries use them, so that opening a
        model reads next to nothing of it; `check` goes through all of it."""
        total, below = len(self.word), len(self.nodes) - 1
        starts = self.order_start
        self._refuse_if(
            not (
                2 <= len(starts) <= MAXIMUM_ORDER + 1
                and starts[0] == 0
                and starts[1] == vocabulary_size >= 3
                and starts[-1] == total == below + len(self.leaves)
                and starts[-2] == below
                and bool((np.diff(starts) >= 0).all())
            )
        )
        self._refuse_if(self.stored is not None and not self.stored.fit(starts))

    def check(self, vocabulary_size: int) -> None:
        """Raise FormatError unless every node's words, children and links are sound. Reads the whole model."""
        self.check_shape(vocabulary_size)
        first_child = self.nodes["first_child"]
        fits = int(self.word.max()) < vocabulary_size
        for n in range(self.order):
            low, high = int(self.order_start[n]), int(self.order_start[n + 1])
            links = self.nodes["link"][low:high] if n + 1 < self.order else self.leaves["link"]
            fits &= low == high or (int(links.max()) < low and int(links.min()) >= kernels.ROOT)
            fits &= n == self.order - 1 or low == high or int(first_child[low]) == high
        fits = fits and int(first_child[-1]) == len(self.word) and bool((first_child[1:] >= first_child[:-1]).all())
        self._refuse_if(not fits)


@dataclasses.dataclass
class _MemorySink:
    """Takes the records of a trie into arrays."""

    word: np.ndarray
    nodes: np.ndarray
    leaves: np.ndarray

    def records(self, start: int, stop: int) -> np.ndarray:
        below = len(self.nodes) - 1
        return self.nodes[start:stop] if start < below else self.leaves[start - below : stop - below]

    def put(self, start: int, words: np.ndarray, records: np.ndarray) -> None:
        self.word[start : start + len(words)] = words


def _starts(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _allocate(order_start: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """word, nodes (with its sentinel set) and leaves for so many n-grams of each order."""
    total, below = int(order_start[-1]), int(order_start[-2])
    wide = total >= NARROW_LIMIT
    nodes = np.empty(below + 1, WIDE_NODE if wide else NODE)
    nodes[-1] = (0, 0, total, kernels.ROOT)
    leaves = np.zeros(total - below, WIDE_LEAF if wide else LEAF)
    return np.empty(total, np.uint32), nodes, leaves


def _int64(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64)
