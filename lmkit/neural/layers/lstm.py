"""Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmkit.neural.interfaces import Shard
from lmkit.neural.layers import _kernels_lstm
from lmkit.neural.layers.recurrent import MatrixRecurrence


class LSTM(MatrixRecurrence):
    """i, f, o = sigmoid(...), g = tanh(...), c_t = f c_(t-1) + i g, h_t = o tanh(c_t); the order of gates is torch.nn's: i, f, g, o."""

    gates = 4
    states = ("h", "c")
    gate_names = ("input", "forget", "candidate", "output")

    def _begin_cell(self, rows: int, texts: int) -> None:
        self.cells = np.empty((rows, self.hidden_size), self.dtype)
        self.first_cells = np.empty((texts, self.hidden_size), self.dtype)
        self._scratch = np.empty((texts, self.hidden_size), self.dtype)

    def set_forget_bias(self, value: float) -> None:
        """Open the forget gates at the start of training (Jozefowicz, Zaremba and Sutskever 2015)."""
        self.bias.value[self.hidden_size : 2 * self.hidden_size] = value

    def inside(self, rows: slice) -> dict[str, np.ndarray]:
        return {**super().inside(rows), "c": self.cells[rows]}

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        h, c = state
        _kernels_lstm.forward(
            self.activations[shard.rows],
            self.bias.value,
            self._packed_forward,
            h,
            c,
            self.previous[shard.rows],
            self.first_cells[shard.texts],
            self.cells[shard.rows],
            y,
            shard.steps,
            self._edges[shard.number],
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        dh, dc = d_state
        _kernels_lstm.backward(
            self.activations[shard.rows],
            self._packed_backward,
            self.first_cells[shard.texts],
            self.cells[shard.rows],
            dy,
            dh,
            dc,
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )
