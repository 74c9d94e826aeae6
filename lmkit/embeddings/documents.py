"""Documents as vectors in scikit-learn's manner: a transformer for a Pipeline, in front of a classifier or a clustering.

This module imports scikit-learn; nothing else of lmkit imports this module until it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from lmkit._validation import check_choice, check_float, check_int
from lmkit.embeddings.sentences import SIF_A, common_components, pooled, sif_weights, without_components
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import InputError, UsageError

Document = str | Sequence[str]
"""A text, cut as the vectors' training text was, or its words."""

WEIGHTINGS = ("mean", "tfidf", "sif")


class DocumentVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turns each document into one vector: a weighted mean of its words' vectors.

    Parameters
    ----------
    vectors : WordVectors, the path of a file of them, or None for the starter vectors that come with lmkit. An estimator such as
        `Word2Vec(dim=50)` is trained on the documents that `fit` gets.
    weighting : "mean", every word the same. "tfidf", a word's count times ln((1 + n) / (1 + df)) + 1, of n documents in `fit` df with the
        word (scikit-learn's smoothed idf), divided by the sum of these weights. "sif", a / (a + p), p the word's share of the vectors'
        training text, and the common component is taken out (Arora, Liang and Ma 2017).
    a : for "sif", above 0.
    components : for "sif", how many common directions of the documents in `fit` are taken out; the paper takes 1.

    Attributes
    ----------
    vectors_ : WordVectors.
    idf_ : for "tfidf": dict from word to weight. A word that `fit` has not seen has ln(1 + n) + 1.
    weights_ : for "sif": float32 (V + 1,), of each row of the vectors and of words without one.
    components_ : for "sif": float32 (components, d), orthonormal; a row of zeros where the documents have fewer directions.

    Words without a vector are left out; a document that has no others becomes zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from lmkit import WordVectors
    >>> vectors = WordVectors(["good", "bad"], np.array([[1, 0], [0, 1]], np.float32))
    >>> DocumentVectorizer(vectors).fit_transform(["good good bad bad", "bad idea"]).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """

    def __init__(self, vectors: Any = None, weighting: str = "mean", a: float = SIF_A, components: int = 1) -> None:
        self.vectors = vectors
        self.weighting = weighting
        self.a = a
        self.components = components

    def fit(self, documents: Iterable[Document], y: Any = None) -> DocumentVectorizer:
        """Learn what the weighting needs of the documents. `y` is ignored.

        Raises
        ------
        InvalidParameterError : for a parameter outside its range.
        InputError : for a document that is neither a text nor words, named by its number, or for none at all.
        """
        owner = type(self).__name__
        check_choice(owner, "weighting", self.weighting, WEIGHTINGS)
        check_float(owner, "a", self.a, minimum=0, open_minimum=True)
        check_int(owner, "components", self.components, minimum=1)
        documents = _checked(documents)
        if not documents:
            raise InputError("There are no documents to fit on; give at least one.")
        self.vectors_ = self._find_vectors(documents)
        words = _words(self.vectors_, documents)
        self._n_features_out = self.vectors_.dimensions
        if self.weighting == "tfidf":
            self.idf_ = _smoothed_idf(words)
            self._unseen = float(np.log(1 + len(words)) + 1)
        if self.weighting == "sif":
            self.weights_ = sif_weights(self.vectors_, self.a)
            self.components_ = common_components(pooled(self.vectors_, words, self.weights_), self.components)
        return self

    def transform(self, documents: Iterable[Document]) -> np.ndarray:
        """float32 (n, d): a row a document.

        Raises
        ------
        NotFittedError (scikit-learn's) : before `fit`.
        InputError : for a document that is neither a text nor words, named by its number.
        """
        check_is_fitted(self, "vectors_")
        words = _words(self.vectors_, _checked(documents))
        if self.weighting == "tfidf":
            return pooled(self.vectors_, words, self._idf_of, normalised=True)
        if self.weighting == "sif":
            return without_components(pooled(self.vectors_, words, self.weights_), self.components_)
        return pooled(self.vectors_, words)

    def _idf_of(self, words: Sequence[str]) -> np.ndarray:
        return np.array([self.idf_.get(word, self._unseen) for word in words], np.float32)

    def _find_vectors(self, documents: Sequence[Document]) -> WordVectors:
        if self.vectors is None:
            from lmkit.embeddings import starter

            return starter.load()
        if isinstance(self.vectors, (str, os.PathLike)):
            import lmkit

            found = lmkit.load(self.vectors)
        elif hasattr(self.vectors, "fit"):
            found = clone(self.vectors).fit(documents)
        else:
            found = self.vectors
        found = getattr(found, "vectors_", found)
        if not isinstance(found, WordVectors):
            raise UsageError(
                f"The 'vectors' parameter of {type(self).__name__} must be WordVectors, the path of a file of them, an estimator that "
                f"trains them, or None. Got {type(found).__name__} instead."
            )
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _more_tags(self) -> Mapping[str, Any]:  # scikit-learn before 1.6
        return {"X_types": ["string"]}


def _checked(documents: Iterable[Document]) -> list[Document]:
    """The documents as a list. Raises InputError for what is none, by its number."""
    if isinstance(documents, (str, bytes)):
        raise InputError("One text was given where documents are expected; put it into a list.")
    if not isinstance(documents, Iterable):
        raise InputError(f"Documents are expected, a list of texts or of lists of words. Got {documents!r:.60} instead.")
    found = list(documents)
    for number, document in enumerate(found):
        if isinstance(document, str):
            continue
        if not isinstance(document, (list, tuple, np.ndarray)) or not all(isinstance(word, str) for word in document):
            raise InputError(f"Document {number} is neither a text nor a list of words: {document!r:.60}; fill or drop it.")
    return found


def _words(vectors: WordVectors, documents: Sequence[Document]) -> list[Sequence[str]]:
    return [vectors.tokens(document) if isinstance(document, str) else document for document in documents]


def _smoothed_idf(documents: Sequence[Sequence[str]]) -> dict[str, float]:
    counts: dict[str, int] = {}
    for document in documents:
        for word in set(document):
            counts[word] = counts.get(word, 0) + 1
    return {word: float(np.log((1 + len(documents)) / (1 + count)) + 1) for word, count in sorted(counts.items())}
