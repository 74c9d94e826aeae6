"""The network of a fixed window (Bengio, Ducharme, Vincent and Jauvin 2003): the last n tokens, a hidden layer, the next token."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import InvalidParameterError
from lmkit.neural.batching import Batch
from lmkit.neural.interfaces import OutputLayer, OutputRequest, Parameter, Shard, Workers
from lmkit.neural.layers import _kernels_dense
from lmkit.neural.layers.dropout import Dropout, Masks
from lmkit.neural.layers.embedding import Embedding
from lmkit.neural.layers.initial import uniform
from lmkit.neural.layers.recurrent import Task, product_tasks
from lmkit.neural.output_layer import check_output, output_from, output_tensors
from lmkit.numeric import _kernels_gemm as gemm

_WORDS = 1000  # where whole words are dropped: a site of `Masks`


@dataclasses.dataclass(frozen=True)
class WindowArchitecture:
    """The shape of a network of a fixed window.

    Attributes
    ----------
    window : n, how many tokens before the next one it sees.
    hidden : H, units of the hidden layer.
    embedding : E, size of the word vectors.
    combine : "concatenate" the window's vectors, in order (Bengio 2003, x = C(w_(t-1)) ... C(w_(t-n))), or "average" them, which forgets
        the order: a bag of words.
    direct : whether the word vectors also go to the output layer directly (Bengio's W).
    tied : the output layer uses the embedding's table; needs E = H and no direct connections.
    output : name of an output layer in `lmkit.neural.losses`, or a dict with "name" and its options.
    scale : initial weights are drawn from U(-scale, scale).
    dropout : what is dropped in training; `input`, `output` and `words` have a meaning here.
    """

    window: int = 4
    hidden: int = 200
    embedding: int = 100
    combine: str = "concatenate"
    direct: bool = False
    tied: bool = False
    output: Any = "full"
    scale: float = 0.1
    dropout: Dropout = dataclasses.field(default_factory=Dropout)

    def __post_init__(self) -> None:
        for name in ("window", "hidden", "embedding"):
            check_int("WindowLanguageModel", name, getattr(self, name), minimum=1)
        check_choice("WindowLanguageModel", "combine", self.combine, ("concatenate", "average"))
        check_output(self.output)
        if self.tied and (self.direct or self.embedding != self.hidden):
            raise InvalidParameterError(
                "Tied weights need an embedding as wide as the hidden layer, and no direct connections. "
                f"Got embedding {self.embedding}, hidden {self.hidden}, direct {self.direct}."
            )

    @property
    def input_size(self) -> int:
        """What enters the hidden layer."""
        return self.embedding * (self.window if self.combine == "concatenate" else 1)

    @property
    def output_size(self) -> int:
        """What enters the output layer."""
        return self.hidden + (self.input_size if self.direct else 0)

    def weights(self, vocabulary_size: int) -> int:
        """About how many weights a network of this shape has, its output layer taken for a full softmax."""
        tables = vocabulary_size * (self.embedding + (0 if self.tied else self.output_size) + 1)
        return tables + self.hidden * (self.input_size + 1)

    def packed_weights(self, vocabulary_size: int) -> int:
        """How many weights lie packed as well while it is validated."""
        return self.hidden * self.input_size + vocabulary_size * self.output_size

    def batch_bytes(self, rows: int, vocabulary_size: int, itemsize: int = 4) -> int:
        """About how many bytes a batch of so many rows takes, a full softmax included."""
        return rows * (vocabulary_size + 2 * self.input_size + 2 * self.hidden + 2 * self.output_size) * itemsize

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> WindowArchitecture:
        """Read what `to_dict` gave. Raises InvalidParameterError or TypeError for what does not fit."""
        return cls(**{**record, "dropout": Dropout(**record.get("dropout", {}))})


class WindowNetwork:
    """Parameters and buffers of an architecture over a vocabulary; see `RecurrentNetwork` for the arguments.

    A row of a batch is one position: `Batch.inputs` is int32 (R, n), the token before the target last.
    """

    def __init__(
        self,
        architecture: WindowArchitecture,
        counts: np.ndarray,
        excluded: Sequence[int] = (1,),
        seed: int = 0,
        dtype: Any = np.float32,
        draws: np.random.Generator | None = None,
    ) -> None:
        self.architecture, self.seed, self.dtype, self.excluded = architecture, seed, np.dtype(dtype), tuple(excluded)
        shape, rng = architecture, draws or np.random.default_rng((seed, 1))
        self.embedding = Embedding(
            len(counts), shape.embedding, rng, shape.scale, self.dtype, is_tied=shape.tied, words_dropped=shape.dropout.words
        )
        self.weight = Parameter.of("hidden.weight", uniform(rng, (shape.hidden, shape.input_size), shape.scale, self.dtype))
        self.bias = Parameter.of("hidden.bias", uniform(rng, (shape.hidden,), shape.scale, self.dtype))
        request = OutputRequest(
            shape.output_size,
            len(counts),
            counts,
            self.excluded,
            self.embedding.weight if shape.tied else None,
            self.dtype,
            seed,
            shape.scale,
            draws,
        )
        self.output: OutputLayer = output_from(shape.output, request)
        self._packed = gemm.empty_packed(shape.input_size, shape.hidden, self.dtype)
        self.is_packed = False  # for reading
        self.parameters: list[Parameter] = [*self.embedding.parameters, self.weight, self.bias, *self.output.parameters]

    # -- buffers ---------------------------------------------------------------------------------------------------------------------------

    def begin(self, rows: int, texts: int, shards: int) -> None:
        """Make room for training steps of up to so many rows and shards."""
        shape = self.architecture
        self._x, self._dx = (np.empty((rows, shape.input_size), self.dtype) for _ in range(2))
        self._hidden, self._d_hidden = (np.empty((rows, shape.hidden), self.dtype) for _ in range(2))
        self._y, self._dy = (np.empty((rows, shape.output_size), self.dtype) for _ in range(2))
        self._weights = np.empty(rows, self.dtype)
        self._ones = np.ones(rows, self.dtype)
        self.output.begin(rows, shards)

    def carried_arrays(self) -> dict[str, np.ndarray]:
        """Nothing: each position is trained for itself."""
        return {}

    # -- a training step -------------------------------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch, step: int, workers: Workers) -> float:
        """Mean loss of a batch in nats a token; its gradients are left in the parameters. step : counts the updates from 0."""
        masks, rows, window = Masks(self.seed, step), len(batch.targets), self.architecture.window
        self.is_packed = False
        self._weights[:rows] = 1 / batch.tokens
        self.output.start_step(batch.targets, step)
        loss = sum(workers.run([functools.partial(self._run_shard, batch, shard, masks) for shard in batch.shards]))
        self.output.weight_gradients(self._y[:rows], batch.targets, workers)
        tasks: list[Task] = product_tasks(self._hidden[:rows], self._x[:rows], self.weight.gradient, workers.count)
        tasks.append(lambda: np.matmul(self._ones[:rows], self._hidden[:rows], out=self.bias.gradient))
        d = self._dx[:rows]
        if self.architecture.combine == "average":
            d = np.repeat(d / window, window, axis=0)
        ids = np.ascontiguousarray(batch.inputs).reshape(-1)
        tasks.append(lambda: self.embedding.weight_gradient(ids, d.reshape(-1, self.architecture.embedding), masks, _WORDS))
        workers.run(tasks)
        return loss

    def _run_shard(self, batch: Batch, shard: Shard, masks: Masks) -> float:
        """Forward and backward of one shard, up to the gradients by the embeddings (in _dx) and the pre-activations (in _hidden)."""
        rows, shape, drop, texts = shard.rows, self.architecture, self.architecture.dropout, batch.n_texts
        x, y, dx, dy = self._x[rows], self._y[rows], self._dx[rows], self._dy[rows]
        self._look_up(batch.inputs[rows], x, masks)
        masks.drop(x, shard, texts, 0, drop.input, False)
        np.matmul(x, self.weight.value.T, out=self._hidden[rows])
        _kernels_dense.tanh_of_sum(self._hidden[rows], self.bias.value, y)
        if shape.direct:
            y[:, shape.hidden :] = x
        masks.drop(y, shard, texts, 1, drop.output, False)
        loss = self.output.forward_backward(shard.number, rows, y, batch.targets[rows], self._weights[rows], dy)
        masks.drop(dy, shard, texts, 1, drop.output, False)
        if drop.output:  # the mask has changed y: tanh is computed anew
            _kernels_dense.tanh_of_sum(self._hidden[rows], self.bias.value, self._d_hidden[rows])
            _kernels_dense.tanh_gradient(self._d_hidden[rows], dy, self._hidden[rows])
        else:
            _kernels_dense.tanh_gradient(y, dy, self._hidden[rows])
        np.matmul(self._hidden[rows], self.weight.value, out=dx)
        if shape.direct:
            dx += dy[:, shape.hidden :]
        masks.drop(dx, shard, texts, 0, drop.input, False)
        return loss

    def _look_up(self, ids: np.ndarray, x: np.ndarray, masks: Masks | None) -> None:
        """x = the vectors of each row's window, one after the other or averaged. ids : int32 (n, window)."""
        shape = self.architecture
        if shape.combine == "concatenate":
            self.embedding.forward(ids.reshape(-1), x.reshape(-1, shape.embedding), masks, _WORDS)
        elif masks is None or shape.dropout.words == 0:
            _kernels_dense.gather_mean(self.embedding.weight.value, ids, x)
        else:
            vectors = np.empty((ids.size, shape.embedding), self.dtype)
            self.embedding.forward(ids.reshape(-1), vectors, masks, _WORDS)
            np.mean(vectors.reshape(*ids.shape, shape.embedding), axis=1, out=x)

    # -- reading without training ----------------------------------------------------------------------------------------------------------

    def pack_for_reading(self) -> None:
        """Pack the weights for `read` and for scoring; to be called again whenever they have changed."""
        self.is_packed = True
        gemm.pack_transposed(self.weight.value, self._packed)
        self.output.pack_for_reading()

    def read(self, ids: np.ndarray) -> np.ndarray:
        """What enters the output layer, (n, H) or wider, behind windows int32 (n, window). The same bits for a row whatever its neighbours.

        Several threads may call it at once, behind `pack_for_reading`.
        """
        shape = self.architecture
        x, hidden, y = (np.empty((len(ids), size), self.dtype) for size in (shape.input_size, shape.hidden, shape.output_size))
        self._look_up(np.ascontiguousarray(ids, np.int32), x, None)
        hidden[:] = 0
        gemm.add_product(x, 0, x.shape[1], len(x), self._packed, shape.hidden, hidden, 0, shape.hidden, gemm.empty_edge(self.dtype))
        _kernels_dense.tanh_of_sum(hidden, self.bias.value, y)
        if shape.direct:
            y[:, shape.hidden :] = x
        return y

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """All parameters by name."""
        tensors = {parameter.name: parameter.value for parameter in self.parameters}
        return tensors | output_tensors(self.output, len(self.embedding.weight.value), self.excluded)

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        """Take over what `to_tensors` gave. read : gives the tensor of a name, having checked its shape."""
        for parameter in self.parameters:
            parameter.value[...] = read(parameter.name, parameter.value.shape)
