"""Recurrent layers that read a text from both ends (Schuster and Paliwal 1997): an encoder of whole texts, as tagging needs it.

It is of no use for predicting the next token: what reads from the end has seen it. `lmkit train-rnn` therefore has no such networks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.interfaces import Parameter, Shard, Workers, make_shards
from lmkit.neural.layers import get_cell
from lmkit.neural.layers.recurrent import RecurrentLayer, Task


class BidirectionalEncoder:
    """Layers of cells in two directions, the outputs of both joined: (T, B, D) to (T, B, 2H), padded texts included.

    The weights are those of torch.nn.LSTM, GRU or RNN with bidirectional=True, by name and order; a text gets what PyTorch gives it as a
    packed sequence: what reads from the end begins at the text's own last token, not in the padding.

    Parameters
    ----------
    input_size, hidden_size : D, and H of each direction.
    layers : number of layers; from the second on each reads the 2H outputs below it.
    cell : any cell of `lmkit.neural.layers` but jordan.
    seed : of the initial weights.
    scale : initial weights are drawn from U(-scale, scale); None takes 1/sqrt(H).
    dtype : float32, or float64 for gradient checks.

    Attributes
    ----------
    parameters : to be given to an optimiser of `lmkit.neural.optimizers` after `backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from lmkit.neural.layers.bidirectional import BidirectionalEncoder
    >>> from lmkit.neural.workers import ThreadWorkers
    >>> encoder = BidirectionalEncoder(input_size=3, hidden_size=4)
    >>> with ThreadWorkers(1) as workers:
    ...     y = encoder.forward(np.ones((5, 2, 3), np.float32), np.array([5, 2]), workers)
    >>> y.shape, bool(y[2:, 1].any())
    ((5, 2, 8), False)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        cell: str = "lstm",
        *,
        seed: int = 0,
        scale: float | None = None,
        dtype: type = np.float32,
    ) -> None:
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("layers", layers)):
            check_int("BidirectionalEncoder", name, value, minimum=1)
        make, rng = get_cell(cell), np.random.default_rng((seed, 1))
        if make.is_alone:
            raise InvalidParameterError(f"A {cell} cell feeds back what it predicts, and an encoder predicts nothing; take another cell.")
        self.input_size, self.hidden_size, self.dtype = input_size, hidden_size, np.dtype(dtype)
        sizes = [input_size] + [2 * hidden_size] * (layers - 1)
        self.cells: list[tuple[RecurrentLayer, RecurrentLayer]] = [
            (make(number, size, hidden_size, rng, scale, self.dtype), make(f"{number}_reverse", size, hidden_size, rng, scale, self.dtype))
            for number, size in enumerate(sizes)
        ]
        self.parameters: list[Parameter] = [parameter for pair in self.cells for cell in pair for parameter in cell.parameters]

    # -- forward and backward --------------------------------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray, lengths: np.ndarray, workers: Workers, *, training: bool = True) -> np.ndarray:
        """Outputs (T, B, 2H), zero in the padding: first H of the direction from the beginning, then H of that from the end.

        Parameters
        ----------
        x : (T, B, D), texts side by side. lengths : (B,), tokens of each, 1 to T.
        training : False gives each text the same bits whatever stands beside it; `backward` then can't follow.

        Raises
        ------
        InvalidParameterError : if x is no such array, or a length is outside 1 to T.
        """
        lengths = self._checked(x, lengths)
        steps, texts, _ = x.shape
        self._shards = make_shards(steps, texts, workers.count)
        self._order = np.empty(steps * texts, np.int64)  # row of each row when its text is turned round; its own inverse
        self._real = np.empty((steps * texts, 1), bool)
        for shard in self._shards:
            self._turn(shard, lengths[shard.texts])
        self._inputs = [np.empty((steps * texts, pair[0].input_size), self.dtype) for pair in self.cells]
        self._turned = [np.empty_like(array) for array in self._inputs]
        for cell in (cell for pair in self.cells for cell in pair):
            cell.begin(steps * texts, texts, len(self._shards))
            cell.pack(training=training)
        self._is_training = training
        y = np.empty((steps, texts, 2 * self.hidden_size), self.dtype)
        workers.run([functools.partial(self._forward_shard, shard, x, y) for shard in self._shards])
        return y

    def _checked(self, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        if np.ndim(x) != 3 or x.shape[2] != self.input_size or 0 in x.shape:
            raise InvalidParameterError(
                f"The 'x' parameter of BidirectionalEncoder must be of shape (steps, texts, {self.input_size}). Got {np.shape(x)} instead."
            )
        lengths = np.asarray(lengths, np.int64)
        if lengths.shape != (x.shape[1],) or lengths.min() < 1 or lengths.max() > len(x):
            raise InvalidParameterError(
                f"The 'lengths' parameter of BidirectionalEncoder must be {x.shape[1]} numbers from 1 to {len(x)}. Got {lengths} instead."
            )
        return lengths

    def _turn(self, shard: Shard, lengths: np.ndarray) -> None:
        step = np.arange(shard.steps)[:, np.newaxis]
        is_real = step < lengths
        rows = np.where(is_real, lengths - 1 - step, step) * shard.n_texts + np.arange(shard.n_texts)
        self._order[shard.rows], self._real[shard.rows] = rows.reshape(-1), is_real.reshape(-1, 1)

    def _forward_shard(self, shard: Shard, x: np.ndarray, y: np.ndarray) -> None:
        rows, size = shard.rows, self.hidden_size
        order, real = self._order[rows], self._real[rows]
        below = x[:, shard.texts].reshape(-1, self.input_size)
        for number, pair in enumerate(self.cells):
            self._inputs[number][rows], self._turned[number][rows] = below, below[order]
            found = []
            for cell, source in zip(pair, (self._inputs[number], self._turned[number]), strict=True):
                out = np.empty((len(order), size), self.dtype)
                cell.project(shard, source[rows])
                cell.forward(shard, [np.zeros((shard.n_texts, width), self.dtype) for width in cell.state_sizes], out)
                found.append(out)
            below = np.concatenate([found[0], found[1][order]], axis=1) * real
        y[:, shard.texts] = below.reshape(shard.steps, shard.n_texts, 2 * size)

    def backward(self, dy: np.ndarray, workers: Workers) -> np.ndarray:
        """The gradient by x of the last `forward`, (T, B, D), from dy (T, B, 2H), that by its outputs; weights keep their own gradients."""
        if not self._is_training:
            raise InvalidParameterError("The last forward was not for training; call forward with training=True first.")
        steps, texts, _ = dy.shape
        rows = steps * texts
        dx = np.empty((steps, texts, self.input_size), self.dtype)
        workers.run([functools.partial(self._backward_shard, shard, dy, dx) for shard in self._shards])
        tasks: list[Task] = []
        for pair, inputs, turned in zip(self.cells, self._inputs, self._turned, strict=True):
            tasks += pair[0].weight_gradient_tasks(inputs, rows, workers.count)
            tasks += pair[1].weight_gradient_tasks(turned, rows, workers.count)
        workers.run(tasks)
        for cell in (cell for pair in self.cells for cell in pair):
            cell.finish_gradients()
        return dx

    def _backward_shard(self, shard: Shard, dy: np.ndarray, dx: np.ndarray) -> None:
        size, order, real = self.hidden_size, self._order[shard.rows], self._real[shard.rows]
        d = dy[:, shard.texts].reshape(-1, 2 * size)
        for pair in reversed(self.cells):
            d = (d * real).astype(self.dtype, copy=False)
            below = []
            for cell, own in zip(pair, (d[:, :size], d[order, size:]), strict=True):
                cell.backward(
                    shard, np.ascontiguousarray(own), [np.empty((shard.n_texts, width), self.dtype) for width in cell.state_sizes]
                )
                out = np.empty((len(order), cell.input_size), self.dtype)
                cell.input_gradient(shard, out)
                below.append(out)
            d = below[0] + below[1][order]
        dx[:, shard.texts] = d.reshape(shard.steps, shard.n_texts, -1)

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """The weights by torch.nn's names behind "rnn.", such as "rnn.weight_ih_l0_reverse"."""
        return {name: value for pair in self.cells for cell in pair for name, value in cell.to_tensors().items()}

    def load_tensors(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Take over what `to_tensors` gave. Raises FormatError if a tensor is missing or of another shape."""

        def read(name: str, shape: tuple[int, ...]) -> np.ndarray:
            if name not in tensors or tensors[name].shape != shape:
                found = "missing" if name not in tensors else f"of shape {tensors[name].shape}"
                raise FormatError(f"The encoder's tensor {name!r} is {found}, expected {shape}; the weights are of another encoder.")
            return tensors[name]

        for cell in (cell for pair in self.cells for cell in pair):
            cell.load_tensors(read)
