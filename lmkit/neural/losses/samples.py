"""What sampled softmax, noise-contrastive estimation and BlackOut share: one set of sampled words for all rows of a step."""

from __future__ import annotations

import abc
import functools
from typing import Any

import numpy as np

from lmkit._validation import check_int
from lmkit.neural.interfaces import OutputRequest, Workers
from lmkit.neural.losses import _kernels_products, _kernels_samples
from lmkit.neural.losses.base import FlatOutput, group_by, pieces
from lmkit.neural.losses.noise import Proposal


class SampledOutput(FlatOutput):
    """A loss over the target and S sampled words that all rows of a step share, so that scoring them is one product (R, H) x (H, S).

    Exact probabilities are those of the full softmax over all words. Gradients reach the rows of targets and samples only (`rows` of the
    parameters), but a tied weight gets zeros in all others.

    Parameters
    ----------
    samples : words drawn a step, at least 1; where that is all words or more, all are taken.
    proposal, power : see Proposal.
    """

    is_normalised_in_training = False

    def __init__(self, request: OutputRequest, samples: int, proposal: str, power: float) -> None:
        super().__init__(request)
        self.samples = check_int(type(self).__name__, "samples", samples, minimum=1)
        self.proposal_name, self.power = proposal, power
        self.proposal = Proposal(type(self).__name__, proposal, power, self.counts, self.predicted)
        self._place = np.full(self.vocabulary_size, -1, np.int64)  # column of each sampled word
        self._ids = np.empty(0, np.int64)
        self._rows_of_step = 0

    @abc.abstractmethod
    def _draw(self, random: np.random.Generator) -> None:
        """Draw `self._ids`, rising, and whatever goes with them."""

    @abc.abstractmethod
    def _offsets(self, ids: np.ndarray) -> np.ndarray:
        """float64: what is added to the scores of these words: bias, less the correction for being drawn."""

    @abc.abstractmethod
    def _loss(
        self, scores: np.ndarray, true: np.ndarray, hits: np.ndarray, weights: np.ndarray, d_true: np.ndarray, sums: np.ndarray
    ) -> float:
        """The loss of a shard's rows; see `_kernels_samples`."""

    def begin(self, rows: int, shards: int) -> None:
        most = min(self.samples, len(self.predicted))
        self._scores_of_samples = np.empty(rows * most, self.dtype)
        self._sample_weight = np.empty((most, self.hidden_size), self.dtype)
        self._sample_gradient = np.empty((most, self.hidden_size), self.dtype)
        self._sums = np.empty((shards, most), self.dtype)
        self._d_true = np.empty(rows, self.dtype)

    def start_step(self, targets: np.ndarray, step: int) -> None:
        super().start_step(targets, step)
        self._place[self._ids] = -1
        self._draw(np.random.default_rng([self.request.seed, step, 0x73616D]))
        ids = self._ids
        self._place[ids] = np.arange(len(ids))
        self._sample_offsets = self._offsets(ids).astype(self.dtype)
        _kernels_samples.gather_rows(self.weight.value, ids, self._sample_weight)
        self._sums[:] = 0

    def _all_scores(self, rows: int) -> np.ndarray:
        """(rows, S): where the scores of the sampled words, then their gradients, stand."""
        return self._scores_of_samples[: rows * len(self._ids)].reshape(rows, len(self._ids))

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        used = self._sample_weight[: len(self._ids)]
        scores = np.matmul(hidden, used.T, out=self._all_scores(rows.stop)[rows])
        true, d_true = np.empty(len(hidden), self.dtype), self._d_true[rows]
        _kernels_products.row_products(hidden, self.weight.value, targets, true)
        true += self._offsets(targets).astype(self.dtype)
        loss = self._loss(scores, true, self._place[targets], weights, d_true, self._sums[shard, : len(self._ids)])
        np.matmul(scores, used, out=d_hidden)
        _kernels_samples.add_scaled_rows(d_true, targets, self.weight.value, d_hidden)
        return loss

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        ids, d_true = self._ids, self._d_true[: len(hidden)]
        taught = np.flatnonzero(d_true)  # rows without weight have no target to move
        words, starts, members = group_by(targets[taught])
        members = taught[members]
        rows = np.union1d(ids, words)
        if self.bias.is_trained:
            gradient = self.bias.gradient
            gradient[rows] = 0
            gradient[ids] = self._sums[:, : len(ids)].sum(0)
            np.add.at(gradient, targets[taught], d_true[taught])
            self.bias.rows = rows
        if not self.weight.is_trained:
            return
        gradient, d_scores = self.weight.gradient, self._all_scores(len(hidden))
        sample_gradient = self._sample_gradient[: len(ids)]
        parts = pieces(len(ids), workers.count, smallest=64)
        workers.run([functools.partial(np.matmul, d_scores[:, a:b].T, hidden, out=sample_gradient[a:b]) for a, b in parts])
        if self.is_tied:
            workers.run([functools.partial(gradient[a:b].fill, 0) for a, b in pieces(len(gradient), workers.count, smallest=512)])
        else:
            gradient[rows] = 0
            self.weight.rows = rows
        _kernels_samples.add_rows(ids, sample_gradient, gradient)
        _kernels_products.group_gradient(words, starts, members, d_true[members], hidden, 0, len(words), True, gradient)

    def buffer_bytes(self, rows: int) -> int:
        most = min(self.samples, len(self.predicted))
        return int((rows * most + 2 * most * self.hidden_size) * self.dtype.itemsize)

    def _options(self) -> dict[str, Any]:
        return {"samples": self.samples, "proposal": self.proposal_name, "power": self.power}
