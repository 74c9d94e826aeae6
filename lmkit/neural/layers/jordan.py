"""The network that reads its own output (Jordan 1986)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import Shard
from lmkit.neural.layers.recurrent import MatrixRecurrence, Task
from lmkit.numeric import _kernels_gemm as gemm


class Jordan(MatrixRecurrence):
    """h_t = tanh(W_ih x_t + W_hh q_(t-1) + b), where q_t = D^T softmax(D h_t + d): what the network has just predicted.

    D and d are weight and bias of the full softmax above, so what is fed back is the last output distribution, projected by the output
    weights: the expected output vector of the next word, (H,). Its gradient is exact, through the distribution as well. It costs two more
    products with D forward and four backward, six V H multiplications a token beside the softmax's own three, and the distribution of one
    step must be there before the next begins. One layer only; the state that is carried is q.
    """

    gates = 1
    states = ("q",)
    is_alone = True  # no layer above or below

    def attach(self, output: Any) -> None:
        """Take the output layer whose distribution is fed back. Raises InvalidParameterError unless it is a full softmax."""
        if output.to_dict().get("name") != "full":
            raise InvalidParameterError("A jordan cell feeds back the distribution of a full softmax; take --output full, or another cell.")
        self._output = output
        self._packed_scores: np.ndarray | None = None

    def _begin_cell(self, rows: int, texts: int) -> None:
        vocabulary = len(self._output.bias.value)
        self.shares, self.d_scores = (np.empty((rows, vocabulary), self.dtype) for _ in range(2))  # softmax, and gradient by its scores
        self.units, self.d_feedback = (np.empty((rows, self.hidden_size), self.dtype) for _ in range(2))

    def pack(self, *, training: bool) -> None:
        super().pack(training=training)
        self._packed_scores = self._packed_mean = None
        if not training:
            weight = self._output.weight.value
            self._packed_scores = gemm.empty_packed(weight.shape[1], weight.shape[0], self.dtype)
            self._packed_mean = gemm.empty_packed(weight.shape[0], weight.shape[1], self.dtype)
            gemm.pack_transposed(weight, self._packed_scores)
            gemm.pack(weight, self._packed_mean)

    def forward(self, shard: Shard, state: Sequence[np.ndarray], y: np.ndarray) -> None:
        feedback, edge, size = state[0], self._edges[shard.number], self.hidden_size
        units, previous, shares = self.activations[shard.rows], self.previous[shard.rows], self.shares[shard.rows]
        for t in range(shard.steps):
            now = slice(t * shard.n_texts, (t + 1) * shard.n_texts)
            previous[now] = feedback
            gemm.add_product(
                previous, now.start * size, size, shard.n_texts, self._packed_forward, size, units, now.start * size, size, edge
            )
            np.tanh(units[now] + self.bias.value, out=y[now])
            self._distribution(y[now], shares[now], edge)
            self._mean(shares[now], feedback, edge)
        self.units[shard.rows] = y

    def _distribution(self, hidden: np.ndarray, shares: np.ndarray, edge: np.ndarray) -> None:
        """shares = softmax(D h + d), 0 for what can't be predicted. Outside training each row has the same bits anywhere."""
        weight, bias = self._output.weight.value, self._output.masked_bias()
        if self._packed_scores is None:
            np.matmul(hidden, weight.T, out=shares)
        else:
            shares[:] = 0
            gemm.add_product(hidden, 0, hidden.shape[1], len(hidden), self._packed_scores, len(weight), shares, 0, len(weight), edge)
        shares += bias
        shares -= shares.max(1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(1, keepdims=True)

    def _mean(self, shares: np.ndarray, feedback: np.ndarray, edge: np.ndarray) -> None:
        """feedback = D^T shares."""
        if self._packed_scores is None:
            np.matmul(shares, self._output.weight.value, out=feedback)
        else:
            feedback[:] = 0
            width, size = shares.shape[1], feedback.shape[1]
            gemm.add_product(shares, 0, width, len(shares), self._packed_mean, size, feedback, 0, size, edge)

    def backward(self, shard: Shard, dy: np.ndarray, d_state: Sequence[np.ndarray]) -> None:
        late, weight = d_state[0], self._output.weight.value
        late[:] = 0  # by q_t
        units, rows = self.activations[shard.rows], shard.rows
        for t in range(shard.steps - 1, -1, -1):
            now = slice(t * shard.n_texts, (t + 1) * shard.n_texts)
            shares, scores, hidden = self.shares[rows][now], self.d_scores[rows][now], self.units[rows][now]
            self.d_feedback[rows][now] = late
            np.matmul(late, weight.T, out=scores)  # q = D^T shares
            scores -= (shares * scores).sum(1, keepdims=True)  # shares = softmax(scores)
            scores *= shares
            units[now] = (dy[now] + scores @ weight) * (1 - hidden * hidden)
            np.matmul(units[now], self.recurrent_weight, out=late)

    def weight_gradient_tasks(self, x: np.ndarray | None, rows: int, pieces: int) -> list[Task]:
        self._rows = rows
        return super().weight_gradient_tasks(x, rows, pieces)

    def finish_gradients(self) -> None:
        """Add to the gradients of D and d what they did below the output layer."""
        super().finish_gradients()
        scores, units = self.d_scores[: self._rows], self.units[: self._rows]
        shares, feedback = self.shares[: self._rows], self.d_feedback[: self._rows]
        self._output.weight.gradient += scores.T @ units
        self._output.weight.gradient += shares.T @ feedback
        self._output.bias.gradient += scores.sum(0)
