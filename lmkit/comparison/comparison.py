"""Scoring the contestants on one text and setting their figures side by side.

Perplexities compare only where the models predict the same events: same text, same unit, ends counted alike, same words known. That is
checked, not assumed; models that differ are refused with the convention in which they do, and may be compared by bits a character,
the spelling of unknown words paid for. Differences are paired over the same events (`lmkit.evaluation.significance`).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit._progress import Progress
from lmkit._validation import check_choice
from lmkit.comparison import showing
from lmkit.comparison.contestants import Contestant
from lmkit.comparison.fairness import check_held_out, what_was_seen
from lmkit.comparison.mixtures import all_mixtures
from lmkit.comparison.results import Comparison, Measure, Row
from lmkit.comparison.scoring import Read, Reader, Scored, refuse_incomparable, refuse_unequal_text, score_all
from lmkit.comparison.spelling import how_spelled, with_spelling
from lmkit.comparison.word_vectors import vector_rows
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.breakdown import BucketRow, all_buckets, bucket_rows
from lmkit.evaluation.distributions import draw_sentences, walk
from lmkit.evaluation.normalisation import audit_normalisation
from lmkit.evaluation.perplexity import Accounting
from lmkit.evaluation.ranks import RankFigures, ranks_in
from lmkit.evaluation.significance import Difference, character_difference, difference
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus

_OPENINGS = 3


@dataclasses.dataclass(frozen=True)
class Extras:
    """What is asked of the models beside their scores.

    Attributes
    ----------
    ranks : on about how many events the rank of the word that followed is looked up; 0 for none, None for all.
    log_linear : a row for the log-linear mixture, where there is a held-out text.
    samples : let every model write sentences, and list the next words after prompts.
    prompts : those prompts; none for openings of sentences of the text.
    vectors : score the models' word vectors.
    until : when this must be over, by `time.monotonic`: what was not begun then is left out, and said; ranks end with those they have. None
        for as long as it takes.
    """

    ranks: int | None = 0
    log_linear: bool = False
    samples: bool = False
    prompts: tuple[str, ...] = ()
    vectors: bool = False
    until: float | None = None

    def is_late(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.monotonic() > self.until


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of intervals and tests: confidence level, resamples, and the seed of every draw; `contexts` of the audit, a model."""

    confidence: float = 0.95
    resamples: int = 1_000
    contexts: int = 50
    seed: int = 0


def compare(
    contestants: Sequence[Contestant],
    read: Read | None,
    *,
    held_out: Read | None = None,
    measure: Measure = "perplexity",
    statistics: Statistics | None = None,
    extras: Extras | None = None,
    threads: int | None = None,
    training_counts: Any = None,
    notes: Sequence[str] = (),
) -> Comparison:
    """Score a text under each contestant and rank them.

    Parameters
    ----------
    contestants : models, or streams of events scored elsewhere; two or more of different names.
    read : gives the text in a reading; called once for each reading that the models have. None where all are events scored elsewhere.
    held_out : gives a text on which the weights of mixtures of all models are learnt; it must have no part in the test text. None: no
        mixtures.
    measure : "perplexity" needs models that know the same words; "bits-per-character" compares other units and vocabularies too, unknown
        words paid for by their spelling (`lmkit.comparison.spelling`).
    statistics : of intervals, tests and the audit.
    extras : ranks, samples, next words, word vectors, the log-linear mixture.
    training_counts : int64 (V,), how often each word of the models' vocabulary was trained on, for the breakdown by frequency.
    notes : what is known beforehand and must be seen.

    Raises
    ------
    UsageError : if the models can't be compared, and which convention keeps them from it.
    InputError : if the text is empty.
    """
    check_choice("compare", "measure", measure, ("perplexity", "bits-per-character"))
    statistics, extras = statistics or Statistics(), extras or Extras()
    names = [one.name for one in contestants]
    if len(set(names)) < len(names):
        raise UsageError(f"Two models of a comparison have the name {max(names, key=names.count)!r}; give each its own.")
    scored = score_all(contestants, read, threads, extras.is_late)
    said = [*notes, *what_was_seen(scored)]
    if len(scored) < len(contestants):
        said.append(f"{', '.join(names[len(scored) :])}: left out, since the time was spent before they were scored.")
    by_perplexity = measure == "perplexity"
    if by_perplexity:
        refuse_incomparable(scored)
        if held_out is not None and extras.is_late():
            said.append("Mixtures were left out: the time was spent.")
        elif held_out is not None and (models := [one.contestant.model for one in scored if one.contestant.model is not None]):
            learnt_on = Reader(held_out, "held-out text")
            said += check_held_out(scored, learnt_on.text(models[0].text_options))
            scored += all_mixtures(scored, learnt_on.text, training_counts, threads, log_linear=extras.log_linear, seed=statistics.seed)
        _rank(scored, extras, statistics.seed)
    else:
        refuse_unequal_text(scored)
        said += _pay_for_spelling(scored)
    reference = next((one for one in scored if one.corpus is not None), None)
    said += _audit(scored, reference, statistics, extras)
    order = _ranking(scored, measure)
    best = next((one for one in order if not _why_unranked(one, measure) and not one.contestant.bound), None)
    rows = tuple(_row(one, best, measure, statistics) for one in order)
    corpus = None if reference is None else reference.corpus
    prompts = extras.prompts
    if extras.samples and not prompts and corpus is not None:
        prompts = showing.openings(corpus, _OPENINGS, statistics.seed)
    if extras.is_late() and (extras.samples or extras.vectors):
        said.append("Next words, samples and word vectors were left out: the time was spent.")
        extras, prompts = dataclasses.replace(extras, samples=False, vectors=False), ()
    return Comparison(
        rows=rows,
        measure=measure,
        text={} if corpus is None else _about(corpus),
        buckets=_buckets(order, reference, training_counts) if by_perplexity else {},
        events={one.contestant.name: one.events for one in order},
        notes=tuple(said),
        samples=showing.samples(order, statistics.seed) if extras.samples else (),
        next_words=showing.next_words(order, prompts),
        vectors=vector_rows(order) if extras.vectors else (),
    )


