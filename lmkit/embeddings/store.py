"""The data of word vectors: words, rows, counts, what else was trained, and how a word finds its vector."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit.embeddings.quantized import QuantizedMatrix
from lmkit.embeddings.search import inverse_norms, row_norms
from lmkit.errors import FormatError, InvalidParameterError, UnknownWordError
from lmkit.text.strings import StringTable

if TYPE_CHECKING:
    from lmkit.embeddings.subwords import Subwords
    from lmkit.text.options import TextOptions

RARE = 50
"""Fewer occurrences in the training text, and a word's vector is a weak guess."""
SMALL_CORPUS = 2_000_000
"""Fewer words of training text, and all vectors are: on Simple English Wikipedia so many answer a tenth of the analogies, 18 million
six tenths (docs/vectors.md)."""


class VectorStore:
    """V words with a vector of d numbers each; `lmkit.WordVectors` adds questions and files. Parameters as there."""

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
        norms: np.ndarray | None = None,
        where: str = "",
    ) -> None:
        self.words = words if isinstance(words, StringTable) else StringTable.from_strings(words)
        if matrix is None and quantized is None:
            raise InvalidParameterError("WordVectors need a 'matrix', float32 (V, d), or 'quantized' rows. Got None for both.")
        self.float_rows = None if matrix is None else _as_matrix("matrix", matrix)
        self.quantized = quantized
        self.counts = None if counts is None else np.asarray(counts, np.int64)
        self.context = None if context is None else _as_matrix("context", context)
        self.tree = None if tree is None else _as_matrix("tree", tree)
        self.subwords = subwords
        self.text_options = text_options
        self.made = dict(made or {})
        self.where = where or type(self).__name__
        self._check_shapes()
        if norms is not None:
            self.__dict__["norms"] = self._checked(np.asarray(norms, np.float32))

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
        ngrams = None if self.subwords is None else self.subwords.matrix
        for name, part in (("context", self.context), ("tree", self.tree), ("subwords", ngrams)):
            if part is not None and part.shape[1] != dimensions:
                raise InvalidParameterError(
                    f"{self.where}: the vectors have {dimensions} dimensions, {name!r} has {part.shape[1]}; they must be as many."
                )

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vector(word)

    def __sklearn_clone__(self) -> VectorStore:
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
        if self.float_rows is not None:
            return self.float_rows
        assert self.quantized is not None
        return self.quantized

    @functools.cached_property
    def matrix(self) -> np.ndarray:
        """float32 (V, d): all vectors, a row a word; made at first use where only 8-bit codes are stored."""
        return self.float_rows if self.float_rows is not None else self._rows[:]

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
        if norms.shape != (len(self.words),):
            raise InvalidParameterError(f"{self.where}: {len(norms):,} 'norms' for {len(self.words):,} words; each word needs one.")
        bad = np.flatnonzero(~np.isfinite(norms))
        if len(bad):
            raise self._not_finite(bad)
        return norms

    def check_finite(self, rows: slice | np.ndarray = slice(None)) -> None:
        """Raise FormatError if one of these vectors holds NaN or infinity. A file is not read through when it is opened: what uses all
        rows asks."""
        if self.float_rows is not None:  # codes have no such numbers, and their scales were looked at
            self._refuse_unsound(self.float_rows[rows], rows)

    def _refuse_unsound(self, found: np.ndarray, rows: slice | np.ndarray) -> None:
        with np.errstate(invalid="ignore"):
            total = found.sum(dtype=np.float64)  # one pass that makes nothing; only then the places
        if not np.isfinite(total):
            bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
            if len(bad):
                raise self._not_finite(np.arange(len(self))[rows][bad])

    def _not_finite(self, bad: np.ndarray) -> FormatError:
        row = int(bad[0])
        more = f", and {len(bad) - 1:,} other rows do" if len(bad) > 1 else ""
        return FormatError(
            f"{self.where}: the vector of {self.words.string(row)!r} (row {row:,}) holds NaN or infinity{more}; "
            "train again with a lower learning rate, or leave these rows out."
        )

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
        """float32 (n, d): the vectors of some rows, without making all of them where they are stored in 8 bits. Raises FormatError if one
        holds NaN or infinity."""
        found = np.asarray(self._rows[rows])
        if self.float_rows is not None:
            self._refuse_unsound(found, rows)
        return found

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
        near = [close_spellings(word, self.words) for word in words[:5]]
        named = [repr(word) + (f" (near it: {', '.join(close)})" if close else "") for word, close in zip(words, near, strict=False)]
        more = f" and {len(words) - 5:,} more" if len(words) > 5 else ""
        plural = "s" if len(words) > 1 else ""
        step = "check the spelling, or take vectors that have it"
        return UnknownWordError(
            f"These vectors of {len(self):,} words have no word{plural} {', '.join(named)}{more}; {step}.", tuple(words)
        )

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
        corpus = self.made.get("corpus")
        counted = 0 if self.counts is None else int(self.counts.sum())
        total = max(counted, int((corpus.get("tokens") or 0) if isinstance(corpus, Mapping) else 0))  # counts may be of some words only
        if 0 < total < SMALL_CORPUS:
            notes.append(f"The vectors were trained on only {total:,} words; expect weak vectors (some millions give good ones).")
        return notes


def _as_matrix(name: str, matrix: np.ndarray) -> np.ndarray:
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise InvalidParameterError(f"The {name!r} parameter of WordVectors must be a matrix. Got {np.shape(matrix)} instead.")
    return np.ascontiguousarray(matrix, np.float32)
