"""Plain float64 forms of the searches in lmkit/embeddings: every score, fully sorted."""

from __future__ import annotations

import numpy as np


def cosines(matrix: np.ndarray, query: np.ndarray) -> np.ndarray:
    matrix, query = matrix.astype(np.float64), query.astype(np.float64)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
    return np.divide(matrix @ query, lengths, out=np.zeros(len(matrix)), where=lengths > 0)


def ranked(scores: np.ndarray, top: int, exclude: list[int], allowed: list[int] | None = None) -> list[int]:
    rows = range(len(scores)) if allowed is None else allowed
    return sorted((row for row in rows if row not in exclude), key=lambda row: (-scores[row], row))[:top]


def cosadd(matrix: np.ndarray, positive: list[int], negative: list[int]) -> np.ndarray:
    """Scores of 3CosAdd: cosine with the sum of unit vectors, the negative ones subtracted."""
    unit = matrix.astype(np.float64) / np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
    return cosines(matrix, unit[positive].sum(0) - unit[negative].sum(0))


def cosmul(matrix: np.ndarray, positive: list[int], negative: list[int], epsilon: float = 1e-6) -> np.ndarray:
    """Scores of 3CosMul with cosines moved to [0, 1]."""
    shifted = [(1 + cosines(matrix, row.astype(np.float64))) / 2 for row in matrix]
    result = np.ones(len(matrix))
    for row in positive:
        result *= shifted[row]
    for row in negative:
        result /= shifted[row] + epsilon
    return result


def edits(a: str, b: str) -> int:
    """Optimal string alignment distance."""
    table = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]
