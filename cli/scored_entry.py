"""A model that scores a text part by part, and what was found so far."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from lmkit.evaluation.perplexity import Accounting
    from lmkit.evaluation.ranks import RankFigures
    from lmkit.events import ScoredEvents
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.text.options import TextOptions
    from lmkit.text.sources import TextSource


@dataclasses.dataclass
class Entry:
    """A model, how it reads text, and what was found."""

    path: Path
    model: NgramLanguageModel
    options: TextOptions
    state: Literal["reset", "carry"] = "reset"
    label: str = ""  # behind the path, where a model has several entries
    adapts: bool = False
    printed: str = ""  # as another tool would, where that was asked for
    accounting: Accounting | None = None
    words: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    found_ranks: list[np.ndarray] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.path}{self.label}"

    @property
    def total(self) -> Accounting:
        assert self.accounting is not None
        return self.accounting

    def result(self) -> dict[str, Any]:
        ranks = self.ranks.to_dict() if self.found_ranks else {}
        adaptation = {"adaptation": {key: value for key, value in self.model.info().items() if key != "model"}} if self.adapts else {}
        printed = {"printed": self.printed} if self.printed else {}
        return self.total.to_dict() | printed | ranks | {"model": str(self.path), "state": self.state} | adaptation

    @property
    def ranks(self) -> RankFigures:
        import numpy as np

        from lmkit.evaluation.ranks import RankFigures

        return RankFigures.of_ranks(np.concatenate(self.found_ranks))

    def add_up(self, source: TextSource, threads: int | None) -> tuple[str, ...] | None:
        """Score a whole text by its sums alone, and return the notes of its reading; None if the model can't."""
        from lmkit.evaluation.perplexity import Accounting
        from lmkit.protocols import SumsScores

        summed = self.model.sum_scores(source, self.options, threads) if isinstance(self.model, SumsScores) else None
        if summed is None:
            return None
        self.accounting = Accounting.from_sums(summed[0], self.model)
        return summed[1]

    def add(self, events: ScoredEvents) -> None:
        from lmkit.evaluation.perplexity import Accounting

        accounting = Accounting.from_events(events)
        self.accounting = accounting if self.accounting is None else self.accounting + accounting
        if events.rank is not None:
            from lmkit.evaluation.ranks import findable

            self.found_ranks.append(findable(events))
