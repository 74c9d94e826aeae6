"""Skip-gram and CBOW with negative sampling (Mikolov et al. 2013a, 2013b)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit.embeddings.options import Settings
from lmkit.embeddings.training import _kernels_pairs as pairs
from lmkit.embeddings.training import _kernels_skipgram as skipgram
from lmkit.embeddings.training.objective import Merging, Objective, Parameters, Stretch, check_words, sigmoid_table
from lmkit.embeddings.training.text import TrainingText
from lmkit.errors import InvalidParameterError
from lmkit.numeric.alias import alias_table
from lmkit.text.vocabulary import frozen


class _NegativeSampling(Objective):
    """Words in, words out; negatives by their counts to a power."""

    def __init__(self, text: TrainingText, settings: Settings) -> None:
        super().__init__(text, settings)
        size = len(text.rows)
        check_words(text, "negative sampling")
        self.input_rows = self.output_rows = size
        variant = settings.variant
        weights = noise_weights(text.rows.counts, variant.noise_exponent)
        if variant.end_of_sentence == "row":  # word2vec.c draws another word at random where it has drawn `</s>`, which stands first
            weights[1:] += weights[0] / (size - 1)
            weights[0] = 0
        self.noise_weights = weights
        table = frozen(alias_table(weights))
        self.noise = skipgram.Noise(table, settings.negative)
        self.negatives = pairs.Negatives(
            table, settings.negative, int(variant.noise_collision == "skip"), int(variant.direction == "centre-in")
        )
        self.sigmoid = sigmoid_table(variant.sigmoid)

    def _noise_updates(self, draws: float) -> np.ndarray:
        return self.noise_weights * (draws / self.noise_weights.sum())

    def export(self, parameters: Parameters) -> dict[str, Any]:
        return {**super().export(parameters), "context": np.ascontiguousarray(parameters.output_matrix)}


class SkipGram(_NegativeSampling):
    """Skip-gram: one set of negatives for a window, or own ones for each pair, as the variant says."""

    merging = Merging(slope_of_two=0.015)

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept * self.mean_window()
        return kept * (1 + self.settings.negative), kept + self._noise_updates(kept.sum() * self.settings.negative)

    def scratch(self) -> Any:
        window, negative = self.settings.window, self.settings.negative
        own = skipgram_block(window, negative) if self.settings.variant.share_negatives else pair_work(window, negative, self.stride)
        return self.kept_scratch(), own

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        where = (stretch.text.arrays, stretch.key, stretch.start, stretch.stop, stretch.rate, self.windows)
        model = (parameters.input, parameters.output, parameters.stride)
        if self.settings.variant.share_negatives:
            skipgram.train_skipgram(*where, self.noise, *model, *scratch, stats)
        else:
            pairs.train_pairs(*where, self.negatives, self.sigmoid, *model, *scratch, stats)


class Cbow(_NegativeSampling):
    """CBOW: one prediction a window, so that its negatives are always its own."""

    def __init__(self, text: TrainingText, settings: Settings) -> None:
        super().__init__(text, settings)
        variant = settings.variant
        self.pooling = pairs.Pooling(int(variant.cbow_mean), int(variant.cbow_divided))

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept
        return kept * (self.mean_window() * (1 + self.settings.negative)), kept + self._noise_updates(kept.sum() * self.settings.negative)

    def scratch(self) -> Any:
        return self.kept_scratch(), pair_work(self.settings.window, self.settings.negative, self.stride)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        pairs.train_cbow(
            stretch.text.arrays,
            stretch.key,
            stretch.start,
            stretch.stop,
            stretch.rate,
            self.windows,
            self.negatives,
            self.pooling,
            self.sigmoid,
            parameters.input,
            parameters.output,
            parameters.stride,
            *scratch,
            stats,
        )


def noise_weights(counts: np.ndarray, exponent: float) -> np.ndarray:
    """Counts to a power; a word that does not occur is never drawn. Raises InvalidParameterError where that is beyond all numbers."""
    weights = np.zeros(len(counts))
    with np.errstate(over="ignore", under="ignore"):
        weights[counts > 0] = np.power(counts[counts > 0].astype(np.float64), exponent)
        if not 0 < weights.sum() < np.inf:
            raise InvalidParameterError(
                f"The 'noise_exponent' parameter of Variant must be one to which counts can be raised, mostly from -1 to 1. "
                f"Got {exponent!r} instead."
            )
    return weights


def skipgram_block(window: int, negative: int) -> skipgram.Block:
    """Scratch of `_kernels_skipgram`, with its masks and signs."""
    group = skipgram.GROUP
    groups = -(-(1 + negative) // group)
    masks = np.zeros((2, group + 1, 16), np.float32)
    for targets in range(group + 1):
        masks[:, targets, :targets] = 1
        masks[1, targets, group : group + targets] = 1
    signs = np.full((2, 16), -1, np.float32)
    signs[0, [0, group]] = 1
    return skipgram.Block(
        np.zeros(2 * group * groups, np.int64),
        np.zeros(2 * window + 1, np.int64),
        np.zeros(groups * (window + 1) * 16, np.float32),
        masks.ravel(),
        signs.ravel(),
    )


def pair_work(window: int, negative: int, stride: int) -> pairs.Work:
    """Scratch of `_kernels_pairs`, with its masks and signs."""
    group = skipgram.GROUP
    groups = -(-(1 + negative) // group)
    signs = np.full((2, 16), -1, np.float32)
    signs[0, 0] = 1
    room = max(pairs.DRAWN, 2 * window + 1)
    return pairs.Work(
        np.zeros(room * group * groups, np.int64),
        np.zeros(room, np.int64),
        np.zeros(2 * window + 1, np.int64),
        np.zeros(stride, np.float32),
        np.zeros(stride, np.float32),
        np.zeros(groups * 16, np.float32),
        (np.arange(16) < np.arange(group + 1)[:, None]).astype(np.float32).ravel(),
        signs.ravel(),
    )
