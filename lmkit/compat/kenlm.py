"""The Python module `kenlm` on lmkit: `from lmkit.compat import kenlm`, and no C++ build.

Opens ARPA files, KenLM's binary files and lmkit's own. Scores are KenLM's: log10, summed in float32 in the same order.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lmkit.compat import _kernels_kenlm as kernels
from lmkit.errors import LmkitError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.vocabulary import Vocabulary, frozen

_BEHIND = b"\n" + bytes(PADDING)
_CACHED_WORDS = 1 << 20


class LoadMethod:
    """How KenLM maps a file. lmkit maps lazily whatever is asked for."""

    LAZY = 0
    POPULATE_OR_LAZY = 1
    POPULATE_OR_READ = 2
    READ = 3
    PARALLEL_READ = 4


class ARPALoadComplain:
    """When KenLM warns about slow ARPA files. lmkit never does."""

    ALL = 0
    EXPENSIVE = 1
    NONE = 2


class Config:
    """KenLM's options of opening a model. Accepted, so that programs run unchanged; none of them changes a score, and lmkit needs none."""

    def __init__(self) -> None:
        self.load_method = LoadMethod.POPULATE_OR_LAZY
        self.show_progress = True
        self.arpa_complain = ARPALoadComplain.ALL


class FullScoreReturn:
    """What `BaseFullScore` returns: log_prob (log10), ngram_length and oov."""

    __slots__ = ("log_prob", "ngram_length", "oov")

    def __init__(self, log_prob: float, ngram_length: int, oov: bool) -> None:
        self.log_prob = log_prob
        self.ngram_length = ngram_length
        self.oov = oov

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.log_prob!r}, {self.ngram_length!r}, {self.oov!r})"


_HEAD = 16
"""Bytes of a state in front of its words: their number, and the place in the trie."""
_ROOM = 7
"""Words that a state has room for before it grows: more than most models look back."""
_SmallState = ctypes.c_uint8 * (_HEAD + 8 * _ROOM)


@functools.total_ordering
class State:
    """The words before the next one that matter to the model, the last one first. Compares, orders and hashes by them, as KenLM's does."""

    __slots__ = ("_address", "_memory", "_room")

    def __init__(self) -> None:
        self._memory: ctypes.Array[ctypes.c_uint8] = _SmallState()  # zeros: no words, no context
        self._address = ctypes.addressof(self._memory)
        self._room = _ROOM

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
    _set(state, raw)
    return state


def _set(state: State, raw: bytes) -> None:
    """Write the beginning of a state's memory."""
    ctypes.memmove(state._memory, raw, len(raw))


