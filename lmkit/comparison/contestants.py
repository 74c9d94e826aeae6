"""Who takes part in a comparison, and what each has cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lmkit.events import ScoredEvents
    from lmkit.protocols import LanguageModel

FAMILIES = {
    # kind of model file -> family as people call it
    "ngram": "n-gram",
    "mixture": "mixture",
    "recurrent": "recurrent",
    "window": "fixed window",
    "embedding-lm": "embedding",
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a model took; None where it is not known.

    Attributes
    ----------
    training_seconds : wall time.
    epochs : passes over the training text.
    improving : whether the last pass still lowered the perplexity of the validation text.
    parameters : numbers in the model: weights, or probabilities and back-off weights.
    bytes : size of its file.
    peak_memory : bytes that training took beyond what the text and the program take.
    """

    training_seconds: float | None = None
    epochs: float | None = None
    improving: bool | None = None
    parameters: int | None = None
    bytes: int | None = None
    peak_memory: int | None = None

    @classmethod
    def together(cls, costs: Sequence[Cost]) -> Cost:
        """What models cost that are used together: times, numbers and bytes added up, None where one of them is not known."""

        def total(name: str) -> Any:
            values = [getattr(cost, name) for cost in costs]
            return None if None in values else sum(values)

        return cls(training_seconds=total("training_seconds"), parameters=total("parameters"), bytes=total("bytes"))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A model that takes part.

    Attributes
    ----------
    name : as the table shows it; no two of a comparison are alike.
    family : such as "n-gram".
    model : scores the text; None for events that were scored elsewhere, which come in `events`.
    origin : where it comes from, JSON-able: path, command, card.
    bound : whether it is the source of the text itself, the line that no model crosses: shown, not ranked.
    state : how it reads the test text: each sentence anew, or its state carried on, as networks are used to that were trained so.
    held_out : what it says of the text on which mixtures learn, where that was scored already.
    text, stored_reading : of events that were scored elsewhere, where it is known: which text it was (`EncodedCorpus.record`) and how it
        was read (`TextOptions.to_dict`).
    """

    name: str
    family: str
    model: LanguageModel | None = None
    events: ScoredEvents | None = None
    cost: Cost = Cost()
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    bound: bool = False
    state: Literal["reset", "carry"] = "reset"
    held_out: ScoredEvents | None = None
    text: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stored_reading: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def reading(self) -> Mapping[str, Any]:
        """How it reads text, as `TextOptions.to_dict` gives it; empty where that is not known."""
        return self.stored_reading if self.model is None else self.model.text_options.to_dict()


def family_of(card: Mapping[str, Any]) -> str:
    """The family that a model's card names."""
    kind = str(card.get("kind", ""))
    return FAMILIES.get(kind, kind or "unknown")


def parameters_of(card: Mapping[str, Any]) -> int | None:
    """How many numbers a model holds: the card's own figure, or a probability for each n-gram and a back-off weight for each context."""
    for name in ("parameters", "weights"):
        if isinstance(card.get(name), int):
            return int(card[name])
    sizes = card.get("ngrams")
    if isinstance(sizes, list) and sizes:
        return int(2 * sum(sizes[:-1]) + sizes[-1])
    return None
