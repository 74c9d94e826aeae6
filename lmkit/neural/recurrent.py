"""A network of recurrent layers between an embedding and an output layer: one training step, and exact scores."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import Batch
from lmkit.neural.interfaces import OutputLayer, OutputRequest, Parameter, Shard, Workers
from lmkit.neural.layers import _kernels_embedding, get_cell
from lmkit.neural.layers.dropout import Masks
from lmkit.neural.layers.embedding import Embedding
from lmkit.neural.layers.recurrent import RecurrentLayer, Task
from lmkit.neural.output_layer import output_from, output_tensors
from lmkit.neural.penalties import Penalties

# Where masks are drawn: sites of `Masks`.
_WORDS, _RECURRENCE = 1000, 2000

States = list[tuple[np.ndarray, ...]]
"""For each layer its states, each (B, H) or as wide as the cell says."""


class RecurrentNetwork:
    """Parameters and buffers of an architecture over a vocabulary.

    Parameters
    ----------
    architecture : the shape.
    counts : int64 (V,), occurrences of each id in the training text.
    excluded : ids that can't be predicted.
    seed : of the initial weights and of what is dropped.
    dtype : float32, or float64 for gradient checks.
    draws : what draws the initial weights, in the place of the seed.
    """

    def __init__(
        self,
        architecture: Architecture,
        counts: np.ndarray,
        excluded: Sequence[int] = (1,),
        seed: int = 0,
        dtype: Any = np.float32,
        draws: np.random.Generator | None = None,
    ) -> None:
        self.architecture, self.seed, self.dtype = architecture, seed, np.dtype(dtype)
        shape, rng = architecture, draws or np.random.default_rng((seed, 1))
        scale = 0.1 if shape.scale is None else shape.scale
        self.embedding = Embedding(
            len(counts), shape.embedding_size, rng, scale, self.dtype, is_tied=shape.tied, words_dropped=shape.dropout.words
        )
        cell = get_cell(shape.cell)
        self.layers: list[RecurrentLayer] = [
            cell(number, before, size, rng, shape.scale, self.dtype) for number, (before, size) in enumerate(shape.sizes)
        ]
        for layer in self.layers:
            if hasattr(layer, "set_forget_bias"):
                layer.set_forget_bias(shape.forget_bias)
        self.penalties = Penalties(shape.activation_penalty, shape.temporal_penalty)
        tied = self.embedding.weight if shape.tied else None
        request = OutputRequest(shape.output_size, len(counts), counts, tuple(excluded), tied, self.dtype, seed, scale, draws)
        self.excluded = tuple(excluded)
        self.is_packed = False  # for reading
        self.output: OutputLayer = output_from(shape.output, request)
        for layer in self.layers:
            layer.attach(self.output)
        self.initial = self._initial_states() if shape.initial_state == "learned" else []
        self.parameters: list[Parameter] = [
            *self.embedding.parameters,
            *(parameter for layer in self.layers for parameter in layer.parameters),
            *(parameter for states in self.initial for parameter in states),
            *self.output.parameters,
        ]

    def _initial_states(self) -> list[tuple[Parameter, ...]]:
        return [
            tuple(
                Parameter.of(f"initial_{name}_l{layer.number}", np.zeros(size, self.dtype), decays=False)
                for name, size in zip(layer.states, layer.state_sizes, strict=True)
            )
            for layer in self.layers
        ]

    # -- buffers ---------------------------------------------------------------------------------------------------------------------------

    def begin(self, rows: int, texts: int, shards: int) -> None:
        """Make room for training steps of up to so many rows, texts and shards."""
        self._make_room(rows, texts, shards)
        self._carried = self.zero_states(texts)
        self._d_states = self.zero_states(texts)
        table = (len(self.embedding.weight.value), self.layers[0].width)
        self._table = np.empty(table, self.dtype) if self._takes_table(rows) else None
        self.output.begin(rows, shards)
        self.penalties.begin(rows, self.architecture.output_size, shards, self.dtype)

    def _make_room(self, rows: int, texts: int, shards: int) -> None:
        sizes = [self.architecture.embedding_size, *(layer.hidden_size for layer in self.layers)]
        self._x = [np.empty((rows, size), self.dtype) for size in sizes]  # input of each layer, and of the output layer, masked
        by_size = {size: np.empty((rows, size), self.dtype) for size in set(sizes)}
        self._d = [by_size[size] for size in sizes]  # gradients by _x: one is read before the next of its size is written
        self._weights = np.empty(rows, self.dtype)
        for layer in self.layers:
            layer.begin(rows, texts, shards)
        self._room = (rows, texts, shards)

    def _takes_table(self, rows: int) -> bool:
        """Whether W_ih E is computed once for the whole vocabulary, as pays where that is small: of characters and bytes.

        It takes the place of the first layer's product with every row, and of two in the backward pass. What is dropped from embeddings
        would differ from row to row.
        """
        drop = self.architecture.dropout
        return len(self.embedding.weight.value) <= rows // 4 and drop.input == drop.words == 0 and self.embedding.weight.is_trained

    def zero_states(self, texts: int) -> States:
        """States of nothing read, for so many texts."""
        return [tuple(np.zeros((texts, size), self.dtype) for size in layer.state_sizes) for layer in self.layers]

    def begin_states(self, states: States) -> None:
        """Set states to those before a text: zero, or what was learned."""
        for number, layer_states in enumerate(states):
            for place, state in enumerate(layer_states):
                state[:] = self.initial[number][place].value if self.initial else 0

    # -- a training step -------------------------------------------------------------------------------------------------------------------

    def train_step(self, batch: Batch, step: int, workers: Workers) -> float:
        """Mean loss of a batch in nats a token, penalties left out; its gradients, theirs included, are left in the parameters.

        step : counts the updates from 0; what is dropped and drawn depends on it and the seed alone.
        """
        masks, rows = Masks(self.seed, step), len(batch.targets)
        self._prepare(batch, step, masks)
        loss = sum(workers.run([functools.partial(self._run_shard, batch, shard, masks) for shard in batch.shards]))
        self.output.weight_gradients(self._x[-1][:rows], batch.targets, workers)
        workers.run(self._gradient_tasks(batch, rows, masks, workers.count))
        if self._table is not None:
            self._finish_table(self._table)
        for layer in self.layers:
            layer.finish_gradients()
        self._initial_gradients(batch)
        return loss

    def _gradient_tasks(self, batch: Batch, rows: int, masks: Masks, pieces: int) -> list[Task]:
        """Tasks for the gradients of all weights below the output layer, the table's in place of the first W_ih's and the embedding's."""
        tasks: list[Task] = []
        if self._table is None:
            tasks.append(lambda: self.embedding.weight_gradient(batch.inputs, self._d[0][:rows], masks, _WORDS))
        else:
            width = self._table.shape[1]
            for piece in range(pieces):
                low, high = width * piece // pieces, width * (piece + 1) // pieces
                d = self.layers[0].activations[:rows]
                tasks.append(functools.partial(_kernels_embedding.scatter_columns, self._table, batch.inputs, d, low, high))
        for layer in self.layers:
            x = None if self._table is not None and layer.number == 0 else self._x[layer.number][:rows]
            tasks += layer.weight_gradient_tasks(x, rows, pieces)
        return tasks

    def _finish_table(self, table: np.ndarray) -> None:
        """From the gradient by the table W_ih E to those by W_ih and E."""
        weight, first = self.embedding.weight, self.layers[0].w_ih
        np.matmul(table.T, weight.value, out=first.gradient)
        if self.embedding.is_tied:
            weight.gradient += table @ first.value
        else:
            np.matmul(table, first.value, out=weight.gradient)

    def _prepare(self, batch: Batch, step: int, masks: Masks) -> None:
        self.is_packed = False
        drop = self.architecture.dropout
        for layer in self.layers:
            layer.drop_recurrent(masks, _RECURRENCE + layer.number, drop.recurrent, batch.n_texts)
            layer.pack(training=True)
        if not batch.continues:
            self.begin_states(self._carried)
        weights = self._weights[: len(batch.targets)]
        weights[:] = 1 / batch.tokens
        if batch.is_real is not None:
            weights[~batch.is_real] = 0
        self.penalties.start_step(batch.shards, weights)
        if self._table is not None:
            np.matmul(self.embedding.weight.value, self.layers[0].w_ih.value.T, out=self._table)
        self.output.start_step(batch.targets, step)

    def _run_shard(self, batch: Batch, shard: Shard, masks: Masks) -> float:
        """Forward and backward of one shard, from its ids to the gradients by the embeddings and by all pre-activations."""
        rows, texts = shard.rows, batch.n_texts
        drop = self.architecture.dropout
        sites = [drop.input] + [drop.between] * (len(self.layers) - 1) + [drop.output]

        def mask(x: np.ndarray, site: int) -> None:
            masks.drop(x, shard, texts, site, sites[site], drop.variational)

        if self._table is not None:
            _kernels_embedding.gather(self._table, batch.inputs[rows], self.layers[0].activations[rows])
        else:
            self.embedding.forward(batch.inputs[rows], self._x[0][rows], masks, _WORDS)
            mask(self._x[0][rows], 0)
        for layer in self.layers:
            if self._table is None or layer.number > 0:
                layer.project(shard, self._x[layer.number][rows])
            y = self._x[layer.number + 1][rows]
            layer.forward(shard, [state[shard.texts] for state in self._carried[layer.number]], y)
            if layer is self.layers[-1]:
                self.penalties.see_output(shard, y)
            mask(y, layer.number + 1)
        loss = self.output.forward_backward(
            shard.number, rows, self._x[-1][rows], batch.targets[rows], self._weights[rows], self._d[-1][rows]
        )
        self.penalties.see_dropped(shard, self._x[-1][rows], self._d[-1][rows])
        for layer in reversed(self.layers):
            d = self._d[layer.number + 1][rows]
            mask(d, layer.number + 1)
            if layer is self.layers[-1]:
                self.penalties.add_output_gradient(shard, d)
            layer.backward(shard, d, [state[shard.texts] for state in self._d_states[layer.number]])
            if self._table is None or layer.number > 0:
                layer.input_gradient(shard, self._d[layer.number][rows])
        if self._table is None:
            mask(self._d[0][rows], 0)
        return loss

    def _initial_gradients(self, batch: Batch) -> None:
        for parameters, gradients in zip(self.initial, self._d_states, strict=False):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.gradient[:] = 0 if batch.continues else gradient[: batch.n_texts].sum(0)

    # -- carried state, for checkpoints ----------------------------------------------------------------------------------------------------

    def carried_arrays(self) -> dict[str, np.ndarray]:
        """The state that the next batch goes on from, by name."""
        return self.named(self._carried)

    def state_gradients(self) -> dict[str, np.ndarray]:
        """The gradient of the last batch's loss by the state before its first step, by name, each (B, .)."""
        return self.named(self._d_states)

    def named(self, states: States) -> dict[str, np.ndarray]:
        """States by name, such as "h_l0", not copied."""
        return {
            f"{name}_l{layer.number}": array
            for layer, arrays in zip(self.layers, states, strict=True)
            for name, array in zip(layer.states, arrays, strict=True)
        }

    # -- reading without training ----------------------------------------------------------------------------------------------------------

    def pack_for_reading(self) -> None:
        """Pack the weights for `read`; to be called again whenever they have changed."""
        self.is_packed = True
        for layer in self.layers:
            layer.drop_recurrent(None, 0, 0.0, 0)
            layer.pack(training=False)
        self.output.pack_for_reading()

    def read(self, ids: np.ndarray, states: States, shard: Shard) -> np.ndarray:
        """Hidden vectors of the last layer behind each id, (n, H), valid until the next call for this shard; states move on in place.

        Nothing is dropped. A row's values are the same to the bit whatever other texts are read beside it, and however a text is cut.

        ids : int32 (n,), by time, then by text. states : of all texts that the shards read.
        """
        self.project_first(ids, shard)
        return self.run_layers(states, shard)

    def project_first(self, ids: np.ndarray, shard: Shard) -> np.ndarray:
        """W_ih x of the first layer for ids, (n, width), left where `run_layers` looks for it; valid until the next call."""
        x = self._x[0][shard.rows]
        self.embedding.forward(ids, x, None, _WORDS)
        self.layers[0].project(shard, x)
        return self.layers[0].activations[shard.rows]

    def run_layers(self, states: States, shard: Shard) -> np.ndarray:
        """The rest of `read`, behind `project_first`."""
        for layer in self.layers:
            if layer.number > 0:
                layer.project(shard, self._x[layer.number][shard.rows])
            layer.forward(shard, [state[shard.texts] for state in states[layer.number]], self._x[layer.number + 1][shard.rows])
        return self._x[-1][shard.rows]

    def inside(self, rows: int) -> list[dict[str, np.ndarray]]:
        """What each layer computed at the rows last read, by name, "h" among it: views, valid until the next call of `read`."""
        return [{**layer.inside(slice(rows)), "h": self._x[layer.number + 1][:rows]} for layer in self.layers]

    def room_for(self, rows: int, texts: int, shards: int) -> None:
        """Make room for reading so many rows, unless there is room already."""
        room = getattr(self, "_room", (0, 0, 0))
        if rows > room[0] or texts > room[1] or shards > room[2]:
            self._make_room(max(rows, room[0]), max(texts, room[1]), max(shards, room[2]))

    def score_step(self, batch: Batch, states: States, workers: Workers) -> np.ndarray:
        """Exact log probabilities of a batch's targets, float64 (R,), `states` moving on; padding rows bear numbers without meaning."""
        scores = np.empty(len(batch.targets), np.float64)

        def run(shard: Shard) -> None:
            hidden = self.read(batch.inputs[shard.rows], states, shard)
            scores[shard.rows] = self.output.score(hidden, batch.targets[shard.rows])

        workers.run([functools.partial(run, shard) for shard in batch.shards])
        return scores

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def to_tensors(self) -> dict[str, np.ndarray]:
        """All parameters by name; those of the cells as torch.nn has them."""
        own = {parameter.name for layer in self.layers for parameter in layer.parameters}
        tensors = {parameter.name: parameter.value for parameter in self.parameters if parameter.name not in own}
        for layer in self.layers:
            tensors |= layer.to_tensors()
        return tensors | output_tensors(self.output, len(self.embedding.weight.value), self.excluded)

    def load_tensors(self, read: Callable[[str, tuple[int, ...]], np.ndarray]) -> None:
        """Take over what `to_tensors` gave. read : gives the tensor of a name, having checked its shape."""
        own = {parameter.name for layer in self.layers for parameter in layer.parameters}
        for parameter in self.parameters:
            if parameter.name not in own:
                parameter.value[...] = read(parameter.name, parameter.value.shape)
        for layer in self.layers:
            layer.load_tensors(read)
