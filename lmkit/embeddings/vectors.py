"""Finished word vectors: neighbours, analogies, smaller forms, files."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.embeddings.quantized import QuantizationLoss, QuantizedMatrix, measure_loss
from lmkit.embeddings.search import RowSearch, inverse_norms, multiplied, row_norms
from lmkit.embeddings.store import VectorStore
from lmkit.errors import FormatError, InvalidParameterError, UsageError
from lmkit.text.strings import StringTable

if TYPE_CHECKING:
    from lmkit._container import Container

METHODS = ("3cosadd", "3cosmul")

Term = str | np.ndarray
"""A word, or a vector float32 (d,)."""
Terms = Term | Sequence[Term | tuple[Term, float]]
"""One of these or several; a weight may go with each."""


class Neighbour(NamedTuple):
    """One answer of a search: a word and its score (a cosine in [-1, 1]; for 3CosMul a quotient of products, at least 0)."""

    word: str
    similarity: float


class WordVectors(VectorStore):
    """V words with a vector of d numbers each.

    Parameters
    ----------
    words : the words in row order, normally by falling count, or a StringTable of them.
    matrix : float32 (V, d); may be memory-mapped. None with `quantized`.
    counts : int64 (V,), occurrences of each word in the training text, or None.
    context : float32 (V, d), output vectors of negative sampling, or None.
    tree : float32 (V-1, d), vectors of the inner nodes of hierarchical softmax, or None.
    subwords : what gives vectors to words that have no row, or None. `matrix` has the subwords' share in it already.
    text_options : how the training text became tokens; what users type is read so. None where nobody knows.
    made : how the vectors were made, JSON-able.
    quantized : 8-bit codes of the same rows: alone, the vectors themselves; beside `matrix`, what a search looks at first.
    norms : float32 (V,), length of each vector, where it is known already.
    where : the file they come from, for messages.

    Raises
    ------
    InvalidParameterError : for arrays that don't fit together, no words, no dimensions, a word twice.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [3, 4], [0, 1]], np.float32))
    >>> round(vectors.similarity("a", "b"), 3)
    0.6
    >>> [neighbour.word for neighbour in vectors.most_similar("b")]
    ['c', 'a']
    """

    @functools.cached_property
    def _search(self) -> RowSearch:
        return RowSearch(self._rows, self._inverse_norms, self.quantized, self.check_finite)

    def similarity(self, first: Term, second: Term) -> float:
        """Cosine of two words' vectors, in [-1, 1]; 0 where one of them is zero. Raises UnknownWordError."""
        left, right = (self._direction(term) for term in (first, second))
        return float(np.clip(left.astype(np.float64) @ right, -1, 1))

    def most_similar(
        self,
        positive: Terms,
        negative: Terms = (),
        top: int = 10,
        method: str = "3cosadd",
        restrict: int | Sequence[str] | None = None,
    ) -> list[Neighbour]:
        """The words nearest to a sum and difference of words: neighbours of one word, or the answers of an analogy.

        Parameters
        ----------
        positive, negative : words or vectors, or (word, weight). king - man + woman: positive ["king", "woman"], negative ["man"].
        top : how many answers.
        method : "3cosadd", cosine with the mean of the vectors at length 1 (Mikolov, Yih and Zweig 2013); "3cosmul", the quotient of
            products of cosines moved to [0, 1] (Levy and Goldberg 2014, equation 5).
        restrict : only the so many most frequent words answer, or only these words; None for all.

        Returns
        -------
        The highest first; none of the words that were given, and nothing else is left out.

        Raises
        ------
        UnknownWordError : for words without a vector, in the question or in `restrict`.
        UsageError : if the question has no words, or its vectors cancel out, so that it has no direction.
        """
        check_choice("WordVectors.most_similar", "method", method, METHODS)
        terms = [*_weighted(positive, 1.0), *_weighted(negative, -1.0)]
        if not terms:
            raise UsageError("A search needs at least one word.")
        directions, weights = self._directions(terms), np.array([weight for _, weight in terms], np.float32)
        rows = self._restricted(restrict)
        given = self._find([term for term, _ in terms if isinstance(term, str)])
        exclude = [given[given >= 0]]
        if method == "3cosadd":
            query = (weights[:, None] * directions).sum(axis=0, dtype=np.float64)
            length = np.linalg.norm(query)
            if length < 1e-7 * np.abs(weights).sum():
                raise UsageError("The vectors of this question are zero or cancel out, so that no direction is left to search in.")
            (found,) = self._search.nearest((query / length).astype(np.float32)[None], top, exclude=exclude, rows=rows)
        else:

            def score(first: int, last: int, chosen: slice | np.ndarray) -> np.ndarray:
                return multiplied(self._search.cosines(directions, chosen), weights)[None]

            (found,) = self._search.best_rows(1, score, top, exclude=exclude, rows=rows)
        return self._named(found)

    def neighbours(self, words: Sequence[Term], top: int = 10, restrict: int | Sequence[str] | None = None) -> list[list[Neighbour]]:
        """The nearest words of each of many, in one pass over the vectors. As `most_similar` of each; zero vectors raise UsageError."""
        terms = [(word, 1.0) for word in words]
        if not terms:
            return []
        directions = self._directions(terms)
        zero = np.flatnonzero(~directions.any(axis=1))
        if len(zero):
            named = repr(words[zero[0]]) if isinstance(words[zero[0]], str) else f"query {zero[0]}"
            raise UsageError(f"The vector of {named} is zero, so it has no direction and no neighbours.")
        given = [self._find([word]) if isinstance(word, str) else np.empty(0, np.int64) for word in words]
        found = self._search.nearest(directions, top, exclude=[rows[rows >= 0] for rows in given], rows=self._restricted(restrict))
        return [self._named(rows) for rows in found]

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word that is farthest from the mean direction of all of them. Raises UnknownWordError, and UsageError for none."""
        if not words:
            raise UsageError("Which word doesn't match can be asked of at least one word.")
        directions = self._directions([(word, 1.0) for word in words])
        return words[int(np.argmin(directions @ directions.mean(axis=0)))]

    def _direction(self, term: Term) -> np.ndarray:
        return self._directions([(term, 1.0)])[0]

    def _directions(self, terms: Sequence[tuple[Term, float]]) -> np.ndarray:
        """float32 (n, d): each term's vector at length 1, zeros for a zero vector."""
        found = np.empty((len(terms), self.dimensions), np.float32)
        named = [place for place, (term, _) in enumerate(terms) if isinstance(term, str)]
        if named:
            found[named] = self.vectors([str(terms[place][0]) for place in named])
        for place, (term, _) in enumerate(terms):
            if not isinstance(term, str):
                vector = np.asarray(term, np.float32)
                if vector.shape != (self.dimensions,) or not np.isfinite(vector).all():
                    raise InvalidParameterError(
                        f"A query must be a word or a finite vector of {self.dimensions} numbers. Got one of shape {vector.shape} instead."
                    )
                found[place] = vector
        return found * self._checked_query(inverse_norms(row_norms(found)), terms)[:, None]

    def _checked_query(self, inverse: np.ndarray, terms: Sequence[tuple[Term, float]]) -> np.ndarray:
        bad = np.flatnonzero(~np.isfinite(inverse))
        if len(bad):
            raise FormatError(f"{self.where}: the vector of {terms[bad[0]][0]!r} holds NaN or infinity; train again, or leave it out.")
        return inverse

    def _restricted(self, restrict: int | Sequence[str] | None) -> int | np.ndarray | None:
        """Rows to search: the first so many, these, or None for all."""
        if restrict is None:
            return None
        if isinstance(restrict, (int, np.integer)):
            count = min(check_int("a search", "restrict", restrict, minimum=1), len(self))
            return count if self._is_sorted else np.sort(self._by_frequency[:count])
        rows = self.words.find(list(restrict)).astype(np.int64)
        if np.any(rows < 0):
            raise self._unknown([word for word, row in zip(restrict, rows, strict=True) if row < 0])
        return np.unique(rows)

    @functools.cached_property
    def _by_frequency(self) -> np.ndarray:
        """int64 (V,): rows by falling count, of equal ones the first first; as they stand where there are no counts."""
        return np.arange(len(self)) if self.counts is None else np.argsort(-self.counts, kind="stable")

    @functools.cached_property
    def _is_sorted(self) -> bool:
        return self.counts is None or bool(np.all(self.counts[1:] <= self.counts[:-1]))

    def _named(self, found: tuple[np.ndarray, np.ndarray]) -> list[Neighbour]:
        return [Neighbour(self.words.string(int(row)), float(score)) for row, score in zip(*found, strict=True)]

    # Sentences

    def sentence_vector(self, words: Sequence[str], weighting: str = "mean") -> np.ndarray:
        """float32 (d,): one vector of a sentence's words; words without a vector are left out, and zeros stay where none is left.

        weighting : "mean", or "sif", weights a / (a + p(word)) (Arora, Liang and Ma 2017) without the removal of the common component,
            which needs many sentences: `lmkit.embeddings.documents.DocumentVectorizer`.
        """
        from lmkit.embeddings.sentences import sentence_vectors

        return sentence_vectors(self, [words], weighting=weighting)[0]

    # Parts and forms

    def restrict(self, words: int | Sequence[str]) -> WordVectors:
        """The most frequent so many words, or these words in this order. Subwords and the tree, which belong to all words, stay behind.

        Raises
        ------
        UnknownWordError : for words that have no row.
        """
        if isinstance(words, (int, np.integer)):
            count = min(check_int("WordVectors.restrict", "words", words, minimum=1), len(self))
            rows = self._by_frequency[:count]
        else:
            rows = self.words.find(list(words)).astype(np.int64)
            if np.any(rows < 0):
                raise self._unknown([word for word, row in zip(words, rows, strict=True) if row < 0])
        return WordVectors(
            StringTable.from_strings([self.words.string(row) for row in rows.tolist()]),
            None if self.float_rows is None else self.float_rows[rows],
            counts=None if self.counts is None else self.counts[rows],
            context=None if self.context is None else self.context[rows],
            text_options=self.text_options,
            made={**self.made, "restricted_from": len(self)},
            quantized=None if self.quantized is None else self.quantized.pick(rows),
            where=self.where,
        )

    def plus_context(self) -> WordVectors:
        """The sums of each word's input and output vector: the same words, often better at analogies (Pennington, Socher and Manning 2014,
        section 4.2; Levy, Goldberg and Dagan 2015, section 3.3). The two ways of being near, by meaning and by standing together, are
        then both in the cosine.

        Raises
        ------
        UsageError : for vectors without output vectors, which only negative sampling leaves.
        """
        if self.context is None:
            raise UsageError("These vectors have no output vectors to add; train them with negative sampling, and keep lmkit's own file.")
        return WordVectors(
            self.words,
            self.matrix + self.context,
            counts=self.counts,
            text_options=self.text_options,
            made={**self.made, "plus_context": True},
            where=self.where,
        )

    def quantize(self) -> WordVectors:
        """The same vectors in 8 bits a number with a scale a row: a quarter of the size. `loss()` of the result says what was lost.

        Only the input vectors stay: the result answers, but can't be trained on.
        """
        self.check_finite()  # NaN has no code
        inverse = self._inverse_norms
        quantized = QuantizedMatrix.from_matrix(self.matrix)
        loss = measure_loss(self.matrix, quantized, inverse)
        quantized.errors = None  # from now on the rounded rows stand for themselves
        return WordVectors(
            self.words,
            None,
            counts=self.counts,
            text_options=self.text_options,
            made={**self.made, "quantization": loss.to_record()},
            quantized=quantized,
            where=self.where,
        )

    def loss(self) -> QuantizationLoss | None:
        """What 8 bits cost these vectors, as measured when they were made; None where nothing was quantised."""
        record = self.made.get("quantization")
        return QuantizationLoss.from_record(record) if record else None

    def screened(self) -> WordVectors:
        """The same vectors with 8-bit codes beside them: searches look at the codes first, and exactly at the rows that can be among the
        best. The answers are the same, in about a quarter of the time; a quarter of the memory comes on top."""
        if self.quantized is not None:
            return self
        other = copy.copy(self)
        other.__dict__.pop("_search", None)
        other.check_finite()  # NaN has no code
        other.quantized = QuantizedMatrix.from_matrix(self.matrix)
        return other

    # Files

    def info(self) -> dict[str, Any]:
        """The card of these vectors: JSON-able."""
        return {
            "kind": "vectors",
            "words": len(self),
            "dimensions": self.dimensions,
            "number_type": "float32" if self.float_rows is not None else "int8, a scale a row",
            "training_words": None if self.counts is None else int(self.counts.sum()),
            "context_vectors": self.context is not None,
            "tree_vectors": self.tree is not None,
            "subwords": None if self.subwords is None else self.subwords.to_record(),
            "text": None if self.text_options is None else self.text_options.to_dict(),
            "made": self.made,
        }

    def to_gensim(self) -> Any:
        """gensim's KeyedVectors, or FastTextKeyedVectors where there are subwords; see `lmkit.embeddings.formats.to_gensim`."""
        from lmkit.embeddings.formats import to_gensim

        return to_gensim(self)

    @classmethod
    def from_gensim(cls, model: Any) -> WordVectors:
        """From gensim's KeyedVectors or a model that has them; see `lmkit.embeddings.formats.from_gensim`."""
        from lmkit.embeddings.formats import from_gensim

        return from_gensim(model)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write lmkit's own file (docs/file-formats.md), which opens at once however large it is.

        Raises
        ------
        UsageError : for an ending of another format.
        OutputError : if it can't be written.
        FormatError : if a vector holds NaN or infinity.
        """
        from lmkit.embeddings import formats, native

        if (form := formats.format_of_name(str(path).lower())) is not None:
            raise UsageError(
                f"{path}: save writes lmkit's own file (.vectors); {form.title} is written by lmkit.embeddings.formats.write_vectors."
            )

        native.write_native(path, self)

    @classmethod
    def from_container(cls, container: Container) -> WordVectors:
        """Open lmkit's own file; `lmkit.load` calls it. Raises FormatError if parts are missing or don't fit together."""
        from lmkit.embeddings import native

        return native.read_native(container)


def _weighted(terms: Terms, sign: float) -> list[tuple[Term, float]]:
    """Every term with its weight."""
    if isinstance(terms, (str, np.ndarray)) and np.ndim(terms) < 2:
        return [(terms, sign)]
    pairs = [term if isinstance(term, tuple) else (term, 1.0) for term in terms]
    return [(term, sign * float(weight)) for term, weight in pairs]
