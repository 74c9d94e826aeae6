"""fastText's models: skip-gram and CBOW over a word's own row and those of its n-grams (Bojanowski et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.embeddings._kernels_subwords import mean_rows
from lmkit.embeddings.options import Settings
from lmkit.embeddings.subwords import NgramOptions, Subwords, hash_ngrams
from lmkit.embeddings.training import _kernels_bags as kernels
from lmkit.embeddings.training import _kernels_hidden as hidden_kernels
from lmkit.embeddings.training import _kernels_skipgram as skipgram
from lmkit.embeddings.training.hierarchical import NO_NOISE, NO_PATHS, Tree, bag_block
from lmkit.embeddings.training.negative_sampling import noise_weights
from lmkit.embeddings.training.objective import Merging, Objective, Parameters, Stretch, check_words, sigmoid_table
from lmkit.embeddings.training.text import TrainingText
from lmkit.numeric.alias import alias_table
from lmkit.text.vocabulary import frozen


class InputRows:
    """The rows of the input matrix: one for each word and one for each bucket that an n-gram of the vocabulary falls in, by falling use.

    Attributes
    ----------
    buckets : int64 (R,), the buckets that have rows, ascending.
    row_of_word : int64 (V,), row_of_bucket : int64 (R,): rows of the input matrix.
    members : the rows of each word, its own first, then those of its n-grams in order.
    uses : float64 (V + R,), occurrences of each row's words in an epoch.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, occurrences: np.ndarray, options: NgramOptions) -> None:
        hashed = hash_ngrams(blob, offsets, options)
        size = len(occurrences)
        self.buckets, ranks = np.unique(hashed.buckets, return_inverse=True)
        ngrams = np.diff(hashed.starts)
        uses = np.concatenate([occurrences, np.bincount(ranks, np.repeat(occurrences, ngrams), len(self.buckets))])
        order = np.argsort(-uses, kind="stable")
        row_of = np.empty(len(uses), np.int64)
        row_of[order] = np.arange(len(uses))
        self.uses = uses[order]
        self.row_of_word, self.row_of_bucket = row_of[:size], row_of[size:]
        starts = hashed.starts + np.arange(size + 1)
        rows = np.empty(int(starts[-1]), np.int32)
        own = np.zeros(len(rows), np.bool_)
        own[starts[:-1]] = True
        rows[own] = self.row_of_word
        rows[~own] = self.row_of_bucket[ranks]
        self.members = kernels.Members(frozen(starts), frozen(rows))
        self.most = int(np.diff(starts).max())

    def __len__(self) -> int:
        return len(self.uses)


class SubwordBags(Objective):
    """Skip-gram from a word's rows to each word of its window, or CBOW from the rows of a window's words to its centre.

    Parameters
    ----------
    text, settings : as for every objective. Skip-gram has fastText's direction, whatever the variant's.
    ngrams : which n-grams; None for the words' own rows alone.
    """

    def __init__(self, text: TrainingText, settings: Settings, ngrams: NgramOptions | None) -> None:
        super().__init__(text, settings)
        words = text.rows.words
        check_words(text, "training")
        self.ngrams = ngrams
        if ngrams is None:
            self.rows = InputRows(words.blob[:0], np.zeros(len(words) + 1, np.int64), text.expected_kept, NgramOptions(buckets=1))
        else:
            self.rows = InputRows(words.blob, words.offsets, text.expected_kept, ngrams)
        self.tree = Tree(text.rows.counts) if settings.loss == "hs" else None
        self.input_rows = len(self.rows)
        self.output_rows = len(words) if self.tree is None else self.tree.n_nodes
        # with larger slopes for the output rows those of the common n-grams grow without use
        self.merging = Merging(0.5, 0.03, together=60_000) if self.tree is None else Merging(0.3, 0.3, together=3200)
        self.noise_weights = noise_weights(text.rows.counts, settings.variant.noise_exponent)
        self.noise = NO_NOISE if self.tree else skipgram.Noise(frozen(alias_table(self.noise_weights)), settings.negative)
        self.paths = self.tree.paths if self.tree else NO_PATHS
        self.cbow = settings.model == "cbow"
        self.bag = hidden_kernels.Bag(1, int(settings.variant.cbow_divided))
        self.pooled = settings.variant.share_negatives and self.tree is None
        self.together = 2 * settings.window if settings.variant.share_negatives else 1
        self.sigmoid = sigmoid_table(settings.variant.sigmoid)

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept
        predicted = kept if self.cbow else kept * self.mean_window()
        uses = self.rows.uses * self.mean_window()
        if self.tree is not None:
            nodes = self.tree.updates(predicted)
            return uses * (nodes.sum() / max(predicted.sum(), 1.0)), nodes
        return uses * (1 + self.settings.negative), predicted + self.noise_weights * (
            predicted.sum() * self.settings.negative / self.noise_weights.sum()
        )

    def partners(self, parameters: Parameters, updates: Sequence[np.ndarray], most: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """As for every objective; output rows meet words, each the mean of its rows."""
        starts, members = self.rows.members
        matrix = frozen(parameters.input.reshape(-1, self.stride))
        words = min(most, len(self.text.rows))
        means = np.empty((words, self.stride), np.float32)
        rows = members[: starts[words]].astype(np.int64)
        mean_rows(starts[: words + 1], rows, matrix, False, matrix[:0], np.full(words, -1), means)
        return [(means[:, : parameters.dim], self.text.expected_kept[:words]), (parameters.output_matrix[:most], updates[1][:most])]

    def scratch(self) -> Any:
        window = self.settings.window
        each = self.tree.longest if self.tree is not None else 1 + self.settings.negative
        targets, rows = (each, 2 * window * self.rows.most) if self.cbow else (2 * window * each, self.rows.most)
        return self.kept_scratch(), bag_block(window, targets, rows, self.stride, self.pooled)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        kept, block = scratch
        kernels.train_bags(
            stretch.text.arrays,
            stretch.key,
            stretch.start,
            stretch.stop,
            stretch.rate,
            self.windows,
            self.cbow,
            self.together,
            self.noise,
            self.paths,
            self.bag,
            self.sigmoid,
            self.rows.members,
            parameters.input,
            parameters.output,
            parameters.stride,
            kept,
            block,
            stats,
        )

    def export(self, parameters: Parameters) -> dict[str, Any]:
        matrix = parameters.input_matrix
        own = matrix[self.rows.row_of_word]
        out: dict[str, Any] = {"words": self.text.rows.words}
        if self.ngrams is None:
            out["matrix"] = own
        else:
            subwords = Subwords(self.ngrams, matrix[self.rows.row_of_bucket], kept=self.rows.buckets, word_vectors=own)
            words = self.text.rows.words
            out |= {"matrix": subwords.combine(words.blob, words.offsets, np.arange(len(words))), "subwords": subwords}
        if self.tree is None:
            return {**out, "context": np.ascontiguousarray(parameters.output_matrix)}
        return {**out, "tree": self.tree.node_vectors(parameters)}
