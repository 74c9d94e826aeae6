"""Optimisers in plain float64 NumPy, written from the papers one array at a time: what the fused kernels are checked against.

Each takes the weights before the step (changed in place), the gradient, its state (a dict) and the number of the step from 1.
"""

from __future__ import annotations

import numpy as np


def sgd(w, g, state, step, rate, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * w
    if momentum:
        state["b"] = momentum * state.get("b", np.zeros_like(w)) + g
        g = g + momentum * state["b"] if nesterov else state["b"]
    w -= rate * g


def adam(w, g, state, step, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0, decoupled=False):
    if decoupled:
        w *= 1.0 - rate * weight_decay
    else:
        g = g + weight_decay * w
    state["m"] = beta1 * state.get("m", np.zeros_like(w)) + (1.0 - beta1) * g
    state["v"] = beta2 * state.get("v", np.zeros_like(w)) + (1.0 - beta2) * g**2
    corrected_m = state["m"] / (1.0 - beta1**step)
    corrected_v = state["v"] / (1.0 - beta2**step)
    w -= rate * corrected_m / (np.sqrt(corrected_v) + epsilon)


def adamw(w, g, state, step, rate, weight_decay=0.01, **options):
    adam(w, g, state, step, rate, weight_decay=weight_decay, decoupled=True, **options)


def rmsprop(w, g, state, step, rate, smoothing=0.99, momentum=0.0, epsilon=1e-8, weight_decay=0.0):
    g = g + weight_decay * w
    state["s"] = smoothing * state.get("s", np.zeros_like(w)) + (1.0 - smoothing) * g**2
    state["b"] = momentum * state.get("b", np.zeros_like(w)) + g / (np.sqrt(state["s"]) + epsilon)
    w -= rate * state["b"]


def clipped(gradients, threshold=None, limit=None):
    """Gradients scaled so that their common norm is at most `threshold`, then clamped to [-limit, limit]."""
    if threshold is not None:
        norm = np.sqrt(sum(np.sum(g.astype(np.float64) ** 2) for g in gradients))
        gradients = [g * min(1.0, threshold / norm) for g in gradients]
    if limit is not None:
        gradients = [np.clip(g, -limit, limit) for g in gradients]
    return gradients