def _pay_for_spelling(scored: Sequence[Scored]) -> list[str]:
    """Add to unknown words what their spelling costs, where text and vocabulary are known; a sentence for each model concerned."""
    said = []
    for one in scored:
        unknown = int(np.count_nonzero(one.events.is_oov))
        if unknown and one.corpus is not None and one.contestant.model is not None:
            one.events = with_spelling(one.events, one.corpus, one.contestant.model.vocabulary)
            said.append(f"{one.contestant.name} {how_spelled(unknown, one.corpus.options.is_word_level)}.")
    return said


def _rank(scored: Sequence[Scored], extras: Extras, seed: int) -> None:
    """Fill in the column `rank`, on the same events for all: one walk through the text, mixtures made of their parts on the way."""
    asked = [one for one in scored if one.contestant.model is not None and not one.parts]
    count = extras.ranks
    if count == 0 or not asked or extras.is_late():
        return
    place = {id(one): number for number, one in enumerate(asked)}
    mixed = [one for one in scored if one.parts and all(id(part) in place for part in one.parts)]
    first = asked[0].events
    columns = {id(one): np.full(len(first), np.nan, np.float32) for one in (*asked, *mixed)}
    drawn = None if count is None else draw_sentences(first, count, seed)
    total = len(first) if count is None else min(count, len(first))
    with Progress("looking up ranks", total=total, unit="event") as progress:
        models = [one.contestant.model for one in asked if one.contestant.model is not None]
        for step in walk(models, first, sentences=drawn, state=[one.contestant.state for one in asked]):
            for one, rows in zip(asked, step.rows, strict=True):
                columns[id(one)][step.positions] = ranks_in(rows, step.targets)
            for one in mixed:
                assert one.combine is not None
                rows = one.combine([step.rows[place[id(part)]] for part in one.parts], step.positions)
                columns[id(one)][step.positions] = ranks_in(rows, step.targets)
            progress.advance(len(step.positions))
            if extras.is_late():
                break
    for one in (*asked, *mixed):
        one.events = dataclasses.replace(one.events, rank=columns[id(one)])


