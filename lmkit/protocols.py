"""What language models and word vectors are to the rest of lmkit. Evaluation and sampling know them only through this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from lmkit.events import EventSums, ScoredEvents

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions
    from lmkit.text.sources import TextSource
    from lmkit.text.strings import StringTable
    from lmkit.text.vocabulary import Vocabulary

State = Any
"""What a model remembers of a batch of histories: immutable, so that beams may share it."""


@runtime_checkable
class LanguageModel(Protocol):
    """A model of p(token | history) over a fixed vocabulary."""

    @property
    def vocabulary(self) -> Vocabulary:
        """token <-> id."""

    @property
    def text_options(self) -> TextOptions:
        """How text becomes tokens for this model; applied again at scoring."""

    @property
    def is_normalised(self) -> bool:
        """Whether the probabilities of all tokens sum to one after every history."""

    def score(self, corpus: EncodedCorpus, state: Literal["reset", "carry"] = "reset") -> ScoredEvents:
        """Score every token, with the history reset at each sentence or carried over."""

    def initial_state(self, batch: int = 1) -> State:
        """State before the first token of a sentence (or of a continuous text)."""

    def advance(self, state: State, token_ids: Sequence[int] | np.ndarray) -> State:
        """State after one more token in each history. token_ids: int (batch,)."""

    def log_probs(self, state: State) -> np.ndarray:
        """Natural logarithms, float64 (batch, len(vocabulary)), of the next token's probabilities; -inf for what can't be predicted."""


@runtime_checkable
class SumsScores(Protocol):
    """A model that can add up the scores of a text without keeping them, which takes a fraction of the time."""

    def sum_scores(self, source: TextSource, options: TextOptions, threads: int | None = None) -> tuple[EventSums, tuple[str, ...]] | None:
        """The sums over a text and the notes of its reading; None if a text read so must be encoded first."""


class WordVectors(Protocol):
    """Words with a vector each, as evaluation reads them."""

    @property
    def words(self) -> StringTable:
        """The V words in row order, normally by falling count."""

    @property
    def counts(self) -> np.ndarray | None:
        """int64 (V,), occurrences in the training text, or None."""

    @property
    def matrix(self) -> np.ndarray:
        """float32 (V, d), a row a word."""

    @property
    def unit(self) -> np.ndarray:
        """float32 (V, d), the rows at length 1; rows of zeros stay zeros."""

    def index(self, word: str) -> int:
        """The row of a word, -1 if it has none."""

    def __len__(self) -> int:
        """V."""

    @property
    def text_options(self) -> TextOptions | None:
        """How the training text became tokens, where that is known."""

    @property
    def subwords(self) -> Any:
        """What gives vectors to words that have no row, or None."""

    def vector(self, word: str) -> np.ndarray:
        """float32 (d,): a word's vector, composed of subwords where it has no row. Raises UnknownWordError."""

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """float32 (n, d): vectors of words, as `vector`. Raises UnknownWordError."""
