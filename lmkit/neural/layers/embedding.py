"""From token ids to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import Parameter
from lmkit.neural.layers import _kernels_embedding
from lmkit.neural.layers.dropout import Masks, threshold
from lmkit.neural.layers.initial import uniform

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors
    from lmkit.text.vocabulary import Vocabulary

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

    def start_from(self, vocabulary: Vocabulary, vectors: WordVectors, frozen: bool) -> int:
        """Take over the vectors of the words that both know, scaled so that their mean square is that of the rows they replace.

        Returns the number of words found. frozen : the table is not trained.

        Raises
        ------
        InvalidParameterError : if the vectors have another width than the table, or know none of the words.
        """
        table = self.weight.value
        if vectors.matrix.shape[1] != table.shape[1]:
            raise InvalidParameterError(
                f"The word vectors have {vectors.matrix.shape[1]} dimensions and the embedding {table.shape[1]}; "
                f"take --embedding {vectors.matrix.shape[1]}."
            )
        first = vocabulary.EOS + 1
        rows = np.array([vectors.index(word) for word in vocabulary.tokens()[first:]], np.int64)
        known = np.flatnonzero(rows >= 0)
        if len(known) == 0:
            raise InvalidParameterError("The word vectors know none of the words of the training text; were both read in the same way?")
        found = vectors.vectors([vocabulary.token(first + place) for place in known.tolist()]).astype(table.dtype)
        table[first + known] = found * np.sqrt(np.mean(table**2) / max(float(np.mean(found**2)), 1e-12))
        self.weight.is_trained = not frozen
        return len(known)

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
