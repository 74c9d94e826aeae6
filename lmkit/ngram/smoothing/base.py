"""What a smoothing method is to the rest of the n-gram package, and what several methods share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.ngram.counting import NgramCounts


@dataclasses.dataclass
class Estimates:
    """Probabilities and back-off weights of all n-grams, in the trie order of the counts.

    Attributes
    ----------
    log10_probabilities : one float32 (G,) an order, p(word | context) with all interpolation done.
    log10_back_offs : one float32 (G,) an order but the highest; 0 for n-grams that are no context, -inf where nothing is left.
    details : JSON-able, for the model card: discounts and the like.
    notes : sentences that the user should see.
    is_normalised : whether the probabilities after each history sum to one.
    """

    log10_probabilities: list[np.ndarray]
    log10_back_offs: list[np.ndarray]
    details: dict[str, Any]
    notes: list[str]
    is_normalised: bool = True


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """A text that was not trained on, in the ids of the model's vocabulary.

    Attributes
    ----------
    ids : int32 (N,), words of all sentences; unknown ones are 0.
    sentence_offsets : int64 (S+1,) into ids.
    """

    ids: np.ndarray
    sentence_offsets: np.ndarray


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """Turns counts into probabilities. A subclass is a frozen dataclass whose fields are the method's parameters."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it does in a few words, for the command line's help."""

    @property
    def held_out_use(self) -> str:
        """Whether a held-out text has a use: "none", "optional" or "required"."""
        return "none"

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        """Probabilities and back-off weights of all n-grams. `held_out` is given as `held_out_use` says."""
        raise NotImplementedError

    def check_held_out(self, given: bool) -> None:
        """Raise InvalidParameterError if a held-out text is missing or of no use."""
        if given and self.held_out_use == "none":
            raise InvalidParameterError(
                f"Smoothing {self.name!r} as set here learns nothing from a held-out text: leave that out, or ask for a tuned discount "
                "where the method has one."
            )
        if not given and self.held_out_use == "required":
            raise InvalidParameterError(
                f"Smoothing {self.name!r} needs a held-out text to tune its discounts on: fit(..., held_out=TEXT), or --held-out TEXT."
            )

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, JSON-able; `from_dict` in lmkit.ngram.smoothing reads it."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"name": self.name, **{key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Smoothing:
        """The method with these parameters. Raises InvalidParameterError for one that it doesn't have or a value out of range."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in parameters:
            if key not in known:
                has = f"It has: {', '.join(known)}." if known else "It has none."
                raise InvalidParameterError(f"Smoothing {cls.name!r} has no parameter {key!r}. {has}")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})


def raw_counts(counts: NgramCounts, order: int) -> np.ndarray:
    """How often each n-gram of an order occurs, int (G,); 0 for `<s>`, which is never predicted."""
    level = counts.levels[order - 1].counts
    if order > 1:
        return level
    level = level.astype(np.int64)
    level[1] = 0
    return level


def predictable_words(counts: NgramCounts) -> np.ndarray:
    """bool (V,): which words can be predicted: not `<s>`, and in continuous text not `</s>`."""
    predictable = np.ones(counts.vocabulary_size, np.bool_)
    predictable[1] = False
    predictable[2] = counts.boundaries
    return predictable


def with_conventions(probability: np.ndarray, boundaries: bool) -> np.ndarray:
    """Set the entries of words that are never predicted, in place: 1 for `<s>`, as lmplz writes it; 0 in continuous text, `</s>` too."""
    probability[1] = 1.0 if boundaries else 0.0
    if not boundaries:
        probability[2] = 0.0
    return probability


def log10_of(probability: np.ndarray, *, at_most_one: bool = True) -> np.ndarray:
    """float32 log10; -inf for 0. Rounding above 1 is cut off where nothing above 1 can be meant (back-off weights can be)."""
    with np.errstate(divide="ignore"):
        result = np.log10(probability).astype(np.float32, copy=False)
    return np.minimum(result, np.float32(0), out=result) if at_most_one else result
