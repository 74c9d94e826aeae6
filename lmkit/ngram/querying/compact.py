"""The compact form of an n-gram model: bit-packed, about 8 bytes an n-gram without loss and 4.5 with 8-bit codes, queried where it lies.

Against the fast form (`BackoffTrie`) it has no suffix links, so each word is looked up behind every context of its history, and its
pointers are a bit vector in which the children of an n-gram are found by counting ones (select; Jacobson 1989). Back-off weights take
few different values in a Kneser-Ney model, so they are stored as numbers of a table, without loss.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import FormatError
from lmkit.ngram.querying import _kernels_compact as kernels
from lmkit.ngram.querying import _kernels_compact_lists as lists
from lmkit.ngram.querying.backoff import MAXIMUM_ORDER, BackoffTrie

_SENTENCES_A_TASK = 1024
_ARRAYS = {
    "layout": (np.int64, 2),
    "records": (np.uint64, 1),
    "tables": (np.float32, 1),
    "pointers": (np.uint64, 1),
    "samples": (np.int64, 1),
    "unigrams": (np.float32, 2),
    "first_child": (np.int64, 1),
}


@dataclasses.dataclass(eq=False)
class CompactTrie:
    """All n-grams of a model, bit-packed; the arrays are described at the head of `_kernels_compact.py` and may be memory-mapped.

    closed : whether every n-gram's suffix is in the model, as in all that lmkit trains; makes lookups shorter.
    where : the model's name in messages.
    """

    layout: np.ndarray
    records: np.ndarray
    tables: np.ndarray
    pointers: np.ndarray
    samples: np.ndarray
    unigrams: np.ndarray
    first_child: np.ndarray
    closed: bool
    where: str = "the model"

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            view = getattr(self, name).view()
            view.flags.writeable = False
            setattr(self, name, view)

    # -- making ----------------------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_trie(cls, trie: BackoffTrie, bits: int | None = None) -> CompactTrie:
        """Pack a model.

        bits : None keeps every number; with 2 to 16, probabilities and back-off weights of orders above 1 take 2^bits values at most.
        The values of a code are means of equally many n-grams, as in Federico and Bertoldi 2006; a back-off weight of 1 stays exact.
        """
        if bits is not None:
            check_int("CompactTrie", "bits", bits, minimum=2, maximum=16)
        starts, orders = trie.order_start, trie.order
        layout = np.zeros((orders, kernels.LAYOUT), np.int64)
        first_children = [
            trie.nodes["first_child"][int(starts[n]) : int(starts[n + 1]) + 1].astype(np.int64) - starts[n + 1] for n in range(orders - 1)
        ]
        tables: list[np.ndarray] = []
        packed = []
        at = pointer_at = sample_at = table_at = 0
        for n in range(orders):
            start, stop = int(starts[n]), int(starts[n + 1])
            layout[n, kernels.SIZE] = stop - start
            if n == 0:
                continue
            own = trie.nodes[start:stop] if n + 1 < orders else trie.leaves
            prob_codes, prob_values = _probability_codes(own["log10_prob"], bits)
            highest = n + 1 == orders
            bow_codes, bow_values = (np.empty(0, np.uint32), None) if highest else _back_off_codes(own["log10_bow"], bits)
            widths = [int(starts[1] - 1).bit_length(), 31 if prob_values is None else bits or 31, 0 if highest else _width(bow_values)]
            layout[n, kernels.START] = at
            layout[n, kernels.WORD_BITS : kernels.BOW_BITS + 1] = widths
            layout[n, kernels.WIDTH] = sum(widths)
            at += (stop - start) * sum(widths)
            for column, values, width in ((kernels.PROB_TABLE, prob_values, widths[1]), (kernels.BOW_TABLE, bow_values, widths[2])):
                layout[n, column] = -1 if values is None else table_at
                if values is not None:  # as long as its codes reach, so that no code leaves it
                    tables.append(np.concatenate([values, np.zeros((1 << width) - len(values), np.float32)]))
                    table_at += 1 << width
            if not highest:
                layout[n, kernels.POINTERS], layout[n, kernels.SAMPLES] = pointer_at, sample_at
                pointer_at += len(first_children[n]) + int(first_children[n][-1])
                layout[n, kernels.POINTERS_STOP] = pointer_at
                sample_at += -(-len(first_children[n]) // kernels.SAMPLING)
            packed.append((n, trie.word[start:stop], prob_codes, bow_codes))
        records = np.zeros((at >> 6) + 2, np.uint64)
        for n, words, prob_codes, bow_codes in packed:
            kernels.pack_level(layout, n, words, prob_codes, bow_codes, records)
        pointers, samples = np.zeros((pointer_at >> 6) + 1, np.uint64), np.zeros(sample_at, np.int64)
        for n in range(1, orders - 1):
            kernels.pack_pointers(first_children[n], layout[n, kernels.POINTERS], pointers, samples[layout[n, kernels.SAMPLES] :])
        unigrams = np.zeros((int(starts[1]), 2), np.float32)
        base = trie.nodes[: int(starts[1])] if orders > 1 else trie.leaves
        unigrams[:, 0] = base["log10_prob"]
        if orders > 1:
            unigrams[:, 1] = base["log10_bow"]
        first_child = first_children[0] if orders > 1 else np.zeros(int(starts[1]) + 1, np.int64)
        table = np.concatenate(tables) if tables else np.empty(0, np.float32)
        return cls(layout, records, table, pointers, samples, unigrams, first_child, _is_closed(trie), trie.where)

    def expand(self) -> BackoffTrie:
        """The fast form of the same model, in memory."""
        words, children = [np.arange(len(self.unigrams), dtype=np.uint32)], []
        probabilities, back_offs = [self.unigrams[:, 0]], [self.unigrams[:, 1]]
        for n in range(1, self.order):
            size, highest = self.sizes[n], n + 1 == self.order
            word, probability = np.empty(size, np.uint32), np.empty(size, np.float32)
            back_off = np.empty(0 if highest else size, np.float32)
            kernels.unpack_level(n, self.layout, self.records, self.tables, word, probability, back_off)
            words.append(word)
            probabilities.append(probability)
            back_offs.append(back_off)
        for n in range(self.order - 1):
            first = np.array(self.first_child) if n == 0 else np.empty(self.sizes[n] + 1, np.int64)
            if n > 0:
                self._refuse_if(kernels.unpack_pointers(n, self.layout, self.pointers, first))
            children.append(first)
        return BackoffTrie.from_levels(words, children, probabilities, back_offs[:-1])

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a model file."""
        return {f"compact.{name}": getattr(self, name) for name in _ARRAYS} | {"compact.closed": np.array([self.closed])}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], where: str) -> CompactTrie:
        """From the arrays of `to_tensors`. Raises FormatError if their sizes don't fit together."""
        arrays = {name: tensors[f"compact.{name}"] for name in _ARRAYS}
        trie = cls(**arrays, closed=bool(tensors["compact.closed"].any()), where=where)
        trie._refuse_if(any(arrays[name].dtype != dtype or arrays[name].ndim != ndim for name, (dtype, ndim) in _ARRAYS.items()))
        trie._check_shape()
        return trie

    def _check_shape(self) -> None:
        layout, columns = self.layout, kernels
        orders = len(layout)
        self._refuse_if(
            not 1 <= orders <= MAXIMUM_ORDER
            or layout.shape[1] != kernels.LAYOUT
            or self.unigrams.shape[1] != 2
            or not 3 <= len(self.unigrams) == layout[0, columns.SIZE] == len(self.first_child) - 1
        )
        self._refuse_if(bool((layout[:, columns.SIZE] < 0).any() or (layout[:, columns.SIZE] > 2**48).any()))
        for n in range(1, orders):
            row = [int(value) for value in layout[n]]
            size, start, width = row[columns.SIZE], row[columns.START], row[columns.WIDTH]
            parts = row[columns.WORD_BITS : columns.BOW_BITS + 1]
            sound = min(parts) >= 0 and max(parts) <= 32 and sum(parts) == width and start >= 0
            sound = sound and start + size * width <= 64 * (len(self.records) - 1)
            for table, bits in ((row[columns.PROB_TABLE], parts[1]), (row[columns.BOW_TABLE], parts[2])):
                sound = sound and (table < 0 or table + (1 << bits) <= len(self.tables))
            highest = n + 1 == orders
            sound = sound and (highest or row[columns.BOW_TABLE] >= 0) and (row[columns.PROB_TABLE] >= 0 or parts[1] == 31)
            if not highest:
                samples = -(-(size + 1) // kernels.SAMPLING)
                sound = sound and 0 <= row[columns.POINTERS] <= row[columns.POINTERS_STOP] <= 64 * len(self.pointers)
                sound = sound and 0 <= row[columns.SAMPLES] <= len(self.samples) - samples
            self._refuse_if(not sound)

    # -- asking ----------------------------------------------------------------------------------------------------------------------------

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.layout)

    @property
    def sizes(self) -> list[int]:
        """Number of n-grams of each order."""
        return [int(size) for size in self.layout[:, kernels.SIZE]]

    @property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.layout, self.records, self.tables, self.pointers, self.samples, self.unigrams, self.first_child

    def state_of(self, history: Sequence[int] | np.ndarray) -> np.ndarray:
        """State after a history of word ids: int64 (N,), see `_kernels_compact.py`."""
        states = np.full((1, self.order), kernels.NONE, np.int64)
        for word_id in history:
            states = self.advance(states, np.array([word_id]))
        return states[0]

    def advance(self, states: np.ndarray, word_ids: np.ndarray) -> np.ndarray:
        """States after one more word each; int64 (B, N)."""
        ids = np.ascontiguousarray(word_ids, np.int64)
        result, broken = kernels.advance_states(np.ascontiguousarray(states, np.int64), ids, self.closed, *self._arrays)
        self._refuse_if(broken)
        return result  # type: ignore[no-any-return]

    def distribution(self, state: np.ndarray, vocabulary_size: int) -> tuple[np.ndarray, np.ndarray]:
        """log10 probabilities float64 (V,) of all words after a state, and the n-gram length int8 (V,) that gave each."""
        log10, hit_length, broken = kernels.distribution(np.ascontiguousarray(state, np.int64), *self._arrays)
        self._refuse_if(broken)
        return log10, hit_length

    def top_successors(self, state: np.ndarray, count: int, excluded: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The most probable words after a state, `excluded` left out; see `Successors.top`."""
        *columns, broken = lists.top_successors(np.ascontiguousarray(state, np.int64), count, excluded, *self._arrays)
        self._refuse_if(broken)
        listed = int(np.count_nonzero(columns[0] >= 0))
        return columns[0][:listed], columns[1][:listed], columns[2][:listed]

    def score(
        self, ids: np.ndarray, offsets: np.ndarray, begin_state: np.ndarray, *, ends: bool, carry: bool = False, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score sentences of word ids; parameters and results as of `BackoffTrie.score`."""
        ids, offsets = np.ascontiguousarray(ids, np.int32), np.ascontiguousarray(offsets, np.int64)
        sentences = len(offsets) - 1
        events = len(ids) + (sentences if ends else 0)
        out = np.empty(events), np.empty(events, np.int8), np.empty(events, np.float32)
        whole = carry and not ends  # one stretch, which can't be shared out

        def run(first: int) -> None:
            last = sentences if whole else min(first + _SENTENCES_A_TASK, sentences)
            begin = np.ascontiguousarray(begin_state, np.int64)
            self._refuse_if(kernels.score_sentences(ids, offsets, first, last, begin, carry, ends, self.closed, *self._arrays, *out))

        firsts = [0] if whole else list(range(0, sentences, _SENTENCES_A_TASK))
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            list(pool.map(run, firsts))
        return out

    def log_probabilities(self, ids: np.ndarray, offsets: np.ndarray, begin_state: np.ndarray, *, ends: bool) -> np.ndarray:
        """The first column of `score`, on this thread."""
        return self.score(ids, offsets, begin_state, ends=ends)[0]

    def _refuse_if(self, broken: bool) -> None:
        if broken:
            raise FormatError(f"{self.where}: its n-grams don't fit together; the file is damaged, so train or convert the model again.")


def _probability_codes(log10: np.ndarray, bits: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Codes uint32 (G,) and their values, or the bits of the numbers themselves and None."""
    if bits is not None:
        return _binned(log10, bits)
    return np.ascontiguousarray(np.abs(log10), np.float32).view(np.uint32), None


def _back_off_codes(log10: np.ndarray, bits: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Codes uint32 (G,) and their values float32; without `bits` every different value has its code."""
    if bits is not None:
        return _binned(log10, bits)
    values, codes = np.unique(log10, return_inverse=True)
    return codes.astype(np.uint32), values.astype(np.float32)


def _binned(log10: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes uint32 (G,) and at most 2^bits values float32, rising: means of equally many numbers; 0 and -inf keep codes of their own."""
    values, codes = np.unique(log10, return_inverse=True)
    if len(values) <= 1 << bits:
        return codes.astype(np.uint32), values.astype(np.float32)
    kept = values[(values == 0) | np.isneginf(values)]
    ordinary = np.sort(log10[(log10 != 0) & ~np.isneginf(log10)])
    bins = np.array_split(ordinary, (1 << bits) - len(kept))
    centres = np.unique(np.concatenate([[part.mean(dtype=np.float64) for part in bins if len(part)], kept]).astype(np.float32))
    finite = centres[np.isfinite(centres)]
    borders = (finite[1:].astype(np.float64) + finite[:-1]) / 2
    nearest = np.searchsorted(borders, values) + (len(centres) - len(finite))
    nearest = np.where((values == 0) | np.isneginf(values), np.searchsorted(centres, values), nearest)
    return nearest[codes].astype(np.uint32), centres


def _width(values: np.ndarray | None) -> int:
    return max(int(len(values) - 1).bit_length(), 1) if values is not None else 0


def _is_closed(trie: BackoffTrie) -> bool:
    """Whether every n-gram's suffix is in the model: then each lies one order above its longest suffix."""
    from lmkit.ngram.querying._kernels_query import link_suffixes

    suffix = np.empty(len(trie.word), np.int64)
    link_suffixes(trie.word, trie.nodes, trie.order_start, suffix)
    starts = trie.order_start
    return all(bool((suffix[starts[n] : starts[n + 1]] >= starts[n - 1]).all()) for n in range(1, trie.order))
