"""What the parts of a network are to each other: parameters, layers, output layers, optimisers, and the threads they run on.

Rows. A batch of B texts over T steps has R = T B rows. It is cut into *shards*, one a thread; the rows of a shard lie together, first by
time, then by text. What one row needs from another (the recurrence) never leaves a shard, so a thread runs forward and backward over its
shard without waiting for the others. Only gradients of weights look at all rows: they are computed behind the join.

A training step, as `lmkit.neural.trainer` runs it:

1. each thread on its shard: layers forward, output layer forward and backward, layers backward;
2. behind the join: gradients of weights, each over all rows, shared out by `Workers`;
3. the norm of all gradients, then one pass of the optimiser, with the factor of clipping folded in.

Everything runs in float32; with parameters in float64 the same code runs in float64, for gradient checks.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np


@dataclasses.dataclass(eq=False)
class Parameter:
    """A trained array and its gradient.

    Attributes
    ----------
    name : as torch.nn would call it in a state dict, such as "rnn.weight_ih_l0"; unique in a network.
    value : float32 or float64, C-contiguous; changed in place by optimisers, never replaced.
    gradient : of the same shape and dtype. Whoever computes it overwrites it or adds to it (see `OutputLayer.weight_gradients`).
    rows : int64 (n,), distinct and rising, or None. The rows of a matrix whose gradient is not zero in this step, all others being zero
        (embeddings; the output rows of sampled losses). None: every row may differ from zero. Optimisers update these rows only.
    decays : whether weight decay applies: for matrices, not for biases.
    is_trained : False freezes it: no gradient is computed and optimisers leave it alone.
    """

    name: str
    value: np.ndarray
    gradient: np.ndarray
    rows: np.ndarray | None = None
    decays: bool = True
    is_trained: bool = True

    @classmethod
    def of(cls, name: str, value: np.ndarray, *, decays: bool | None = None) -> Parameter:
        """A parameter with a zero gradient; by default matrices decay and vectors don't."""
        return cls(name, value, np.zeros_like(value), decays=value.ndim > 1 if decays is None else decays)


@dataclasses.dataclass(frozen=True)
class Shard:
    """One thread's part of a step.

    Attributes
    ----------
    number : counts the shards from 0.
    rows : where its rows lie among all R rows; the row of text b at step t is rows.start + t * len(texts) + b.
    texts : which of the B texts are its own.
    steps : T.
    """

    number: int
    rows: slice
    texts: slice
    steps: int

    @property
    def n_texts(self) -> int:
        return self.texts.stop - self.texts.start


