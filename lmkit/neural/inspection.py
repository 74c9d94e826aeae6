"""How far gradients reach: back through time in recurrent networks, down through layers in feed-forward stacks.

Through time: for the last token w_T of a text the network's loss is -log p(w_T | w_1 .. w_(T-1)). Measured is the norm of its gradient
by the state k steps back, as backpropagation through time computes it (Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013).
A gradient that falls by a factor a step vanishes: what stood k words ago can't be learnt from. One that grows explodes: clipping by norm
keeps the step small, but scales near and far alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lmkit._validation import check_choice, check_float, check_int
from lmkit.errors import InputError, InvalidParameterError
from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import Batch
from lmkit.neural.interfaces import Workers, make_shards
from lmkit.neural.layers import CELLS
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.layers.recurrent import MatrixRecurrence
from lmkit.neural.optimizers import clip_scale, global_norm
from lmkit.neural.penalties import Penalties
from lmkit.neural.recurrent import RecurrentNetwork
from lmkit.neural.workers import ThreadWorkers

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky-relu")
INITIALS = ("glorot", "he")
_LEAK = 0.01  # slope of the leaky ReLU below zero (Maas, Hannun & Ng 2013)
_WARM_UP = 10  # tokens that are read before the first state, so that it is none that only beginnings have


@dataclasses.dataclass(frozen=True)
class Curve:
    """Norms of gradients against a distance.

    Attributes
    ----------
    label : what was measured.
    distances : steps back in time, or layers below the top, rising.
    norms : mean over texts of the norm of the gradient by the state (or layer) at that distance; 0 where it vanished altogether.
    gradient_norm : norm of the gradient by all weights, of the mean loss over all tokens; None for stacks.
    clip_factor : what clipping multiplies every gradient with; 1 without.
    """

    label: str
    distances: list[int]
    norms: list[float]
    gradient_norm: float | None = None
    clip_factor: float = 1.0

    @property
    def factor_a_step(self) -> float:
        """What the norm is multiplied with from one step to the next, over the whole length: below 1 it vanishes, above it explodes.

        Behind what float32 can hold norms are 0, and the length ends before. 0 where all but one are.
        """
        known = [number for number, norm in enumerate(self.norms) if norm > 0]
        if len(known) < 2:
            return 0.0
        first, last = known[0], known[-1]
        return float((self.norms[last] / self.norms[first]) ** (1 / (self.distances[last] - self.distances[first])))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**dataclasses.asdict(self), "factor_a_step": self.factor_a_step}


def fresh_network(
    cell: str, hidden: int, vocabulary_size: int = 50, radius: float | None = None, seed: int = 0, dtype: Any = np.float32
) -> RecurrentNetwork:
    """An untrained network of one layer.

    radius : the recurrent matrix of each gate is scaled to this spectral radius (largest absolute eigenvalue); None leaves it as it begins.
    """
    check_choice("fresh_network", "cell", cell, CELLS)
    counts = np.full(vocabulary_size, 10, np.int64)
    network = RecurrentNetwork(Architecture(cell=cell, layers=1, hidden=hidden), counts, (1,), seed, dtype)
    if radius is not None:
        radius = check_float("fresh_network", "radius", radius, minimum=0, open_minimum=True)
        layer = network.layers[0]
        if not isinstance(layer, MatrixRecurrence):
            raise InvalidParameterError(
                f"A {cell} cell has no recurrent matrix and so no spectral radius; leave out the one behind the colon."
            )
        weight = layer.w_hh.value
        for start in range(0, len(weight), hidden):
            gate = weight[start : start + hidden]
            gate *= radius / np.abs(np.linalg.eigvals(gate)).max()
    return network


def random_texts(network: RecurrentNetwork, texts: int, length: int, seed: int = 0) -> np.ndarray:
    """int32 (texts, length): ids drawn evenly from those that can be predicted."""
    possible = np.setdiff1d(np.arange(len(network.embedding.weight.value)), network.excluded)
    return np.random.default_rng(seed).choice(possible, (texts, length)).astype(np.int32)


def window_length(steps: int) -> int:
    """Tokens that a text needs for distances up to `steps`: those before the first state, and the one predicted last."""
    return steps + _WARM_UP + 1


def windows_of(stream: np.ndarray, texts: int, length: int, seed: int = 0) -> np.ndarray:
    """int32 (texts, length): windows of a text at random places.

    Raises
    ------
    InputError : if the text is shorter than one window.
    """
    if len(stream) < length:
        raise InputError(f"The text has {len(stream):,} tokens, and gradients over this many steps need {length:,}: give a longer one.")
    starts = np.random.default_rng(seed).integers(0, len(stream) - length + 1, texts)
    return np.stack([stream[start : start + length] for start in starts]).astype(np.int32)


def gradients_through_time(
    network: RecurrentNetwork, texts: np.ndarray, label: str, clip: float | None = None, workers: Workers | None = None
) -> list[Curve]:
    """The norm of the gradient of the last token's loss by the states before it, a curve for each layer and kind of state.

    Parameters
    ----------
    network : trained or not. Nothing is dropped and penalties are left out; its weights are as before afterwards.
    texts : int32 (B, T + 11), tokens; distances run from 1 to T.
    clip : norm to which the gradient of the mean loss of all T B tokens would be scaled down; None for none.
    """
    steps = texts.shape[1] - _WARM_UP - 1
    check_int("gradients_through_time", "steps", steps, minimum=2)
    distances = sorted({min(steps, round(1.25**k)) for k in range(64)})
    with contextlib.ExitStack() as stack:
        threads: Workers = stack.enter_context(ThreadWorkers(1)) if workers is None else workers
        stack.enter_context(_with_loss_alone(network))
        states = _states_along(network, texts)
        network.begin(steps * len(texts), len(texts), 1)
        norms: dict[str, list[float]] = {}
        for distance in distances:
            for name, norm in _norms_at(network, texts, states[steps - distance + _WARM_UP], distance, threads).items():
                norms.setdefault(name, []).append(norm)
        _run_window(network, texts, states[_WARM_UP], steps, threads, last_only=False)
        whole = global_norm(network.parameters, threads)
    factor = clip_scale(whole, clip)
    names = list(norms)
    return [Curve(label if len(names) == 1 else f"{label} {name}", distances, norms[name], whole, factor) for name in names]


@contextlib.contextmanager
def _with_loss_alone(network: RecurrentNetwork) -> Iterator[None]:
    """Without dropout and penalties."""
    kept = network.architecture, network.penalties, network.embedding.words_dropped
    network.architecture = dataclasses.replace(network.architecture, dropout=Dropout())
    network.penalties, network.embedding.words_dropped = Penalties(0.0, 0.0), 0.0
    try:
        yield
    finally:
        network.architecture, network.penalties, network.embedding.words_dropped = kept


def _states_along(network: RecurrentNetwork, texts: np.ndarray) -> list[dict[str, np.ndarray]]:
    """The states of the network after 0, 1, ... tokens, by name."""
    count = len(texts)
    network.room_for(count, count, 1)
    network.pack_for_reading()
    states = network.zero_states(count)
    network.begin_states(states)
    shard = make_shards(1, count, 1)[0]
    found = []
    for t in range(texts.shape[1]):
        found.append({name: array.copy() for name, array in network.named(states).items()})
        network.read(np.ascontiguousarray(texts[:, t]), states, shard)
    return found


def _norms_at(
    network: RecurrentNetwork, texts: np.ndarray, state: dict[str, np.ndarray], distance: int, workers: Workers
) -> dict[str, float]:
    _run_window(network, texts, state, distance, workers, last_only=True)
    count = len(texts)  # the loss is a mean over texts: undo it
    gradients = {name: count * array.astype(np.float64) for name, array in network.state_gradients().items()}
    return {name: float(np.linalg.norm(array, axis=1).mean()) for name, array in gradients.items()}


def _run_window(
    network: RecurrentNetwork, texts: np.ndarray, state: dict[str, np.ndarray], steps: int, workers: Workers, *, last_only: bool
) -> None:
    """Forward and backward over the last `steps` predictions, from the state before them."""
    inputs, targets = texts[:, -steps - 1 : -1].T, texts[:, -steps:].T
    counts = np.zeros(targets.shape, bool)
    counts[-1 if last_only else slice(None)] = True
    for name, array in network.carried_arrays().items():
        array[...] = state[name]
    shards = make_shards(steps, len(texts), 1)
    flat = [np.ascontiguousarray(grid).reshape(-1) for grid in (inputs, targets, counts)]
    network.train_step(Batch(flat[0], flat[1], flat[2], shards, True, int(counts.sum())), 0, workers)


def gradients_through_depth(
    activation: str, layers: int = 30, hidden: int = 100, initial: str = "glorot", texts: int = 64, seed: int = 0
) -> Curve:
    """The norm of the gradient of a random function of the top by each layer of an untrained feed-forward stack.

    a_l = f(W_l a_(l-1)), a_0 and the function's slope drawn from the normal distribution, no biases.

    Parameters
    ----------
    activation : one of ACTIVATIONS.
    initial : "glorot": weights from U(+-sqrt(6 / (fan_in + fan_out))) (Glorot & Bengio 2010, equation 16); "he": normal with variance
        2 / fan_in (He, Zhang, Ren & Sun 2015, equation 10).

    Returns
    -------
    Curve; distance 0 is the top layer.
    """
    owner = "gradients_through_depth"
    check_choice(owner, "activation", activation, ACTIVATIONS)
    check_choice(owner, "initial", initial, INITIALS)
    layers = check_int(owner, "layers", layers, minimum=2, maximum=10_000)
    hidden = check_int(owner, "hidden", hidden, minimum=1)
    random = np.random.default_rng(seed)
    if initial == "glorot":
        limit = math.sqrt(3.0 / hidden)
        weights = [random.uniform(-limit, limit, (hidden, hidden)) for _ in range(layers)]
    else:
        weights = [random.normal(0.0, math.sqrt(2.0 / hidden), (hidden, hidden)) for _ in range(layers)]
    a, slopes = random.normal(size=(texts, hidden)), []
    for weight in weights:
        a, slope = _activate(activation, a @ weight.T)
        slopes.append(slope)
    d = random.normal(size=(texts, hidden))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    norms = [float(np.linalg.norm(d, axis=1).mean())]
    for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):  # by a_l, then by a_(l-1)
        d = (d * slope) @ weight
        norms.append(float(np.linalg.norm(d, axis=1).mean()))
    return Curve(activation, list(range(layers + 1)), norms)


def _activate(activation: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(z) and f'(z)."""
    if activation == "sigmoid":
        a = 0.5 * (1.0 + np.tanh(0.5 * z))
        return a, a * (1.0 - a)
    if activation == "tanh":
        a = np.tanh(z)
        return a, 1.0 - a * a
    slope = np.where(z > 0, 1.0, _LEAK if activation == "leaky-relu" else 0.0)
    return z * slope, slope


