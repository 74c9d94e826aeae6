"""Sampled softmax with importance correction (Bengio & Senécal 2008; Jean, Cho, Memisevic & Bengio 2015)."""

from __future__ import annotations

import numpy as np

from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses import _kernels_samples as kernels
from lmkit.neural.losses.samples import SampledOutput


class SampledSoftmax(SampledOutput):
    """Cross entropy over the target t and the sampled words S (Jean et al. 2015, equation 8):

    loss = -log(e^(s_t - log Q_t) / (e^(s_t - log Q_t) + sum over j in S, j != t of e^(s_j - log Q_j))), with s the score of the full
    softmax and Q_j the probability that word j is among S. Where S holds all words it is the full softmax.

    Parameters
    ----------
    samples, proposal, power : see SampledOutput and Proposal; distinct words are drawn, as TensorFlow's sampled_softmax_loss does.
    """

    name = "sampled"

    def __init__(self, request: OutputRequest, samples: int = 1024, proposal: str = "log-uniform", power: float = 1.0) -> None:
        super().__init__(request, samples, proposal, power)
        self._draws = np.inf

    def _draw(self, random: np.random.Generator) -> None:
        self._ids, self._draws = self.proposal.draw_distinct(random, self.samples)

    def _offsets(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(self.bias.value[ids] - self.proposal.log_inclusion(ids, self._draws))

    def _loss(
        self, scores: np.ndarray, true: np.ndarray, hits: np.ndarray, weights: np.ndarray, d_true: np.ndarray, sums: np.ndarray
    ) -> float:
        return float(kernels.sampled_softmax(scores, self._sample_offsets, true, hits, weights, d_true, sums))
