"""Scoring the contestants on one text and setting their figures side by side.

Perplexities compare only where the models predict the same events: same text, same unit, ends counted alike, same words known. That is
checked, not assumed; models that differ are refused with the convention in which they do, and may be compared by bits a character
where the text has no unknown words. Differences are paired over the same events (`lmkit.evaluation.significance`).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from lmkit._progress import Progress
from lmkit._validation import check_choice
from lmkit.comparison.contestants import Contestant, Cost
from lmkit.comparison.mixtures import mix_events
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.breakdown import BucketRow, all_buckets, bucket_rows
from lmkit.evaluation.events_file import events_hash, explain_difference
from lmkit.evaluation.normalisation import Audit, audit_normalisation
from lmkit.evaluation.perplexity import Accounting
from lmkit.evaluation.significance import Difference, difference
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions

Measure = Literal["perplexity", "bits-per-character"]


_SAMPLE = 30
"""Tokens of a sample at most."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One contestant's figures.

    Attributes
    ----------
    accounting : sums over its events.
    low, high : interval of its perplexity by the block bootstrap; nan where it has none.
    versus_best : paired difference to the best ranked model, positive where this one is worse; None for the best itself, and where no
        difference can be taken.
    audit : sums of its probabilities on contexts of the text; None for events scored elsewhere.
    why_unranked : half a sentence; empty for ranked models.
    microseconds : wall time of scoring, a token.
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "name": self.name,
            "family": self.family,
            **self.accounting.to_dict(),
            "perplexity_low": self.low,
            "perplexity_high": self.high,
            "is_ranked": not self.why_unranked,
            "why_unranked": self.why_unranked,
            "is_bound": self.is_bound,
            "versus_best": None if self.versus_best is None else self.versus_best.to_dict(),
            "normalisation": None if self.audit is None else self.audit.to_dict(),
            "microseconds_a_token": self.microseconds,
            **self.cost.to_dict(),
            "origin": self.origin,
        }


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
    samples : (model, text that it wrote), best model first.
    curves : name -> (words trained on, perplexity), where models were trained on growing parts of a text.
    """

    rows: tuple[Row, ...]
    measure: Measure
    text: dict[str, Any]
    buckets: dict[str, tuple[str, list[BucketRow]]]
    events: dict[str, ScoredEvents]
    notes: tuple[str, ...] = ()
    samples: tuple[tuple[str, str], ...] = ()
    curves: dict[str, list[tuple[int, float]]] = dataclasses.field(default_factory=dict)

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
            "samples": [{"model": name, "text": text} for name, text in self.samples],
        }


@dataclasses.dataclass
class _Scored:
    contestant: Contestant
    events: ScoredEvents
    corpus: EncodedCorpus | None
    microseconds: float | None
    audit: Audit | None = None


def compare(
    contestants: Sequence[Contestant],
    read: Callable[[TextOptions], EncodedCorpus],
    *,
    held_out: Callable[[TextOptions], EncodedCorpus] | None = None,
    measure: Measure = "perplexity",
    confidence: float = 0.95,
    resamples: int = 1_000,
    contexts: int = 50,
    seed: int = 0,
    threads: int | None = None,
    training_counts: Any = None,
    notes: Sequence[str] = (),
    samples: bool = False,
) -> Comparison:
    """Score a text under each contestant and rank them.

    Parameters
    ----------
    contestants : models, or streams of events scored elsewhere; two or more of different names.
    read : gives the text in a reading; called once for each reading that the models have.
    held_out : gives a text on which the weights of mixtures of all models are learnt; it must have no part in the test text. None: no
        mixtures.
    measure : "perplexity" needs models that know the same words; "bits-per-character" compares other units and vocabularies too, where
        the text has no word unknown to any of them.
    confidence, resamples, seed : of intervals and tests.
    contexts : how many contexts the normalisation audit sums over, a model.
    training_counts : int64 (V,), how often each word of the models' vocabulary was trained on, for the breakdown by frequency.
    notes : what is known beforehand and must be seen.
    samples : let every model that can write a sentence.

    Raises
    ------
    UsageError : if the models can't be compared, and which convention keeps them from it.
    InputError : if the text is empty.
    """
    check_choice("compare", "measure", measure, ("perplexity", "bits-per-character"))
    names = [one.name for one in contestants]
    if len(set(names)) < len(names):
        raise UsageError(f"Two models of a comparison have the name {max(names, key=names.count)!r}; give each its own.")
    scored = _score_all(contestants, read, threads)
    if measure == "perplexity":
        _refuse_incomparable(scored)
    else:
        _refuse_unequal_text(scored)
    if held_out is not None and measure == "perplexity":
        scored += _mixtures(scored, held_out, training_counts, threads)
    with Progress("checking that probabilities sum to one", total=len(scored), unit="model") as progress:
        for one in scored:
            if one.contestant.model is not None and one.corpus is not None:
                one.audit = audit_normalisation(one.contestant.model, one.corpus, contexts=contexts, seed=seed)
            progress.advance()
    reference = next((one for one in scored if one.corpus is not None), None)
    order = _ranking(scored, measure)
    best = next((one for one in order if not _why_unranked(one) and not one.contestant.bound), None)
    rows = tuple(_row(one, best, measure, confidence, resamples, seed) for one in order)
    buckets = _buckets(order, reference, training_counts) if measure == "perplexity" else {}
    text = _about(reference.corpus) if reference is not None and reference.corpus is not None else {}
    streams = {one.contestant.name: one.events for one in order}
    return Comparison(rows, measure, text, buckets, streams, tuple(notes), _samples(order, seed) if samples else ())


def _score_all(contestants: Sequence[Contestant], read: Callable[[TextOptions], EncodedCorpus], threads: int | None) -> list[_Scored]:
    texts: dict[TextOptions, EncodedCorpus] = {}
    scored = []
    with Progress("scoring", total=len(contestants), unit="model") as progress:
        for contestant in contestants:
            progress.describe(f"scoring {contestant.name}")
            if contestant.model is None:
                assert contestant.events is not None
                scored.append(_Scored(contestant, contestant.events, None, None))
            else:
                reading = contestant.model.text_options
                if reading not in texts:
                    texts[reading] = read(reading)
                corpus = texts[reading]
                if not len(corpus):
                    raise InputError(f"{corpus.name}: the test text has no words, so there is nothing to compare on; name another one.")
                given: dict[str, Any] = {} if threads is None else {"threads": threads}
                started = time.perf_counter()
                events = contestant.model.score(corpus, **given)
                seconds = time.perf_counter() - started
                scored.append(_Scored(contestant, events, corpus, seconds * 1e6 / max(len(events), 1)))
            progress.advance()
    return scored


def _mixtures(
    scored: Sequence[_Scored], held_out: Callable[[TextOptions], EncodedCorpus], counts: Any, threads: int | None
) -> list[_Scored]:
    """Mixtures of all models whose scores are probabilities, static and by the frequency of the word before; none of fewer than two."""
    parts = [one for one in scored if one.contestant.model is not None and one.events.is_normalised]
    if len(parts) < 2:
        return []
    learnt = [one.events for one in _score_all([one.contestant for one in parts], held_out, threads)]
    found = []
    for name, by in (("mixture of all", None), ("mixture by frequency", counts)):
        if by is None and name != "mixture of all":
            continue
        mixed = mix_events(learnt, [one.events for one in parts], by)
        origin = mixed.describe([one.contestant.name for one in parts])
        found.append(_Scored(Contestant(name, "mixture", events=mixed.events, origin=origin), mixed.events, None, None))
    return found


def _refuse_incomparable(scored: Sequence[_Scored]) -> None:
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


def _refuse_unequal_text(scored: Sequence[_Scored]) -> None:
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


def _why_unranked(one: _Scored) -> str:
    if one.contestant.bound:
        return "the source itself"
    if not one.events.is_normalised:
        return "its scores are no probabilities"
    if one.audit is not None and not one.audit.passed:
        return one.audit.render()
    if not np.isfinite(one.events.log_probabilities).all():
        return f"holds {int(np.count_nonzero(~np.isfinite(one.events.log_probabilities))):,} events impossible"
    return ""


def _bits(one: _Scored, measure: Measure) -> float:
    """What is ranked by: mean bits an event or a character; infinite where an event is impossible."""
    over = len(one.events) if measure == "perplexity" else int(one.events.characters.sum(dtype=np.int64))
    return -float(one.events.log_probabilities.sum()) / max(over, 1) / math.log(2)


def _ranking(scored: Sequence[_Scored], measure: Measure) -> list[_Scored]:
    def key(one: _Scored) -> tuple[int, float]:
        return (2 if one.contestant.bound else 1 if _why_unranked(one) else 0, _bits(one, measure))

    return sorted(scored, key=key)


def _row(one: _Scored, best: _Scored | None, measure: Measure, confidence: float, resamples: int, seed: int) -> Row:
    events = one.events
    low = high = math.nan
    if np.isfinite(events.log_probabilities).all():
        certain = dataclasses.replace(events, log_probabilities=np.zeros(len(events)))
        try:
            own = difference(events, certain, confidence=confidence, resamples=resamples, seed=seed)
            low, high = 2**own.low, 2**own.high
        except InputError:  # a text of one block has no interval
            pass
    return Row(
        name=one.contestant.name,
        family=one.contestant.family,
        accounting=Accounting.from_events(events),
        low=low,
        high=high,
        cost=one.contestant.cost,
        audit=one.audit,
        versus_best=_versus(one, best, measure, confidence, resamples, seed),
        why_unranked=_why_unranked(one),
        microseconds=one.microseconds,
        is_bound=one.contestant.bound,
        origin=dict(one.contestant.origin),
    )


def _versus(one: _Scored, best: _Scored | None, measure: Measure, confidence: float, resamples: int, seed: int) -> Difference | None:
    if best is None or one is best or measure != "perplexity":
        return None
    finite = np.isfinite(one.events.log_probabilities).all() and np.isfinite(best.events.log_probabilities).all()
    if not finite or not one.events.is_normalised:
        return None
    same = one.events.vocabulary_hash == best.events.vocabulary_hash
    try:
        return difference(one.events, best.events, include_oov=same, confidence=confidence, resamples=resamples, seed=seed)
    except InputError:
        return None


def _buckets(order: Sequence[_Scored], reference: _Scored | None, counts: Any) -> dict[str, tuple[str, list[BucketRow]]]:
    if reference is None or reference.corpus is None:
        return {}
    by_ngram = next((one.events for one in order if one.events.hit_length is not None and one.corpus is reference.corpus), reference.events)
    streams = [one.events for one in order]
    found = all_buckets(by_ngram, reference.corpus, counts)
    return {name: (buckets.title, bucket_rows(buckets, streams)) for name, buckets in found.items()}


def _samples(order: Sequence[_Scored], seed: int) -> tuple[tuple[str, str], ...]:
    """A sentence of each model that generates, by drawing from its own distribution."""
    found = []
    for one in order:
        write = getattr(one.contestant.model, "generate", None)
        if write is not None and one.events.is_normalised:
            found.append((one.contestant.name, str(write(max_tokens=_SAMPLE, rng=seed))))
    return tuple(found)


def _about(corpus: EncodedCorpus) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "sha256": corpus.sha256,
        "split": corpus.split_record,
        "tokens": len(corpus),
        "sentences": corpus.n_sentences,
        "reading": corpus.options.to_dict(),
    }
