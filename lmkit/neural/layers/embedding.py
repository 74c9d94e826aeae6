"""From token ids to vectors."""

from __future__ import annotations

import numpy as np

from lmkit.neural.interfaces import Parameter
from lmkit.neural.layers import _kernels_embedding
from lmkit.neural.layers.dropout import Masks, threshold
from lmkit.neural.layers.initial import uniform

_NO_KEYS = np.zeros(2, np.uint32)


class Embedding:
    """A table (V, E). Its gradient touches the rows of the words that occurred.

    Parameters
    ----------
    vocabulary_size, size : V and E.
    scale : initial entries are drawn from U(-scale, scale).
    is_tied : the output layer computes the gradient of the same table first, over all rows; this layer then adds to it.
    words_dropped : probability that a word is dropped at all its places in a step.
    """

    def __init__(
        self,
        vocabulary_size: int,
        size: int,
        rng: np.random.Generator,
        scale: float,
        dtype: np.dtype,
        *,
        is_tied: bool = False,
        words_dropped: float = 0.0,
    ) -> None:
        self.weight = Parameter.of("encoder.weight", uniform(rng, (vocabulary_size, size), scale, np.dtype(dtype)))
        self.parameters = [self.weight]
        self.is_tied, self.words_dropped = is_tied, words_dropped

    def forward(self, ids: np.ndarray, out: np.ndarray, masks: Masks | None, site: int) -> None:
        """out[row] = the vector of ids[row]. ids : int32 (n,). out : (n, E). masks : None drops nothing."""
        if masks is None or self.words_dropped == 0:
            _kernels_embedding.gather(self.weight.value, ids, out)
            return
        limit, scale = threshold(self.words_dropped), out.dtype.type(1 / (1 - self.words_dropped))
        _kernels_embedding.gather_scaled(self.weight.value, ids, masks.keys(site), limit, scale, out)

    def weight_gradient(self, ids: np.ndarray, d: np.ndarray, masks: Masks, site: int) -> None:
        """The gradient of the table, from that by `out` in `forward`. ids : int32 (R,). d : (R, E)."""
        if not self.weight.is_trained:
            return
        order = np.argsort(ids, kind="stable")
        if not self.is_tied:
            self.weight.rows = np.unique(ids).astype(np.int64)
            _kernels_embedding.clear_rows(self.weight.gradient, self.weight.rows)
        dropped = self.words_dropped > 0
        _kernels_embedding.scatter_add(
            self.weight.gradient,
            ids,
            order,
            d,
            masks.keys(site) if dropped else _NO_KEYS,
            threshold(self.words_dropped),
            d.dtype.type(1 / (1 - self.words_dropped)),
        )
