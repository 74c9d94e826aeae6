"""What people ask a language model of any family in text: a perplexity, the next words, a text gone on with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from lmkit._estimator import Estimator
from lmkit._validation import check_int
from lmkit.events import ScoredEvents
from lmkit.sampling import Decoding
from lmkit.text.encoding import encode_prompt
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary
from lmkit.text.writing import continue_text

if TYPE_CHECKING:
    from lmkit.protocols import State


@dataclasses.dataclass(frozen=True)
class NextWord:
    """One row of a next-word table: the token, its probability in [0, 1], and, of n-grams, the length of the one that gave it."""

    token: str
    probability: float
    ngram_length: int | None = None


class AnsweringModel(Estimator):
    """Base of language models (`lmkit.protocols.LanguageModel`): their words, how they read, and what they are asked in text.

    A subclass says what its probabilities are: `score`, `initial_state`, `advance`, `log_probs`.

    Attributes
    ----------
    vocabulary_, text_options_ : set by what fits or opens the model, together with the attribute that `_fitted_with` names.
    """

    vocabulary_: Vocabulary
    text_options_: TextOptions
    _fitted_with: ClassVar[str]

    if TYPE_CHECKING:

        def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents: ...

        def initial_state(self, batch: int = 1) -> State: ...

        def advance(self, state: State, token_ids: Sequence[int] | np.ndarray) -> State: ...

        def log_probs(self, state: State) -> np.ndarray: ...

    @property
    def vocabulary(self) -> Vocabulary:
        self._check_fitted(self._fitted_with)
        return self.vocabulary_

    @property
    def text_options(self) -> TextOptions:
        self._check_fitted(self._fitted_with)
        return self.text_options_

    @property
    def is_normalised(self) -> bool:
        return True

    def perplexity(self, text: Any, *, include_oov: bool = True, include_ends: bool = True) -> float:
        """Perplexity over all words and sentence ends of a text (anything that `fit` takes); inf where a probability is 0.

        A network reads as it was trained (`default_state`); see `ScoredEvents.perplexity`.
        """
        events = self.score(text, getattr(self, "default_state", "reset"))
        return events.perplexity(include_oov=include_oov, include_ends=include_ends)

    def next_words(self, prompt: str | Sequence[str] = "", top: int = 10) -> list[NextWord]:
        """The most probable tokens after a prompt (text, or its tokens), `</s>` and `<unk>` among them, most probable first."""
        check_int("next_words", "top", top, minimum=1)
        state = self.initial_state(1)
        for token_id in self.vocabulary.lookup(encode_prompt(prompt, self.text_options)).tolist():
            state = self.advance(state, [token_id])
        log_probs = self.log_probs(state)[0]
        if (log_probs == -np.inf).all():
            return []
        ids, _ = Decoding(top_k=top).candidates(log_probs)
        return [NextWord(token, float(p)) for token, p in zip(self.vocabulary.decode(ids), np.exp(log_probs[ids]), strict=True)]

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        *,
        decoding: Decoding | None = None,
        max_tokens: int = 100,
        min_tokens: int = 0,
        rng: np.random.Generator | int | None = None,
    ) -> str:
        """Continue a prompt to the end of a sentence; the text with the prompt in front. See `lmkit.sampling`, and `lmkit.text.writing` for
        many prompts at once, words as they come, and beam search."""
        return continue_text(self, prompt, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rng=rng)