class Model:
    """A language model.

    Parameters
    ----------
    path : str or bytes, an ARPA file, plain or compressed, one of KenLM's binary files, or lmkit's own.
    config : accepted for KenLM's sake.

    Attributes
    ----------
    path : bytes, absolute; order : int, the longest n-gram.

    Raises
    ------
    OSError : if the file can't be read as a model, with the reason.

    Examples
    --------
    >>> import lmkit, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "m.arpa")
    >>> lmkit.NgramLanguageModel(order=3).fit("the cat sat\\nthe dog sat").write_arpa(path)
    >>> model = Model(path)
    >>> round(model.score("the cat sat"), 3), "dog" in model
    (-0.806, True)
    """

    def __init__(self, path: str | bytes | os.PathLike[str], config: Config | None = None) -> None:
        import lmkit

        self.path: bytes = os.path.abspath(os.fsencode(path))
        try:
            model = lmkit.load(os.fsdecode(self.path))
            tables = getattr(model, "tables_", None)
            self._engine: _TrieEngine | _TableEngine = _TrieEngine(model) if tables is None else _TableEngine(tables)
        except LmkitError as error:
            raise OSError(f"Cannot read model '{os.fsdecode(path)}' ({error})") from error
        self._ids: dict[str | bytes, int] = {}
        self._buffers: list[tuple[memoryview, int]] = []  # each is taken out while a thread uses it
        engine = self._engine
        self._handle, self._score_text, self._one_word = engine.handle, engine.score_text, engine.one_word
        self._borders = engine.borders
        self._room = max(self.order - 1, 1)

    @property
    def order(self) -> int:
        return self._engine.order

    def score(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> float:
        """log10 probability of a sentence; with bos after `<s>`, with eos `</s>` included. Never write <s> into the sentence."""
        text = sentence.encode() if isinstance(sentence, str) else _raw(sentence)
        if b"\0" in text:
            text = _without_nul(text, bool(bos and eos))
        size = len(text)
        buffer = self._buffers.pop() if self._buffers else _text_buffer(size)
        memory, address = buffer
        if len(memory) <= size + PADDING:
            memory, address = buffer = _text_buffer(size)
        memory[:size] = text
        memory[size] = 10
        total: float = self._score_text(self._handle, address, size, self._borders[0][bool(bos)], self._borders[1][bool(eos)])
        self._buffers.append(buffer)
        return total

    def perplexity(self, sentence: str | bytes) -> float:
        """Perplexity of one sentence, `</s>` counted."""
        words = len(_raw(sentence).split()) + 1
        return float(10.0 ** (-self.score(sentence) / words))

    def full_scores(self, sentence: str | bytes, bos: bool = True, eos: bool = True) -> Iterator[tuple[float, int, bool]]:
        """(log10 probability, length of the n-gram found, whether the word is unknown) of each word, and of `</s>`."""
        log10, lengths, ids = self._engine.events(_without_nul(_raw(sentence), False), bos, eos)
        oov = (ids == Vocabulary.UNK).tolist()
        if eos:
            oov[-1] = False
        yield from zip(log10.tolist(), lengths.tolist(), oov, strict=True)

    def BeginSentenceWrite(self, state: State) -> None:
        """Make a state that of the beginning of a sentence."""
        state._copy_from(self._engine.begin)

    def NullContextWrite(self, state: State) -> None:
        """Make a state that of no context."""
        state._copy_from(_NULL)

    def BaseScore(self, in_state: State, word: str, out_state: State) -> float:
        """log10 probability of a word after in_state; out_state, another one, becomes the state behind it."""
        word_id = self._ids.get(word)
        if word_id is None:
            word_id = self._index(word)
        if out_state._room < self._room or in_state is out_state or in_state._room < self._room:
            in_state = self._fit(in_state, out_state)
        return self._one_word(self._handle, in_state._address, out_state._address, word_id)  # type: ignore[no-any-return]

    def BaseFullScore(self, in_state: State, word: str, out_state: State) -> FullScoreReturn:
        """As `BaseScore`, with the length of the n-gram found and whether the word is unknown."""
        word_id = self._index(word)
        in_state = self._fit(in_state, out_state)
        log10, length = self._engine.one_full_word(self._handle, in_state._address, out_state._address, word_id)
        return FullScoreReturn(log10, length, word_id == Vocabulary.UNK)

    def _fit(self, in_state: State, out_state: State) -> State:
        """See to it that both states have room for this model's words and are two; the state to begin with."""
        if in_state is out_state:
            in_state = copy.copy(in_state)
        for state in (in_state, out_state):
            if state._room < self._room:
                state._make_room(self._room)
        return in_state

    def __contains__(self, word: str | bytes) -> bool:
        return self._index(word) != Vocabulary.UNK

    def __repr__(self) -> str:
        return f"<Model from {os.path.basename(self.path)!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    def _index(self, word: str | bytes) -> int:
        """Id of a word, 0 if it is unknown."""
        found = self._ids.get(word)
        if found is None:
            found = self._engine.index(_raw(word).split(b"\0")[0])
            if len(self._ids) < _CACHED_WORDS:
                self._ids[word] = found
        return found


class LanguageModel(Model):
    """The old name of `Model`."""


def _raw(text: str | bytes) -> bytes:
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, bytes):
        return text
    raise TypeError(f"Cannot convert {text!r} to string")


def _without_nul(text: bytes, whole: bool) -> bytes:
    """The text as KenLM's C strings see it: a NUL ends the sentence where KenLM itself cuts the words, otherwise only the word."""
    if b"\0" not in text:
        return text
    if whole:
        return text[: text.index(b"\0")]
    return b" ".join(word.split(b"\0")[0] or b"<unk>" for word in text.split())


def _padded(text: bytes) -> np.ndarray:
    return np.frombuffer(text + _BEHIND, np.uint8)


def _event_arrays(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = (size + 3) // 2
    return np.empty(count, np.float32), np.empty(count, np.int32), np.empty(count, np.int32)


@functools.cache
def _trie_kernels(node: np.dtype, leaf: np.dtype) -> tuple[Any, Any, Any]:
    return kernels.make_trie_kernels(node, leaf)  # type: ignore[no-any-return]


def _text_buffer(size: int) -> tuple[memoryview, int]:
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


class _TrieEngine:
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
        self.begin._make_room(max(_ROOM, self.order))
        node = int(trie.state_of([Vocabulary.BOS]))
        if node >= 0:
            _set(self.begin, np.array([1, node + 1, Vocabulary.BOS], np.int64).tobytes())
        score_text, one_word, one_full_word = _trie_kernels(trie.nodes.dtype, trie.leaves.dtype)
        buffer, spare = _text_buffer(1), copy.copy(self.begin)
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


class _TableEngine:
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
        self.begin._make_room(max(_ROOM, self.order))
        back_off = self._tables[1][self._tables[2][0] + self._tables[4][0] * bos + 1]
        head = np.array([1, 0], np.int64).tobytes() + np.int32(bos).tobytes() + np.float32(back_off).tobytes()
        _set(self.begin, head)
        buffer, spare = _text_buffer(1), copy.copy(self.begin)
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


_NULL = State()
