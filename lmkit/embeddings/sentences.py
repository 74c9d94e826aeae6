"""One vector for a sentence: mean of its words, or SIF (Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence
embeddings", ICLR 2017)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_choice, check_float
from lmkit.errors import UsageError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

WEIGHTINGS = ("mean", "sif")
SIF_A = 1e-3
"""The paper's a; it finds values from 1e-4 to 1e-3 to be as good."""


def sentence_vectors(vectors: WordVectors, sentences: Iterable[Sequence[str]], *, weighting: str = "mean", a: float = SIF_A) -> np.ndarray:
    """Weighted means of the words' vectors, without the removal of the common component (see `common_component`).

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
    return pooled(
        vectors, words, sif_weights(vectors, a) if check_choice("sentence_vectors", "weighting", weighting, WEIGHTINGS) == "sif" else None
    )


def sif_weights(vectors: WordVectors, a: float = SIF_A) -> np.ndarray:
    """float32 (V + 1,): a / (a + p) of each word, and 1 for words without a row, whose p is 0. Raises UsageError without counts."""
    check_float("SIF", "a", a, minimum=0, open_minimum=True)
    if vectors.counts is None or not vectors.counts.any():
        raise UsageError("SIF weighs words by their frequency, and these vectors have no counts; use weighting 'mean' or 'tfidf'.")
    shares = vectors.counts / vectors.counts.sum(dtype=np.float64)
    return np.append(a / (a + shares), 1).astype(np.float32)


def pooled(vectors: WordVectors, sentences: Sequence[Sequence[str]], weights: np.ndarray | None) -> np.ndarray:
    """float32 (n, d): means over each sentence's words that have a vector, each word's vector times its weight.

    weights : float32 (V + 1,), of each row and of words without a row, or None for ones. The divisor is the number of words, not the sum of
        the weights, as in SIF's algorithm 1.
    """
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    flat = [word for sentence in sentences for word in sentence]
    result = np.zeros((len(sentences), vectors.dimensions), np.float32)
    if not flat:
        return result
    different = list(dict.fromkeys(flat))
    numbers = {word: number for number, word in enumerate(different)}
    rows, table = _known(vectors, different)
    if weights is not None:
        table = table * weights[rows][:, None]  # a row of -1 takes the last weight
    ids = np.fromiter((numbers[word] for word in flat), np.int64, len(flat))
    sentence = np.repeat(np.arange(len(sentences)), lengths)
    kept = np.asarray(table.any(axis=1))[ids]
    ids, sentence = ids[kept], sentence[kept]
    if len(ids) == 0:
        return result
    counts = np.bincount(sentence, minlength=len(sentences))
    starts = np.flatnonzero(np.diff(sentence, prepend=-1))
    for first in range(0, len(starts), _PIECE):  # a piece of sentences at a time, so that memory stays bounded
        piece = starts[first : first + _PIECE]
        stop = starts[first + _PIECE] if first + _PIECE < len(starts) else len(ids)
        result[sentence[piece]] = np.add.reduceat(table[ids[piece[0] : stop]], piece - piece[0], axis=0)
    return result / np.maximum(counts, 1)[:, None].astype(np.float32)


_PIECE = 4096


def _known(vectors: WordVectors, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(rows int (n,), -1 for words without one; vectors float32 (n, d), of subwords for these, zeros where there is none)."""
    rows = vectors.words.find(words)
    table = np.array(vectors.rows(np.maximum(rows, 0)))
    table[rows < 0] = 0
    unknown = np.flatnonzero(rows < 0)
    if len(unknown) and vectors.subwords is not None:
        table[unknown] = vectors.subwords.vectors([words[place] for place in unknown.tolist()])
    return rows, table


def common_component(sentences: np.ndarray) -> np.ndarray:
    """float32 (d,), length 1: the first singular vector of sentence vectors (n, d), not centred (SIF, algorithm 1, line 4). Zeros for none.

    From the d x d matrix of products, whose first eigenvector it is; its sign, which does not matter, is that of its largest entry.
    """
    values = np.asarray(sentences, np.float64)
    if values.size == 0 or not values.any():
        return np.zeros(values.shape[1], np.float32)
    _, directions = np.linalg.eigh(values.T @ values)
    first = directions[:, -1]
    return np.asarray(first * np.sign(first[np.argmax(np.abs(first))]), np.float32)


def without_component(sentences: np.ndarray, component: np.ndarray) -> np.ndarray:
    """float32 (n, d): sentence vectors less their projection on the component (SIF, algorithm 1, line 6)."""
    return np.asarray(sentences - (sentences @ component)[:, None] * component, np.float32)
