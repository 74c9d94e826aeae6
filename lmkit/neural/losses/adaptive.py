"""Adaptive softmax (Grave, Joulin, Cissé, Grangier & Jégou 2017)."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from lmkit._validation import check_float
from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import OutputRequest, Parameter, Workers
from lmkit.neural.losses import _kernels_products, _kernels_softmax
from lmkit.neural.losses.base import BaseOutput, pieces

_HEAD_SHARE = 0.8  # of the text, at least, in the head, where cutoffs are chosen here
_NARROWEST = 16  # dimensions of a second or third tail, at least


class AdaptiveSoftmax(BaseOutput):
    """Frequent words in a head; rare ones in tails, each behind one entry of the head and a projection to fewer dimensions.

    Words are ordered by falling count. The head is a softmax over the first cutoffs[0] words and T tails; tail i is a softmax over the
    words cutoffs[i] <= rank < cutoffs[i + 1] with scores B_i (A_i h), A_i of max(1, H // division^(i + 1)) rows (Grave et al. 2017,
    section 4.3).
    p(word in tail i) = p(tail i) p(word | tail i); loss -log p(target).

    Parameters bear the names of torch.nn.AdaptiveLogSoftmaxWithLoss with head_bias: "head.weight", "head.bias", "tail.0.0.weight" (A_0),
    "tail.0.1.weight" (B_0) ...

    Parameters
    ----------
    cutoffs : one, or several that rise, each above 0 and below the number of words that can be predicted; None for those of
        `cheapest_cutoffs`.
    division : at least 1.
    """

    name = "adaptive"

    def __init__(self, request: OutputRequest, cutoffs: Sequence[int] | int | None = None, division: float = 4.0) -> None:
        super().__init__(request)
        size = len(self.predicted)
        self.division = check_float("AdaptiveSoftmax", "division", division, minimum=1.0)
        self.order = self.predicted[np.argsort(-self.counts[self.predicted], kind="stable")]  # ids by rank
        shares = np.exp(self._log_unigram()[self.order])
        if cutoffs is None:
            cutoffs = cheapest_cutoffs(shares, self.hidden_size, self.division)
        self.cutoffs = _checked_cutoffs(cutoffs if isinstance(cutoffs, Sequence) else (cutoffs,), size)
        self.tails = len(self.cutoffs)
        self._borders = np.array([*self.cutoffs, size], np.int64)
        self._rank_of = np.zeros(self.vocabulary_size, np.int64)
        self._rank_of[self.order] = np.arange(size)
        head = self.cutoffs[0]
        masses = np.add.reduceat(shares, self._borders[:-1])
        self.head = self._uniform("head.weight", head + self.tails, self.hidden_size)
        self.bias = Parameter.of("head.bias", np.log(np.concatenate([shares[:head], masses])).astype(self.dtype))
        self.down: list[Parameter] = []
        self.up: list[Parameter] = []
        for i, width in enumerate(self._widths()):
            self.down.append(self._uniform(f"tail.{i}.0.weight", width, self.hidden_size))
            self.up.append(self._uniform(f"tail.{i}.1.weight", int(self._borders[i + 1] - self._borders[i]), width))
        self.parameters = [self.head, self.bias, *(p for pair in zip(self.down, self.up, strict=True) for p in pair)]
        self._no_bias = np.zeros(size, self.dtype)
        self._buffers: dict[tuple[str, int], np.ndarray] = {}

    def _widths(self) -> list[int]:
        return [max(1, int(self.hidden_size / self.division ** (i + 1))) for i in range(self.tails)]

    def begin(self, rows: int, shards: int) -> None:
        self._d_head = np.empty((rows, self.cutoffs[0] + self.tails), self.dtype)
        self._head_sums = np.zeros((shards, self.cutoffs[0] + self.tails), self.dtype)
        self._no_sums = np.zeros((shards, len(self.order)), self.dtype)  # tails have no bias; what the kernel adds up is not used

    def start_step(self, targets: np.ndarray, step: int) -> None:
        ranks = self._rank_of[targets]
        self._tail_of = np.searchsorted(self._borders, ranks, side="right") - 1  # -1: in the head
        self._rows = [np.flatnonzero(self._tail_of == i) for i in range(self.tails)]
        self._head_sums[:] = 0
        for i, (down, up) in enumerate(zip(self.down, self.up, strict=True)):
            rows = len(self._rows[i])
            for key, columns in (("hidden", self.hidden_size), ("low", len(down.value)), ("d_low", len(down.value)), ("d", len(up.value))):
                self._room(key, i, rows * columns)

    def _room(self, key: str, tail: int, size: int) -> None:
        if len(self._buffers.get((key, tail), ())) < size:
            self._buffers[key, tail] = np.empty(int(1.2 * size), self.dtype)

    def _buffer(self, key: str, tail: int, columns: int) -> np.ndarray:
        """(rows of the tail in this step, columns)."""
        rows = len(self._rows[tail])
        return self._buffers[key, tail][: rows * columns].reshape(rows, columns) if rows else np.empty((0, columns), self.dtype)

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        scores = np.matmul(hidden, self.head.value.T, out=self._d_head[rows])
        tail_of, ranks = self._tail_of[rows], self._rank_of[targets]
        entries = np.where(tail_of < 0, ranks, self.cutoffs[0] + tail_of).astype(np.int32)
        loss = _kernels_softmax.softmax_gradient(scores, scores.shape[1], self.bias.value, entries, weights, self._head_sums[shard])
        np.matmul(scores, self.head.value, out=d_hidden)
        for i in range(self.tails):
            loss += self._tail(i, shard, rows, hidden, ranks, weights, d_hidden)
        return float(loss)

    def _tail(
        self, i: int, shard: int, rows: slice, hidden: np.ndarray, ranks: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        a, b = np.searchsorted(self._rows[i], [rows.start, rows.stop])
        if a == b:
            return 0.0
        own, down, up = self._rows[i][a:b] - rows.start, self.down[i].value, self.up[i].value
        picked = np.take(hidden, own, axis=0, out=self._buffer("hidden", i, self.hidden_size)[a:b])
        low = np.matmul(picked, down.T, out=self._buffer("low", i, len(down))[a:b])
        scores = np.matmul(low, up.T, out=self._buffer("d", i, len(up))[a:b])
        places = (ranks[own] - self._borders[i]).astype(np.int32)
        loss = _kernels_softmax.softmax_gradient(
            scores, len(up), self._no_bias[: len(up)], places, weights[own], self._no_sums[shard, : len(up)]
        )
        d_low = np.matmul(scores, up, out=self._buffer("d_low", i, len(down))[a:b])
        d_hidden[own] += d_low @ down
        return float(loss)

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        if self.bias.is_trained:
            np.sum(self._head_sums, axis=0, out=self.bias.gradient)
        tasks = []
        if self.head.is_trained:
            tasks += _products(self._d_head[: len(hidden)], hidden, self.head.gradient, workers)
        for i, (down, up) in enumerate(zip(self.down, self.up, strict=True)):
            low = self._buffer("low", i, len(down.value))
            if up.is_trained:
                tasks += _products(self._buffer("d", i, len(up.value)), low, up.gradient, workers)
            if down.is_trained:
                d_low = self._buffer("d_low", i, len(down.value))
                tasks += _products(d_low, self._buffer("hidden", i, self.hidden_size), down.gradient, workers)
        workers.run(tasks)

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        hidden = np.ascontiguousarray(hidden, self.dtype)
        out = np.full((len(hidden), self.vocabulary_size), -np.inf)
        head, size = self._log_softmax(hidden, self.head.value, self.bias.value), self.cutoffs[0]
        out[:, self.order[:size]] = head[:, :size]
        for i, (down, up) in enumerate(zip(self.down, self.up, strict=True)):
            low = np.empty((len(hidden), len(down.value)), self.dtype)
            _kernels_products.products(hidden, down.value, 0, len(down.value), low)
            inside = self._log_softmax(low, up.value, self._no_bias[: len(up.value)])
            out[:, self.order[self._borders[i] : self._borders[i + 1]]] = inside + head[:, size + i, None]
        return out

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        hidden = np.ascontiguousarray(hidden, self.dtype)
        ranks = self._rank_of[targets]
        tail_of = np.searchsorted(self._borders, ranks, side="right") - 1
        entries = np.where(tail_of < 0, ranks, self.cutoffs[0] + tail_of).astype(np.int32)
        out = self._target_log_probs(hidden, self.head.value, self.bias.value, entries)
        for i, (down, up) in enumerate(zip(self.down, self.up, strict=True)):
            rows = np.flatnonzero(tail_of == i)
            low = np.empty((len(rows), len(down.value)), self.dtype)
            _kernels_products.products(hidden[rows], down.value, 0, len(down.value), low)
            places = (ranks[rows] - self._borders[i]).astype(np.int32)
            out[rows] += self._target_log_probs(low, up.value, self._no_bias[: len(up.value)], places)
        return out

    def _log_softmax(self, hidden: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        scores, normalizers = np.empty((len(hidden), len(weight)), self.dtype), np.empty(len(hidden))
        _kernels_products.products(hidden, weight, 0, len(weight), scores)
        _kernels_softmax.log_normalizers(scores, len(weight), bias, normalizers)
        return (scores + bias) - normalizers[:, None]

    def _target_log_probs(self, hidden: np.ndarray, weight: np.ndarray, bias: np.ndarray, targets: np.ndarray) -> np.ndarray:
        out = np.empty(len(hidden))
        for start in range(0, len(hidden), 256):
            part = slice(start, start + 256)
            scores = np.empty((len(hidden[part]), len(weight)), self.dtype)
            _kernels_products.products(hidden[part], weight, 0, len(weight), scores)
            _kernels_softmax.target_log_probs(scores, len(weight), bias, targets[part], out[part])
        return out

    def buffer_bytes(self, rows: int) -> int:
        shares = np.exp(self._log_unigram()[self.order])
        masses = np.add.reduceat(shares, self._borders[:-1])
        tails = sum(
            mass * (len(up.value) + 2 * len(down.value) + self.hidden_size)
            for mass, down, up in zip(masses, self.down, self.up, strict=True)
        )
        return int(rows * (self.cutoffs[0] + self.tails + tails) * self.dtype.itemsize)

    def _options(self) -> dict[str, Any]:
        return {"cutoffs": list(self.cutoffs), "division": self.division}


def cheapest_cutoffs(shares: np.ndarray, hidden_size: int, division: float = 4.0, most_tails: int = 3) -> list[int]:
    """The cutoffs, among 1 to `most_tails` on a logarithmic grid, of the fewest multiplications a token that do not cost much quality.

    A token costs (head + tails) H, and where it lies in tail i, which its share of the text tells, h_i (H + size of the tail) more. By that
    alone the head would hold a handful of words and the last tail have two or three dimensions. So the head holds at least `_HEAD_SHARE` of
    the text, and tails behind the first have at least `_NARROWEST` dimensions.

    Parameters
    ----------
    shares : float64 (n,), n >= 2, probability of each word, falling, summing to 1.
    """
    size = len(shares)
    grid = sorted({min(max(round(size ** (k / 24)), 1), size - 1) for k in range(25)})
    below = np.concatenate([[0.0], np.cumsum(shares)])
    heads = [cutoff for cutoff in grid if below[cutoff] >= _HEAD_SHARE]
    best, chosen = np.inf, [grid[-1]]
    for tails in range(1, most_tails + 1):
        if tails > 1 and hidden_size / division**tails < _NARROWEST:
            break
        for cutoffs in itertools.combinations(heads, tails):
            borders, cost = [*cutoffs, size], (cutoffs[0] + tails) * hidden_size
            for i in range(tails):
                width = max(1, int(hidden_size / division ** (i + 1)))
                cost += (below[borders[i + 1]] - below[borders[i]]) * width * (hidden_size + borders[i + 1] - borders[i])
            if cost < best:
                best, chosen = cost, list(cutoffs)
    return chosen


def _checked_cutoffs(cutoffs: Sequence[Any], size: int) -> tuple[int, ...]:
    numbers = tuple(int(float(c)) if isinstance(c, Real) and math.isfinite(c) else 0 for c in cutoffs)
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    if not numbers or not rising or numbers[0] < 1 or numbers[-1] >= size or any(c != n for c, n in zip(cutoffs, numbers, strict=True)):
        raise InvalidParameterError(
            f"The 'cutoffs' parameter of AdaptiveSoftmax must be rising whole numbers from 1 to {size - 1:,} (words that can be predicted, "
            f"less one). Got {cutoffs!r} instead."
        )
    return numbers


def _products(left: np.ndarray, right: np.ndarray, out: np.ndarray, workers: Workers) -> list[Any]:
    """Tasks that make out = left.T @ right."""
    parts = pieces(len(out), workers.count, smallest=256)
    return [functools.partial(np.matmul, left[:, a:b].T, right, out=out[a:b]) for a, b in parts]
