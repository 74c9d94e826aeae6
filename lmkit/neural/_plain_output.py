"""Full softmax, plainly."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit.neural.interfaces import OutputRequest, Parameter, Workers
from lmkit.neural.layers.initial import uniform


class PlainSoftmax:
    def __init__(self, request: OutputRequest) -> None:
        rng = np.random.default_rng((request.seed, 3))
        shape = (request.vocabulary_size, request.hidden_size)
        self.weight = request.tied_weight or Parameter.of("decoder.weight", uniform(rng, shape, request.scale, request.dtype))
        self.bias = Parameter.of("decoder.bias", np.zeros(request.vocabulary_size, request.dtype))
        self.bias.value[list(request.excluded)] = -1e30
        self.excluded = list(request.excluded)
        self.parameters = [self.bias] if request.tied_weight is not None else [self.weight, self.bias]

    def begin(self, rows: int, shards: int) -> None:
        self.d = np.empty((rows, len(self.bias.value)), self.bias.value.dtype)

    def start_step(self, targets: np.ndarray, step: int) -> None:
        pass

    def forward_backward(self, shard: int, rows: slice, hidden: Any, targets: Any, weights: Any, d_hidden: Any) -> float:
        p = self.d[rows]
        np.matmul(hidden, self.weight.value.T, out=p)
        p += self.bias.value
        p -= p.max(1, keepdims=True)
        here = np.arange(len(p))
        at = p[here, targets].astype(np.float64)
        np.exp(p, out=p)
        total = p.sum(1, keepdims=True)
        loss = float((weights * (np.log(total[:, 0].astype(np.float64)) - at)).sum())
        p *= weights[:, np.newaxis] / total
        p[here, targets] -= weights
        np.matmul(p, self.weight.value, out=d_hidden)
        return loss

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        d = self.d[: len(hidden)]
        np.matmul(d.T, hidden, out=self.weight.gradient)
        d.sum(0, out=self.bias.gradient)

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        x = hidden.astype(np.float64) @ self.weight.value.astype(np.float64).T + self.bias.value
        x[:, self.excluded] = -np.inf
        x -= x.max(1, keepdims=True)
        return x - np.log(np.exp(x).sum(1, keepdims=True))

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return self.log_probs(hidden)[np.arange(len(targets)), targets]

    def to_dict(self) -> dict[str, Any]:
        return {"name": "full"}
