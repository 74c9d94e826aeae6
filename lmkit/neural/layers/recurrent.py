"""What all recurrent cells share: the product of all inputs at once, and the gradients of the weights."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit.neural.interfaces import Parameter, Shard
from lmkit.neural.layers.initial import uniform
from lmkit.neural.packed import room_in
from lmkit.numeric import _kernels_gemm as gemm

Task = Callable[[], Any]


class RecurrentLayer(abc.ABC):
    """One layer of cells over all steps of a batch. Gate pre-activations of step t are W_ih x_t + W_hh h_(t-1) + b.

    Parameters
    ----------
    number : of the layer, from 0; names the parameters as torch.nn does ("rnn.weight_ih_l0"). With "_reverse" behind it in layers that read
        from the end.
    input_size, hidden_size : D and H.
    rng : of the initial weights.
    scale : initial weights are drawn from U(-scale, scale); None takes 1/sqrt(H), as torch.nn does.
    dtype : float32 or float64.

    Attributes
    ----------
    gates : pre-activations a unit has.
    states : what is carried from step to step, each (B, H); the first is the output h.
    gate_names : of the gates whose values `forward` leaves in `activations`, in their order there.
    """

    gates: int
    states: tuple[str, ...] = ("h",)
    gate_names: tuple[str, ...] = ()
    is_alone = False  # whether the cell stands in one layer only

    def __init__(
        self, number: int | str, input_size: int, hidden_size: int, rng: np.random.Generator, scale: float | None, dtype: np.dtype
    ) -> None:
        self.label, self.number = str(number), int(str(number).partition("_")[0])
        self.input_size, self.hidden_size, self.dtype = input_size, hidden_size, np.dtype(dtype)
        scale = hidden_size**-0.5 if scale is None else scale
        units = self.gates * hidden_size
        self.w_ih = Parameter.of(f"rnn.weight_ih_l{number}", uniform(rng, (units, input_size), scale, self.dtype))
        self.w_hh = Parameter.of(f"rnn.weight_hh_l{number}", uniform(rng, (units, hidden_size), scale, self.dtype))
        self.bias = Parameter.of(f"rnn.bias_ih_l{number}", uniform(rng, (units,), scale, self.dtype))
        self.parameters = [self.w_ih, self.w_hh, self.bias]
        self.recurrent_mask: np.ndarray | None = None
        self._packed_forward = gemm.empty_packed(hidden_size, units, self.dtype)
        self._packed_backward = gemm.empty_packed(units, hidden_size, self.dtype)
        self._packed_input: np.ndarray | None = None

    def attach(self, output: Any) -> None:  # noqa: B027 - most cells know nothing of it
        """Told the output layer above, once."""

    # -- buffers ---------------------------------------------------------------------------------------------------------------------------

    def begin(self, rows: int, texts: int, shards: int) -> None:
        """Make room for steps of up to so many rows, texts and shards."""
        units = self.gates * self.hidden_size
        self.activations = np.empty((rows, units), self.dtype)  # W_ih x, then gates, then gradients by pre-activations
        self.previous = np.empty((rows, self.hidden_size), self.dtype)  # h_(t-1) of each row
        self._edges = [gemm.empty_edge(self.dtype) for _ in range(shards)]
        self._ones = np.ones(rows, self.dtype)
        self._begin_cell(rows, texts)

    @abc.abstractmethod
    def _begin_cell(self, rows: int, texts: int) -> None:
        """Make room for what the cell keeps beside its gates."""

    # -- a step ----------------------------------------------------------------------------------------------------------------------------

    @property
    def recurrent_weight(self) -> np.ndarray:
        """W_hh as this step uses it: without the weights that weight drop has taken out."""
        return self.w_hh.value if self.recurrent_mask is None else self.w_hh.value * self.recurrent_mask

    def pack(self, *, training: bool) -> None:
        """Pack the weights anew after they have changed: for training both directions of the recurrence, else the input's weight too."""
        weight = np.ascontiguousarray(self.recurrent_weight)
        gemm.pack_transposed(weight, self._packed_forward)
        if training:
            gemm.pack(weight, self._packed_backward)
            self._packed_input = None
        else:
            self._packed_input = room_in(self._packed_backward, self.input_size, self.gates * self.hidden_size)
            gemm.pack_transposed(self.w_ih.value, self._packed_input)

    def project(self, shard: Shard, x: np.ndarray) -> None:
        """activations = x W_ih^T for the rows of a shard. Outside training by a product that gives each row the same bits anywhere."""
        out = self.activations[shard.rows]
        if self._packed_input is None:
            np.matmul(x, self.w_ih.value.T, out=out)
        else:
            out[:] = 0
            gemm.add_product(x, 0, x.shape[1], len(x), self._packed_input, out.shape[1], out, 0, out.shape[1], self._edges[shard.number])

    @abc.abstractmethod
    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        """Run the recurrence over the rows of a shard, whose `activations` hold W_ih x.

        state : arrays (B_s, H), the shard's own; the state before the first step, overwritten with that behind the last.
        y : (n, H), overwritten with h of every step.
        """

    @abc.abstractmethod
    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        """Gradients by the pre-activations, left in `activations`, from those by the outputs.

        dy : (n, H). d_state : arrays (B_s, H), overwritten with the gradient by the state before the first step.
        """

    def input_gradient(self, shard: Shard, dx: np.ndarray) -> None:
        """dx = dG W_ih."""
        np.matmul(self.activations[shard.rows], self.w_ih.value, out=dx)

    def inside(self, rows: slice) -> dict[str, np.ndarray]:
        """What the cell computed on its way to h, by name, (n, H) each: views of buffers that the next step overwrites.

        To be called behind `forward`, before `backward`.
        """
        size, values = self.hidden_size, self.activations[rows]
        return {name: values[:, place * size : (place + 1) * size] for place, name in enumerate(self.gate_names)}

    # -- gradients of weights --------------------------------------------------------------------------------------------------------------

    def weight_gradient_tasks(self, x: np.ndarray | None, rows: int, pieces: int) -> list[Task]:
        """Tasks that overwrite the gradients of W_ih (from x (rows, D), unless None), W_hh and b, in so many pieces each."""
        d = self.activations[:rows]
        tasks: list[Task] = [] if x is None else product_tasks(d, x, self.w_ih.gradient, pieces)
        tasks += self._recurrent_gradient_tasks(rows, pieces)
        tasks.append(lambda: np.matmul(self._ones[:rows], d, out=self.bias.gradient))
        return tasks

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        return product_tasks(self.activations[:rows], self.previous[:rows], self.w_hh.gradient, pieces)

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The parameters by the names and in the shapes of torch.nn, whose second bias is zero here."""
        tensors = {parameter.name: parameter.value for parameter in self.parameters}
        tensors.setdefault(f"rnn.bias_hh_l{self.label}", np.zeros_like(self.bias.value))
        return tensors

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        """Take over what `to_tensors` gave, or a torch.nn module's weights: its two biases are added.

        read : gives the tensor of a name, having checked its shape.
        """
        for parameter in self.parameters:
            parameter.value[...] = read(parameter.name, parameter.value.shape)
        self.bias.value += read(f"rnn.bias_hh_l{self.label}", self.bias.value.shape)

    def finish_gradients(self) -> None:
        """Behind all tasks: take out what weight drop had taken out."""
        if self.recurrent_mask is not None:
            self.w_hh.gradient *= self.recurrent_mask


def product_tasks(d: np.ndarray, x: np.ndarray, out: np.ndarray, pieces: int) -> list[Task]:
    """Tasks that compute out = d^T x, its rows shared out. d : (R, n). x : (R, m). out : (n, m)."""
    borders = [len(out) * piece // pieces for piece in range(pieces + 1)]

    def task(low: int, high: int) -> Task:
        return lambda: np.matmul(d[:, low:high].T, x, out=out[low:high])

    return [task(low, high) for low, high in itertools.pairwise(borders) if high > low]
