"""What a comparison found: rows, tables beside them, and what they were measured on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lmkit.comparison.contestants import Cost
    from lmkit.comparison.word_vectors import VectorRow
    from lmkit.evaluation.breakdown import BucketRow
    from lmkit.evaluation.normalisation import Audit
    from lmkit.evaluation.perplexity import Accounting
    from lmkit.evaluation.ranks import RankFigures
    from lmkit.evaluation.significance import Difference
    from lmkit.events import ScoredEvents

Measure = Literal["perplexity", "bits-per-character"]
IN_WORDS: dict[str, str] = {"perplexity": "perplexity", "bits-per-character": "bits a character"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One contestant's figures.

    Attributes
    ----------
    accounting : sums over its events.
    low, high : interval by the block bootstrap, of its perplexity or, where that is what is ranked by, of its bits a character; nan where
        it has none.
    versus_best : paired difference to the best ranked model, positive where this one is worse; None for the best itself, and where no
        difference can be taken.
    audit : sums of its probabilities on contexts of the text; None for events scored elsewhere.
    why_unranked : half a sentence; empty for ranked models.
    microseconds : wall time of scoring, a token.
    state : "carry" where the model's state went on from sentence to sentence.
    ranks : how often the word that followed was among its first guesses; None where nobody asked.
    measure : what it is ranked by.
    """

    name: str
    family: str
    accounting: Accounting
    low: float
    high: float
    cost: Cost
    audit: Audit | None
    versus_best: Difference | None
    why_unranked: str
    microseconds: float | None
    is_bound: bool = False
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)
    state: str = "reset"
    ranks: RankFigures | None = None
    measure: Measure = "perplexity"

    @property
    def value(self) -> float:
        """What it is ranked by: its perplexity, or its bits a character."""
        return self.accounting.all.perplexity if self.measure == "perplexity" else self.accounting.bits_per_character

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        ranked_by = self.measure.replace("-", "_")
        return {
            "name": self.name,
            "family": self.family,
            **self.accounting.to_dict(),
            f"{ranked_by}_low": self.low,
            f"{ranked_by}_high": self.high,
            "is_ranked": not self.why_unranked,
            "why_unranked": self.why_unranked,
            "is_bound": self.is_bound,
            "versus_best": None if self.versus_best is None else self.versus_best.to_dict(),
            "normalisation": None if self.audit is None else self.audit.to_dict(),
            "state": self.state,
            "microseconds_a_token": self.microseconds,
            **self.cost.to_dict(),
            **({} if self.ranks is None else self.ranks.to_dict()),
            "origin": self.origin,
        }


@dataclasses.dataclass(frozen=True)
class NextWords:
    """The most probable next tokens after a prompt: (model, ((token, probability), ...)), best model first."""

    prompt: str
    models: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        models = {name: [{"token": token, "probability": value} for token, value in words] for name, words in self.models}
        return {"prompt": self.prompt, "models": models}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The rows, best first and unranked last, and what they were measured on.

    Attributes
    ----------
    measure : what they are ranked by.
    text : name, sha256 and sizes of the test text, JSON-able.
    buckets : where the perplexity comes from: title -> rows, one figure a model in the order of `rows` (bound included).
    events : name -> stream, for what is asked later (`lmkit diff`, mixtures).
    notes : sentences that the reader must see.
    samples : (model, texts that it wrote), best model first.
    next_words : a table for each prompt.
    vectors : what the models' word vectors know of analogies and similarity.
    curves : name -> (words trained on, perplexity), where models were trained on growing parts of a text.
    made : how the comparison was made: command, seed, versions, machine, JSON-able.
    """

    rows: tuple[Row, ...]
    measure: Measure
    text: dict[str, Any]
    buckets: dict[str, tuple[str, list[BucketRow]]]
    events: dict[str, ScoredEvents]
    notes: tuple[str, ...] = ()
    samples: tuple[tuple[str, tuple[str, ...]], ...] = ()
    next_words: tuple[NextWords, ...] = ()
    vectors: tuple[VectorRow, ...] = ()
    curves: dict[str, list[tuple[int, float]]] = dataclasses.field(default_factory=dict)
    made: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def best(self) -> Row:
        """The best ranked row."""
        return self.rows[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, without the events."""
        return {
            "text": self.text,
            "measure": self.measure,
            "models": [row.to_dict() for row in self.rows],
            "buckets": {name: {"title": title, "rows": [row.to_dict() for row in rows]} for name, (title, rows) in self.buckets.items()},
            "notes": list(self.notes),
            "curves": {name: [{"words": words, "perplexity": value} for words, value in points] for name, points in self.curves.items()},
            "samples": [{"model": name, "texts": list(texts)} for name, texts in self.samples],
            "next_words": [table.to_dict() for table in self.next_words],
            "word_vectors": [row.to_dict() for row in self.vectors],
            "made": self.made,
        }
