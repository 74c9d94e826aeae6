"""What all recurrent cells share: the product of all inputs at once, the gradients of the weights, and for most a matrix W_hh."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit.neural.interfaces import Parameter, Shard
from lmkit.neural.layers.dropout import Masks
from lmkit.neural.layers.initial import uniform
from lmkit.neural.packed import room_in
from lmkit.numeric import _kernels_gemm as gemm

Task = Callable[[], Any]


class RecurrentLayer(abc.ABC):
    """One layer of cells over all steps of a batch, whose gates see W_ih x_t, and of the past what the cell gives them.

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
    taps : steps that see an input through W_ih, from its own on.
    states : what is carried from step to step; `state_sizes` are their widths.
    gate_names : of the gates whose values `forward` leaves in `activations`, in their order there.
    """

    gates: int
    taps = 1
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
        self.w_ih = Parameter.of(f"rnn.weight_ih_l{number}", uniform(rng, (self.width, input_size), scale, self.dtype))
        recurrent = self._recurrent_parameters(rng, scale)
        self.bias = Parameter.of(f"rnn.bias_ih_l{number}", uniform(rng, (units,), scale, self.dtype))
        self.parameters = [self.w_ih, *recurrent, self.bias]
        self._packed_input: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Columns of `activations`: what W_ih gives for an input."""
        return self.taps * self.gates * self.hidden_size

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The width of each of `states`."""
        return (self.hidden_size,) * len(self.states)

    @classmethod
    def count_weights(cls, input_size: int, hidden_size: int) -> int:
        """Weights of a layer of D inputs and H units, about."""
        return cls.gates * hidden_size * (cls.taps * input_size + 1)

    @classmethod
    def count_packed(cls, input_size: int, hidden_size: int) -> int:
        """Numbers that lie packed beside them while it reads."""
        return cls.taps * cls.gates * hidden_size * input_size

    def _recurrent_parameters(self, rng: np.random.Generator, scale: float) -> list[Parameter]:
        """Parameters between W_ih and the bias."""
        return []

    def attach(self, output: Any) -> None:  # noqa: B027 - most cells know nothing of it
        """Told the output layer above, once."""

    # -- buffers ---------------------------------------------------------------------------------------------------------------------------

    def begin(self, rows: int, texts: int, shards: int) -> None:
        """Make room for steps of up to so many rows, texts and shards."""
        self.activations = np.empty((rows, self.width), self.dtype)  # W_ih x, then gates, then gradients by pre-activations
        self._edges = [gemm.empty_edge(self.dtype) for _ in range(shards)]
        self._ones = np.ones(rows, self.dtype)
        self._begin_cell(rows, texts)

    @abc.abstractmethod
    def _begin_cell(self, rows: int, texts: int) -> None:
        """Make room for what the cell keeps beside its gates."""

    # -- a step ----------------------------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def drop_recurrent(self, masks: Masks | None, site: int, probability: float, texts: int) -> None:
        """Until told otherwise drop what this cell drops of its recurrence, in steps of so many texts; nothing where masks is None."""

    def pack(self, *, training: bool) -> None:
        """Pack the weights anew after they have changed: outside training that of the input."""
        self._packed_input = None if training else self._room_for_input()
        if self._packed_input is not None:
            gemm.pack_transposed(self.w_ih.value, self._packed_input)

    def _room_for_input(self) -> np.ndarray:
        return gemm.empty_packed(self.input_size, self.width, self.dtype)

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
        """Tasks that overwrite the gradients of W_ih (from x (rows, D), unless None) and all others, in so many pieces each."""
        d = self.activations[:rows]
        tasks: list[Task] = [] if x is None else product_tasks(d, x, self.w_ih.gradient, pieces)
        tasks += self._recurrent_gradient_tasks(rows, pieces)
        tasks.append(lambda: np.matmul(self._ones[:rows], d[:, : len(self.bias.value)], out=self.bias.gradient))
        return tasks

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        """Tasks that overwrite the gradients of the parameters between W_ih and the bias."""
        return []

    def finish_gradients(self) -> None:  # noqa: B027 - most have nothing to do
        """Behind all tasks."""

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def to_tensors(self) -> dict[str, np.ndarray]:
        """The parameters by the names and in the shapes of torch.nn."""

    @abc.abstractmethod
    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        """Take over what `to_tensors` gave, or a torch.nn module's weights.

        read : gives the tensor of a name, having checked its shape.
        """


class MatrixRecurrence(RecurrentLayer):
    """Cells whose gates see W_ih x_t + W_hh h_(t-1) + b. What is dropped of the recurrence are weights of W_hh (weight drop)."""

    def _recurrent_parameters(self, rng: np.random.Generator, scale: float) -> list[Parameter]:
        size, units = self.hidden_size, self.gates * self.hidden_size
        self.w_hh = Parameter.of(f"rnn.weight_hh_l{self.label}", uniform(rng, (units, size), scale, self.dtype))
        self.recurrent_mask: np.ndarray | None = None
        self._packed_forward = gemm.empty_packed(size, units, self.dtype)
        self._packed_backward = gemm.empty_packed(units, size, self.dtype)
        return [self.w_hh]

    @classmethod
    def count_weights(cls, input_size: int, hidden_size: int) -> int:
        return super().count_weights(input_size, hidden_size) + cls.gates * hidden_size * hidden_size

    @classmethod
    def count_packed(cls, input_size: int, hidden_size: int) -> int:
        """W_hh both ways, W_ih in the place of its transpose."""
        return cls.gates * hidden_size * (hidden_size + max(input_size, hidden_size))

    def begin(self, rows: int, texts: int, shards: int) -> None:
        self.previous = np.empty((rows, self.hidden_size), self.dtype)  # h_(t-1) of each row
        super().begin(rows, texts, shards)

    def drop_recurrent(self, masks: Masks | None, site: int, probability: float, texts: int) -> None:
        self.recurrent_mask = None if masks is None else masks.weight_mask(self.w_hh.value.shape, site, probability, self.dtype)

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
        super().pack(training=training)

    def _room_for_input(self) -> np.ndarray:
        return room_in(self._packed_backward, self.input_size, self.width)

    def _recurrent_gradient_tasks(self, rows: int, pieces: int) -> list[Task]:
        return product_tasks(self.activations[:rows], self.previous[:rows], self.w_hh.gradient, pieces)

    def finish_gradients(self) -> None:
        """Take out of the gradient what weight drop had taken out."""
        if self.recurrent_mask is not None:
            self.w_hh.gradient *= self.recurrent_mask

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The parameters by the names and in the shapes of torch.nn, whose second bias is zero here."""
        tensors = {parameter.name: parameter.value for parameter in self.parameters}
        tensors.setdefault(f"rnn.bias_hh_l{self.label}", np.zeros_like(self.bias.value))
        return tensors

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        """Take over what `to_tensors` gave, or a torch.nn module's weights: its two biases are added."""
        for parameter in self.parameters:
            parameter.value[...] = read(parameter.name, parameter.value.shape)
        self.bias.value += read(f"rnn.bias_hh_l{self.label}", self.bias.value.shape)


def product_tasks(d: np.ndarray, x: np.ndarray, out: np.ndarray, pieces: int) -> list[Task]:
    """Tasks that compute out = d^T x, its rows shared out. d : (R, n). x : (R, m). out : (n, m)."""
    borders = [len(out) * piece // pieces for piece in range(pieces + 1)]

    def task(low: int, high: int) -> Task:
        return lambda: np.matmul(d[:, low:high].T, x, out=out[low:high])

    return [task(low, high) for low, high in itertools.pairwise(borders) if high > low]
