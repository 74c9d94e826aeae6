"""Dropout (Srivastava et al. 2014; variational: Gal and Ghahramani 2016; weight drop: Merity, Keskar and Socher 2018)."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit._validation import check_float
from lmkit.neural.interfaces import Shard
from lmkit.neural.layers import _kernels_embedding


@dataclasses.dataclass(frozen=True)
class Dropout:
    """How much is dropped where: probabilities in [0, 1) that an entry is set to 0, the others being scaled by 1 / (1 - p).

    Attributes
    ----------
    input : of the embeddings that enter the first layer.
    between : of the outputs of a layer that enter the next.
    output : of the outputs of the last layer that enter the output layer.
    words : whole words of the embedding, all their occurrences in a step.
    recurrent : weights of W_hh, one mask for all steps of a batch (weight drop); of cells without W_hh what they say.
    variational : one mask for all steps of a batch at `input`, `between` and `output`, in place of a new one each step.
    """

    input: float = 0.0
    between: float = 0.0
    output: float = 0.0
    words: float = 0.0
    recurrent: float = 0.0
    variational: bool = False

    def __post_init__(self) -> None:
        for name in ("input", "between", "output", "words", "recurrent"):
            value = check_float("Dropout", name, getattr(self, name), minimum=0, maximum=0.99)
            object.__setattr__(self, name, value)


class Masks:
    """The masks of one step, as functions of (seed, step, site): nothing is stored."""

    def __init__(self, seed: int, step: int) -> None:
        self._seed, self._step = seed, step

    def keys(self, site: int) -> np.ndarray:
        """uint32 (2,) that tell this site's bits at this step."""
        return np.random.SeedSequence((self._seed, self._step, site)).generate_state(2)

    def drop(self, x: np.ndarray, shard: Shard, all_texts: int, site: int, probability: float, once: bool) -> None:
        """Drop entries of x (n, D) in place: the outputs on the way forward, their gradients with the same arguments on the way back."""
        if probability > 0:
            _kernels_embedding.drop(
                x,
                shard.n_texts,
                shard.texts.start,
                all_texts,
                once,
                self.keys(site),
                threshold(probability),
                x.dtype.type(1 / (1 - probability)),
            )

    def weight_mask(self, shape: tuple[int, ...], site: int, probability: float, dtype: np.dtype) -> np.ndarray | None:
        """0 or 1 / (1 - p) for each weight, None for p = 0."""
        if probability == 0:
            return None
        mask = np.ones(shape, dtype)
        _kernels_embedding.drop(mask, 1, 0, 1, False, self.keys(site), threshold(probability), mask.dtype.type(1 / (1 - probability)))
        return mask


def threshold(probability: float) -> int:
    """Below how many of 2^32 equally likely bit patterns an entry is dropped."""
    return int(probability * 2**32)
