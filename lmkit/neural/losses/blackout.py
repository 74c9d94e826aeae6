"""BlackOut (Ji, Vishwanathan, Satish, Anderson & Dubey 2016)."""

from __future__ import annotations

import numpy as np

from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses import _kernels_samples as kernels
from lmkit.neural.losses.samples import SampledOutput


class BlackOut(SampledOutput):
    """A weighted softmax over target and samples that also pushes each sample down (Ji et al. 2016, equations 4 to 6):

    p_j = q_j e^(s_j) / (sum over target and samples of q e^s), q_j = 1 / Q(j); loss = -log p_t - sum over samples j of log(1 - p_j).

    Q is the proposal, the unigram distribution to the power 0.4 in the paper. Samples are distinct; a sample that is the row's target is
    left out for that row.

    Parameters
    ----------
    samples, proposal, power : see SampledOutput and Proposal.
    """

    name = "blackout"

    def __init__(self, request: OutputRequest, samples: int = 1024, proposal: str = "unigram", power: float = 0.4) -> None:
        super().__init__(request, samples, proposal, power)
        with np.errstate(divide="ignore"):  # excluded words are never drawn
            self._log_proposal = np.log(self.proposal.probabilities)

    def _draw(self, random: np.random.Generator) -> None:
        self._ids, _ = self.proposal.draw_distinct(random, self.samples)

    def _offsets(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(self.bias.value[ids] - self._log_proposal[ids])

    def _loss(
        self, scores: np.ndarray, true: np.ndarray, hits: np.ndarray, weights: np.ndarray, d_true: np.ndarray, sums: np.ndarray
    ) -> float:
        return float(kernels.blackout(scores, self._sample_offsets, true, hits, weights, d_true, sums))
