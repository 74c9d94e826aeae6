"""Finished word vectors: look-up, neighbours, analogies, files."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import lmkit
from lmkit._validation import check_choice, check_int
from lmkit.embeddings.quantized import QuantizationLoss, QuantizedMatrix, measure_loss
from lmkit.embeddings.search import RowSearch, inverse_norms, multiplied, row_norms
from lmkit.errors import FormatError, InvalidParameterError, UnknownWordError, UsageError
from lmkit.text.strings import StringTable

if TYPE_CHECKING:
    from lmkit._container import Container
    from lmkit.embeddings.subwords import Subwords
    from lmkit.text.options import TextOptions

METHODS = ("3cosadd", "3cosmul")
RARE = 50
"""Fewer occurrences in the training text, and a word's vector is a weak guess."""
SMALL_CORPUS = 2_000_000
"""Fewer words of training text, and all vectors are: analogies begin to come out at some millions (docs/vectors.md)."""

Term = str | np.ndarray
"""A word, or a vector float32 (d,)."""
Terms = Term | Sequence[Term | tuple[Term, float]]
"""One of these or several; a weight may go with each."""


class Neighbour(NamedTuple):
    """One answer of a search: a word and its score (a cosine in [-1, 1]; for 3CosMul a quotient of products, at least 0)."""

    word: str
    similarity: float


