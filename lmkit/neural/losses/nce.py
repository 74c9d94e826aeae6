"""Noise-contrastive estimation (Gutmann & Hyvärinen 2012; Mnih & Teh 2012)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit._validation import check_float
from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses import _kernels_samples as kernels
from lmkit.neural.losses.samples import SampledOutput


class NoiseContrastive(SampledOutput):
    """Logistic regression that tells the target from k words of noise (Mnih & Teh 2012, equations 7-9):

    loss = -log sigmoid(x_t) - sum over the noise words j of log(1 - sigmoid(x_j)), x_j = s_j - log Z - log(k q_j).

    The normaliser Z is one constant for all contexts, and the model learns to need no other: its scores sum to nearly Z, which makes
    unnormalised scores usable. Perplexities here come from exact probabilities all the same; `log_normalizers` tells how near they are.
    The noise is drawn once a step and shared by all rows; a word that was drawn several times counts so often.

    Parameters
    ----------
    samples : k. proposal, power : see Proposal.
    log_normalizer : log Z, any finite number; 0 suits biases that start at the log unigram.
    """

    name = "nce"

    def __init__(
        self,
        request: OutputRequest,
        samples: int = 1024,
        proposal: str = "unigram",
        power: float = 1.0,
        log_normalizer: float = 0.0,
    ) -> None:
        super().__init__(request, samples, proposal, power)
        self.log_normalizer = check_float("NoiseContrastive", "log_normalizer", log_normalizer)
        with np.errstate(divide="ignore"):  # excluded words are never drawn
            self._log_noise = np.log(self.samples * self.proposal.probabilities)

    def _draw(self, random: np.random.Generator) -> None:
        self._ids, copies = np.unique(self.proposal.draw(random, self.samples), return_counts=True)
        self._copies = copies.astype(self.dtype)

    def _offsets(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(self.bias.value[ids] - self.log_normalizer - self._log_noise[ids])

    def _loss(
        self, scores: np.ndarray, true: np.ndarray, hits: np.ndarray, weights: np.ndarray, d_true: np.ndarray, sums: np.ndarray
    ) -> float:
        return float(kernels.noise_contrastive(scores, self._sample_offsets, self._copies, true, weights, d_true, sums))

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "log_normalizer": self.log_normalizer}
