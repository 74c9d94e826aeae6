"""Skip-gram and CBOW with negative sampling (Mikolov et al. 2013a, 2013b)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit.embeddings.options import Settings
from lmkit.embeddings.training import _kernels_skipgram as skipgram
from lmkit.embeddings.training.objective import Objective, Parameters, Stretch
from lmkit.embeddings.training.text import TrainingText
from lmkit.errors import InputError
from lmkit.numeric.alias import alias_table
from lmkit.text.vocabulary import frozen


class _NegativeSampling(Objective):
    """Words in, words out; negatives by their counts to a power."""

    def __init__(self, text: TrainingText, settings: Settings) -> None:
        super().__init__(text, settings)
        size = len(text.rows)
        if size < 2:
            raise InputError(
                f"{text.corpus.name}: only the word {text.rows.words[0]!r} is frequent enough, and negative sampling needs another one to "
                f"tell "
                "it from; lower the minimum count (min_count, --min-count) or take a longer text."
            )
        self.input_rows = self.output_rows = size
        self.noise_weights = np.power(text.rows.counts.astype(np.float64), settings.variant.noise_exponent)
        self.noise = skipgram.Noise(frozen(alias_table(self.noise_weights)), settings.negative)

    def _noise_updates(self, draws: float) -> np.ndarray:
        return self.noise_weights * (draws / self.noise_weights.sum())

    def export(self, parameters: Parameters) -> dict[str, Any]:
        return {**super().export(parameters), "context": np.ascontiguousarray(parameters.output_matrix)}


class SkipGram(_NegativeSampling):
    """Skip-gram: with one set of negatives for a window, or with own ones for each pair (the compatible variants)."""

    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        kept = self.text.expected_kept
        own = 1.0 if self.settings.variant.share_negatives else self.mean_window()
        return kept * self.mean_window(), kept * own + self._noise_updates(kept.sum() * own * self.settings.negative)

    def scratch(self) -> Any:
        return self.kept_scratch(), skipgram_block(self.settings.window, self.settings.negative)

    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        kept, block = scratch
        skipgram.train_skipgram(
            stretch.text.arrays,
            stretch.key,
            stretch.start,
            stretch.stop,
            stretch.rate,
            self.windows,
            self.noise,
            parameters.input,
            parameters.output,
            parameters.stride,
            kept,
            block,
            stats,
        )


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
        np.zeros((2, group * groups), np.int64),
        np.zeros(2 * window + 1, np.int64),
        np.zeros(groups * (window + 1) * 16, np.float32),
        masks.ravel(),
        signs.ravel(),
    )
