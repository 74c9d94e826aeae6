"""Vectors handed over to gensim and taken from it, in memory. gensim is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors


def to_gensim(vectors: WordVectors) -> Any:
    """gensim's KeyedVectors, or FastTextKeyedVectors where there are subwords, with the same words, rows and counts.

    Returns
    -------
    KeyedVectors whose arrays are those of `vectors` where that is possible (float32, not quantised, every bucket stored), else copies.

    Raises
    ------
    MissingDependencyError : where gensim is not installed.
    """
    if vectors.subwords is None:
        keyed = _gensim("keyedvectors").KeyedVectors(vectors.dimensions, dtype=np.float32)
    else:
        keyed = _fasttext_keyed(vectors)
    keyed.index_to_key = vectors.words.strings()
    keyed.key_to_index = {word: row for row, word in enumerate(keyed.index_to_key)}
    keyed.vectors = np.asarray(vectors.matrix)
    keyed.next_index = len(keyed.index_to_key)
    if vectors.counts is not None:
        keyed.expandos["count"] = np.asarray(vectors.counts, np.int64)
    if vectors.subwords is not None:
        keyed.recalc_char_ngram_buckets()
    return keyed


def _fasttext_keyed(vectors: WordVectors) -> Any:
    subwords = vectors.subwords
    assert subwords is not None
    keyed = _gensim("fasttext").FastTextKeyedVectors(vectors.dimensions, subwords.min_n, subwords.max_n, subwords.buckets, dtype=np.float32)
    keyed.vectors_ngrams = np.asarray(subwords.matrix if subwords.kept is None else subwords.bucket_rows(0, subwords.buckets))
    keyed.vectors_vocab = np.asarray(vectors.matrix if subwords.word_vectors is None else subwords.word_vectors)
    return keyed


def from_gensim(model: Any) -> WordVectors:
    """Word vectors of gensim's KeyedVectors, FastTextKeyedVectors, or of a Word2Vec or FastText model.

    Parameters
    ----------
    model : such an object. Of a model trained with negative sampling the output vectors come along as `context`.

    Returns
    -------
    WordVectors on the same float32 arrays, not copied.

    Raises
    ------
    InputError : for anything else, and for keys that are no text.
    """
    from lmkit.embeddings.subwords import NgramOptions, Subwords
    from lmkit.embeddings.vectors import WordVectors

    keyed = getattr(model, "wv", model)
    if not all(hasattr(keyed, name) for name in ("index_to_key", "vectors", "key_to_index")):
        raise InputError(f"from_gensim takes gensim's KeyedVectors or a model that has them. Got {type(model).__name__} instead.")
    words = list(keyed.index_to_key)
    wrong = next((word for word in words if not isinstance(word, str)), None)
    if wrong is not None:
        raise InputError(f"These KeyedVectors have the key {wrong!r}, which is no text; word vectors need words as keys.")
    counts = getattr(keyed, "expandos", {}).get("count")
    context = getattr(model, "syn1neg", None) if model is not keyed else None
    subwords = None
    if hasattr(keyed, "vectors_ngrams") and keyed.bucket and keyed.max_n:
        options = NgramOptions(int(keyed.min_n), int(keyed.max_n), int(keyed.bucket))
        subwords = Subwords(options, _rows(keyed.vectors_ngrams), word_vectors=_rows(keyed.vectors_vocab))
    return WordVectors(
        words,
        _rows(keyed.vectors),
        counts=None if counts is None else np.asarray(counts, np.int64),
        context=None if context is None or len(context) != len(words) else _rows(context),
        subwords=subwords,
        made={"format": f"gensim {type(model).__name__}"},
    )


def _rows(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)


def _gensim(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"gensim.models.{module}")
    except ImportError:
        raise MissingDependencyError("Handing vectors over to gensim needs it; install it with: pip install gensim") from None
