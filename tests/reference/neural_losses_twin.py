"""Output layers in plain float64 NumPy, one row at a time, from the papers' equations: what lmkit.neural.losses is checked against.

Each function takes the parameters by name, hidden (R, H), targets (R,) and weights (R,), and gives the weighted training loss in nats.
`*_log_probs` gives the exact distribution (R, V).
"""

from __future__ import annotations

import numpy as np


def log_softmax(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())


def flat_log_probs(parameters, hidden, excluded):
    rows = []
    for h in hidden:
        scores = parameters["decoder.weight"] @ h + parameters["decoder.bias"]
        scores[list(excluded)] = -np.inf
        rows.append(log_softmax(scores))
    return np.array(rows)


def nll(log_probs, targets, weights):
    """Weighted sum of minus the log probability of the targets."""
    return sum(-weight * row[target] for row, target, weight in zip(log_probs, targets, weights, strict=True) if weight)
