"""Exact search: the rows with the highest scores, without an index and without a guess.

A search reads every row once, so its time is that of the memory. Scores of single queries are one product of the matrix with a vector,
those of many a product of matrices (BLAS), block after block, so that memory stays bounded. The best of a block of scores are found by
partition: of a block's groups the k with the highest maxima hold k scores of at least t, the lowest of these maxima, so nothing below t is
among the k best, and what is left to sort is short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_int

if TYPE_CHECKING:
    from lmkit.embeddings.quantized import QuantizedMatrix

COSMUL_EPSILON = 1e-6
"""Keeps 3CosMul's division defined: Levy and Goldberg 2014, equation 5, which takes 0.001; word2vec's evaluators and gensim take 1e-6."""

_GROUP = 64
_BLOCK_SCORES = 1 << 22  # 16 MB of float32: stays near the processor while its best are picked
_BLOCK_NUMBERS = 1 << 23
_NORM_ROWS = 1 << 14
_SCREENED = 4  # queries; more are faster as a product of matrices
_SCREENED_NUMBERS = 1 << 22  # smaller matrices are read in a moment, sooner than the screen's kernel is loaded
_SILENT = np.errstate(invalid="ignore", over="ignore")  # rows that hold NaN or infinity are told by name
_TIE = 1e-6  # rounding of float32 cosines


def row_norms(matrix: np.ndarray) -> np.ndarray:
    """float32 (V,): Euclidean length of each row of a float32 (V, d), summed in float64 where float32 would overflow or vanish."""
    norms = np.empty(len(matrix), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(matrix), _NORM_ROWS):
            rows = matrix[start : start + _NORM_ROWS]
            squares = np.einsum("ij,ij->i", rows, rows)
            found = np.sqrt(squares)
            odd = np.flatnonzero(~((squares > 1e-30) & (squares < 1e30)))  # tiny, huge, zero, NaN: rare
            if len(odd):
                found[odd] = np.sqrt(np.einsum("ij,ij->i", rows[odd], rows[odd], dtype=np.float64))
            norms[start : start + _NORM_ROWS] = found
    return norms


def inverse_norms(norms: np.ndarray) -> np.ndarray:
    """float32 (V,): 1 / norm, 0 for rows of zeros, so that these have similarity 0 to everything."""
    inverse = np.zeros(len(norms), np.float32)
    np.divide(1.0, norms, out=inverse, where=norms > 0)
    return inverse


def best(scores: np.ndarray, top: int) -> np.ndarray:
    """int64 (min(top, V),): places of the highest of V scores, the highest first, of equal ones the first. -inf is never chosen."""
    size = len(scores)
    top = min(top, size)
    groups = size // _GROUP
    if groups > 2 * top:
        maxima = scores[: groups * _GROUP].reshape(groups, _GROUP).max(axis=1)
        threshold = np.partition(maxima, groups - top)[groups - top]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(size)
    order = candidates[np.argsort(-scores[candidates], kind="stable")[:top]]
    return order[scores[order] > -np.inf]


class RowSearch:
    """Searches among the rows of one matrix.

    Parameters
    ----------
    matrix : float32 (V, d), or the same in 8 bits.
    inverse : float32 (V,), 1 / length of each row, 0 for zero rows.
    screen : 8-bit codes of the same rows, looked at first; None for none.
    check : called with rows (slice or int64) among which one has no finite score; raises where a row holds NaN or infinity.
    """

    def __init__(
        self,
        matrix: np.ndarray | QuantizedMatrix,
        inverse: np.ndarray,
        screen: QuantizedMatrix | None = None,
        check: Callable[[slice | np.ndarray], None] | None = None,
    ) -> None:
        self.matrix = matrix
        self.inverse = inverse
        self.screen = screen
        self.check = check

    @_SILENT
    def cosines(self, queries: np.ndarray, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """float32 (n, R): cosines of queries, float32 (n, d) of length 1, with the chosen rows."""
        matrix, inverse = self.matrix[rows], self.inverse[rows]
        if len(queries) == 1:
            return (matrix @ queries[0] * inverse)[None]
        scores = queries @ matrix.T
        scores *= inverse
        return scores

    def nearest(
        self,
        queries: np.ndarray,
        top: int,
        *,
        exclude: Sequence[np.ndarray] | None = None,
        rows: int | np.ndarray | None = None,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The rows with the highest cosines.

        Parameters
        ----------
        queries : float32 (n, d), of length 1.
        top : how many for each, at least 1.
        exclude : for each query rows (int) that are left out, or None.
        rows : search only the first so many rows, or these (int64 (R,), distinct). None for all.

        Returns
        -------
        For each query (row numbers int64 (k,), cosines float32 (k,)), the highest first; k < top where there are fewer rows.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        size = 0 if isinstance(rows, np.ndarray) else len(self.inverse) if rows is None else min(int(rows), len(self.inverse))
        if self.screen is not None and len(queries) <= _SCREENED and size * queries.shape[1] > _SCREENED_NUMBERS:
            check_int("a search", "top", top, minimum=1)
            left_out = exclude or [np.empty(0, np.int64)] * len(queries)
            return [self._screened(query, top, np.asarray(out), size) for query, out in zip(queries, left_out, strict=True)]

        def score(start: int, stop: int, chosen: slice | np.ndarray) -> np.ndarray:
            return self.cosines(queries[start:stop], chosen)

        return self.best_rows(len(queries), score, top, exclude=exclude, rows=rows)

    def _screened(self, query: np.ndarray, top: int, exclude: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The same for one query, by bounds on all cosines and exact cosines of the few rows that can be among the best."""
        assert self.screen is not None
        bounds = self.screen.upper_bounds(query, self.inverse, size)
        bounds[exclude[exclude < size]] = -np.inf
        first = best(bounds, top)
        exact = self._exact(query, first)
        if len(first) == top:  # the k-th best exact cosine so far: nothing with a lower bound from above can be better
            first = np.flatnonzero(bounds >= exact.min() - _TIE)
            exact = self._exact(query, first)
        order = np.argsort(-exact, kind="stable")[:top]
        return first[order], exact[order]

    @_SILENT
    def _exact(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        pieces = [rows[start : start + _NORM_ROWS] for start in range(0, len(rows), _NORM_ROWS)]  # all of them, if the codes say little
        found = np.concatenate([self.matrix[piece] @ query * self.inverse[piece] for piece in pieces] or [np.empty(0, np.float32)])
        self._check(found, rows)
        return found

    @_SILENT
    def _check(self, scores: np.ndarray, rows: slice | np.ndarray) -> None:
        if self.check is not None and not np.isfinite(scores.sum()):  # a sum is the quickest way to look at all of them
            self.check(rows)

    def best_rows(
        self,
        n: int,
        score: Callable[[int, int, slice | np.ndarray], np.ndarray],
        top: int,
        *,
        exclude: Sequence[np.ndarray] | None = None,
        rows: int | np.ndarray | None = None,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """As `nearest`, for any score.

        score : (first query, query behind the last, rows) -> float32 (queries, rows), called block by block; its result is written to.
        """
        top = check_int("a search", "top", top, minimum=1)
        listed = rows if isinstance(rows, np.ndarray) else None
        size = len(listed) if listed is not None else min(len(self.matrix), len(self.matrix) if rows is None else int(rows))
        found: list[tuple[np.ndarray, np.ndarray]] = []
        queries_a_block = max(1, _BLOCK_SCORES // max(size, 1)) if size < _BLOCK_SCORES // 64 else 64
        for first in range(0, n, queries_a_block):
            last = min(first + queries_a_block, n)
            rows_a_block = max(_BLOCK_SCORES // (last - first), _GROUP)
            if listed is not None or not isinstance(self.matrix, np.ndarray):  # rows are copied or made from codes
                rows_a_block = min(rows_a_block, max(_BLOCK_NUMBERS // self.matrix.shape[1], _GROUP))
            pieces: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(first, last)]
            for start in range(0, size, rows_a_block):
                stop = min(start + rows_a_block, size)
                chosen = slice(start, stop) if listed is None else listed[start:stop]
                scores = score(first, last, chosen)
                self._check(scores, chosen)
                for line in range(last - first):
                    left_out = () if exclude is None else exclude[first + line]
                    pieces[line].append(_best_of_block(scores[line], top, chosen, left_out))
            found += [_merged(parts, top) for parts in pieces]
        return found


def _best_of_block(
    scores: np.ndarray, top: int, chosen: slice | np.ndarray, left_out: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(chosen, slice):
        for row in left_out:
            if chosen.start <= row < chosen.stop:
                scores[row - chosen.start] = -np.inf
        places = best(scores, top)
        return places + chosen.start, scores[places]
    if len(left_out):
        scores[np.isin(chosen, left_out)] = -np.inf
    places = best(scores, top)
    return chosen[places], scores[places]


def _merged(parts: list[tuple[np.ndarray, np.ndarray]], top: int) -> tuple[np.ndarray, np.ndarray]:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    rows = np.concatenate([rows for rows, _ in parts])
    scores = np.concatenate([scores for _, scores in parts])
    order = np.argsort(-scores, kind="stable")[:top]
    return rows[order], scores[order]


def multiplied(cosines: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """3CosMul (Levy and Goldberg 2014, equation 5): product of the positive words' similarities over that of the negative ones'.

    Parameters
    ----------
    cosines : float32 (m, R), of each query word with each row.
    weights : (m,), the exponent of each: 1 for positive, -1 for negative words.

    Returns
    -------
    float32 (R,): cosines are first moved from [-1, 1] to [0, 1], as the paper says for vectors with negative entries.
    """
    shifted = (1 + cosines) / 2
    result = np.ones(cosines.shape[1], np.float32)
    for similarity, weight in zip(shifted, weights.tolist(), strict=True):
        if weight > 0:
            result *= similarity if weight == 1 else np.maximum(similarity, 0) ** np.float32(weight)
        else:
            lowered = similarity + np.float32(COSMUL_EPSILON)
            result /= lowered if weight == -1 else np.maximum(lowered, np.float32(COSMUL_EPSILON)) ** np.float32(-weight)
    return result
