"""The Python module `kenlm` on lmkit: `from lmkit.compat import kenlm`, and no C++ build.

Opens ARPA files, KenLM's binary files and lmkit's own. Scores are KenLM's: log10, summed in float32 in the same order.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

from lmkit.compat._kenlm_engines import TableEngine, TrieEngine, text_buffer
from lmkit.compat._kenlm_state import State as State
from lmkit.errors import LmkitError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.vocabulary import Vocabulary

_CACHED_WORDS = 1 << 20
_NULL = State()


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
            self._engine: TrieEngine | TableEngine = TrieEngine(model) if tables is None else TableEngine(tables)
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
        buffer = self._buffers.pop() if self._buffers else text_buffer(size)
        memory, address = buffer
        if len(memory) <= size + PADDING:
            memory, address = buffer = text_buffer(size)
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
