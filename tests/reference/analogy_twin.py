"""Analogy questions and rank correlation as their papers write them: one question at a time, in float64."""

from __future__ import annotations

import math

import numpy as np


def units(matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, np.float64)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def score(method: str, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
    """Of the candidate d, all of length 1."""
    if method == "3cosadd":
        wanted = b - a + c
        return float(d @ wanted / np.linalg.norm(wanted))
    if method == "3cosmul":
        near = [(1 + float(d @ word)) / 2 for word in (a, b, c)]
        return near[1] * near[2] / (near[0] + 1e-6)
    offset, wanted = d - c, b - a
    lengths = np.linalg.norm(offset) * np.linalg.norm(wanted)
    return float(offset @ wanted / lengths) if lengths > 0 else 0.0


def answer(method: str, words: list[str], matrix: np.ndarray, a: str, b: str, c: str) -> str:
    """The best word but a, b and c."""
    rows = units(matrix)
    vector = dict(zip(words, rows, strict=True))
    allowed = [word for word in words if word not in (a, b, c)]
    return max(allowed, key=lambda word: score(method, vector[a], vector[b], vector[c], vector[word]))


def average_offset(words: list[str], matrix: np.ndarray, others: list[tuple[str, str]], c: str) -> str:
    """3CosAvg: c plus the mean offset of other pairs."""
    vector = dict(zip(words, units(matrix), strict=True))
    wanted = vector[c] + sum(vector[b] - vector[a] for a, b in others) / len(others)
    return max((word for word in words if word != c), key=lambda word: float(vector[word] @ wanted))


def ranks(values: list[float]) -> list[float]:
    """1 for the lowest; equal values share their mean rank."""
    return [sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values]


def spearman(left: list[float], right: list[float]) -> float:
    """Pearson's coefficient of the ranks."""
    x, y = ranks(left), ranks(right)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((p - mx) * (q - my) for p, q in zip(x, y, strict=True))
    return covariance / math.sqrt(sum((p - mx) ** 2 for p in x) * sum((q - my) ** 2 for q in y))
