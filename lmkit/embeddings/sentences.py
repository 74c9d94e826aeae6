"""One vector for a sentence: mean of its words, or SIF (Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence
embeddings", ICLR 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_choice, check_float
from lmkit.errors import UsageError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

WEIGHTINGS = ("mean", "sif")
SIF_A = 1e-3
"""The paper's a; it finds values from 1e-4 to 1e-3 to be as good."""

Weights = np.ndarray | Callable[[Sequence[str]], np.ndarray] | None
"""float32 (V + 1,), of each row and, last, of words without one; or what gives the weights (n,) of words; None for ones."""


def sentence_vectors(vectors: WordVectors, sentences: Iterable[Sequence[str]], *, weighting: str = "mean", a: float = SIF_A) -> np.ndarray:
    """Weighted means of the words' vectors, without the removal of the common component (see `common_components`).

    Parameters
    ----------
    sentences : words of each. Words without a vector are left out of the mean.
    weighting : "mean" counts each word the same; "sif" weighs it a / (a + p), p its share of the training text (algorithm 1, line 2).
    a : only for "sif"; above 0.

    Returns
    -------
    float32 (n, d); zeros for a sentence of which no word has a vector.

    Raises
    ------
    UsageError : for "sif" and vectors without counts.
    """
    words = [list(sentence) for sentence in sentences]
    check_choice("sentence_vectors", "weighting", weighting, WEIGHTINGS)
    return pooled(vectors, words, sif_weights(vectors, a) if weighting == "sif" else None)


def sif_weights(vectors: WordVectors, a: float = SIF_A) -> np.ndarray:
    """float32 (V + 1,): a / (a + p) of each word, and 1 for words without a row, whose p is 0. Raises UsageError without counts."""
    check_float("SIF", "a", a, minimum=0, open_minimum=True)
    if vectors.counts is None or not vectors.counts.any():
        raise UsageError("SIF weighs words by their frequency, and these vectors have no counts; use the weighting 'mean' or 'tfidf'.")
    shares = vectors.counts / vectors.counts.sum(dtype=np.float64)
    return np.append(a / (a + shares), 1).astype(np.float32)


def pooled(vectors: WordVectors, sentences: Sequence[Sequence[str]], weights: Weights = None, *, normalised: bool = False) -> np.ndarray:
    """float32 (n, d): of each sentence the words that have a vector, each times its weight, summed and divided.

    normalised : divide by the sum of the weights; else by the number of words, as SIF's algorithm 1 does.
    """
    from scipy.sparse import csr_array

    different = list(dict.fromkeys(word for sentence in sentences for word in sentence))
    if not different:
        return np.zeros((len(sentences), vectors.dimensions), np.float32)
    numbers = {word: number for number, word in enumerate(different)}
    ids = np.fromiter((numbers[word] for sentence in sentences for word in sentence), np.int32)
    starts = np.zeros(len(sentences) + 1, np.int64)
    np.cumsum([len(words) for words in sentences], out=starts[1:])
    table, weight = _weighted(vectors, different, weights)
    counts = csr_array((np.ones(len(ids), np.float32), ids, starts), (len(sentences), len(different)))
    divisor = counts @ np.where(table.any(axis=1), weight if normalised else 1, 0).astype(np.float32)
    divisor[divisor == 0] = 1
    return np.asarray(counts @ table / divisor[:, None], np.float32)


def _weighted(vectors: WordVectors, words: Sequence[str], weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """(weighted vectors float32 (n, d), zeros where a word has none; weights float32 (n,))."""
    rows = vectors.words.find(words)
    table = np.array(vectors.rows(np.maximum(rows, 0)))
    table[rows < 0] = 0
    unknown = np.flatnonzero(rows < 0)
    if len(unknown) and vectors.subwords is not None:
        table[unknown] = vectors.subwords.vectors([words[place] for place in unknown.tolist()])
    if weights is None:
        return table, np.ones(len(words), np.float32)
    weight = weights(words) if callable(weights) else weights[rows]  # a row of -1 takes the last one
    return table * weight[:, None], weight


def common_components(sentences: np.ndarray, count: int = 1) -> np.ndarray:
    """float32 (count, d), orthonormal: the first singular vectors of sentence vectors (n, d), not centred (SIF, algorithm 1, line 4).

    They are the first eigenvectors of the d x d matrix of products. Their sign, which does not matter, is that of the largest entry. Zeros
    stand for directions that the sentences do not have.
    """
    values = np.asarray(sentences, np.float64)
    components = np.zeros((count, values.shape[1]), np.float32)
    sizes, directions = np.linalg.eigh(values.T @ values)
    for place in range(min(count, len(sizes))):
        if sizes[-1 - place] > 1e-12 * max(sizes[-1], 1e-300):
            direction = directions[:, -1 - place]
            components[place] = direction * np.sign(direction[np.argmax(np.abs(direction))])
    return components


def without_components(sentences: np.ndarray, components: np.ndarray) -> np.ndarray:
    """float32 (n, d): sentence vectors less their projection on the components (SIF, algorithm 1, line 6)."""
    shares = np.einsum("nd,kd->nk", sentences, components, dtype=np.float64)  # not by BLAS, whose rounding differs with a row's place
    return np.asarray(sentences - np.einsum("nk,kd->nd", shares, components), np.float32)
