"""What a language model is to the rest of lmkit. Evaluation, sampling and the command line know models only through this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from lmkit.events import ScoredEvents

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions
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
