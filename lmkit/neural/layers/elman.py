"""The simple recurrent network (Elman 1990), with tanh or with rectified units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmkit.neural.interfaces import Shard
from lmkit.neural.layers import _kernels_elman
from lmkit.neural.layers.recurrent import MatrixRecurrence


class Elman(MatrixRecurrence):
    """h_t = tanh(W_ih x_t + W_hh h_(t-1) + b), as torch.nn.RNN."""

    gates = 1
    rectified = False

    def _begin_cell(self, rows: int, texts: int) -> None:
        pass

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        _kernels_elman.forward(
            self.activations[shard.rows],
            self.bias.value,
            self._packed_forward,
            state[0],
            self.previous[shard.rows],
            y,
            shard.steps,
            self.rectified,
            self._edges[shard.number],
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        _kernels_elman.backward(
            self.activations[shard.rows], self._packed_backward, dy, d_state[0], shard.steps, self.rectified, self._edges[shard.number]
        )


class RectifiedElman(Elman):
    """h_t = max(0, W_ih x_t + W_hh h_(t-1) + b), as torch.nn.RNN(nonlinearity="relu")."""

    rectified = True
