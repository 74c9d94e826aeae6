"""Mixtures of what several models said of one text: weights learnt on other text, static or by bucket of the history.

p(w|h) = sum over models of weight_m(b(h)) p_m(w|h). The weights are those of EM on held-out events that the test text has no part in
(Jelinek and Mercer 1980). A bucket may depend on the history only, never on the predicted word, or the mixture would not sum to one; it
is that of the training frequency of the word before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.events import ScoredEvents
from lmkit.text.vocabulary import Vocabulary
from lmkit.wrappers.mixture import em_weights, log_sum

_EDGES = (1, 10, 100, 1_000, 10_000)
_EVENTS_A_BUCKET = 500
"""A bucket with fewer held-out events takes the weights of all events."""


@dataclasses.dataclass(frozen=True)
class MixedEvents:
    """A mixture's events, its weights by bucket (one bucket if static), and the names of its buckets."""

    events: ScoredEvents
    weights: np.ndarray
    buckets: tuple[str, ...]

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON-able: the weights by model, and by bucket where there are several. names : of the models."""
        mean = dict(zip(names, self.weights.mean(axis=0).tolist(), strict=True))
        by_bucket = {bucket: dict(zip(names, row.tolist(), strict=True)) for bucket, row in zip(self.buckets, self.weights, strict=True)}
        return {"weights": mean} | ({"weights_by_bucket": by_bucket} if len(self.buckets) > 1 else {})


def mix_events(held_out: Sequence[ScoredEvents], test: Sequence[ScoredEvents], counts: np.ndarray | None = None) -> MixedEvents:
    """Learn weights on held-out events and mix the events of the test text with them.

    Parameters
    ----------
    held_out, test : a stream a model, in one order, over the same events of each text, with one vocabulary.
    counts : int64 (V,), how often each word was trained on: weights differ by the frequency of the word before. None for static weights.
    """
    scores = np.stack([events.log_probabilities for events in held_out])
    possible = np.isfinite(scores).any(axis=0)
    static, _ = em_weights(scores[:, possible])
    labels: tuple[str, ...] = ("all",)
    weights = static[None, :]
    chosen = np.zeros(len(test[0]), np.int64)
    if counts is not None:
        labels = ("start of sentence", *_labels())
        weights = np.tile(static, (len(labels), 1))
        learnt = history_buckets(held_out[0], counts)
        for bucket in range(len(labels)):
            inside = possible & (learnt == bucket)
            if np.count_nonzero(inside) >= _EVENTS_A_BUCKET:
                weights[bucket], _ = em_weights(scores[:, inside])
        chosen = history_buckets(test[0], counts)
    terms = np.stack([events.log_probabilities for events in test])
    with np.errstate(divide="ignore"):
        terms = terms + np.log(weights[chosen]).T
    mixed = log_sum(terms)
    events = dataclasses.replace(test[0], log_probabilities=mixed, hit_length=None, back_off=None, is_normalised=True)
    return MixedEvents(events, weights, labels)


def history_buckets(events: ScoredEvents, counts: np.ndarray) -> np.ndarray:
    """int64 (N,): 0 at the start of a sentence, else the bucket of how often the word before was trained on."""
    before = np.empty(len(events), np.int64)
    before[1:] = events.token_ids[:-1]
    starts = np.ones(len(events), np.bool_)
    starts[1:] = np.diff(events.sentence) != 0
    before[:1] = Vocabulary.BOS
    buckets = 1 + np.searchsorted(_EDGES, np.asarray(counts)[before], side="right")
    buckets[starts] = 0
    return buckets


def _labels() -> list[str]:
    first = "after a word never trained on"
    ranges = [f"after one seen {low:,} times or more" for low in _EDGES]
    return [first, *ranges]
