"""The weights of a linear mixture of probabilities: those of greatest likelihood, and the mixture's logarithms."""

from __future__ import annotations

import numpy as np

_STEPS = 100
_TOLERANCE = 1e-13
"""The search for weights ends when a step wins less than so many nats an event."""
_RIDGE = 1e-10
_LEAST_SHARE = 1e-6
_LEAST_WEIGHT = 1e-10
_BLOCK = 1 << 13
"""Events looked at together."""
LEAST_EVENTS = 200
"""A bucket with fewer held-out events takes the weights of all events."""


def best_weights(scores: np.ndarray) -> tuple[np.ndarray, int]:
    """The weights under which a mixture gives events most probability, float64 (models,), and how many steps it took.

    The mean log-likelihood f(w) is concave, and f(w) - sum(w) has its maximum over all w >= 0 at the same w, so that each step maximises
    its quadratic approximation over w >= 0 alone, a least-squares problem with as many unknowns as there are models (Kim, Carbonetto,
    Stephens and Anitescu 2020, A Fast Algorithm for Maximum Likelihood Estimation of Mixture Proportions Using Sequential Quadratic
    Programming). A dozen steps do what EM needs a thousand for. No weight is quite 0, so that no event becomes impossible.

    scores : float64 (models, events), natural logarithms, not all -inf for any event.
    """
    from scipy.optimize import nnls

    relative = np.exp(scores - scores.max(axis=0))
    weights = np.full(len(scores), 1.0 / len(scores))
    current, gradient, hessian = _mixture_likelihood(relative, weights)
    for step in range(1, _STEPS + 1):  # noqa: B007 - the number is returned
        factor = np.linalg.cholesky(hessian + _RIDGE * np.trace(hessian) * np.eye(len(weights)))
        # the maximum of the approximation over x >= 0: H w = gradient, so that its linear term is 2 gradient - 1
        target, _ = nnls(factor.T, np.linalg.solve(factor, 2 * gradient - 1))
        share = 1.0
        while True:
            tried = weights + share * (target - weights)
            after = _mixture_likelihood(relative, tried) if tried.any() else (-np.inf, gradient, hessian)
            if after[0] >= current or share < _LEAST_SHARE:
                break
            share /= 2
        if after[0] < current:
            break
        gained = after[0] - current
        weights, (current, gradient, hessian) = tried, after
        if gained <= _TOLERANCE:
            break
    weights = np.maximum(weights / weights.sum(), _LEAST_WEIGHT)
    return weights / weights.sum(), step


def weights_by_bucket(scores: np.ndarray, buckets: np.ndarray | None, count: int) -> tuple[np.ndarray, int]:
    """`best_weights` for the events of each bucket, float64 (count, models), and how many steps they took in all.

    A bucket with fewer events than `LEAST_EVENTS` takes the weights of all events. Events that no model holds possible teach nothing.

    scores : float64 (models, events), natural logarithms. buckets : int (events,), 0 to count - 1; None where there is but one.
    """
    possible = np.isfinite(scores).any(axis=0)
    static, steps = best_weights(scores[:, possible])
    weights = np.tile(static, (count, 1))
    if buckets is not None:
        for bucket in range(count):
            inside = possible & (buckets == bucket)
            if np.count_nonzero(inside) >= LEAST_EVENTS:
                weights[bucket], more = best_weights(scores[:, inside])
                steps += more
    return weights, steps


def _mixture_likelihood(relative: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """f(w) - sum(w), the gradient of f and minus its Hessian; events in blocks that stay in the cache."""
    models, count = relative.shape
    total, gradient, hessian = 0.0, np.zeros(models), np.zeros((models, models))
    for first in range(0, count, _BLOCK):
        part = relative[:, first : first + _BLOCK]
        mixed = weights @ part
        if mixed.min() <= 0:
            return -np.inf, gradient, hessian
        quotients = part / mixed
        total += float(np.log(mixed).sum())
        gradient += quotients.sum(axis=1)
        hessian += quotients @ quotients.T
    return total / count - float(weights.sum()), gradient / count, hessian / count


def log_sum(terms: np.ndarray) -> np.ndarray:
    """log of the sum of exp over the first axis; -inf where all are."""
    highest = terms.max(axis=0)
    safe = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(terms - safe).sum(axis=0)) + safe
