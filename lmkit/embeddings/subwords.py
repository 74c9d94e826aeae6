"""fastText's subwords: character n-grams of a word, hashed to buckets, whose vectors make up a vector for any word.

The n-grams and the hash are fastText's own (Bojanowski, Grave, Joulin and Mikolov 2017; `Dictionary::computeSubwords` and
`Dictionary::hash` of its source): n characters over `<word>`, FNV-1a over their UTF-8 bytes, each sign-extended, modulo the number of
buckets. A repeated n-gram counts as often as it occurs. `</s>` has none.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import FormatError, InvalidParameterError

MAXIMUM_BUCKETS = 2**31 - 1  # fastText keeps rows in int32


@dataclasses.dataclass(frozen=True)
class NgramOptions:
    """Which n-grams a word has, and how many buckets they share.

    Attributes
    ----------
    min_n, max_n : shortest and longest n-gram in characters, 0 <= min_n <= max_n, max_n >= 1. One character at the very beginning or
        end of `<word>` (the bracket alone) is never an n-gram.
    buckets : 1 to 2^31 - 1.
    """

    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000

    def __post_init__(self) -> None:
        check_int("NgramOptions", "min_n", self.min_n, minimum=0)
        check_int("NgramOptions", "max_n", self.max_n, minimum=1)
        if self.max_n < self.min_n:
            raise InvalidParameterError(
                f"The 'max_n' parameter of NgramOptions must be an int of at least min_n, {self.min_n}. Got {self.max_n} instead."
            )
        check_int("NgramOptions", "buckets", self.buckets, minimum=1, maximum=MAXIMUM_BUCKETS)


class HashedNgrams(NamedTuple):
    """The n-grams of W words, G in all, in fastText's order: by where they begin, then by length.

    Attributes
    ----------
    starts : int64 (W+1,), the n-grams of word i stand at [starts[i]:starts[i+1]].
    buckets : int64 (G,), 0 <= bucket < number of buckets.
    begins, ends : int64 (G,), the bytes of `<word>` that each one covers.
    """

    starts: np.ndarray
    buckets: np.ndarray
    begins: np.ndarray
    ends: np.ndarray


def hash_ngrams(blob: np.ndarray, offsets: np.ndarray, options: NgramOptions) -> HashedNgrams:
    """n-grams of many words. blob : uint8, the words in UTF-8. offsets : int64 (W+1,), word i is blob[offsets[i]:offsets[i+1]]."""
    from lmkit.embeddings import _kernels_subwords as kernels

    blob, offsets = _frozen(blob), _frozen(offsets)
    starts = np.empty(len(offsets), np.int64)
    kernels.count_ngrams(blob, offsets, options.min_n, options.max_n, starts)
    buckets, begins, ends = (np.empty(int(starts[-1]), np.int64) for _ in range(3))
    kernels.hash_ngrams(blob, offsets, options.min_n, options.max_n, np.uint32(options.buckets), starts, buckets, begins, ends)
    return HashedNgrams(starts, buckets, begins, ends)


class Ngram(NamedTuple):
    """One n-gram of a word: its text and its bucket."""

    text: str
    bucket: int


class Subwords:
    """The n-grams' vectors of a model, and through them a vector for any word.

    Parameters
    ----------
    options : NgramOptions.
    matrix : float32 (R, d), the n-grams' vectors. Without `kept`, R is the number of buckets and row b belongs to bucket b.
    kept : int (R,) or None, the bucket of each row of a matrix that holds only some buckets, each once, in any order.
    word_vectors : float32 (V, d) or None, the words' own rows, in the order of the vocabulary, before subwords were added.
    counts_missing : how an n-gram without a row is read: True as a row of zeros (a model trained by lmkit, whose other buckets no n-gram
        of the vocabulary falls in), False as not there at all (fastText's pruned models).

    Arrays are used as they are, so that they may be memory-mapped.

    Examples
    --------
    >>> import numpy as np
    >>> subwords = Subwords(NgramOptions(min_n=3, max_n=4, buckets=10), np.eye(10, 4, dtype=np.float32))
    >>> [ngram.text for ngram in subwords.ngrams("cat")]
    ['<ca', '<cat', 'cat', 'cat>', 'at>']
    >>> subwords.vector("cat").shape
    (4,)
    """

    def __init__(
        self,
        options: NgramOptions,
        matrix: np.ndarray,
        *,
        kept: np.ndarray | None = None,
        word_vectors: np.ndarray | None = None,
        counts_missing: bool = True,
    ) -> None:
        if matrix.ndim != 2 or matrix.dtype != np.float32:
            raise InvalidParameterError(
                f"The 'matrix' parameter of Subwords must be a float32 array of two dimensions. Got {matrix.dtype} of shape "
                f"{matrix.shape} instead."
            )
        if len(matrix) != (options.buckets if kept is None else len(kept)):
            raise InvalidParameterError(
                f"The 'matrix' parameter of Subwords must have one row for each of its "
                f"{options.buckets if kept is None else len(kept):,} buckets. Got {len(matrix):,} rows instead."
            )
        self.options = options
        self.matrix = matrix
        self.kept = kept
        self.word_vectors = word_vectors
        self.counts_missing = counts_missing
        if kept is not None and len(kept):
            ordered = self._kept_in_order[0]
            if ordered[0] < 0 or ordered[-1] >= options.buckets or np.any(ordered[1:] == ordered[:-1]):
                raise InvalidParameterError(
                    f"The 'kept' parameter of Subwords must be distinct buckets from 0 to {options.buckets - 1:,}. "
                    f"Got {ordered[0]:,} to {ordered[-1]:,} instead, or one of them twice."
                )

    @property
    def min_n(self) -> int:
        return self.options.min_n

    @property
    def max_n(self) -> int:
        return self.options.max_n

    @property
    def buckets(self) -> int:
        return self.options.buckets

    @property
    def dimensions(self) -> int:
        return int(self.matrix.shape[1])

    def __repr__(self) -> str:
        return f"Subwords(n-grams of {self.min_n} to {self.max_n} characters, {len(self.matrix):,} of {self.buckets:,} buckets)"

    def ngrams(self, word: str) -> list[Ngram]:
        """The n-grams of a word with their buckets, in fastText's order."""
        blob, offsets = _packed([word])
        hashed = hash_ngrams(blob, offsets, self.options)
        bracketed = b"<" + blob.tobytes() + b">"
        pieces = zip(hashed.begins.tolist(), hashed.ends.tolist(), hashed.buckets.tolist(), strict=True)
        return [Ngram(bracketed[begin:end].decode("utf-8", "replace"), bucket) for begin, end, bucket in pieces]

    def rows(self, word: str) -> np.ndarray:
        """int64 (n,): rows of `matrix` for the n-grams of a word, in order, repeated ones repeated; those without a row are left out."""
        rows = self.rows_of(hash_ngrams(*_packed([word]), self.options).buckets)
        return rows[rows >= 0]

    def rows_of(self, buckets: np.ndarray) -> np.ndarray:
        """int64, same shape: the row of `matrix` for each bucket, -1 where there is none."""
        buckets = np.asarray(buckets, np.int64)
        if self.kept is None:
            return buckets
        ordered, order = self._kept_in_order
        if len(ordered) == 0:
            return np.full_like(buckets, -1)
        places = np.minimum(np.searchsorted(ordered, buckets), len(ordered) - 1)
        return np.where(ordered[places] == buckets, order[places], -1)

    def vector(self, word: str) -> np.ndarray:
        """float32 (d,): mean of the vectors of a word's n-grams; zeros for a word without any.

        The vector that fastText gives a word outside its vocabulary; for a word inside, `word_vectors` have a share in it.
        """
        return self.vectors([word])[0]

    def vectors(self, words: Sequence[str], own_rows: np.ndarray | None = None) -> np.ndarray:
        """float32 (len(words), d): see `combine`."""
        return self.combine(*_packed(words), own_rows)

    def combine(self, blob: np.ndarray, offsets: np.ndarray, own_rows: np.ndarray | None = None) -> np.ndarray:
        """Vectors of many packed words, as fastText's FastText::getWordVector adds them up.

        Parameters
        ----------
        blob, offsets : the words, see `hash_ngrams`.
        own_rows : int (W,) or None, row of each word in `word_vectors`, -1 for a word outside the vocabulary; None for all of them.

        Returns
        -------
        float32 (W, d): mean over the word's own row, if it has one, and its n-grams' rows; zeros where there is neither.
        """
        from lmkit.embeddings import _kernels_subwords as kernels

        count = len(offsets) - 1
        own = np.full(count, -1, np.int64) if own_rows is None else np.ascontiguousarray(own_rows, np.int64)
        if own.max(initial=-1) >= 0 and self.word_vectors is None:
            raise InvalidParameterError("These subwords have no word_vectors, so a word's own row can't be added; leave out 'own_rows'.")
        out = np.empty((count, self.dimensions), np.float32)
        own_matrix = self.matrix[:0] if self.word_vectors is None else self.word_vectors
        for first in range(0, count, _PIECE):  # a piece at a time: the n-grams of a whole vocabulary take more room than its vectors
            stop = min(first + _PIECE, count)
            hashed = hash_ngrams(blob, offsets[first : stop + 1], self.options)
            kernels.mean_rows(
                hashed.starts,
                self.rows_of(hashed.buckets),
                _frozen(self.matrix),
                self.counts_missing,
                _frozen(own_matrix),
                own[first:stop],
                out[first:stop],
            )
        return out

    def bucket_rows(self, start: int, stop: int) -> np.ndarray:
        """float32 (stop - start, d): the vectors of the buckets [start, stop), zeros for those without a row."""
        if self.kept is None:
            return self.matrix[start:stop]
        rows = self.rows_of(np.arange(start, stop))
        dense = np.zeros((len(rows), self.dimensions), np.float32)
        dense[rows >= 0] = self.matrix[rows[rows >= 0]]
        return dense

    @functools.cached_property
    def _kept_in_order(self) -> tuple[np.ndarray, np.ndarray]:
        """The kept buckets, ascending, and the row of each."""
        kept = np.asarray(self.kept, np.int64)
        order = np.argsort(kept, kind="stable")
        return kept[order], order

    def to_record(self) -> dict[str, Any]:
        """JSON-able, for a model file's metadata; `from_tensors` reads it back."""
        return {**dataclasses.asdict(self.options), "counts_missing": self.counts_missing}

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a model file: subwords.matrix float32 (R, d) and, where there are such, .kept int64 (R,), .words float32 (V, d)."""
        tensors = {"subwords.matrix": self.matrix}
        if self.kept is not None:
            tensors["subwords.kept"] = np.asarray(self.kept, np.int64)
        if self.word_vectors is not None:
            tensors["subwords.words"] = self.word_vectors
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], record: Mapping[str, Any], where: str = "subwords") -> Subwords:
        """From what `to_tensors` and `to_record` gave, without a copy.

        Raises
        ------
        FormatError : if something is missing or does not fit together.
        """
        for name, ndim, dtype in (("matrix", 2, np.float32), ("kept", 1, np.int64), ("words", 2, np.float32)):
            tensor = f"subwords.{name}"
            if tensor not in tensors and name == "matrix":
                raise FormatError(f"{where}: the tensor {tensor!r} is missing; the file is damaged, make it again.")
            if tensor in tensors and (tensors[tensor].ndim != ndim or tensors[tensor].dtype != dtype):
                raise FormatError(f"{where}: the tensor {tensor!r} has a wrong type or shape; the file is damaged, make it again.")
        try:
            options = NgramOptions(min_n=record["min_n"], max_n=record["max_n"], buckets=record["buckets"])
            return cls(
                options,
                tensors["subwords.matrix"],
                kept=tensors["subwords.kept"] if "subwords.kept" in tensors else None,  # noqa: SIM401  (a Container's missing tensor raises)
                word_vectors=tensors["subwords.words"] if "subwords.words" in tensors else None,  # noqa: SIM401
                counts_missing=bool(record["counts_missing"]),
            )
        except (KeyError, TypeError, InvalidParameterError) as error:
            raise FormatError(f"{where}: the subwords don't fit together ({error}); the file is damaged, make it again.") from None


_PIECE = 1 << 14  # words


def _frozen(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view: the kernel then meets one type whether the array is mapped from a file or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _packed(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [word.encode("utf-8", "surrogateescape") for word in words]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets
