"""Scoring the contestants on a text, and refusing those whose scores could not be set side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit._progress import Progress
from lmkit.comparison.contestants import Contestant
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.events_file import events_hash, explain_difference
from lmkit.evaluation.normalisation import Audit
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions

Read = Callable[[TextOptions], EncodedCorpus]
Combine = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
"""From the parts' rows, float64 (B, V) each, natural logarithms, before the events at some positions, int64 (B,), the mixture's."""


@dataclasses.dataclass
class Scored:
    """A contestant and what it said of the text.

    Attributes
    ----------
    corpus : the text in the contestant's reading; None for events scored elsewhere and for mixtures of events.
    microseconds : wall time a token.
    audit : filled in later.
    parts, combine : of a mixture: whose distributions it is made of, and how.
    """

    contestant: Contestant
    events: ScoredEvents
    corpus: EncodedCorpus | None = None
    microseconds: float | None = None
    audit: Audit | None = None
    parts: tuple[Scored, ...] = ()
    combine: Combine | None = None


def score_all(contestants: Sequence[Contestant], read: Read, threads: int | None) -> list[Scored]:
    """Score a text under each contestant. read : gives it in a reading; called once for each.

    Raises
    ------
    InputError : if the text is empty.
    """
    texts: dict[TextOptions, EncodedCorpus] = {}
    scored = []
    with Progress("scoring", total=len(contestants), unit="model") as progress:
        for contestant in contestants:
            progress.describe(f"scoring {contestant.name}")
            if contestant.model is None:
                assert contestant.events is not None
                scored.append(Scored(contestant, contestant.events))
            else:
                reading = contestant.model.text_options
                if reading not in texts:
                    texts[reading] = read(reading)
                corpus = texts[reading]
                if not len(corpus):
                    raise InputError(f"{corpus.name}: the test text has no words, so there is nothing to compare on; name another one.")
                given: dict[str, Any] = {} if threads is None else {"threads": threads}
                started = time.perf_counter()
                events = contestant.model.score(corpus, contestant.state, **given)
                seconds = time.perf_counter() - started
                scored.append(Scored(contestant, events, corpus, seconds * 1e6 / max(len(events), 1)))
            progress.advance()
    return scored


def refuse_incomparable(scored: Sequence[Scored]) -> None:
    """Raise UsageError unless all streams have the same events over the same words."""
    first = scored[0]
    first_hash = events_hash(first.events)
    for other in scored[1:]:
        pair = f"{first.contestant.name} and {other.contestant.name}"
        if events_hash(other.events) != first_hash:
            reason = explain_difference(first.events, other.events)
            raise UsageError(
                f"{pair} can't be compared by perplexity: {reason}; score both with one reading, or take --measure bits-per-character."
            )
        if other.contestant.bound or first.contestant.bound:
            continue
        if other.events.vocabulary_hash != first.events.vocabulary_hash:
            sizes = f"{first.events.vocabulary_size:,} and {other.events.vocabulary_size:,} tokens"
            raise UsageError(
                f"{pair} can't be compared by perplexity: they know different words ({sizes}), and a word that a model doesn't know costs "
                f"it no more than <unk>; train both with one vocabulary (--vocabulary MODEL), or take --measure bits-per-character."
            )


def refuse_unequal_text(scored: Sequence[Scored]) -> None:
    """Raise UsageError unless bits a character mean the same for all: the same characters, no unknown word, nothing folded away."""
    covered = {int(one.events.characters.sum(dtype=np.int64)) for one in scored}
    if len(covered) > 1:
        raise UsageError(
            f"The models cover different stretches of the text ({' or '.join(f'{count:,}' for count in sorted(covered))} characters), so "
            "their bits a character don't compare; give them the same reading of sentences and white space."
        )
    for one in scored:
        unknown = int(np.count_nonzero(one.events.is_oov))
        if unknown:
            raise UsageError(
                f"{one.contestant.name} doesn't know {unknown:,} words of the text, whose spelling it doesn't pay for, so its bits a "
                "character are only a lower bound; take a text whose words all models know, or models of characters or bytes."
            )
        reading = one.contestant.model.text_options if one.contestant.model is not None else None
        if reading is not None and (reading.lowercase or reading.fold_numbers):
            what = "lower-cases its text" if reading.lowercase else "folds numbers"
            raise UsageError(f"{one.contestant.name} {what}, so its bits a character leave part of the text unpaid; train it without.")
