"""Jelinek-Mercer smoothing: a mixture of the relative frequencies of all orders, with weights learnt by EM.

Jelinek and Mercer, "Interpolated estimation of Markov source parameters from sparse data", 1980; Chen and Goodman 1998 (TR-10-98),
section 2.3:

p(w|h) = weight(h) c(hw) / c(h) + (1 - weight(h)) p(w|h'),  ending below the unigrams with the uniform distribution.

The weights are shared by histories with about the same count: c(h) = 1, 2-3, 4-7, 8-15, ... They are found by the EM algorithm (Baum and
Welch's, of a chain that at each order emits the word or falls through), all orders together, on

- a held-out text, if there is one;
- else the training text with each event left out of its own counts, (c - 1) / (c(h) - 1): deleted interpolation with blocks of one event.
  If it has more than 2^20 different n-grams of the highest order, evenly spaced ones are taken.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from lmkit import _progress
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing import _kernels_held_out as fitting
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, log10_of, predictable_words, raw_counts, with_conventions
from lmkit.ngram.smoothing.held_out import trace

_BUCKETS = 64
_EVENTS_A_GROUP = 100
"""Buckets with fewer events share a weight with their neighbour."""
_MOST_EVENTS = 1 << 20
_CAUTION = 1e-4
"""Weights stay so far from 0 and 1: a finite text proves nothing impossible."""
_TOLERANCE = 1e-6
_STEPS = 100


@dataclasses.dataclass
class Events:
    """What EM learns from; see `_kernels_held_out` for the arrays. group holds buckets until they are grouped."""

    relative: np.ndarray
    group: np.ndarray
    events: np.ndarray


@dataclasses.dataclass(frozen=True)
class JelinekMercer(Smoothing):
    """All orders mixed, each trusted as much as the counts of its histories deserve."""

    name: ClassVar[str] = "jelinek-mercer"
    summary: ClassVar[str] = "a mixture of all orders, weights by EM"

    @property
    def held_out_use(self) -> str:
        return "optional"

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        words = int(np.count_nonzero(predictable_words(counts)))
        events = _deleted_events(counts) if held_out is None else _held_out_events(counts, held_out)
        weights, steps = fit_weights(events, 1 / words)
        unigrams = raw_counts(counts, 1)
        weight = weights[0, kernels.bucket_of(int(unigrams.sum()))]
        lower = with_conventions(weight * (unigrams / unigrams.sum()) + (1 - weight) / words, counts.boundaries)
        log10_probabilities, back_offs = [log10_of(lower)], []
        with _progress.Progress("smoothing", counts.order - 1, "order") as progress:
            for order in range(2, counts.order + 1):
                level, below = counts.levels[order - 1], counts.levels[order - 2]
                probability, back_off = np.empty(len(level)), np.empty(len(below))
                kernels.interpolate_by_weight(
                    level.counts, below.first_child, level.suffixes, weights[order - 1], lower, probability, back_off
                )
                back_offs.append(log10_of(back_off))
                log10_probabilities.append(log10_of(probability))
                lower = probability
                progress.advance()
        return Estimates(log10_probabilities, back_offs, _details(counts, weights, steps), _notes(held_out, len(events.events)))


def fit_weights(events: Events, uniform: float) -> tuple[np.ndarray, int]:
    """The weights of all orders and buckets, float64 (N, 64), and the number of EM steps taken."""
    orders = events.relative.shape[1]
    groups = np.empty((orders, _BUCKETS), np.int16)
    for n in range(orders):
        groups[n] = _group_buckets(events.group[:, n], events.events)
        seen = events.group[:, n] >= 0
        events.group[seen, n] = groups[n, events.group[seen, n]]
    weights = np.full((orders, _BUCKETS), 0.5)
    taken, reached = np.empty_like(weights), np.empty_like(weights)
    before, steps = -np.inf, 0
    while steps < _STEPS:
        steps += 1
        total = fitting.expect(events.relative, events.group, events.events, weights, uniform, taken, reached)
        np.divide(taken, reached, out=weights, where=reached > 0)
        np.clip(weights, _CAUTION, 1 - _CAUTION, out=weights)
        if total - before < _TOLERANCE * abs(total):
            break
        before = total
    return np.take_along_axis(weights, groups.astype(np.int64), axis=1), steps


def _group_buckets(buckets: np.ndarray, events: np.ndarray) -> np.ndarray:
    """The group of each bucket, int16 (64,): neighbours are joined until each group has enough events."""
    sizes = np.bincount(buckets[buckets >= 0], weights=events[buckets >= 0], minlength=_BUCKETS)
    group = np.empty(_BUCKETS, np.int16)
    current, inside = 0, 0.0
    for bucket in range(_BUCKETS):
        group[bucket] = current
        inside += sizes[bucket]
        if inside >= _EVENTS_A_GROUP and sizes[bucket + 1 :].sum() >= _EVENTS_A_GROUP:
            current, inside = current + 1, 0.0
    return group


def _held_out_events(counts: NgramCounts, held_out: HeldOut) -> Events:
    found = trace(counts, held_out)
    shape = (len(found), counts.order)
    relative, group = np.zeros(shape), np.full(shape, -1, np.int16)
    for n in range(counts.order):
        here, contexts, ngrams = raw_counts(counts, n + 1), found.contexts[n], found.ngrams[n]
        if n == 0:
            totals = np.array([here.sum()])
        else:
            totals = fitting.context_totals(here, counts.levels[n - 1].first_child)
        of_event = np.where(contexts >= 0, totals[contexts], 0)
        seen = of_event > 0
        relative[seen, n] = np.where(ngrams >= 0, here[ngrams], 0)[seen] / of_event[seen]
        group[seen, n] = np.frexp(of_event[seen].astype(np.float64))[1] - 1
    return Events(relative, group, np.ones(len(found)))


def _deleted_events(counts: NgramCounts) -> Events:
    """The training events, each left out of its own counts; at most about 2^20 different ones."""
    chosen, steps = [_longest(counts)], [_step(len(counts.levels[-1])) if counts.order > 1 else 1]
    if counts.boundaries:  # near the start of a sentence the longest n-gram is shorter
        for order in range(counts.order - 1, 1, -1):
            starts = counts.sentence_starts(order)
            steps.append(_step(starts.stop - starts.start))
            chosen.append(np.arange(starts.start, starts.stop, steps[-1]))
    # What is sampled more thinly counts more, or sentence starts, of which there are few, would weigh too much. At most 1, so that the
    # sizes of groups stay those of the sample.
    events = np.concatenate([raw_counts(counts, counts.order - i)[places] * (steps[i] / max(steps)) for i, places in enumerate(chosen)])
    shape = (len(events), counts.order)
    relative, group = np.zeros(shape), np.full(shape, -1, np.int16)
    at = np.empty(0, np.int64)  # the n-grams of this order that end at the events that have one so long
    for order in range(counts.order, 0, -1):
        if counts.order - order < len(chosen):
            at = np.concatenate([at, chosen[counts.order - order]])
        relative[: len(at), order - 1], group[: len(at), order - 1] = _without_itself(counts, order, at)
        if order > 1:
            at = counts.levels[order - 1].suffixes[at].astype(np.int64)
    return Events(relative, group, events)


def _longest(counts: NgramCounts) -> np.ndarray:
    """Indices of n-grams of the highest order that occur, evenly spaced if there are many."""
    size = len(counts.levels[-1])
    if counts.order == 1:
        return np.flatnonzero(raw_counts(counts, 1))
    return np.arange(0, size, _step(size))


def _step(size: int) -> int:
    """Of so many n-grams one in how many is taken."""
    return max(1, -(-size // _MOST_EVENTS))


def _without_itself(counts: NgramCounts, order: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relative frequency and bucket of the n-grams `at` with one occurrence left out."""
    here = raw_counts(counts, order)
    if order == 1:
        rest = int(here.sum()) - 1
        return (here[at] - 1) / max(rest, 1), np.full(len(at), kernels.bucket_of(rest))
    relative, bucket = np.empty(len(here), np.float32), np.empty(len(here), np.int8)
    fitting.without_itself(here, counts.levels[order - 2].first_child, relative, bucket)
    return relative[at], bucket[at]


def _details(counts: NgramCounts, weights: np.ndarray, steps: int) -> dict[str, Any]:
    """For the model card: the weights of each order by bucket, up to the bucket of the most frequent history."""
    highest = int(kernels.bucket_of(counts.tokens))
    rows = [weights[0, highest : highest + 1], *weights[1:, : highest + 1]]
    return {"weights": [[round(float(weight), 6) for weight in row] for row in rows], "em_steps": steps}


def _notes(held_out: HeldOut | None, events: int) -> list[str]:
    if held_out is not None:
        return []
    return [
        "The weights were learnt by deleted interpolation, each event of the training text left out in turn, "
        "since no held-out text was given."
    ]
