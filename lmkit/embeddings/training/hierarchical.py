"""Skip-gram and CBOW with hierarchical softmax (Mikolov et al. 2013a, section 2.1; 2013b, section 2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit.embeddings.options import Settings
from lmkit.embeddings.training import _kernels_bags as bags
from lmkit.embeddings.training import _kernels_hidden as hidden_kernels
from lmkit.embeddings.training import _kernels_hierarchical as kernels
from lmkit.embeddings.training import _kernels_hierarchical_cbow as cbow
from lmkit.embeddings.training import _kernels_skipgram as skipgram
from lmkit.embeddings.training.objective import LANES, Merging, Objective, Parameters, Stretch, aligned_zeros, check_words, sigmoid_table
from lmkit.embeddings.training.text import TrainingText
from lmkit.numeric.huffman import HuffmanTree
from lmkit.text.vocabulary import frozen

NO_NOISE = skipgram.Noise(frozen(np.zeros(1, np.uint64)), 0)
NO_PATHS = kernels.Paths(frozen(np.zeros(1, np.int64)), frozen(np.zeros(LANES, np.int32)))


class Tree:
    """A Huffman tree over the words that are predicted, as the kernels read it.

    Row n of the output matrix belongs to inner node V - 2 - n of the tree: the root, which every step moves, is row 0.

    Parameters
    ----------
    counts : int64 (V,).
    predicted : bool (V,) or None, which words are in the tree; the others have empty paths. None for all.
    """

    def __init__(self, counts: np.ndarray, predicted: np.ndarray | None = None) -> None:
        chosen = np.arange(len(counts)) if predicted is None else np.flatnonzero(predicted)
        self.huffman = HuffmanTree.from_counts(np.asarray(counts, np.int64)[chosen])
        self.n_nodes = self.huffman.n_nodes
        lengths = np.zeros(len(counts), np.int64)
        lengths[chosen] = self.huffman.lengths
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])  # `chosen` rises, so the paths lie in the same order
        self._nodes = self.n_nodes - 1 - self.huffman.nodes
        steps = np.zeros(len(self._nodes) + LANES, np.int32)
        steps[:-LANES] = 2 * self._nodes + self.huffman.codes
        self.longest = int(lengths.max())
        self.lengths = lengths
        self.paths = kernels.Paths(frozen(offsets), frozen(steps))

    def updates(self, times: np.ndarray) -> np.ndarray:
        """float64 (n_nodes,): how often each row is updated if word i is predicted times[i] times."""
        return np.bincount(self._nodes, np.repeat(times, self.lengths), self.n_nodes)

    def node_vectors(self, parameters: Parameters) -> np.ndarray:
        """float32 (V-1, dim): the inner nodes' vectors in the tree's own order."""
        return np.ascontiguousarray(parameters.output_matrix[::-1])


class _Hierarchical(Objective):
    """Words in, inner nodes of a tree over the words out."""

    merging = Merging(0.5, 0.5)

    def __init__(self, text: TrainingText, settings: Settings, tree: Tree | None = None) -> None:
        super().__init__(text, settings)
        if tree is None:
            check_words(text, "hierarchical softmax")
        self.tree = tree or Tree(text.rows.counts)
        self.input_rows, self.output_rows = len(text.rows), self.tree.n_nodes
        self.sigmoid = sigmoid_table(settings.variant.sigmoid)

    def export(self, parameters: Parameters) -> dict[str, Any]:
        return {**super().export(parameters), "tree": self.tree.node_vectors(parameters)}


class SkipGramTree(_Hierarchical):
    """Skip-gram: the words of a window are trained together, or one after the other in the compatible variants."""

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept * self.mean_window()
        nodes = self.tree.updates(kept)
        return kept * (nodes.sum() / max(kept.sum(), 1.0)), nodes

    def scratch(self) -> Any:
        return self.kept_scratch(), path_block(self.settings.window, self.tree.longest, self.stride)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        kept, block = scratch
        before = stretch.text.arrays, stretch.key, stretch.start, stretch.stop, stretch.rate, self.windows, self.tree.paths
        after = parameters.input, parameters.output, parameters.stride, kept, block, stats
        if self.settings.variant.share_negatives:
            kernels.train_skipgram_hierarchical(*before, *after)
        else:
            kernels.train_skipgram_hierarchical_singly(*before, self.sigmoid, *after)


class CbowTree(_Hierarchical):
    """The centre word from the mean or the sum of its window."""

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept
        nodes = self.tree.updates(kept)
        return kept * (self.mean_window() * nodes.sum() / max(kept.sum(), 1.0)), nodes

    def scratch(self) -> Any:
        return self.kept_scratch(), window_block(self.settings.window, self.tree.longest, self.stride)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        cbow.train_cbow_hierarchical(
            stretch.text.arrays,
            stretch.key,
            stretch.start,
            stretch.stop,
            stretch.rate,
            self.windows,
            self.tree.paths,
            bag_of(self.settings),
            self.sigmoid,
            parameters.input,
            parameters.output,
            parameters.stride,
            *scratch,
            stats,
        )


class SkipGramTreeForward(_Hierarchical):
    """Skip-gram in fastText's direction: each word of the window from the centre."""

    def __init__(self, text: TrainingText, settings: Settings, tree: Tree | None = None) -> None:
        super().__init__(text, settings, tree)
        own = np.arange(self.input_rows + 1)
        self.members = bags.Members(frozen(own), frozen(own[:-1].astype(np.int32)))

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept * self.mean_window()
        nodes = self.tree.updates(kept)
        return kept * (nodes.sum() / max(kept.sum(), 1.0)), nodes

    def scratch(self) -> Any:
        window = self.settings.window
        return self.kept_scratch(), bag_block(window, 2 * window * self.tree.longest, 1, self.stride)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        bags.train_bags(
            stretch.text.arrays,
            stretch.key,
            stretch.start,
            stretch.stop,
            stretch.rate,
            self.windows,
            False,
            2 * self.settings.window if self.settings.variant.share_negatives else 1,
            NO_NOISE,
            self.tree.paths,
            bag_of(self.settings),
            self.sigmoid,
            self.members,
            parameters.input,
            parameters.output,
            parameters.stride,
            *scratch,
            stats,
        )


