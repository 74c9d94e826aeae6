"""Words as points in the plane: principal components, or t-SNE."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import MissingDependencyError, UsageError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

METHODS = ("pca", "tsne")
MANY = 60
"""More words than this are drawn with t-SNE, unless told otherwise: principal components show them as one cloud."""
_BEFORE_TSNE = 50  # dimensions that principal components leave for t-SNE, as van der Maaten and Hinton 2008 did


@dataclasses.dataclass(frozen=True)
class WordMap:
    """Points for words, and pairs of them that are joined by arrows.

    Attributes
    ----------
    words : n words, the more frequent first where they come from the vectors' own order.
    points : float64 (n, 2).
    pairs : int (p, 2), from which word to which an arrow goes.
    method : "pca" or "tsne".
    explained : share of the words' variance that the two axes hold, 0 to 1; None for t-SNE, whose axes mean nothing.
    """

    words: tuple[str, ...]
    points: np.ndarray
    pairs: np.ndarray
    method: str
    explained: float | None


def word_map(
    vectors: WordVectors,
    words: Sequence[str],
    pairs: Sequence[tuple[str, str]] = (),
    method: str | None = None,
    seed: int = 0,
) -> WordMap:
    """Put words on a map.

    Parameters
    ----------
    vectors : where the words' vectors come from; they are taken at length 1.
    words : what is shown, besides the words of `pairs`; doubles are shown once.
    pairs : words that an arrow joins. Principal components are those of the pairs' words alone where there are pairs.
    method : "pca", "tsne" (scikit-learn), or None: t-SNE for more than 60 words.
    seed : of t-SNE.

    Raises
    ------
    UnknownWordError : for a word without a vector.
    UsageError : for fewer than two words, or t-SNE of fewer than four.
    """
    shown = list(dict.fromkeys([*(word for pair in pairs for word in pair), *words]))
    if method is None:
        method = "tsne" if len(shown) > MANY else "pca"
    check_choice("word_map", "method", method, METHODS)
    check_int("word_map", "seed", seed, minimum=0)
    if len(shown) < 2:
        raise UsageError("A map needs at least two different words.")
    rows = np.asarray(vectors.vectors(shown), np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny)
    place = {word: number for number, word in enumerate(shown)}
    joined = np.array([(place[first], place[second]) for first, second in pairs], np.int64).reshape(-1, 2)
    if method == "pca":
        basis = rows[np.unique(joined)] if len(joined) > 1 else rows
        points, explained = principal_components(rows, basis, 2)
        return WordMap(tuple(shown), points, joined, method, explained)
    return WordMap(tuple(shown), _tsne(rows, seed), joined, method, None)


def principal_components(rows: np.ndarray, basis: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Rows along the directions in which those of `basis` vary most, float64 (n, count), and the share of their variance.

    A direction's sign is chosen so that its largest entry is positive, or the picture would be mirrored from machine to machine.
    """
    centre = basis.mean(axis=0)
    _, lengths, directions = np.linalg.svd(basis - centre, full_matrices=False)
    directions = directions[:count]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    points = (rows - centre) @ directions.T
    if points.shape[1] < count:
        points = np.pad(points, ((0, 0), (0, count - points.shape[1])))
    total = float((lengths**2).sum())
    return points, float((lengths[:count] ** 2).sum()) / total if total > 0 else 0.0


def _tsne(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) < 4:
        raise UsageError(f"t-SNE needs at least four words; there are {len(rows)}. Take --method pca.")
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn
    except ImportError:
        raise MissingDependencyError("t-SNE needs scikit-learn: pip install scikit-learn; or take --method pca.") from None
    reduced, _ = principal_components(rows, rows, min(_BEFORE_TSNE, rows.shape[1], len(rows)))
    perplexity = min(30.0, (len(rows) - 1) / 3)
    with threadpool_limits(1):  # one thread: the same picture everywhere, and on busy machines threads mostly wait for each other
        found = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced.astype(np.float32))
    return np.asarray(found, np.float64)
