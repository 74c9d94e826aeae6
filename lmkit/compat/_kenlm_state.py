"""The words that a model of KenLM's interface remembers between two calls, in memory that kernels read and write by its address."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

_HEAD = 16
"""Bytes of a state in front of its words: their number, and the place in the trie."""
ROOM = 7
"""Words that a state has room for before it grows: more than most models look back."""
_SmallState = ctypes.c_uint8 * (_HEAD + 8 * ROOM)


@functools.total_ordering
class State:
    """The words before the next one that matter to the model, the last one first. Compares, orders and hashes by them, as KenLM's does."""

    __slots__ = ("_address", "_memory", "_room")

    def __init__(self) -> None:
        self._memory: ctypes.Array[ctypes.c_uint8] = _SmallState()  # zeros: no words, no context
        self._address = ctypes.addressof(self._memory)
        self._room = ROOM

    @property
    def _words(self) -> np.ndarray:
        """int32 (length,): ids, the last word first."""
        raw = np.frombuffer(self._memory, np.int32)
        return raw[_HEAD // 4 :: 2][: raw[0]]

    def _make_room(self, words: int) -> None:
        memory = (ctypes.c_uint8 * (_HEAD + 8 * words))()
        ctypes.memmove(memory, self._memory, _HEAD + 8 * self._room)
        self._memory, self._address, self._room = memory, ctypes.addressof(memory), words

    def _copy_from(self, other: State) -> None:
        if self._room < other._room:
            self._make_room(other._room)
        ctypes.memmove(self._memory, other._memory, _HEAD + 8 * other._room)

    @property
    def _key(self) -> tuple[int, bytes]:
        words = self._words
        return len(words), words.astype("<i4").tobytes()

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, State) else NotImplemented

    def __lt__(self, other: State) -> bool:
        return self._key < other._key if isinstance(other, State) else NotImplemented

    def __hash__(self) -> int:
        from lmkit.ngram.formats.kenlm_binary import _kernels_probing

        hashed = np.empty(1, np.uint64)
        raw = np.frombuffer(self._key[1], np.uint8)
        _kernels_probing.murmur(raw, np.array([0, len(raw)]), hashed)
        return int(hashed.view(np.int64)[0])

    def __copy__(self) -> State:
        result = State()
        result._copy_from(self)
        return result

    def __deepcopy__(self, memo: Any = None) -> State:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _state_from_bytes, (bytes(self._memory),)


def _state_from_bytes(raw: bytes) -> State:
    state = State()
    state._make_room((len(raw) - _HEAD) // 8)
    write(state, raw)
    return state


def write(state: State, raw: bytes) -> None:
    """Write the beginning of a state's memory."""
    ctypes.memmove(state._memory, raw, len(raw))
