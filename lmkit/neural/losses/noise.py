"""Where sampled losses draw their negatives from."""

from __future__ import annotations

import numpy as np

from lmkit._validation import check_choice, check_float

PROPOSALS = ("log-uniform", "unigram", "uniform")
_MOST_DRAWS = 64  # for each distinct id that is wanted; what is missing then is so rare that drawing would take too long


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
        found, draws = np.empty(0, np.int64), 0
        is_new = self.probabilities > 0
        while draws < _MOST_DRAWS * size:
            drawn = self.draw(random, max(2 * size, draws))
            ids, first = np.unique(drawn, return_index=True)
            first = np.sort(first[is_new[ids]])[: size - len(found)]
            found = np.concatenate([found, drawn[first]])
            if len(found) == size:
                return np.sort(found), float(draws + first[-1] + 1)
            is_new[drawn[first]] = False
            draws += len(drawn)
        rest, waited = self._first_of_others(random, np.flatnonzero(is_new), size - len(found))
        return np.sort(np.concatenate([found, rest])), draws + waited

    def _first_of_others(self, random: np.random.Generator, ids: np.ndarray, size: int) -> tuple[np.ndarray, float]:
        """The first `size` of these ids to come, and the number of draws until then, distributed as if drawn one after the other.

        The order in which ids first come is that of exponential times with their probabilities as rates. The draws from one to the next are
        geometrically distributed, with what probability is left.
        """
        ids = ids[np.argsort(random.standard_exponential(len(ids)) / self.probabilities[ids])]
        left = np.cumsum(self.probabilities[ids][::-1])[::-1]
        return ids[:size], float(random.geometric(np.minimum(left[:size], 1.0)).sum())

    def log_inclusion(self, ids: np.ndarray, draws: float) -> np.ndarray:
        """float64: log of the probability that each id is among the distinct ones after so many draws; 0 after infinitely many."""
        if np.isinf(draws):
            return np.zeros(len(ids))
        with np.errstate(divide="ignore"):  # excluded words are never drawn
            return np.asarray(np.log(-np.expm1(draws * np.log1p(-self.probabilities[ids]))))