def _audit(scored: Sequence[Scored], reference: Scored | None, statistics: Statistics, extras: Extras) -> list[str]:
    """Fill in `audit`; the sentence on those for which there was no time."""
    left_out = []
    with Progress("checking that probabilities sum to one", total=len(scored), unit="model") as progress:
        for one in scored:
            if extras.is_late():
                left_out.append(one.contestant.name)
                continue
            corpus = one.corpus if one.corpus is not None or reference is None else reference.corpus
            if one.contestant.model is not None and corpus is not None:
                one.audit = audit_normalisation(one.contestant.model, corpus, contexts=statistics.contexts, seed=statistics.seed)
            progress.advance()
    return [f"Whether the probabilities of {', '.join(left_out)} sum to one was not looked at: the time was spent."] if left_out else []


def _why_unranked(one: Scored, measure: Measure) -> str:
    if one.contestant.bound:
        return "the source itself"
    if not one.events.is_normalised:
        return "its scores are no probabilities"
    if one.audit is not None and not one.audit.passed:
        return one.audit.render()
    if not np.isfinite(one.events.log_probabilities).all():
        return f"holds {int(np.count_nonzero(~np.isfinite(one.events.log_probabilities))):,} events impossible"
    if measure != "perplexity" and one.events.is_oov.any():
        return f"a lower bound: the spelling of {int(np.count_nonzero(one.events.is_oov)):,} unknown words is unpaid"
    return ""


def _bits(one: Scored, measure: Measure) -> float:
    """What is ranked by: mean bits an event or a character; infinite where an event is impossible."""
    over = len(one.events) if measure == "perplexity" else int(one.events.characters.sum(dtype=np.int64))
    return -float(one.events.log_probabilities.sum()) / max(over, 1) / math.log(2)


def _ranking(scored: Sequence[Scored], measure: Measure) -> list[Scored]:
    def key(one: Scored) -> tuple[int, float]:
        return (2 if one.contestant.bound else 1 if _why_unranked(one, measure) else 0, _bits(one, measure))

    return sorted(scored, key=key)


def _row(one: Scored, best: Scored | None, measure: Measure, statistics: Statistics) -> Row:
    events = one.events
    certain = dataclasses.replace(events, log_probabilities=np.zeros(len(events)))
    own = _paired(events, certain, measure, statistics)
    low, high = (math.nan, math.nan) if own is None else (own.low, own.high)
    if measure == "perplexity":
        low, high = 2**low, 2**high
    versus_best = None
    if best is not None and one is not best and events.is_normalised and (measure == "perplexity" or not events.is_oov.any()):
        versus_best = _paired(events, best.events, measure, statistics)
    return Row(
        name=one.contestant.name,
        family=one.contestant.family,
        accounting=Accounting.from_events(events),
        low=low,
        high=high,
        cost=one.contestant.cost,
        audit=one.audit,
        state=one.contestant.state,
        versus_best=versus_best,
        why_unranked=_why_unranked(one, measure),
        microseconds=one.microseconds,
        is_bound=one.contestant.bound,
        origin=dict(one.contestant.origin),
        ranks=RankFigures.of(events),
        measure=measure,
    )


def _paired(first: ScoredEvents, second: ScoredEvents, measure: Measure, statistics: Statistics) -> Difference | None:
    """None where no difference can be taken: an event is impossible, the text is one block, or its sentences are cut differently."""
    settings: dict[str, Any] = {"confidence": statistics.confidence, "resamples": statistics.resamples, "seed": statistics.seed}
    if not (np.isfinite(first.log_probabilities).all() and np.isfinite(second.log_probabilities).all()):
        return None
    try:
        if measure == "perplexity":
            return difference(first, second, include_oov=first.vocabulary_hash == second.vocabulary_hash, **settings)
        return character_difference(first, second, **settings)
    except (InputError, UsageError):
        return None


def _buckets(order: Sequence[Scored], reference: Scored | None, counts: Any) -> dict[str, tuple[str, list[BucketRow]]]:
    if reference is None or reference.corpus is None:
        return {}
    by_ngram = next((one.events for one in order if one.events.hit_length is not None and one.corpus is reference.corpus), reference.events)
    streams = [one.events for one in order]
    found = all_buckets(by_ngram, reference.corpus, counts)
    return {name: (buckets.title, bucket_rows(buckets, streams)) for name, buckets in found.items()}


def _about(corpus: EncodedCorpus) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "sha256": corpus.sha256,
        "split": corpus.split_record,
        "tokens": len(corpus),
        "sentences": corpus.n_sentences,
        "reading": corpus.options.to_dict(),
    }
