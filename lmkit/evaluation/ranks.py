"""How often the word that followed was the model's first guess, or among its first five or ten; its reciprocal rank and median rank.

The rank of a token is its place by falling probability, 1 for the most probable. Tokens of equal probability share the middle of their
places (as `scipy.stats.rankdata` with "average"), so that a model without an opinion gains nothing by the order of its ids. What a
perplexity hides shows here: a model may be sure and right often, and pay dearly where it is wrong.

`<unk>` is no word that could be offered to anyone: an unknown word counts as not found, whatever place `<unk>` has.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from lmkit._progress import Progress
from lmkit.errors import UsageError
from lmkit.evaluation.distributions import Step, draw_sentences, walk
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel

DEPTHS = (1, 5, 10)
_AGREEMENT = 0.01


@dataclasses.dataclass(frozen=True)
class RankFigures:
    """Figures over the events whose rank is known.

    Attributes
    ----------
    events : how many events were looked at.
    accuracy : share of events whose token was among the first 1, 5, 10 guesses; one for each of `DEPTHS`.
    mean_reciprocal_rank : mean of 1 / rank, 0 for unknown words.
    median_rank : of all these events, unknown words behind all others; inf where most are unknown.
    """

    events: int
    accuracy: tuple[float, ...]
    mean_reciprocal_rank: float
    median_rank: float

    @classmethod
    def of(cls, events: ScoredEvents) -> RankFigures | None:
        """The figures of a stream; None if it knows no ranks."""
        if events.rank is None:
            return None
        ranks = findable(events)
        return cls.of_ranks(ranks) if len(ranks) else None

    @classmethod
    def of_ranks(cls, ranks: np.ndarray) -> RankFigures:
        """From ranks, float64 (N,), inf for a token that can't be found."""
        accuracy = tuple(float(np.mean(ranks <= depth)) for depth in DEPTHS)
        return cls(len(ranks), accuracy, float(np.mean(1.0 / ranks)), float(np.median(ranks)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            **{f"accuracy_at_{depth}": value for depth, value in zip(DEPTHS, self.accuracy, strict=True)},
            "mean_reciprocal_rank": self.mean_reciprocal_rank,
            "median_rank": self.median_rank,
            "rank_events": self.events,
        }

    def render(self) -> str:
        """The figures as text, a line each, in the columns of the accounting block."""
        lines = [
            f"{f'accuracy at {depth}':<22}{value:>14.5f}   of {self.events:>12,} events: the token was among the first {depth}"
            for depth, value in zip(DEPTHS, self.accuracy, strict=True)
        ]
        lines.append(f"{'mean reciprocal rank':<22}{self.mean_reciprocal_rank:>14.5f}")
        lines.append(f"{'median rank':<22}{self.median_rank:>14,.1f}")
        return "\n".join(lines)


def findable(events: ScoredEvents) -> np.ndarray:
    """The ranks that are known, float64, those of unknown words inf."""
    assert events.rank is not None
    asked = ~np.isnan(events.rank)
    return np.where(events.is_oov[asked], np.inf, events.rank[asked].astype(np.float64))


def agrees(rows: np.ndarray, step: Step, events: ScoredEvents) -> bool:
    """Whether distributions are those that scored, to a hundredth of a nat: a mixture that carries the state of some parts has others."""
    own, said = rows[np.arange(len(rows)), step.targets], events.log_probabilities[step.positions]
    with np.errstate(invalid="ignore"):
        return bool(((own == said) | (np.abs(own - said) < _AGREEMENT)).all())


def ranks_in(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Places of tokens in their distributions, float64 (B,), those of equal probability sharing the middle.

    rows : float64 (B, V), any increasing function of the probabilities. targets : int64 (B,).
    """
    own = rows[np.arange(len(rows)), targets][:, None]
    return 1.0 + np.count_nonzero(rows > own, axis=1) + 0.5 * (np.count_nonzero(rows == own, axis=1) - 1)


def with_ranks(
    model: LanguageModel,
    events: ScoredEvents,
    *,
    state: Literal["reset", "carry"] = "reset",
    count: int | None = None,
    seed: int = 0,
) -> ScoredEvents:
    """The same events with the column `rank`.

    Parameters
    ----------
    model, events, state : what scored the text, what it said, and how it was read.
    count, seed : look at so many events only, in sentences drawn at random; None for all. The others' ranks are nan.
    """
    ranks = np.full(len(events), np.nan, np.float32)
    drawn = None if count is None else draw_sentences(events, count, seed)
    total = len(events) if count is None else min(count, len(events))
    with Progress("looking up ranks", total=total, unit="event") as progress:
        for step in walk([model], events, sentences=drawn, state=state):
            ranks[step.positions] = ranks_in(step.rows[0], step.targets)
            if not agrees(step.rows[0], step, events):
                raise UsageError(
                    "This model's distributions, asked word by word, are not those with which it scored the text in this state, so that it "
                    f"has no ranks; {'take --state reset' if state == 'carry' else 'leave them out'}."
                )
            progress.advance(len(step.positions))
    return dataclasses.replace(events, rank=ranks)