def skipgram_tree(text: TrainingText, settings: Settings) -> Objective:
    """Skip-gram in the variant's direction."""
    return SkipGramTree(text, settings) if settings.variant.direction == "context-in" else SkipGramTreeForward(text, settings)


def bag_of(settings: Settings) -> hidden_kernels.Bag:
    """How CBOW makes one vector of a window, and shares its error out."""
    return hidden_kernels.Bag(int(settings.variant.cbow_mean), int(settings.variant.cbow_divided))


def path_block(window: int, longest: int, stride: int) -> kernels.PathBlock:
    """Scratch of `_kernels_hierarchical`."""
    group = kernels.NODES
    groups = -(-longest // group)
    masks = np.zeros((2, group + 1, 2, group), np.float32)
    for nodes in range(group + 1):
        masks[:, nodes, 0, :nodes] = 1
        masks[1, nodes, 1, :nodes] = 1
    return kernels.PathBlock(
        targets=np.zeros(longest + hidden_kernels.TOGETHER, np.int64),
        contexts=np.zeros(2 * window + 2, np.int64),
        old=aligned_zeros(2 * window * stride),
        scores=aligned_zeros(groups * (window + 1) * LANES + 28),
        pair_masks=masks.ravel(),
        signs=np.zeros(longest + 28, np.float32),
        masks=hidden_kernels.lane_masks(),
        error=aligned_zeros(stride),
    )


def window_block(window: int, longest: int, stride: int) -> cbow.WindowBlock:
    """Scratch of `_kernels_hierarchical_cbow`."""
    return cbow.WindowBlock(
        contexts=np.zeros(2 * window + 1, np.int64),
        hidden=aligned_zeros(stride),
        steps=aligned_zeros(longest + cbow.NODES),
        looked_up=aligned_zeros(cbow.NODES),
        signs=aligned_zeros(cbow.NODES),
        masks=(np.arange(cbow.NODES) < np.arange(cbow.NODES + 1)[:, None]).astype(np.float32).ravel(),
    )


def bag_block(window: int, targets: int, rows: int, stride: int, pooled: bool = False) -> bags.BagBlock:
    """Scratch of `_kernels_bags` for so many targets and input rows a centre. pooled : draw negatives from pools."""
    return bags.BagBlock(
        targets=np.zeros((2, targets + hidden_kernels.TOGETHER), np.int64),
        signs=np.zeros((2, targets + 28), np.float32),
        ends=np.zeros((2, 2 * window + 2), np.int64),
        rows=np.zeros((2, rows), np.int64),
        pools=np.zeros((2, bags.POOL), np.int64),
        pooled=np.array([pooled, -2, 0], np.int64),
        steps=aligned_zeros(16),
        masks=hidden_kernels.lane_masks(),
        hidden=aligned_zeros(stride),
        error=aligned_zeros(stride),
        pairs=np.zeros(2, np.int64),
        sizes=np.zeros(2, np.int64),
    )
