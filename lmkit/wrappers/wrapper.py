"""What models that stand on another model have in common."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, Literal

import numpy as np

from lmkit._estimator import Estimator
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary


class Wrapper(Estimator, abc.ABC):
    """A language model on top of `model`, that reads text and knows words as that does."""

    model: LanguageModel
    is_adaptive = True  # its states hold a whole document, not a sentence

    @property
    def vocabulary(self) -> Vocabulary:
        return self.model.vocabulary

    @property
    def text_options(self) -> TextOptions:
        return self.model.text_options

    @property
    def is_normalised(self) -> bool:
        return self.model.is_normalised

    @property
    def default_state(self) -> Literal["reset", "carry"]:
        """As of the model: a network reads on from sentence to sentence where it was trained to."""
        return getattr(self.model, "default_state", "reset")

    @abc.abstractmethod
    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset") -> ScoredEvents:
        """Score every token."""

    def perplexity(self, text: Any, *, include_oov: bool = True, include_ends: bool = True) -> float:
        """Perplexity over all words and sentence ends of a text, the model reading as it was trained; inf where a probability is 0."""
        return self.score(text, self.default_state).perplexity(include_oov=include_oov, include_ends=include_ends)

    def model_card(self) -> dict[str, Any]:
        """The card of the model below, JSON-able; empty if it has none."""
        return dict(self.model.info()) if hasattr(self.model, "info") else {}


def with_shares(events: ScoredEvents, shares: np.ndarray, weight: float) -> ScoredEvents:
    """What a model with a cache says: (1 - weight) p_model + weight share for each event, the model alone where the cache is empty.

    Parameters
    ----------
    events : scored by the model.
    shares : float64 (N,), what the cache gives each event's token; -1 where it is empty.
    weight : of the cache, in [0, 1].
    """
    with np.errstate(divide="ignore"):  # of weights 0 and 1
        mixed = np.logaddexp(np.log1p(-weight) + events.log_probabilities, np.log(weight * np.maximum(shares, 0)))
    result = np.where(shares < 0, events.log_probabilities, mixed)
    return dataclasses.replace(events, log_probabilities=result, hit_length=None, back_off=None, rank=None)
