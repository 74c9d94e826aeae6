"""What stands behind KenLM's interface: lmkit's trie, or KenLM's own hash tables as they lie in its file."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from lmkit.compat import _kernels_kenlm as kernels
from lmkit.compat._kenlm_state import ROOM, State, write
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.vocabulary import Vocabulary, frozen

_BEHIND = b"\n" + bytes(PADDING)


def _padded(text: bytes) -> np.ndarray:
    return np.frombuffer(text + _BEHIND, np.uint8)


def _event_arrays(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = (size + 3) // 2
    return np.empty(count, np.float32), np.empty(count, np.int32), np.empty(count, np.int32)


@functools.cache
def _trie_kernels(node: np.dtype, leaf: np.dtype) -> tuple[Any, Any, Any]:
    return kernels.make_trie_kernels(node, leaf)  # type: ignore[no-any-return]


def text_buffer(size: int) -> tuple[memoryview, int]:
    """Memory that sentences are copied into, and its address: a call with an address costs a fraction of one with an array."""
    memory = np.zeros(2 * size + 4096, np.uint8)
    return memoryview(memory), memory.ctypes.data


def _places(*arrays: np.ndarray) -> np.ndarray:
    """Addresses and lengths of arrays, int64 (2 K,)."""
    return np.array([number for array in arrays for number in (array.ctypes.data, len(array))], np.int64)


def _direct(function: Any, example: Callable[[Any], Any]) -> Any:
    """The compiled function behind a dispatcher. A kernel that takes numbers only has one, and need not choose at every call."""
    example(function)
    overloads = getattr(function, "overloads", None)
    return function if not overloads else next(iter(overloads.values())).entry_point


class TrieEngine:
    """Scores on lmkit's trie."""

    borders = ((False, True), (False, True))
    """What `score_text` is told for bos and eos."""

    def __init__(self, model: Any) -> None:
        trie, vocabulary = model.fast_trie(), model.vocabulary
        self.order = trie.order
        self._vocabulary = vocabulary
        self._arrays = [
            np.ascontiguousarray(array)
            for array in (trie.word, trie.nodes, trie.leaves, trie.order_start, vocabulary._table, vocabulary.blob, vocabulary.offsets)
        ]
        self._places = _places(*self._arrays)
        self.handle: int = self._places.ctypes.data
        self.begin = State()
        self.begin._make_room(max(ROOM, self.order))
        node = int(trie.state_of([Vocabulary.BOS]))
        if node >= 0:
            write(self.begin, np.array([1, node + 1, Vocabulary.BOS], np.int64).tobytes())
        score_text, one_word, one_full_word = _trie_kernels(trie.nodes.dtype, trie.leaves.dtype)
        buffer, spare = text_buffer(1), copy.copy(self.begin)
        self.score_text = _direct(score_text, lambda call: call(self.handle, buffer[1], 0, True, True))
        self.one_word = _direct(one_word, lambda call: call(self.handle, self.begin._address, spare._address, 0))
        self.one_full_word = one_full_word

    def index(self, word: bytes) -> int:
        found = self._vocabulary.find_packed(np.frombuffer(word, np.uint8), np.array([0, len(word)]), Vocabulary.UNK)
        return int(found[0])

    def events(self, text: bytes, bos: bool, eos: bool) -> tuple[np.ndarray, ...]:
        word, nodes, leaves, order_start, table, blob, offsets = (frozen(array) for array in self._arrays)
        arrays = _event_arrays(len(text))
        count = kernels.score_events(
            _padded(text), len(text), bool(bos), bool(eos), table, blob, offsets, word, nodes, leaves, order_start, *arrays
        )
        return tuple(array[:count] for array in arrays)


class TableEngine:
    """Scores on KenLM's hash tables."""

    def __init__(self, tables: Any) -> None:
        self.order = tables.order
        self._tables = tables.tables
        self._word_table = tables.word_table
        words, _, *layout = self._tables
        self._kept = [words, *(np.ascontiguousarray(array, np.int64) for array in layout), self._word_table]
        self._places = _places(*self._kept)
        self.handle: int = self._places.ctypes.data
        bos, eos = self.index(b"<s>"), self.index(b"</s>")
        self.borders = ((-1, bos), (-1, eos))
        self.begin = State()
        self.begin._make_room(max(ROOM, self.order))
        back_off = self._tables[1][self._tables[2][0] + self._tables[4][0] * bos + 1]
        head = np.array([1, 0], np.int64).tobytes() + np.int32(bos).tobytes() + np.float32(back_off).tobytes()
        write(self.begin, head)
        buffer, spare = text_buffer(1), copy.copy(self.begin)
        self.score_text = _direct(kernels.score_hashed_text, lambda call: call(self.handle, buffer[1], 0, -1, -1))
        self.one_word = _direct(kernels.one_hashed_word_at, lambda call: call(self.handle, self.begin._address, spare._address, 0))
        self.one_full_word = kernels.one_full_hashed_word_at

    def index(self, word: bytes) -> int:
        from lmkit.ngram.formats.kenlm_binary import _kernels_probing

        hashes = np.empty(1, np.uint64)
        _kernels_probing.murmur(np.frombuffer(word, np.uint8), np.array([0, len(word)]), hashes)
        place = _kernels_probing.find(self._word_table, 0, len(self._word_table) // 3, 3, hashes[0])
        return int(self._word_table[place + 2]) if place >= 0 else 0

    def events(self, text: bytes, bos: bool, eos: bool) -> tuple[np.ndarray, ...]:
        arrays = _event_arrays(len(text))
        count = kernels.score_hashed_events(
            _padded(text), len(text), self.borders[0][bool(bos)], self.borders[1][bool(eos)], self._word_table, *self._tables, *arrays
        )
        return tuple(array[:count] for array in arrays)
