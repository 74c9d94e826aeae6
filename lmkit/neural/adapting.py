"""A network that goes on learning from the text it reads: what dynamic evaluation needs of a recurrent model."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.neural.batching import Batch
from lmkit.neural.interfaces import Parameter, make_shards
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.losses.base import FlatOutput
from lmkit.neural.recurrent import RecurrentNetwork
from lmkit.neural.workers import ThreadWorkers


class AdaptingCopy:
    """A copy of a network, without dropout and penalties, whose parameters a caller changes as the text goes on.

    A context manager: BLAS runs on one thread inside.

    Parameters
    ----------
    network : left as it is.
    counts : int64 (V,), of the training text.
    segment : the longest piece that `read` gets.

    Attributes
    ----------
    parameters : those that are trained; `read` leaves gradients in them. Rows that a gradient does not touch are zero in it.
    """

    def __init__(self, network: RecurrentNetwork, counts: np.ndarray, segment: int) -> None:
        output = "full" if isinstance(network.output, FlatOutput) else network.architecture.output  # sampled losses score by a full softmax
        shape = dataclasses.replace(network.architecture, dropout=Dropout(), output=output, activation_penalty=0.0, temporal_penalty=0.0)
        self._network = RecurrentNetwork(shape, counts, network.excluded, network.seed, network.dtype)
        self._network.begin(segment, 1, 1)
        self._original = network
        self._workers = ThreadWorkers(1)
        self.parameters: list[Parameter] = [own for own in self._network.parameters if own.is_trained]
        self.forget()

    def __enter__(self) -> AdaptingCopy:
        self._workers.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._workers.__exit__(*exception)

    def forget(self) -> None:
        """Take over the original's parameters again."""
        for own, original in zip(self._network.parameters, self._original.parameters, strict=True):
            own.value[...] = original.value
            own.gradient[...] = 0
        self._steps, self._continues = 0, False

    def begin_text(self) -> None:
        """Read on from the state before a text; parameters stay."""
        self._continues = False

    def read(self, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Log probabilities of the targets under the parameters as they are, float64 (n,); their mean's gradient is left in the parameters.

        The state goes on from the last call. inputs, targets : int32 (n,), n <= segment; what stands before each target, and the target.
        """
        network, rows = self._network, len(targets)
        for parameter in self.parameters:
            if parameter.rows is not None:
                parameter.gradient[parameter.rows] = 0
        network.train_step(Batch(inputs, targets, None, make_shards(rows, 1, 1), self._continues, rows), self._steps, self._workers)
        self._steps, self._continues = self._steps + 1, True
        return self._log_probs(np.ascontiguousarray(network.inside(rows)[-1]["h"]), targets)

    def _log_probs(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        from lmkit.neural.losses import _kernels_softmax as softmax

        output = self._network.output
        if not isinstance(output, FlatOutput):
            return output.score(hidden, targets)
        scores, found = hidden @ output.weight.value.T, np.empty(len(targets))  # packing the weights for so few rows would not pay
        softmax.target_log_probs(scores, output.vocabulary_size, output.masked_bias(), targets, found)
        return found

    def look_ahead(self, inputs: np.ndarray) -> np.ndarray:
        """Log probabilities of what may follow some more inputs, float64 (V,); nothing changes. inputs : int32 (n,), n <= segment."""
        network = self._network
        states = network.zero_states(1)
        network.begin_states(states)
        if self._continues:
            carried = network.carried_arrays()
            for name, state in network.named(states).items():
                state[:] = carried[name]
        network.pack_for_reading()
        hidden = network.read(inputs, states, make_shards(len(inputs), 1, 1)[0])
        return network.output.log_probs(hidden[-1:])[0]
