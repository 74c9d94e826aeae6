"""Where sampled losses draw their negatives from."""

from __future__ import annotations

import numpy as np

from lmkit._validation import check_choice, check_float

PROPOSALS = ("log-uniform", "unigram", "uniform")


class Proposal:
    """A distribution over the ids that can be predicted.

    Parameters
    ----------
    kind : "log-uniform": the word of rank r = 0, 1 ... by falling count has probability log((r + 2) / (r + 1)) / log(n + 1), near Zipf's
        law; "unigram": counts to a power, one occurrence added so that none has probability 0; "uniform".
    power : exponent of "unigram", in [0, 1].
    counts : int64 (V,). predicted : int64 (n,), the ids with probability above 0.

    Attributes
    ----------
    probabilities : float64 (V,), 0 outside `predicted`, sum 1.
    """

    def __init__(self, owner: str, kind: str, power: float, counts: np.ndarray, predicted: np.ndarray) -> None:
        kind = check_choice(owner, "proposal", kind, PROPOSALS)
        power = check_float(owner, "power", power, minimum=0.0, maximum=1.0)
        size = len(predicted)
        if kind == "log-uniform":
            shares = np.empty(size)
            ranks = np.arange(size, dtype=np.float64)
            shares[np.argsort(-counts[predicted], kind="stable")] = np.log1p(1.0 / (ranks + 1.0))
        elif kind == "unigram":
            shares = (counts[predicted] + 1.0) ** power
        else:
            shares = np.ones(size)
        self._predicted = predicted
        self._sums = np.cumsum(shares / shares.sum())
        self._sums[-1] = 1.0
        self.probabilities = np.zeros(len(counts))
        self.probabilities[predicted] = np.diff(self._sums, prepend=0.0)

    def draw(self, random: np.random.Generator, size: int) -> np.ndarray:
        """int64 (size,): ids drawn independently."""
        return self._predicted[np.searchsorted(self._sums, random.random(size), side="right")]

    def draw_distinct(self, random: np.random.Generator, size: int) -> tuple[np.ndarray, float]:
        """Ids drawn one after the other until `size` different ones have come, as TensorFlow's samplers do with unique=True.

        Returns
        -------
        int64 (size,), rising, and the number of draws it took (infinity where `size` takes in all ids). After so many draws id i is among
        them with probability 1 - (1 - q_i)^draws: what `log_inclusion` gives.
        """
        if size >= len(self._predicted):
            return self._predicted.copy(), np.inf
        drawn = np.empty(0, np.int64)
        while True:
            drawn = np.concatenate([drawn, self.draw(random, 2 * size)])
            ids, first = np.unique(drawn, return_index=True)
            if len(ids) >= size:
                order = np.argsort(first)[:size]
                return np.sort(ids[order]), float(first[order[-1]] + 1)

    def log_inclusion(self, ids: np.ndarray, draws: float) -> np.ndarray:
        """float64: log of the probability that each id is among the distinct ones after so many draws; 0 after infinitely many."""
        if np.isinf(draws):
            return np.zeros(len(ids))
        with np.errstate(divide="ignore"):  # excluded words are never drawn
            return np.asarray(np.log(-np.expm1(draws * np.log1p(-self.probabilities[ids]))))
