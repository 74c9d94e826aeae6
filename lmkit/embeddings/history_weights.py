"""How much each word of a history counts: the beta of `EmbeddingLanguageModel`, whose module says what they weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmkit.text.vocabulary import frozen

if TYPE_CHECKING:
    from lmkit.embeddings.training.histories import HistoryText

Paths = tuple[np.ndarray, np.ndarray, np.ndarray]
_EVENTS = 20_000
"""Events from which the weights of one length of history are learned, at most."""
_FEWEST = 200
"""With fewer, a length of history takes the weights of the next longer one that has more."""


def learned_weights(
    text: HistoryText,
    window: int,
    sentences: bool,
    vectors: np.ndarray,
    nodes: np.ndarray,
    paths: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """float64 (window, window): row m - 1 holds the weights of m words, nearest first, that make a text most probable; 0 behind them.

    Parameters
    ----------
    text : with the ids of its tokens and where its histories begin.
    sentences : whether a history begins with `<s>`, which is not predicted.
    vectors : float32 (V, dim). nodes : float32 (n, dim).
    paths : offsets int64 (V + 1,) by id, nodes and codes, as in HuffmanTree.
    """
    from lmkit.embeddings._kernels_language_model import signed_scores

    weights = mean_weights(window)
    places = np.arange(len(text.stream)) - np.repeat(text.segments[:-1], np.diff(text.segments))
    for reach in range(window, 0, -1):
        chosen = np.flatnonzero((places >= reach if reach == window else places == reach) & (places >= int(sentences)))
        chosen = chosen[:: max(1, -(-len(chosen) // _EVENTS))]
        if len(chosen) < _FEWEST:
            if reach < window:
                weights[reach - 1, :reach] = weights[reach, :reach]
            continue
        words = text.stream[chosen]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(paths[0])[words])])
        scores = np.empty((int(starts[-1]), reach))
        signed_scores(frozen(text.stream), chosen, reach, frozen(vectors), frozen(nodes), *paths, starts, scores)
        weights[reach - 1, :reach] = logistic_weights(scores)
    return weights


def mean_weights(window: int) -> np.ndarray:
    """float64 (window, window): row m - 1 holds 1/m for each of the m words there are."""
    return np.tril(np.ones((window, window))) / np.arange(1, window + 1)[:, None]


def logistic_weights(scores: np.ndarray, steps: int = 30) -> np.ndarray:
    """float64 (d,): the beta that maximise the sum of log sigma(scores @ beta), by Newton's method; concave, so there is one maximum.

    scores : float64 (n, d), the experts' scores with the sign of the side that was taken.
    """
    count, size = scores.shape
    beta = np.full(size, 1.0 / size)
    ridge = 1e-6 * count  # towards 0: keeps the step finite where two experts always agree

    def loss(at: np.ndarray) -> float:
        x = scores @ at
        return float((np.log1p(np.exp(-np.abs(x))) - np.minimum(x, 0)).sum() + 0.5 * ridge * at @ at)

    current = loss(beta)
    for _ in range(steps):
        wrong = 1 / (1 + np.exp(np.clip(scores @ beta, -500, 500)))
        gradient = scores.T @ wrong - ridge * beta
        hessian = (scores * (wrong * (1 - wrong))[:, None]).T @ scores + ridge * np.eye(size)
        step = np.linalg.solve(hessian, gradient)
        while loss(beta + step) > current and abs(step).max() > 1e-9:
            step /= 2
        beta = beta + step
        previous, current = current, loss(beta)
        if previous - current <= 1e-9 * abs(previous):
            break
    return beta