def make_shards(steps: int, texts: int, count: int) -> list[Shard]:
    """B texts of T steps cut into `count` shards, or fewer where there are fewer texts."""
    count = max(1, min(count, texts))
    borders = [texts * number // count for number in range(count + 1)]
    return [
        Shard(number, slice(steps * first, steps * last), slice(first, last), steps)
        for number, (first, last) in enumerate(itertools.pairwise(borders))
    ]


class Workers(Protocol):
    """Persistent threads. `lmkit.neural.workers.ThreadWorkers` is the one there is; BLAS runs on one thread inside it."""

    @property
    def count(self) -> int:
        """Number of threads, the caller's own included."""

    def run(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """Call all tasks, in any order, on all threads, and wait; their results in the order of `tasks`. The first exception is raised.

        Tasks gain from threads only inside kernels and NumPy calls that let go of the GIL. A task must not call `run`.
        """


@runtime_checkable
class Layer(Protocol):
    """Anything with parameters."""

    parameters: list[Parameter]


@runtime_checkable
class OutputLayer(Layer, Protocol):
    """From the last hidden vectors to the probabilities of the next token: full softmax, hierarchical, sampled ...

    Made by `make_output(name, ...)`; see `OutputRequest`. Target ids are those of the vocabulary. `request.excluded` ids never occur as
    targets; their exact probability is 0 and the others sum to one.
    """

    parameters: list[Parameter]

    def begin(self, rows: int, shards: int) -> None:
        """Make room for steps of up to `rows` rows in all, cut into so many shards. Called once; later steps may be smaller."""

    def start_step(self, targets: np.ndarray, step: int) -> None:
        """Once a step, before the shards run, from one thread: draw what all rows share (negatives), from (seed, step) alone.

        targets : int32 (R,), of all rows. step : counts the updates from 0.
        """

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        """The loss of one shard and its gradient by `hidden`; called at the same time for other shards.

        Parameters
        ----------
        shard : number of the shard, 0 <= shard < shards.
        rows : where the shard's rows lie among all R rows of the step.
        hidden : (n, H), the shard's own rows, C-contiguous.
        targets : int32 (n,).
        weights : of the parameters' dtype (n,): what each row's loss is multiplied with: 0 for padding, else the factor that makes a mean
            of the sum. Gradients bear it.
        d_hidden : (n, H), overwritten with the gradient.

        Returns
        -------
        The training loss: sum over the rows of weight times loss, in nats.
        """

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        """Behind the join: overwrite the gradients of all own parameters, from what the shards left behind. Shares work by `workers`.

        A tied weight belongs to the output layer; the embedding then adds its own part to the same gradient afterwards, so a tied output
        layer must leave `rows` at None.

        hidden : (R, H). targets : int32 (R,).
        """

    def pack_for_reading(self) -> None:
        """Lay the weights out for `log_probs` and `score`, which are quicker for it; to be called again whenever they have changed.

        The next `start_step` takes it back.
        """

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        """Exact natural logarithms, float64 (n, V), normalised; -inf for excluded ids. hidden : (n, H).

        This and `score` need no `begin`, and several threads may call them at once.
        """

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Exact log probability of each target, float64 (n,), the same for a row whatever other rows stand beside it."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the name and options that make this layer again (its parameters are stored by name)."""


class Network(Protocol):
    """What the trainer trains: recurrent nets and nets of a fixed window alike."""

    parameters: list[Parameter]

    def begin(self, rows: int, texts: int, shards: int) -> None:
        """Make room for training steps of up to so many rows, texts and shards."""

    def train_step(self, batch: Any, step: int, workers: Workers) -> float:
        """Mean loss of a batch in nats a token; its gradients are left in the parameters."""

    def carried_arrays(self) -> dict[str, np.ndarray]:
        """What the next batch goes on from, by name; written into when a training is resumed."""


@dataclasses.dataclass(frozen=True)
class OutputRequest:
    """What an output layer is made from.

    Attributes
    ----------
    hidden_size : H. vocabulary_size : V.
    counts : int64 (V,), occurrences of each id in the training text (0 for ids that never occur); for trees, bands and noise.
    excluded : ids that can't be predicted: `<s>`, and `</s>` in continuous text.
    tied_weight : the embedding (V, H) to share, or None. Only the full softmax and NCE-like losses can take it; others raise
        InvalidParameterError.
    dtype : float32, or float64 for gradient checks.
    seed : of the initial weights and of drawn negatives.
    scale : initial weights are drawn from U(-scale, scale).
    draws : what draws them, in the place of the seed.
    """

    hidden_size: int
    vocabulary_size: int
    counts: np.ndarray
    excluded: tuple[int, ...] = (1,)
    tied_weight: Parameter | None = None
    dtype: np.dtype = dataclasses.field(default_factory=lambda: np.dtype(np.float32))
    seed: int = 0
    scale: float = 0.1
    draws: np.random.Generator | None = None


class Optimizer(Protocol):
    """One pass over all parameters; keeps what it needs of the past by parameter name."""

    def step(self, parameters: Sequence[Parameter], learning_rate: float, gradient_scale: float, workers: Workers) -> None:
        """Update every trained parameter in place from gradient * gradient_scale (the factor of clipping), and set nothing else.

        Parameters with `rows` are updated in those rows only; what lazy updates leave out is documented by each optimiser.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Arrays by name, for a checkpoint: with them and the parameters training goes on to the same bits."""

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave. Raises FormatError for arrays that don't fit."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: name and options."""


class Averaging(Protocol):
    """An optimiser whose model is not where it stands, as averaged SGD: what validation and the saved model use."""

    def averaged(self, parameters: Iterable[Parameter]) -> dict[str, np.ndarray] | None:
        """Averaged values by parameter name, or None where averaging has not begun."""


class Schedule(Protocol):
    """The learning rate over a training."""

    def rate(self, progress: float) -> float:
        """Factor on the base learning rate of a step, behind which a share `progress` in [0, 1] of all steps, or minutes, is done."""

    def validated(self, perplexity: float) -> None:
        """Told each validation perplexity: decay on plateau acts on it."""

    def state(self) -> dict[str, Any]:
        """JSON-able, for a checkpoint."""

    def load_state(self, record: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
