"""What a smoothing method is to the rest of the n-gram package, and what several methods share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.ngram.counting.counts import NgramCounts


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

    def by_level(self) -> Iterator[LevelEstimate]:
        """The levels, lowest order first."""
        for n, log10_probability in enumerate(self.log10_probabilities):
            yield log10_probability, self.log10_back_offs[n] if n < len(self.log10_back_offs) else None


LevelEstimate = tuple[np.ndarray, np.ndarray | None]
"""log10 probabilities and back-off weights of one order; no weights for the highest."""


class LevelwiseEstimates(Estimates):
    """Estimates that are made level after level, for a caller who can do without those that came before: that takes far less memory.

    Ask either for `by_level`, once, or for the lists. `details` and `notes` are those of all orders: asking for them makes the lists,
    unless `by_level` has run to its end.

    Parameters
    ----------
    levels : makes the levels, lowest order first, and meanwhile fills the other two.
    details, notes : what `levels` fills.
    """

    def __init__(self, levels: Iterator[LevelEstimate], details: dict[str, Any], notes: list[str]) -> None:
        self._levels: Iterator[LevelEstimate] | None = levels
        self._lists: Estimates | None = None
        self._details, self._notes = details, notes
        self.is_normalised = True

    def by_level(self) -> Iterator[LevelEstimate]:
        if self._lists is not None:
            yield from self._lists.by_level()
            return
        levels = self._take()
        yield from levels

    def _take(self) -> Iterator[LevelEstimate]:
        if self._levels is None:
            raise RuntimeError("these estimates were handed over level by level and are gone")
        levels, self._levels = self._levels, None
        return levels

    def _everything(self) -> Estimates:
        if self._lists is None:
            pairs = list(self._take())
            back_offs = [back_off for _, back_off in pairs if back_off is not None]
            self._lists = Estimates([probability for probability, _ in pairs], back_offs, self._details, self._notes, self.is_normalised)
        return self._lists

    @property
    def log10_probabilities(self) -> list[np.ndarray]:  # type: ignore[override]
        return self._everything().log10_probabilities

    @property
    def log10_back_offs(self) -> list[np.ndarray]:  # type: ignore[override]
        return self._everything().log10_back_offs

    @property
    def details(self) -> dict[str, Any]:  # type: ignore[override]
        if self._levels is not None:
            self._everything()
        return self._details

    @property
    def notes(self) -> list[str]:  # type: ignore[override]
        if self._levels is not None:
            self._everything()
        return self._notes


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

    takes_fractions: ClassVar[bool] = False
    """Whether counts may be other than whole numbers, as texts with weights have them."""

    takes_lower_counts: ClassVar[bool] = True
    """Whether it reads how often n-grams below the highest order occur, those behind `<s>` aside."""

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
                has = f"which has: {', '.join(known)}" if known else "which has none"
                raise InvalidParameterError(f"Smoothing {cls.name!r} has no parameter {key!r}, {has}; leave it out or name another.")
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})


def check_flag(owner: str, name: str, value: Any) -> None:
    """Raise InvalidParameterError unless a parameter is True or False."""
    if not isinstance(value, bool):
        raise InvalidParameterError(f"The {name!r} parameter of {owner} must be True or False. Got {value!r} instead.")


def raw_counts(counts: NgramCounts, order: int) -> np.ndarray:
    """How often each n-gram of an order occurs, (G,), whole or weighted; 0 for `<s>`, which is never predicted."""
    level = counts.levels[order - 1].counts
    if order > 1:
        return level
    level = level.astype(np.int64 if level.dtype.kind in "iu" else np.float64)
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
        result = np.log10(probability, dtype=np.float64).astype(np.float32)
    return np.minimum(result, np.float32(0), out=result) if at_most_one else result
