"""fastText's n-grams by characters, and one window's steps of training over bags of rows, in plain float64."""

from __future__ import annotations

import numpy as np

TOGETHER = 12  # targets whose scores are computed before their rows change, see lmkit/embeddings/training/_kernels_hidden.py


def ngrams(word: str, min_n: int, max_n: int) -> list[str]:
    """n-grams of `<word>`, those of one character at its edges left out; `</s>` has none."""
    if word == "</s>":
        return []
    whole = f"<{word}>"
    found = []
    for begin in range(len(whole)):
        for n in range(max(min_n, 1), max_n + 1):
            end = begin + n
            if end <= len(whole) and not (n == 1 and (begin == 0 or end == len(whole))):
                found.append(whole[begin:end])
    return found


def bucket(ngram: str, buckets: int) -> int:
    """FNV-1a over the bytes, each sign-extended to 32 bits as a signed char is."""
    value = 2166136261
    for byte in ngram.encode():
        value ^= byte if byte < 128 else byte | 0xFFFFFF00
        value = value * 16777619 % 2**32
    return value % buckets


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def bag_loss(inputs: np.ndarray, outputs: np.ndarray, members: list[int], targets: list[int], signs: np.ndarray, mean: bool) -> float:
    """-sum log sigma(s <h, output>), h the mean or sum of the members' rows."""
    hidden = inputs[members].sum(0) / (len(members) if mean else 1)
    return float(np.log1p(np.exp(-signs * (outputs[targets] @ hidden))).sum())


def bag_step(
    inputs: np.ndarray,
    outputs: np.ndarray,
    members: list[int],
    targets: list[int],
    signs: np.ndarray,
    rate: float,
    *,
    mean: bool,
    divide: bool,
) -> float:
    """One step in place; the loss before it (of each group of twelve, when its turn comes)."""
    hidden = inputs[members].sum(0) / (len(members) if mean else 1)
    error = np.zeros_like(hidden)
    loss = 0.0
    for first in range(0, len(targets), TOGETHER):
        group, sign = targets[first : first + TOGETHER], signs[first : first + TOGETHER]
        scores = outputs[group] @ hidden
        loss += float(np.log1p(np.exp(-sign * scores)).sum())
        for target, step in zip(group, rate * sign * sigmoid(-sign * scores), strict=True):
            error += step * outputs[target]
            outputs[target] += step * hidden
    for member in members:
        inputs[member] += error / (len(members) if divide else 1)
    return loss
