"""Hierarchical softmax over a Huffman tree (Morin & Bengio 2005; the tree as in Mikolov et al. 2013)."""

from __future__ import annotations

import functools

import numpy as np

from lmkit.neural.interfaces import OutputRequest, Parameter, Workers
from lmkit.neural.losses import _kernels_products
from lmkit.neural.losses import _kernels_tree as kernels
from lmkit.neural.losses.base import BaseOutput, pieces
from lmkit.numeric.huffman import HuffmanTree


class HuffmanSoftmax(BaseOutput):
    """p(w | h) = product over the inner nodes n above w of sigmoid(+-(v_n . h + b_n)), + for bit 0, - for bit 1; loss -log p(target).

    A token costs as many scores as its code has bits, about the entropy of the unigram distribution in bits. Parameters: "nodes.weight"
    (N, H) and "nodes.bias" (N,), N one less than the words that can be predicted; the bias starts where the tree gives the unigram
    distribution. Gradients reach the nodes above the targets only.
    """

    name = "huffman"

    def __init__(self, request: OutputRequest) -> None:
        super().__init__(request)
        self.tree = HuffmanTree.from_counts(self.counts[self.predicted] + 1)
        size, nodes = len(self.predicted), self.tree.n_nodes
        self._word_of = np.full(self.vocabulary_size, -1, np.int64)
        self._word_of[self.predicted] = np.arange(size)
        self._id_of_leaf = np.empty(size, np.int64)
        self._id_of_leaf[self.tree.leaf_of] = self.predicted
        self.weight = self._uniform("nodes.weight", nodes, self.hidden_size)
        self.bias = Parameter.of("nodes.bias", self._branch_log_odds().astype(self.dtype))
        self.parameters = [self.weight, self.bias]
        self._tally = np.zeros(nodes, np.int64)
        self._nodes = np.empty(0, np.int32)

    def _branch_log_odds(self) -> np.ndarray:
        """float64 (N,): log(count below bit 0 / count below bit 1) at each inner node."""
        tree, size = self.tree, len(self.predicted)
        below = np.zeros((tree.n_nodes, 2))
        masses = np.zeros(2 * size - 1)
        masses[tree.leaf_of] = tree.counts
        for place in range(2 * size - 2):  # children come before their parents
            below[tree.parents[place], tree.bits[place]] = masses[place]
            masses[size + tree.parents[place]] += masses[place]
        return np.asarray(np.log(below[:, 0] / below[:, 1]))

    def begin(self, rows: int, shards: int) -> None:
        """Buffers grow with the lengths of the targets' paths."""

    def start_step(self, targets: np.ndarray, step: int) -> None:
        needed = int(self.tree.lengths[self._word_of[targets]].sum())
        if needed > len(self._nodes):
            self._make_room(int(1.2 * needed))
        self._path_starts, count = self._paths(targets, self._nodes, self._bits)
        found = kernels.group_decisions(
            self._nodes, self._path_starts, count, self._tally, self._rows, self._starts, self._members, self._order
        )
        self._count, self._found = count, found

    def _make_room(self, decisions: int) -> None:
        self._nodes, self._bits = np.empty(decisions, np.int32), np.empty(decisions, np.uint8)
        self._slopes = np.empty(decisions, self.dtype)
        self._rows, self._starts = np.empty(decisions, np.int64), np.empty(decisions + 1, np.int64)
        self._members, self._order = np.empty(decisions, np.int64), np.empty(decisions, np.int64)

    def _paths(self, targets: np.ndarray, nodes: np.ndarray, bits: np.ndarray) -> tuple[np.ndarray, int]:
        path_starts = np.empty(len(targets) + 1, np.int64)
        tree = self.tree
        return path_starts, kernels.write_decisions(targets, self._word_of, tree.offsets, tree.nodes, tree.codes, path_starts, nodes, bits)

    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float:
        return float(
            kernels.path_rows(
                hidden, d_hidden, self.weight.value, self.bias.value, rows.start, self._path_starts, self._nodes, self._bits, weights,
                self._slopes,
            )
        )  # fmt: skip

    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None:
        rows, starts = self._rows[: self._found].copy(), self._starts[: self._found + 1]
        members, slopes = self._members[: self._count], self._slopes[self._order[: self._count]]
        if self.bias.is_trained:
            self.bias.rows = rows
            self.bias.gradient[rows] = np.add.reduceat(slopes, starts[:-1])
        if self.weight.is_trained:
            self.weight.rows = rows
            shared = (rows, starts, members, slopes, hidden)
            workers.run(
                [
                    functools.partial(_kernels_products.group_gradient, *shared, a, b, False, self.weight.gradient)
                    for a, b in pieces(self._found, workers.count, smallest=32)
                ]
            )

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        hidden = np.ascontiguousarray(hidden, self.dtype)
        scores = np.empty((len(hidden), self.tree.n_nodes), self.dtype)
        _kernels_products.products(hidden, self.weight.value, 0, self.tree.n_nodes, scores)
        out = np.full((len(hidden), self.vocabulary_size), -np.inf)
        kernels.tree_log_probs(scores, self.bias.value, self.tree.parents, self.tree.bits, self._id_of_leaf, out)
        return out

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        hidden, targets = np.ascontiguousarray(hidden, self.dtype), np.ascontiguousarray(targets, np.int32)
        needed = int(self.tree.lengths[self._word_of[targets]].sum())
        nodes, bits = np.empty(needed, np.int32), np.empty(needed, np.uint8)
        path_starts, _ = self._paths(targets, nodes, bits)
        out = np.empty(len(hidden))
        kernels.path_log_probs(hidden, self.weight.value, self.bias.value, path_starts, nodes, bits, out)
        return out

    def buffer_bytes(self, rows: int) -> int:
        return int(rows * self.tree.expected_length * (4 + 1 + self.dtype.itemsize + 4 * 8))
