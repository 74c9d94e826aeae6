"""The quasi-recurrent network (Bradbury, Merity, Xiong and Socher 2017): convolutions over the text, and a recurrence without products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lmkit.neural.interfaces import Shard
from lmkit.neural.layers import _kernels_qrnn
from lmkit.neural.layers.dropout import Masks
from lmkit.neural.layers.recurrent import RecurrentLayer


class QRNN(RecurrentLayer):
    """z = tanh(...), f, o = sigmoid(...) of W x_t + V x_(t-1) + b, c_t = f c_(t-1) + (1 - f) z, h_t = o c_t: "fo-pooling", equation 4.

    The convolutions look at two inputs, as the paper's language models do. All products of a batch are done at once; what follows step by
    step goes unit by unit. Carried are c and V x_t, which the next step adds to its own. In training, the V x that the first step of a
    batch adds comes of the weights before the last update, as all carried states do. `weight_ih` (6H, D) is W on top of V.

    What is dropped of the recurrence is zoneout (section 2.1): with this probability f is 1, so a unit keeps its cell. Nothing is scaled.
    """

    gates, taps = 3, 2
    states = ("c", "u")
    gate_names = ("candidate", "forget", "output")
    _zoneout: tuple[Masks, int, float, int] | None = None  # nothing is held

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return self.hidden_size, self.gates * self.hidden_size

    def set_forget_bias(self, value: float) -> None:
        """Keep more of the cell at the start of training, as in an LSTM."""
        self.bias.value[self.hidden_size : 2 * self.hidden_size] = value

    def _begin_cell(self, rows: int, texts: int) -> None:
        self.cells = np.empty((rows, self.hidden_size), self.dtype)
        self.first_cells = np.empty((texts, self.hidden_size), self.dtype)
        self._kept = np.empty((0, self.hidden_size), self.dtype)  # room for what zoneout leaves, once it is asked for

    def drop_recurrent(self, masks: Masks | None, site: int, probability: float, texts: int) -> None:
        self._zoneout = None if masks is None or probability == 0 else (masks, site, probability, texts)
        if self._zoneout is not None and len(self._kept) != len(self.cells):
            self._kept = np.empty_like(self.cells)

    def _kept_units(self, shard: Shard) -> np.ndarray:
        if self._zoneout is None:
            return self._kept[:0]
        masks, site, probability, texts = self._zoneout
        kept = self._kept[shard.rows]
        kept[:] = 1
        masks.drop(kept, shard, texts, site, probability, once=False)
        return kept

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        c, u = state
        _kernels_qrnn.forward(
            self.activations[shard.rows],
            self.bias.value,
            self._kept_units(shard),
            c,
            u,
            self.first_cells[shard.texts],
            self.cells[shard.rows],
            y,
            shard.steps,
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        dc, du = d_state
        _kernels_qrnn.backward(self.activations[shard.rows], self.first_cells[shard.texts], self.cells[shard.rows], dy, dc, du, shard.steps)

    def inside(self, rows: slice) -> dict[str, np.ndarray]:
        return {**super().inside(rows), "c": self.cells[rows]}

    # -- files: as torch.nn.Conv1d(D, 3H, 2), whose first column is for the earlier input ------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The convolution's weight (3H, D, 2) and bias by torch.nn.Conv1d's names; its rows are those of z, f, o."""
        now, late = np.split(self.w_ih.value, 2)
        return {f"rnn.conv_l{self.label}.weight": np.stack([late, now], axis=2), f"rnn.conv_l{self.label}.bias": self.bias.value}

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        units = len(self.bias.value)
        weight = read(f"rnn.conv_l{self.label}.weight", (units, self.input_size, 2))
        self.w_ih.value[:units], self.w_ih.value[units:] = weight[:, :, 1], weight[:, :, 0]
        self.bias.value[:] = read(f"rnn.conv_l{self.label}.bias", (units,))
