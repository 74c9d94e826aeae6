"""The LSTM whose gates see the cell (Gers and Schmidhuber 2000)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmkit.neural.interfaces import Parameter, Shard
from lmkit.neural.layers import _kernels_peephole
from lmkit.neural.layers.initial import uniform
from lmkit.neural.layers.lstm import LSTM
from lmkit.neural.layers.recurrent import Task


class PeepholeLSTM(LSTM):
    """As `LSTM`, with p_i c_(t-1), p_f c_(t-1) and p_o c_t added to the pre-activations of i, f and o: one weight a unit and gate.

    `rnn.peephole_l<n>` (3, H) holds p_i, p_f, p_o; torch.nn has no such cell.
    """

    def __init__(
        self, number: int | str, input_size: int, hidden_size: int, rng: np.random.Generator, scale: float | None, dtype: np.dtype
    ) -> None:
        super().__init__(number, input_size, hidden_size, rng, scale, dtype)
        scale = hidden_size**-0.5 if scale is None else scale
        self.peepholes = Parameter.of(f"rnn.peephole_l{number}", uniform(rng, (3, hidden_size), scale, self.dtype), decays=False)
        self.parameters.append(self.peepholes)

    def _begin_cell(self, rows: int, texts: int) -> None:
        super()._begin_cell(rows, texts)
        self.previous_cells = np.empty((rows, self.hidden_size), self.dtype)

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        h, c = state
        _kernels_peephole.forward(
            self.activations[shard.rows],
            self.bias.value,
            self.peepholes.value,
            self._packed_forward,
            h,
            c,
            self.previous[shard.rows],
            self.previous_cells[shard.rows],
            self.cells[shard.rows],
            y,
            shard.steps,
            self._edges[shard.number],
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        dh, dc = d_state
        _kernels_peephole.backward(
            self.activations[shard.rows],
            self.peepholes.value,
            self._packed_backward,
            self.previous_cells[shard.rows],
            self.cells[shard.rows],
            dy,
            dh,
            dc,
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        def peepholes() -> None:
            _kernels_peephole.gradient(self.activations[:rows], self.previous_cells[:rows], self.cells[:rows], self.peepholes.gradient)

        return [*super()._recurrent_gradient_tasks(rows, pieces), peepholes]
