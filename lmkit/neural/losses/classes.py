"""Two-level softmax: first the word's class, then the word inside it (Goodman 2001; Mikolov et al. 2011)."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from lmkit._validation import check_int
from lmkit.neural.interfaces import OutputRequest, Parameter, Workers
from lmkit.neural.losses import _kernels_classes as kernels
from lmkit.neural.losses import _kernels_products, _kernels_softmax
from lmkit.neural.losses.base import BaseOutput, group_by, pieces


class ClassSoftmax(BaseOutput):
    """p(w | h) = p(c(w) | h) p(w | c(w), h), each factor a softmax; loss -log p(target) (Mikolov et al. 2011, equation 4).

    Words are ordered by falling count and cut into classes of nearly equal sums of square roots of counts, so that frequent words stand in
    small classes. A token costs C + (size of its class) scores. Parameters: "classes.weight" (C, H), "classes.bias" (C,), "words.weight"
    (W, H), "words.bias" (W,), the words that can be predicted in class order. Gradients reach the classes that have targets only.

    Parameters
    ----------
    classes : C, at least 1 and at most the number of words that can be predicted; None for its square root.
    """

    name = "classes"

    def __init__(self, request: OutputRequest, classes: int | None = None) -> None:
        super().__init__(request)
        size = len(self.predicted)
        if classes is None:
            classes = round(math.sqrt(size))
        self.classes = check_int("ClassSoftmax", "classes", classes, minimum=1, maximum=size)
        self.order = self.predicted[np.argsort(-self.counts[self.predicted], kind="stable")]  # ids in class order
        self.class_starts = _cut_by_roots(self.counts[self.order], self.classes)
        sizes = np.diff(self.class_starts)
        self._class_of = np.zeros(self.vocabulary_size, np.int64)
        self._place_of = np.zeros(self.vocabulary_size, np.int32)
        self._class_of[self.order] = np.repeat(np.arange(self.classes), sizes)
        self._place_of[self.order] = np.arange(size) - np.repeat(self.class_starts[:-1], sizes)
        self.class_weight = self._uniform("classes.weight", self.classes, self.hidden_size)
        self.weight = self._uniform("words.weight", size, self.hidden_size)
        shares = np.exp(self._log_unigram()[self.order])
        masses = np.add.reduceat(shares, self.class_starts[:-1])
        self.class_bias = Parameter.of("classes.bias", np.log(masses).astype(self.dtype))
        self.bias = Parameter.of("words.bias", np.log(shares / np.repeat(masses, sizes)).astype(self.dtype))
        self.parameters = [self.class_weight, self.class_bias, self.weight, self.bias]
        self._scores = np.empty(0, self.dtype)

    def begin(self, rows: int, shards: int) -> None:
        self._class_scores = np.empty((rows, self.classes), self.dtype)
        self._class_sums = np.zeros((shards, self.classes), self.dtype)
        self._sums = np.zeros((shards, len(self.order)), self.dtype)
        self._gathered = np.empty((rows, self.hidden_size), self.dtype)
        self._d_gathered = np.empty((rows, self.hidden_size), self.dtype)

    def start_step(self, targets: np.ndarray, step: int) -> None:
        self._groups, self._starts, self._members = group_by(self._class_of[targets])
        self._places = self._place_of[targets[self._members]]
        sizes = np.diff(self.class_starts)[self._groups] * np.diff(self._starts)
        self._score_starts = np.concatenate([[0], np.cumsum(sizes)])
        if self._score_starts[-1] > len(self._scores):
            self._scores = np.empty(int(1.2 * self._score_starts[-1]), self.dtype)
        self._class_sums[:] = 0
        self._sums[:] = 0

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        scores = np.matmul(hidden, self.class_weight.value.T, out=self._class_scores[rows])
        own_classes = self._class_of[targets].astype(np.int32)
        loss = _kernels_softmax.softmax_gradient(scores, self.classes, self.class_bias.value, own_classes, weights, self._class_sums[shard])
        np.matmul(scores, self.class_weight.value, out=d_hidden)
        loss += kernels.class_rows(
            hidden, d_hidden, rows.start, self._gathered, self._d_gathered, self.weight.value, self.bias.value, self.class_starts,
            self._groups, self._starts, self._members, self._places, weights, self._scores, self._score_starts, self._sums[shard],
        )  # fmt: skip
        return float(loss)

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        lows, highs = self.class_starts[self._groups], self.class_starts[self._groups + 1]
        rows = np.repeat(lows - np.concatenate([[0], np.cumsum(highs - lows)[:-1]]), highs - lows) + np.arange((highs - lows).sum())
        if self.class_bias.is_trained:
            np.sum(self._class_sums, axis=0, out=self.class_bias.gradient)
        if self.bias.is_trained:
            self.bias.rows = rows
            self.bias.gradient[rows] = self._sums[:, rows].sum(0)
        if self.class_weight.is_trained:
            np.matmul(self._class_scores[: len(hidden)].T, hidden, out=self.class_weight.gradient)
        if self.weight.is_trained:
            self.weight.rows = rows
            shared = (self._gathered, self.class_starts, self._groups, self._starts, self._scores, self._score_starts)
            workers.run(
                [
                    functools.partial(kernels.class_gradients, *shared, a, b, self.weight.gradient)
                    for a, b in pieces(len(self._groups), workers.count, smallest=4)
                ]
            )

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        hidden = np.ascontiguousarray(hidden, self.dtype)
        of_classes, normalizers = self._scores_of_classes(hidden)
        scores = np.empty((len(hidden), len(self.order)), self.dtype)
        _kernels_products.products(hidden, self.weight.value, 0, len(self.order), scores)
        out = np.full((len(hidden), self.vocabulary_size), -np.inf)
        class_log_probs = (of_classes + self.class_bias.value) - normalizers[:, None]
        kernels.all_class_log_probs(scores, self.bias.value, self.class_starts, class_log_probs, self.order, out)
        return out

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        hidden = np.ascontiguousarray(hidden, self.dtype)
        of_classes, normalizers = self._scores_of_classes(hidden)
        classes = self._class_of[targets]
        out = (of_classes + self.class_bias.value)[np.arange(len(hidden)), classes] - normalizers
        largest = int(np.diff(self.class_starts).max())
        kernels.class_scores(hidden, self.weight.value, self.bias.value, self.class_starts, classes, self._place_of[targets], largest, out)
        return out

    def _scores_of_classes(self, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) scores without bias, and the logs of their normalisers, float64 (n,)."""
        scores, normalizers = np.empty((len(hidden), self.classes), self.dtype), np.empty(len(hidden))
        _kernels_products.products(hidden, self.class_weight.value, 0, self.classes, scores)
        _kernels_softmax.log_normalizers(scores, self.classes, self.class_bias.value, normalizers)
        return scores, normalizers

    def buffer_bytes(self, rows: int) -> int:
        shares = np.exp(self._log_unigram()[self.order])
        mean_size = float(shares @ np.repeat(np.diff(self.class_starts), np.diff(self.class_starts)))
        return int(rows * (self.classes + mean_size + 2 * self.hidden_size) * self.dtype.itemsize)

    def _options(self) -> dict[str, Any]:
        return {"classes": self.classes}


def _cut_by_roots(counts: np.ndarray, classes: int) -> np.ndarray:
    """int64 (classes + 1,): borders of classes of nearly equal sums of sqrt(count + 1), none empty. counts: falling."""
    size = len(counts)
    sums = np.cumsum(np.sqrt(counts + 1.0))
    borders = np.searchsorted(sums, sums[-1] * np.arange(1, classes) / classes, side="left") + 1
    for c in range(classes - 1):  # one pass each way makes room for classes that would be empty
        borders[c] = max(borders[c], (borders[c - 1] if c else 0) + 1)
    limit = size
    for c in range(classes - 2, -1, -1):
        limit -= 1
        borders[c] = limit = min(borders[c], limit)
    return np.concatenate([[0], borders, [size]]).astype(np.int64)
