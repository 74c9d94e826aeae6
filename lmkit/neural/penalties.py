"""Penalties on what the last layer puts out: large activations, and activations that change fast.

Merity, McCann and Socher 2017, "Revisiting activation regularization for language RNNs". With m the mask of dropout and h the output of the
last layer, the loss gets alpha times the mean of (m h)^2 (AR), and beta times the mean of (h_t - h_(t-1))^2 over the steps of a batch
(TAR), means over rows and units alike.
"""

from __future__ import annotations

import numpy as np

from lmkit.neural.interfaces import Shard


class Penalties:
    """AR and TAR of one network.

    Parameters
    ----------
    activation, temporal : alpha and beta, at least 0.

    Attributes
    ----------
    total : what they added to the last step's loss, nats.
    """

    def __init__(self, activation: float, temporal: float) -> None:
        self.activation, self.temporal = activation, temporal
        self._shares: list[float] = []

    def begin(self, rows: int, units: int, shards: int, dtype: np.dtype) -> None:
        """Make room for so many rows of the last layer."""
        self._d = np.empty((rows, units), dtype) if self.temporal else np.empty((0, units), dtype)
        self._shares = [0.0] * shards

    def start_step(self, shards: list[Shard], weights: np.ndarray) -> None:
        """Told the weight of each row in the mean loss: 0 for padding."""
        self._weights, self._shares = weights, [0.0] * len(shards)
        self._pairs = 0
        if self.temporal:
            self._pairs = sum(int(np.count_nonzero(weights[shard.rows][shard.n_texts :])) for shard in shards)

    @property
    def total(self) -> float:
        return sum(self._shares)

    def see_output(self, shard: Shard, y: np.ndarray) -> None:
        """TAR of a shard, and its gradient, from the last layer's output before anything is dropped. y : (n, H)."""
        if not self._pairs:
            return
        steps = y.reshape(shard.steps, shard.n_texts, -1)
        change = steps[1:] - steps[:-1]
        change *= (self._weights[shard.rows].reshape(shard.steps, shard.n_texts, 1) > 0)[1:]
        share = self.temporal / (self._pairs * y.shape[1])
        self._shares[shard.number] += share * float(np.vdot(change, change))
        change *= 2 * share
        d = self._d[shard.rows].reshape(steps.shape)
        d[0] = 0
        d[1:] = change
        d[:-1] -= change

    def add_output_gradient(self, shard: Shard, dy: np.ndarray) -> None:
        """Add TAR's gradient by the output to dy (n, H)."""
        if self._pairs:
            dy += self._d[shard.rows]

    def see_dropped(self, shard: Shard, x: np.ndarray, dx: np.ndarray) -> None:
        """AR of a shard from x (n, H), what enters the output layer; its gradient is added to dx."""
        if not self.activation:
            return
        weighted = x * self._weights[shard.rows][:, np.newaxis]
        share = self.activation / x.shape[1]
        self._shares[shard.number] += share * float(np.vdot(weighted, x))
        weighted *= 2 * share
        dx += weighted
