"""Mixtures of what several models said of one text: weights learnt on other text, static or by bucket of the history.

p(w|h) = sum over models of weight_m(b(h)) p_m(w|h). The weights are those of greatest likelihood on held-out events that the test text
has no part in (Jelinek and Mercer 1980). A bucket may depend on the history only, never on the predicted word, or the mixture would not
sum to one; it is that of the training frequency of the word before.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.comparison.contestants import Contestant, Cost
from lmkit.comparison.log_linear import LogLinearMixture
from lmkit.comparison.scoring import Read, Scored, score_all
from lmkit.events import ScoredEvents
from lmkit.text.vocabulary import Vocabulary
from lmkit.wrappers.mixture import Mixture
from lmkit.wrappers.mixture_weights import log_sum, weights_by_bucket

_EDGES = (1, 10, 100, 1_000, 10_000)
_LEAST_WEIGHT = 0.01
"""A model that the sum of all gives less has no part in the product."""
_MOST_FACTORS = 6


@dataclasses.dataclass(frozen=True)
class MixedEvents:
    """A mixture's events, its weights by bucket (one bucket if static), the names of its buckets and the bucket of each event."""

    events: ScoredEvents
    weights: np.ndarray
    buckets: tuple[str, ...]
    chosen: np.ndarray

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON-able: the weights by model, and by bucket where there are several. names : of the models."""
        mean = dict(zip(names, self.weights.mean(axis=0).tolist(), strict=True))
        by_bucket = {bucket: dict(zip(names, row.tolist(), strict=True)) for bucket, row in zip(self.buckets, self.weights, strict=True)}
        return {"weights": mean} | ({"weights_by_bucket": by_bucket} if len(self.buckets) > 1 else {})

    def combine(self, rows: Sequence[np.ndarray], positions: np.ndarray) -> np.ndarray:
        """The mixture's distributions before some events, float64 (B, V), natural logarithms, from those of its parts."""
        weights = self.weights[self.chosen[positions]]
        with np.errstate(divide="ignore"):
            return np.log(sum(weight[:, None] * np.exp(row) for weight, row in zip(weights.T, rows, strict=True)))


def all_mixtures(
    scored: Sequence[Scored], held_out: Read, counts: Any, threads: int | None, *, log_linear: bool = False, seed: int = 0
) -> list[Scored]:
    """Mixtures of all models whose scores are probabilities: static, by the frequency of the word before, and log-linear if asked for.

    None of fewer than two models. held_out : gives the text on which the weights are learnt. counts : as for `mix_events`.
    """
    parts = tuple(one for one in scored if one.contestant.model is not None and one.events.is_normalised)
    if len(parts) < 2:
        return []
    learnt = _held_out_events(parts, held_out, threads)
    names = [one.contestant.name for one in parts]
    cost = Cost.together([one.contestant.cost for one in parts])
    microseconds = sum(one.microseconds or 0.0 for one in parts)
    found = []
    for name, by in (("mixture of all", None), ("mixture by frequency", counts)):
        if by is None and name != "mixture of all":
            continue
        mixed = mix_events(learnt, [one.events for one in parts], by)
        model = _as_model(parts, mixed.weights[0]) if by is None else None
        contestant = Contestant(name, "mixture", model, mixed.events, cost, mixed.describe(names))
        found.append(Scored(contestant, mixed.events, None, microseconds, parts=parts, combine=mixed.combine))
    if log_linear:
        found += _log_linear(parts, learnt, found[0].contestant.origin["weights"], seed)
    return found


def _held_out_events(parts: Sequence[Scored], held_out: Read, threads: int | None) -> list[ScoredEvents]:
    missing = [one.contestant for one in parts if one.contestant.held_out is None]
    scored = iter(score_all(missing, held_out, threads))
    return [next(scored).events if one.contestant.held_out is None else one.contestant.held_out for one in parts]


def _as_model(parts: Sequence[Scored], weights: np.ndarray) -> Mixture | None:
    """The static mixture as a language model, which can write; None where its parts read text differently."""
    models = [one.contestant.model for one in parts if one.contestant.model is not None]
    if len({model.text_options for model in models}) > 1:
        return None
    return Mixture(models, weights=weights.tolist())


def _log_linear(parts: Sequence[Scored], learnt: Sequence[ScoredEvents], weights: dict[str, float], seed: int) -> list[Scored]:
    """The product of the models that matter to the sum of all, and hold nothing impossible."""
    able = [
        (part, events)
        for part, events in zip(parts, learnt, strict=True)
        if np.isfinite(part.events.log_probabilities).all() and np.isfinite(events.log_probabilities).all()
    ]
    able.sort(key=lambda pair: -weights[pair[0].contestant.name])
    chosen = [pair for pair in able if weights[pair[0].contestant.name] >= _LEAST_WEIGHT][:_MOST_FACTORS]
    if len(chosen) < 2:
        chosen = able[:2]
    if len(chosen) < 2:
        return []
    kept = tuple(part for part, _ in chosen)
    models = [one.contestant.model for one in kept if one.contestant.model is not None]
    model = LogLinearMixture(models, seed, [one.contestant.state for one in kept]).fit(chosen[0][1])
    started = time.perf_counter()
    events = model.rescore(kept[0].events)
    microseconds = (time.perf_counter() - started) * 1e6 / max(len(events), 1)
    exponents = dict(zip([one.contestant.name for one in kept], model.weights_.tolist(), strict=True))
    cost = Cost.together([one.contestant.cost for one in kept])
    contestant = Contestant("log-linear mixture", "mixture", model, events, cost, {"exponents": exponents})
    return [Scored(contestant, events, None, microseconds, parts=kept, combine=model.combine)]


def mix_events(held_out: Sequence[ScoredEvents], test: Sequence[ScoredEvents], counts: np.ndarray | None = None) -> MixedEvents:
    """Learn weights on held-out events and mix the events of the test text with them.

    Parameters
    ----------
    held_out, test : a stream a model, in one order, over the same events of each text, with one vocabulary.
    counts : int64 (V,), how often each word was trained on: weights differ by the frequency of the word before. None for static weights.
    """
    scores = np.stack([events.log_probabilities for events in held_out])
    labels = ("all",) if counts is None else ("start of sentence", *_labels())
    weights, _ = weights_by_bucket(scores, None if counts is None else history_buckets(held_out[0], counts), len(labels))
    chosen = np.zeros(len(test[0]), np.int64) if counts is None else history_buckets(test[0], counts)
    terms = np.stack([events.log_probabilities for events in test])
    with np.errstate(divide="ignore"):
        terms = terms + np.log(weights[chosen]).T
    mixed = log_sum(terms)
    events = dataclasses.replace(test[0], log_probabilities=mixed, hit_length=None, back_off=None, rank=None, is_normalised=True)
    return MixedEvents(events, weights, labels, chosen)


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
