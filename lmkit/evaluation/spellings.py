"""How the words of a test are found among the words of a model: case, and how many rows count."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit.errors import FormatError, UnknownWordError

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors

_ASCII_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _as_it_is(word: str) -> str:
    return word


CASES: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    # name -> what is done to a word of the test, and to a word of the model, before they are compared
    "fold": (str.upper, str.upper),
    "ascii-fold": (lambda word: word.translate(_ASCII_UPPER),) * 2,
    "lower": (str.lower, _as_it_is),
    "keep": (_as_it_is, _as_it_is),
}
"""Case policies. fold: upper case on both sides, so that `Paris` finds `paris`, and of several variants the first row, normally the most
frequent, stands for all; ascii-fold: the same for a-z only, as compute-accuracy.c; lower: the test in lower case, the model as it is;
keep: both as they are."""


class SpellingIndex:
    """Finds the row of a word among the first rows of a model.

    Parameters
    ----------
    vectors : the model.
    restrict : how many rows count, None for all.
    case : a key of `CASES`.

    Attributes
    ----------
    spelling : int64 (N,), for each row the first row of the same spelling under the case policy.
    """

    def __init__(self, vectors: WordVectors, restrict: int | None, case: str) -> None:
        self._of_test, of_model = CASES[case]
        count = len(vectors) if restrict is None else min(restrict, len(vectors))
        first: dict[str, int] = {}
        spelled = map(of_model, itertools.islice(vectors.words, count))
        self.spelling = np.fromiter((first.setdefault(word, row) for row, word in enumerate(spelled)), np.int64, count)
        self._first = first

    def __len__(self) -> int:
        return len(self.spelling)

    def row(self, word: str) -> int:
        """The first row of this spelling, -1 if there is none."""
        return self._first.get(self._of_test(word), -1)

    def rows(self, words: Sequence[str]) -> np.ndarray:
        """int64 (len(words),)."""
        return np.fromiter(map(self.row, words), np.int64, len(words))


def unit_rows(rows: np.ndarray, numbers: np.ndarray | range | None = None) -> np.ndarray:
    """Rows of length 1, float32 (n, d); rows of zeros become nan, which no comparison prefers.

    Parameters
    ----------
    numbers : (n,), which rows of the model these are, so that one with NaN or infinity is refused; without it such rows become nan.

    Raises
    ------
    FormatError : for a row with NaN or infinity.
    """
    rows = np.asarray(rows, np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if numbers is not None and not np.isfinite(lengths).all():
            row = numbers[int(np.argmin(np.isfinite(lengths)))]
            raise FormatError(
                f"The vector of row {row:,} (counted from 0) holds NaN, infinity or numbers beyond 1e18; "
                "train again with a lower learning rate, or leave such rows out."
            )
        lengths[lengths == 0] = np.nan
        return np.ascontiguousarray(rows / lengths[:, None])


def composed(vectors: WordVectors, words: Sequence[str], case: str = "fold") -> np.ndarray:
    """Vectors of words that are no rows, made of their subwords, float32 (len(words), d); nan where the model can't make one.

    A model that was trained on lower-cased text gets words in lower case, as does any with case="lower".
    """
    found = np.full((len(words), vectors.matrix.shape[1]), np.nan, np.float32)
    if vectors.subwords is None:
        return found
    lowered = case == "lower" or (vectors.text_options is not None and vectors.text_options.lowercase)
    for place, word in enumerate(words):
        with contextlib.suppress(UnknownWordError):  # too short to have subwords
            found[place] = vectors.vector(word.lower() if lowered else word)
    return found