class WordVectors:
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
    where : the file they come from, for messages.

    Raises
    ------
    InvalidParameterError : for arrays that don't fit together, no words, no dimensions, a word twice.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [3, 4], [0, 1]], np.float32))
    >>> vectors.similarity("a", "b")
    0.6...
    >>> vectors.most_similar("b", top=1)
    [Neighbour(word='c', similarity=0.8...)]
    """

    def __init__(
        self,
        words: StringTable | Iterable[str],
        matrix: np.ndarray | None,
        *,
        counts: np.ndarray | None = None,
        context: np.ndarray | None = None,
        tree: np.ndarray | None = None,
        subwords: Subwords | None = None,
        text_options: TextOptions | None = None,
        made: Mapping[str, Any] | None = None,
        quantized: QuantizedMatrix | None = None,
        where: str = "",
    ) -> None:
        self.words = words if isinstance(words, StringTable) else StringTable.from_strings(words)
        if matrix is None and quantized is None:
            raise InvalidParameterError("WordVectors need a 'matrix', float32 (V, d), or 'quantized' rows. Got None for both.")
        self._matrix = None if matrix is None else _as_matrix("matrix", matrix)
        self.quantized = quantized
        self.counts = None if counts is None else np.asarray(counts, np.int64)
        self.context = None if context is None else _as_matrix("context", context)
        self.tree = None if tree is None else _as_matrix("tree", tree)
        self.subwords = subwords
        self.text_options = text_options
        self.made = dict(made or {})
        self.where = where or type(self).__name__
        self._check_shapes()

    def _check_shapes(self) -> None:
        size, dimensions = self.shape
        if dimensions == 0:
            raise InvalidParameterError(f"{self.where}: vectors of 0 dimensions say nothing of {len(self.words):,} words; train them anew.")
        if len(self.words) == 0:
            raise InvalidParameterError(f"{self.where}: holds no words; vectors need at least one.")
        rows = {"matrix": size, "counts": None if self.counts is None else len(self.counts)}
        rows |= {name: None if part is None else len(part) for name, part in (("context", self.context), ("quantized", self.quantized))}
        for name, count in rows.items():
            if count is not None and count != len(self.words):
                raise InvalidParameterError(
                    f"{self.where}: {name!r} has {count:,} rows for {len(self.words):,} words; it needs one a word."
                )
        for name, part in (
            ("context", self.context),
            ("tree", self.tree),
            ("subwords", None if self.subwords is None else self.subwords.matrix),
        ):
            if part is not None and part.shape[1] != dimensions:
                raise InvalidParameterError(
                    f"{self.where}: the vectors have {dimensions} dimensions, {name!r} has {part.shape[1]}; they must be as many."
                )

    # What there is

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vector(word)

    def __sklearn_clone__(self) -> WordVectors:
        return self  # scikit-learn clones parameters; these are not changed by anybody, and may be gigabytes

    def __repr__(self) -> str:
        extras = [name for name in ("context", "tree", "subwords", "quantized") if getattr(self, name) is not None]
        return f"WordVectors({len(self):,} words, {self.dimensions} dimensions{''.join(', ' + name for name in extras)})"

    @property
    def shape(self) -> tuple[int, int]:
        """(V, d)."""
        rows, dimensions = self._rows.shape
        return int(rows), int(dimensions)

    @property
    def dimensions(self) -> int:
        """d, the length of each vector."""
        return self.shape[1]

    @property
    def _rows(self) -> np.ndarray | QuantizedMatrix:
        """The rows as they are stored: indexing by a slice or an int array gives float32 (n, d)."""
        if self._matrix is not None:
            return self._matrix
        assert self.quantized is not None
        return self.quantized

    @functools.cached_property
    def matrix(self) -> np.ndarray:
        """float32 (V, d): all vectors, a row a word; made at first use where only 8-bit codes are stored."""
        return self._matrix if self._matrix is not None else self._rows[:]

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """float32 (V,): length of each vector.

        Raises
        ------
        FormatError : if a vector holds NaN or infinity; the first such word is named.
        """
        rows = self._rows
        norms = rows.norms if isinstance(rows, QuantizedMatrix) else row_norms(rows)
        return self._checked(norms)

    def _checked(self, norms: np.ndarray) -> np.ndarray:
        bad = np.flatnonzero(~np.isfinite(norms))
        if len(bad):
            row = int(bad[0])
            more = f", and {len(bad) - 1:,} other rows do" if len(bad) > 1 else ""
            raise FormatError(
                f"{self.where}: the vector of {self.words.string(row)!r} (row {row:,}) holds NaN or infinity{more}; "
                "train again with a lower learning rate, or leave these rows out."
            )
        return norms

    @functools.cached_property
    def unit(self) -> np.ndarray:
        """float32 (V, d): the vectors at length 1; rows of zeros stay zeros. As large as `matrix`; searches do without."""
        return self.matrix * self._inverse_norms[:, None]

    @functools.cached_property
    def _inverse_norms(self) -> np.ndarray:
        return inverse_norms(self.norms)

    def index(self, word: str) -> int:
        """The row of a word, spelled exactly so; -1 if it has none."""
        return self.words.index(word)

    def rows(self, rows: slice | np.ndarray) -> np.ndarray:
        """float32 (n, d): the vectors of some rows, without making all of them where they are stored in 8 bits."""
        return np.asarray(self._rows[rows])

    def vector(self, word: str) -> np.ndarray:
        """float32 (d,): a word's vector; from its subwords if it has no row.

        Raises
        ------
        UnknownWordError : if it has neither; words of nearly this spelling are named.
        """
        return self.vectors([word])[0]

    def vectors(self, words: Sequence[str]) -> np.ndarray:
        """float32 (n, d): vectors of words, as `vector`. Raises UnknownWordError that names all unknown ones."""
        rows = self._find(words)
        found = self.rows(np.maximum(rows, 0))
        unknown = [words[place] for place in np.flatnonzero(rows < 0).tolist()]
        if unknown:
            if self.subwords is None:
                raise self._unknown(unknown)
            composed = self.subwords.vectors(unknown)
            lost = [word for word, row in zip(unknown, composed, strict=True) if not row.any()]  # too short to have an n-gram
            if lost:
                raise self._unknown(lost)
            found[rows < 0] = composed
        return found

    def _find(self, words: Sequence[str]) -> np.ndarray:
        """int (n,): rows, -1 for unknown words."""
        if len(words) <= 4:  # a command's few words don't need the hash table
            return np.array([self.words.index(word) for word in words], np.int64)
        return self.words.find(words)

    def _unknown(self, words: Sequence[str]) -> UnknownWordError:
        from lmkit.text.spelling import close_spellings

        words = list(dict.fromkeys(words))
        near = {word: close_spellings(word, self.words) for word in words[:5]}
        hints = "; ".join(f"for {word!r}: {', '.join(close)}" for word, close in near.items() if close)
        named = ", ".join(repr(word) for word in words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")
        plural = "s" if len(words) > 1 else ""
        step = f" Spelled nearly so are {hints}." if hints else " Check the spelling, or take vectors that have it (--model)."
        return UnknownWordError(f"These vectors have no word{plural} {named}; they have {len(self):,} words.{step}", tuple(words))

    # Searching

    @functools.cached_property
    def _search(self) -> RowSearch:
        return RowSearch(self._rows, self._inverse_norms, self.quantized)

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

    # What users type, and what to tell them

    def as_read(self, typed: str) -> str:
        """A word as the training text's options spell it (lower-cased, normalised ...), unless it has a row just as it was typed."""
        if self.text_options is None or typed in self:
            return typed
        from lmkit.text._preparing import Preparer

        return Preparer(self.text_options).spell_token(typed)

    def tokens(self, text: str) -> list[str]:
        """A text cut into words as the training text was; at white space where nobody knows how that was."""
        if self.text_options is None:
            return text.split()
        from lmkit.text.encoding import encode_prompt

        return encode_prompt(text, self.text_options)

    def caveats(self, words: Iterable[str]) -> list[str]:
        """Why vectors of these words are to be expected weak, one sentence each: rare words, a small corpus, words without a row."""
        notes = []
        for word in dict.fromkeys(words):
            row = self.index(word)
            if row < 0:
                if self.subwords is not None:
                    notes.append(f"{word!r} was not in the training text often enough; its vector is made of its subwords alone.")
            elif self.counts is not None and 0 < self.counts[row] < RARE:
                count = int(self.counts[row])
                notes.append(f"{word!r} occurs only {count:,} time{'s' * (count > 1)} in the training text; expect a weak vector.")
        total = 0 if self.counts is None else int(self.counts.sum())
        if 0 < total < SMALL_CORPUS:
            notes.append(f"The vectors were trained on only {total:,} words; expect weak vectors (some millions give good ones).")
        return notes

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
            None if self._matrix is None else self._matrix[rows],
            counts=None if self.counts is None else self.counts[rows],
            context=None if self.context is None else self.context[rows],
            text_options=self.text_options,
            made={**self.made, "restricted_from": len(self)},
            quantized=None if self.quantized is None else self.quantized.pick(rows),
            where=self.where,
        )

    def quantize(self) -> WordVectors:
        """The same vectors in 8 bits a number with a scale a row: a quarter of the size. `loss()` of the result says what was lost.

        Only the input vectors stay: the result answers, but can't be trained on.
        """
        inverse = self._inverse_norms  # NaN has no code: this says where there is one
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
        best. The answers are the same, in about a third of the time; a quarter of the memory comes on top."""
        if self.quantized is not None:
            return self
        other = copy.copy(self)
        other.__dict__.pop("_search", None)
        other._inverse_norms  # noqa: B018  (NaN has no code: this says where there is one)
        other.quantized = QuantizedMatrix.from_matrix(self.matrix)
        return other

    # Files

    def info(self) -> dict[str, Any]:
        """The card of these vectors: JSON-able."""
        return {
            "kind": "vectors",
            "words": len(self),
            "dimensions": self.dimensions,
            "number_type": "float32" if self._matrix is not None else "int8, a scale a row",
            "training_words": None if self.counts is None else int(self.counts.sum()),
            "context_vectors": self.context is not None,
            "tree_vectors": self.tree is not None,
            "subwords": None if self.subwords is None else self.subwords.to_record(),
            "text": None if self.text_options is None else self.text_options.to_dict(),
            "made": self.made,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write lmkit's own file (docs/file-formats.md), which opens at once however large it is.

        Raises
        ------
        OutputError : if it can't be written.
        FormatError : if a vector holds NaN or infinity.
        """
        from lmkit._container import write_container

        tensors = {"vectors.norms": self.norms}
        if self._matrix is not None:
            tensors["vectors.matrix"] = self._matrix
        if self.quantized is not None:
            tensors |= self.quantized.to_tensors("vectors")
        tensors |= self.words.tensors("words")
        if self.counts is not None:
            tensors["words.counts"] = self.counts
        tensors |= {f"{name}.matrix": part for name, part in (("context", self.context), ("tree", self.tree)) if part is not None}
        if self.subwords is not None:
            tensors |= self.subwords.to_tensors()
        metadata = {
            "text": None if self.text_options is None else self.text_options.to_dict(),
            "subwords": None if self.subwords is None else self.subwords.to_record(),
            "made": {"lmkit_version": lmkit.__version__, **self.made},
        }
        write_container(path, "vectors", metadata, tensors)

    @classmethod
    def from_container(cls, container: Container) -> WordVectors:
        """Open lmkit's own file; `lmkit.load` calls it.

        Raises
        ------
        FormatError : if parts are missing or don't fit together.
        """
        from lmkit.text.options import TextOptions

        where = str(container.path)
        metadata = container.metadata
        words = StringTable.from_named_tensors(container, "words", where)
        subwords = None
        if metadata.get("subwords") is not None:
            from lmkit.embeddings.subwords import Subwords

            subwords = Subwords.from_tensors(container, metadata["subwords"], where)

        def part(name: str, dtype: type, ndim: int) -> np.ndarray | None:
            return container.array(name, dtype, ndim) if name in container else None

        try:
            vectors = cls(
                words,
                part("vectors.matrix", np.float32, 2),
                counts=part("words.counts", np.int64, 1),
                context=part("context.matrix", np.float32, 2),
                tree=part("tree.matrix", np.float32, 2),
                subwords=subwords,
                text_options=None if metadata.get("text") is None else TextOptions.from_dict(metadata["text"], where),
                made=metadata.get("made"),
                quantized=QuantizedMatrix.from_tensors(container, "vectors") if "vectors.codes" in container else None,
                where=where,
            )
        except InvalidParameterError as error:
            raise FormatError(f"{str(error).rstrip('.')}. The file is damaged, make it again.") from None
        norms = part("vectors.norms", np.float32, 1)
        if norms is not None and len(norms) == len(words):
            vectors.__dict__["norms"] = vectors._checked(norms)
        return vectors


def _as_matrix(name: str, matrix: np.ndarray) -> np.ndarray:
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise InvalidParameterError(f"The {name!r} parameter of WordVectors must be a matrix. Got {np.shape(matrix)} instead.")
    return np.ascontiguousarray(matrix, np.float32)


def _weighted(terms: Terms, sign: float) -> list[tuple[Term, float]]:
    """Every term with its weight."""
    if isinstance(terms, (str, np.ndarray)) and np.ndim(terms) < 2:
        return [(terms, sign)]
    pairs = [term if isinstance(term, tuple) else (term, 1.0) for term in terms]
    return [(term, sign * float(weight)) for term, weight in pairs]