def parse_cell(text: str) -> tuple[str, float | None]:
    """A cell as users type it: "lstm", or with the spectral radius of its recurrent matrix behind a colon, "elman-relu:1.5"."""
    name, colon, radius = text.partition(":")
    if not colon:
        return name, None
    try:
        return name, float(radius)
    except ValueError:
        raise InvalidParameterError(f"{text!r}: behind the colon stands the spectral radius, a number such as elman:1.5.") from None


def plot_curves(curves: Sequence[Curve], path: str | os.PathLike[str], *, title: str, distance: str) -> None:
    """Norm against distance, the norms on a logarithmic axis; dashed what clipping leaves of a curve.

    Raises
    ------
    MissingDependencyError : without matplotlib. UsageError : if the name ends with nothing that a plot is written as.
    """
    from lmkit import _plots

    figure, axes = _plots.figure(distance, "norm of the gradient")
    for curve in curves:
        norms = np.array([norm if norm > 0 else math.nan for norm in curve.norms])  # no logarithm of 0
        (line,) = axes.semilogy(curve.distances, norms, marker="o", markersize=3, label=curve.label)
        if curve.clip_factor < 1:
            label = f"{curve.label}, clipped"
            axes.semilogy(curve.distances, norms * curve.clip_factor, linestyle="--", color=line.get_color(), label=label)
    axes.set_title(title)
    _plots.save(figure, axes, path)
