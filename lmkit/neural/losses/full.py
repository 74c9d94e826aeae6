"""The full softmax: every word is scored for every target."""

from __future__ import annotations

import functools

import numpy as np

from lmkit.neural.interfaces import OutputRequest, Workers
from lmkit.neural.losses import _kernels_softmax as kernels
from lmkit.neural.losses.base import FlatOutput, pieces

_CHUNK_BYTES = 8 << 20  # logits that are turned into gradients and multiplied on while they lie in the last cache
_FEWEST_ROWS = 64  # below, a product no longer runs at the speed of a large one


class FullSoftmax(FlatOutput):
    """p(w | h) = e^(v_w . h + b_w) / sum over all words u of e^(v_u . h + b_u); loss -log p(target).

    The gradient by the logits, p - one at the target, is written in their place, and kept for all R rows until the weights' gradient, one
    product over all rows: R x V numbers of memory, and 6 H V operations a token (forward, by hidden, by weights).
    """

    name = "full"

    def __init__(self, request: OutputRequest) -> None:
        super().__init__(request)
        self._logits = np.empty((0, self.vocabulary_size), self.dtype)
        self._bias_sums = np.empty((0, self.vocabulary_size), self.dtype)

    def begin(self, rows: int, shards: int) -> None:
        self._logits = np.empty((rows, self.vocabulary_size), self.dtype)
        self._bias_sums = np.zeros((shards, self.vocabulary_size), self.dtype)

    def start_step(self, targets: np.ndarray, step: int) -> None:
        super().start_step(targets, step)
        self._bias = self.masked_bias()
        self._bias_sums[:] = 0

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        own, weight, loss = self._logits[rows], self.weight.value, 0.0
        chunk = max(_FEWEST_ROWS, _CHUNK_BYTES // (self.vocabulary_size * self.dtype.itemsize))
        for start in range(0, len(hidden), chunk):
            part = slice(start, min(start + chunk, len(hidden)))
            logits = np.matmul(hidden[part], weight.T, out=own[part])
            loss += kernels.softmax_gradient(logits, self.vocabulary_size, self._bias, targets[part], weights[part], self._bias_sums[shard])
            logits[:, self.excluded] = 0  # the exponential of -inf is tiny, not 0
            np.matmul(logits, weight, out=d_hidden[part])
        return loss

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        if self.bias.is_trained:
            np.sum(self._bias_sums, axis=0, out=self.bias.gradient)
            self.bias.gradient[self.excluded] = 0
        if self.weight.is_trained:
            d_logits, gradient = self._logits[: len(hidden)], self.weight.gradient
            parts = pieces(self.vocabulary_size, workers.count, smallest=512)
            workers.run([functools.partial(np.matmul, d_logits[:, a:b].T, hidden, out=gradient[a:b]) for a, b in parts])

    def _spare(self) -> np.ndarray:
        return self._logits

    def buffer_bytes(self, rows: int) -> int:
        return int(rows * self.vocabulary_size * self.dtype.itemsize)
