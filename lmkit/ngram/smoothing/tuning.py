"""Discounts that make a held-out text most probable, all orders together.

Interpolated, the likelihood has simple derivatives and L-BFGS-B climbs it. Backed off, the back-off weights depend on all n-grams below,
so each discount in turn is moved to its best place, from the highest order down, round after round until nothing much is gained.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing import _kernels_held_out as fitting
from lmkit.ngram.smoothing.base import HeldOut, predictable_words
from lmkit.ngram.smoothing.discounting import CountsOfOrder, DiscountsOfOrder, discounted_unigrams
from lmkit.ngram.smoothing.held_out import Trace, trace

_MARGIN = 0.01
"""Tuned discounts of counts of k lie in [margin, k - margin]: something is taken, and something stays."""
_ROUNDS = 10
_TOLERANCE = 1e-5
"""A further round must raise the log likelihood by this share of it."""


def tune_discounts(
    counts: NgramCounts, counts_of: CountsOfOrder, formula: DiscountsOfOrder, held_out: HeldOut, *, interpolated: bool, classes: int
) -> list[np.ndarray]:
    """One float64 (classes + 1,) an order, entry 0 being 0. The search starts at the formula's discounts; it draws nothing at random."""
    start = np.array([formula(order, counts_of(order))[0][1:] for order in range(1, counts.order + 1)])
    highest = np.arange(1, classes + 1) - _MARGIN
    start = np.clip(start, _MARGIN, highest)
    found = trace(counts, held_out)
    climb = _climb_interpolated if interpolated else _climb_backed_off
    best = climb(counts, counts_of, found, start, highest)
    return [np.concatenate([[0.0], row]) for row in best]


def _climb_interpolated(counts: NgramCounts, counts_of: CountsOfOrder, found: Trace, start: np.ndarray, highest: np.ndarray) -> np.ndarray:
    from scipy.optimize import minimize

    orders, classes = start.shape
    events = len(found)
    of_ngram, of_context = np.zeros((events, orders)), np.zeros((events, orders))
    sizes = np.zeros((events, orders, classes))
    for n in range(orders):
        here, seen = counts_of(n + 1), found.contexts[n] >= 0
        wanted, place = np.unique(found.contexts[n][seen], return_inverse=True)
        totals, parts = np.zeros(len(wanted)), np.zeros((len(wanted), classes))
        borders = np.array([0, len(here)]) if n == 0 else counts.levels[n - 1].first_child
        fitting.discount_classes(wanted, here, borders, classes, totals, parts)
        of_context[seen, n], sizes[seen, n] = totals[place], parts[place]
        of_ngram[:, n] = np.where(found.ngrams[n] >= 0, here[found.ngrams[n]], 0)
    uniform = 1 / np.count_nonzero(predictable_words(counts))
    gradient = np.empty_like(start)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        total = fitting.discounts_gradient(of_ngram, of_context, sizes, flat.reshape(start.shape), uniform, gradient)
        return -total / events, -gradient.ravel() / events

    bounds = [(_MARGIN, high) for _ in range(orders) for high in highest]
    result = minimize(cost, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(result.x).reshape(start.shape)


def _climb_backed_off(counts: NgramCounts, counts_of: CountsOfOrder, found: Trace, start: np.ndarray, highest: np.ndarray) -> np.ndarray:
    from scipy.optimize import minimize_scalar

    model = _BackedOff(counts, [counts_of(order) for order in range(1, counts.order + 1)], found, start.copy())
    unseen = predictable_words(counts) & (model.here[0] == 0)
    lowest = 1 if unseen.any() else 2  # without unseen words nothing is taken from the unigrams
    before = model.log_likelihood(1)
    for _ in range(_ROUNDS):
        for order in range(counts.order, lowest - 1, -1):
            for k, high in enumerate(highest):
                cost = functools.partial(model.cost, order, k)
                cost(minimize_scalar(cost, bounds=(_MARGIN, high), method="bounded", options={"xatol": 0.005}).x)
        after = model.log_likelihood(1)
        if after - before < _TOLERANCE * abs(after):
            break
        before = after
    return model.discounts


@dataclasses.dataclass
class _BackedOff:
    """A backed-off model that is estimated again from one order on when a discount of that order has changed."""

    counts: NgramCounts
    here: list[np.ndarray]
    found: Trace
    discounts: np.ndarray

    def __post_init__(self) -> None:
        self.words = int(np.count_nonzero(predictable_words(self.counts)))
        self.probabilities = [np.empty(len(level)) for level in self.counts.levels]
        self.event_probabilities = [np.empty(0)] * self.counts.order
        self.log_likelihood(1)

    def cost(self, order: int, k: int, value: float) -> float:
        """The negative log likelihood with another discount k of an order."""
        self.discounts[order - 1, k] = value
        return -self.log_likelihood(order)

    def log_likelihood(self, order: int) -> float:
        """Estimate the orders from `order` on and score the held-out events."""
        for n in range(order, self.counts.order + 1):
            discounts = np.concatenate([[0.0], self.discounts[n - 1]])
            ngrams, contexts = self.found.ngrams[n - 1], self.found.contexts[n - 1]
            if n == 1:
                self.probabilities[0] = discounted_unigrams(self.counts, self.here[0], discounts, interpolated=False)
                self.event_probabilities[0] = self.probabilities[0][ngrams]
                continue
            level, below = self.counts.levels[n - 1], self.counts.levels[n - 2]
            back_off = np.empty(len(below))
            kernels.discount_level(
                self.here[n - 1], below.first_child, level.suffixes, discounts, 0.0, False, False, self.words,
                self.probabilities[n - 2], self.probabilities[n - 1], back_off, 0, len(below), 0, len(below),
            )  # fmt: skip
            backed_off = np.where(contexts >= 0, back_off[contexts], 1.0) * self.event_probabilities[n - 2]
            self.event_probabilities[n - 1] = np.where(ngrams >= 0, self.probabilities[n - 1][ngrams], backed_off)
        with np.errstate(divide="ignore"):
            return float(np.log(self.event_probabilities[-1]).sum())
