"""Gated recurrent units (Cho et al. 2014), with the reset gate behind the recurrent product, as torch.nn.GRU, or before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lmkit.neural.interfaces import Parameter, Shard
from lmkit.neural.layers import _kernels_gru
from lmkit.neural.layers.initial import uniform
from lmkit.neural.layers.recurrent import MatrixRecurrence, Task, product_tasks
from lmkit.numeric import _kernels_gemm as gemm


class GRU(MatrixRecurrence):
    """r, z = sigmoid(...), n_t = tanh(W_n x_t + b_n + r (U_n h_(t-1) + b_hn)), h_t = (1 - z) n_t + z h_(t-1).

    The order of gates is torch.nn's: r, z, n. This is cuDNN's form ("reset_after" in Keras): one product gives all three gates.
    """

    gates = 3
    gate_names = ("reset", "update", "candidate")

    def __init__(
        self, number: int | str, input_size: int, hidden_size: int, rng: np.random.Generator, scale: float | None, dtype: np.dtype
    ) -> None:
        super().__init__(number, input_size, hidden_size, rng, scale, dtype)
        scale = hidden_size**-0.5 if scale is None else scale
        self.bias_n = Parameter.of(f"rnn.bias_hn_l{number}", uniform(rng, (hidden_size,), scale, self.dtype))
        self.parameters.append(self.bias_n)

    def _begin_cell(self, rows: int, texts: int) -> None:
        self.candidates = np.empty((rows, self.hidden_size), self.dtype)  # U_n h + b_hn, then its gradient
        self._scratch = np.empty((texts, 3 * self.hidden_size), self.dtype)

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        _kernels_gru.forward(
            self.activations[shard.rows],
            self.bias.value,
            self.bias_n.value,
            self._packed_forward,
            state[0],
            self.previous[shard.rows],
            self.candidates[shard.rows],
            y,
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        _kernels_gru.backward(
            self.activations[shard.rows],
            self._packed_backward,
            self.previous[shard.rows],
            self.candidates[shard.rows],
            dy,
            d_state[0],
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        two, previous = 2 * self.hidden_size, self.previous[:rows]
        tasks = product_tasks(self.activations[:rows, :two], previous, self.w_hh.gradient[:two], pieces)
        tasks += product_tasks(self.candidates[:rows], previous, self.w_hh.gradient[two:], pieces)
        tasks.append(lambda: np.matmul(self._ones[:rows], self.candidates[:rows], out=self.bias_n.gradient))
        return tasks

    def to_tensors(self) -> dict[str, np.ndarray]:
        """As torch.nn.GRU: of its second bias only the part of n is not zero."""
        tensors = {parameter.name: parameter.value for parameter in (self.w_ih, self.w_hh, self.bias)}
        second = np.zeros_like(self.bias.value)
        second[2 * self.hidden_size :] = self.bias_n.value
        return {**tensors, f"rnn.bias_hh_l{self.label}": second}

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        two = 2 * self.hidden_size
        for parameter in (self.w_ih, self.w_hh, self.bias):
            parameter.value[...] = read(parameter.name, parameter.value.shape)
        second = read(f"rnn.bias_hh_l{self.label}", self.bias.value.shape)
        self.bias.value[:two] += second[:two]
        self.bias_n.value[:] = second[two:]


class ResetBeforeGRU(MatrixRecurrence):
    """r, z as in `GRU`, n_t = tanh(W_n x_t + b_n + U_n (r h_(t-1))), h_t = (1 - z) n_t + z h_(t-1): Cho et al. 2014, equations 5 to 8.

    The candidate waits for the reset gate, so a step needs two products, one after the other.
    """

    gates = 3
    gate_names = ("reset", "update", "candidate")

    def __init__(
        self, number: int | str, input_size: int, hidden_size: int, rng: np.random.Generator, scale: float | None, dtype: np.dtype
    ) -> None:
        super().__init__(number, input_size, hidden_size, rng, scale, dtype)
        size = hidden_size
        self._gates_forward, self._gates_backward = (
            gemm.empty_packed(*shape, self.dtype) for shape in ((size, 2 * size), (2 * size, size))
        )
        self._candidate_forward, self._candidate_backward = (gemm.empty_packed(size, size, self.dtype) for _ in range(2))

    def _begin_cell(self, rows: int, texts: int) -> None:
        self.reset = np.empty((rows, self.hidden_size), self.dtype)  # r h_(t-1)
        self._scratch = np.empty((texts, 2 * self.hidden_size), self.dtype)

    def pack(self, *, training: bool) -> None:
        super().pack(training=training)
        weight, two = np.ascontiguousarray(self.recurrent_weight), 2 * self.hidden_size
        gemm.pack_transposed(weight[:two], self._gates_forward)
        gemm.pack_transposed(weight[two:], self._candidate_forward)
        if training:
            gemm.pack(weight[:two], self._gates_backward)
            gemm.pack(weight[two:], self._candidate_backward)

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        _kernels_gru.forward_reset_before(
            self.activations[shard.rows],
            self.bias.value,
            self._gates_forward,
            self._candidate_forward,
            state[0],
            self.previous[shard.rows],
            self.reset[shard.rows],
            y,
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        _kernels_gru.backward_reset_before(
            self.activations[shard.rows],
            self._gates_backward,
            self._candidate_backward,
            self.previous[shard.rows],
            dy,
            d_state[0],
            self._scratch[shard.texts],
            shard.steps,
            self._edges[shard.number],
        )

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        two, d = 2 * self.hidden_size, self.activations[:rows]
        tasks = product_tasks(d[:, :two], self.previous[:rows], self.w_hh.gradient[:two], pieces)
        return tasks + product_tasks(d[:, two:], self.reset[:rows], self.w_hh.gradient[two:], pieces)
