"""Choosing a word without reading all output weights: 8 bits of each first, the whole of a few.

Writing needs one word a step, and reading all output vectors for it costs most of the step's memory traffic. Here each row of weights is
also kept in 8 bits a number, as scale times code, with the length of what that misses: by Cauchy and Schwarz a bound on every score, and
no guess. The most probable words are those whose upper bound reaches the k-th highest lower bound, scored exactly; a draw proposes words
by their upper bounds and rejects as much as the bounds were too high (von Neumann 1951), or scores all words where that is nearly always,
as at low temperatures. So the words chosen are those of the exact scores: the same ones for argmax and top-k, the same distribution for
draws.
"""

from __future__ import annotations

import numpy as np

from lmkit.neural.losses import _kernels_screen as kernels

_TRIALS = 16  # with one look at all bounds
_LOOKS = 4  # before all words are scored exactly
_COLDEST = 1e-30  # temperature; below, float32 does not hold its inverse


class Screen:
    """Output weights in 8 bits beside the whole ones.

    Parameters
    ----------
    weight : float32 (V, H), C-contiguous; bias : float32 (V,), -inf for words that can't follow.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        words, size = weight.shape
        groups, pairs = -(-words // kernels.GROUP), -(-size // 2)
        self.weight, self.bias = weight, np.maximum(bias, kernels.LOWEST)
        self.codes = np.zeros((groups, pairs, 2 * kernels.GROUP), np.int8)
        self.scales, self.errors, self.lengths = (np.zeros(groups * kernels.GROUP, np.float32) for _ in range(3))
        kernels.quantize(weight, self.codes, self.scales, self.errors, self.lengths)

    def look(self, hidden: np.ndarray) -> Screened:
        """The bounds of all scores behind some hidden vectors, float32 (n, H), C-contiguous; they are not copied."""
        return Screened(self, hidden)


class Screened:
    """What may follow some texts.

    Attributes
    ----------
    lower, upper : float32 (n, V), bounds of the exact scores.
    """

    def __init__(self, screen: Screen, hidden: np.ndarray) -> None:
        self._screen, self._hidden = screen, hidden
        groups, pairs, _ = screen.codes.shape
        rows, padded, words = len(hidden), groups * kernels.GROUP, len(screen.bias)
        queries, sums = np.zeros((rows, 2 * pairs), np.int16), np.empty(kernels.GROUP, np.int32)
        steps, missed, long = np.empty((3, rows), np.float32)
        self._upper, self._lower = np.empty((2, rows, padded), np.float32)
        self._upper[:, words:] = kernels.LOWEST
        kernels.prepare(hidden, queries, steps, missed, long)
        kernels.bounds(
            screen.codes,
            screen.scales,
            screen.errors,
            screen.lengths,
            screen.bias,
            queries,
            steps,
            missed,
            long,
            sums,
            self._upper,
            self._lower,
        )
        self._masses, self._group_masses = np.empty(padded, np.float32), np.empty(groups)
        self._words, self._scores = np.empty(words, np.int64), np.empty(words, np.float32)

    @property
    def lower(self) -> np.ndarray:
        return self._lower[:, : len(self._screen.bias)]

    @property
    def upper(self) -> np.ndarray:
        return self._upper[:, : len(self._screen.bias)]

    def likeliest(self, row: int, keep: int, refused: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ids int64 (C,), rising, and exact scores float32 (C,) of the `keep` likeliest words and, may be, some more.

        refused : int64, words that are left out.
        """
        keep = min(keep, len(self._screen.bias))
        upper, lower = self._upper[row].copy(), self._lower[row].copy()
        count = kernels.likeliest(
            self._hidden[row],
            self._screen.weight,
            self._screen.bias,
            upper,
            lower,
            refused,
            keep,
            self._masses,
            self._words,
            self._scores,
        )
        return self._words[:count].copy(), self._scores[:count].copy()

    def draw(self, row: int, temperature: float, refused: np.ndarray, rng: np.random.Generator) -> int:
        """A word drawn from softmax(scores / temperature). refused : int64, words that are left out; at least one must remain."""
        upper = self._upper[row].copy()
        for _ in range(_LOOKS if temperature >= _COLDEST else 0):
            word = kernels.draw(
                self._hidden[row],
                self._screen.weight,
                self._screen.bias,
                upper,
                refused,
                temperature,
                rng.random(2 * _TRIALS),
                self._masses,
                self._group_masses,
                self._words,
                self._scores,
            )
            if word >= 0:
                return int(word)
        return self._draw_exactly(row, temperature, refused, rng)

    def _draw_exactly(self, row: int, temperature: float, refused: np.ndarray, rng: np.random.Generator) -> int:
        """As `draw`, where the bounds are so far above the scores, for this temperature, that hardly a proposal is taken."""
        words = np.arange(len(self._screen.bias))
        kernels.exact_scores(self._hidden[row], self._screen.weight, self._screen.bias, words, len(words), self._scores)
        scores = np.where(self._scores > 0.5 * kernels.LOWEST, self._scores.astype(np.float64), -np.inf)
        scores[refused] = -np.inf
        with np.errstate(over="ignore"):  # infinitely far below the best one is right
            masses = np.cumsum(np.exp((scores - scores.max()) / temperature))
        return int(np.searchsorted(masses, rng.random() * masses[-1], side="right"))
