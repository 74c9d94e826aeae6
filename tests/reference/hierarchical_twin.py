"""One window of skip-gram with hierarchical softmax, in plain float64."""

from __future__ import annotations

import numpy as np

from reference.subword_twin import sigmoid


def window_loss(inputs: np.ndarray, outputs: np.ndarray, contexts: list[int], path: list[int], signs: np.ndarray) -> float:
    """-sum over context words c and nodes n of log sigma(s_n <input[c], output[n]>)."""
    return float(np.log1p(np.exp(-signs * (inputs[contexts] @ outputs[path].T))).sum())


def window_step(inputs: np.ndarray, outputs: np.ndarray, contexts: list[int], path: list[int], signs: np.ndarray, rate: float) -> float:
    """One step down that loss for all context words together, in place; the loss before."""
    loss = window_loss(inputs, outputs, contexts, path, signs)
    x, v = inputs[contexts], outputs[path]
    steps = rate * signs * sigmoid(-signs * (x @ v.T))
    np.add.at(inputs, contexts, steps @ v)
    outputs[path] += steps.T @ x
    return loss
