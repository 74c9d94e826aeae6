"""Tokens and their ids."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import FormatError, InvalidParameterError

SPECIALS = ("<unk>", "<s>", "</s>")
_SPECIAL_BLOB = np.frombuffer("".join(SPECIALS).encode(), np.uint8)
_SPECIAL_OFFSETS = np.array([0, 5, 8, 12], np.int64)
_MAXIMUM_SIZE = 2**31 - 1  # ids are int32


class Vocabulary:
    """V tokens: `<unk>` 0, `<s>` 1, `</s>` 2, then the words, in order of first appearance (as KenLM numbers them) or by falling count.

    Parameters
    ----------
    blob : uint8 (B,), the tokens in UTF-8, one after the other, specials included.
    offsets : int64 (V+1,), token i is blob[offsets[i]:offsets[i+1]].
    counts : int64 (V,) or None; occurrences of each token; 0 for `<s>` and `</s>`, for `<unk>` the literal ones and those cut off.

    Arrays are used as they are, without a copy, so that they may be memory-mapped; the hash table is built at the first look-up.
    """

    UNK, BOS, EOS = 0, 1, 2

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, counts: np.ndarray | None = None) -> None:
        self._blob = blob
        self._offsets = offsets
        self.counts = counts

    @classmethod
    def from_tokens(cls, tokens: Iterable[str], counts: Sequence[int] | np.ndarray | None = None) -> Vocabulary:
        """From words in id order; the specials are put in front.

        Parameters
        ----------
        tokens : distinct, not empty, specials not among them.
        counts : occurrences of each of `tokens`, or None.

        Raises
        ------
        InvalidParameterError : for a token that occurs twice or is empty.
        """
        words = list(tokens)
        blob, offsets = _packed([*SPECIALS, *words])
        _check_size(len(words) + len(SPECIALS))
        if np.any(np.diff(offsets) == 0):
            raise InvalidParameterError("A vocabulary can't hold the empty token; leave it out.")
        column = None
        if counts is not None:
            column = np.concatenate([np.zeros(len(SPECIALS), np.int64), np.asarray(counts, np.int64)])
            if len(column) != len(offsets) - 1:
                raise InvalidParameterError(f"A vocabulary needs one count a token. Got {len(counts)} counts for {len(words)} tokens.")
        vocabulary = cls(blob, offsets, column)
        vocabulary._check_distinct(InvalidParameterError, "Vocabulary")
        return vocabulary

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and self._find([token])[0] >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self is other or (
            np.array_equal(self._offsets, other._offsets) and np.array_equal(self._blob[: self._size], other._blob[: other._size])
        )

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} tokens)"

    @property
    def _size(self) -> int:
        return int(self._offsets[-1])

    @property
    def blob(self) -> np.ndarray:
        """uint8 (B,): the tokens in UTF-8, one after the other."""
        return self._blob[: self._size]

    @property
    def offsets(self) -> np.ndarray:
        """int64 (V+1,): where each token starts in `blob`."""
        return self._offsets

    def id(self, token: str) -> int:
        """Id of a token, 0 (`<unk>`) when it is not in the vocabulary."""
        return max(int(self._find([token])[0]), 0)

    def token(self, token_id: int) -> str:
        """Token of an id, 0 <= token_id < len(self).

        Raises
        ------
        IndexError : for an id outside the vocabulary.
        """
        if not 0 <= token_id < len(self):
            raise IndexError(f"id {token_id} is outside this vocabulary of {len(self):,} tokens")
        return self._blob[self._offsets[token_id] : self._offsets[token_id + 1]].tobytes().decode()

    def tokens(self) -> list[str]:
        """All tokens in id order, specials included."""
        raw = self.blob.tobytes()
        borders = self._offsets.tolist()
        return [raw[start:stop].decode() for start, stop in itertools.pairwise(borders)]

    def decode(self, ids: Iterable[int] | np.ndarray) -> list[str]:
        """Tokens of many ids."""
        return [self.token(int(token_id)) for token_id in ids]

    @functools.cached_property
    def bytes(self) -> np.ndarray:
        """int32 (V,): length of each token in UTF-8 bytes."""
        return np.diff(self._offsets).astype(np.int32)

    @functools.cached_property
    def characters(self) -> np.ndarray:
        """int32 (V,): length of each token in Unicode code points."""
        return np.add.reduceat((self.blob & 0xC0) != 0x80, self._offsets[:-1], dtype=np.int32)

    @functools.cached_property
    def hash(self) -> str:
        """sha256, 64 hex digits, over all tokens in id order, specials included, each followed by a newline."""
        terminated = np.insert(self.blob, self._offsets[1:], 10)
        return hashlib.sha256(memoryview(terminated)).hexdigest()

    def lookup(self, tokens: Sequence[str]) -> np.ndarray:
        """int32 (len(tokens),): ids, 0 for unknown tokens."""
        return np.maximum(self._find(tokens), 0)

    def map_from(self, other: Vocabulary) -> np.ndarray:
        """int32 (len(other),): the id in this vocabulary of each token of `other`, 0 where it is unknown."""
        if other is self:
            return np.arange(len(self), dtype=np.int32)
        if self._last_map is None or self._last_map[0] is not other:  # the parts of a text share a vocabulary and come one after the other
            self._last_map = other, self.find_packed(other.blob, other.offsets, 0)
        return self._last_map[1]

    def cut(self, min_count: int = 1, max_size: int | None = None, order: str = "appearance") -> Vocabulary:
        """The frequent part of this vocabulary.

        Parameters
        ----------
        min_count : words that occurred less often are cut off.
        max_size : size of the result at most, specials included; the most frequent words stay, of equal ones the first seen.
        order : "appearance" keeps the order of ids; "frequency" numbers by falling count, of equal ones the first seen first.

        Returns
        -------
        Vocabulary whose `<unk>` count includes the occurrences cut off.

        Raises
        ------
        InvalidParameterError : for a parameter outside its range, or a cut by count of a vocabulary without counts.
        """
        check_int("Vocabulary.cut", "min_count", min_count, minimum=1)
        if max_size is not None:
            check_int("Vocabulary.cut", "max_size", max_size, minimum=len(SPECIALS) + 1)
        check_choice("Vocabulary.cut", "order", order, ("appearance", "frequency"))
        if self.counts is None:
            if min_count > 1 or order == "frequency" or (max_size is not None and max_size < len(self)):
                raise InvalidParameterError("This vocabulary has no counts, so it can't be cut or ordered by them; count a corpus first.")
            return self
        counts = np.asarray(self.counts)
        first = len(SPECIALS)
        words = first + np.flatnonzero(counts[first:] >= min_count)
        by_frequency = words[np.argsort(-counts[words], kind="stable")]
        kept = by_frequency if max_size is None else by_frequency[: max_size - first]
        if order == "appearance":
            kept = np.sort(kept)
        kept = np.concatenate([np.arange(first), kept])
        kept_counts = counts[kept]
        kept_counts[self.UNK] += counts[first:].sum() - kept_counts[first:].sum()
        return self.select(kept, kept_counts)

    def counted_in(self, other: Vocabulary) -> Vocabulary:
        """The same words with the counts that `other` has of them; its further words count for `<unk>`. Without counts if it has none."""
        if other.counts is None:
            return Vocabulary(self._blob, self._offsets)
        counts = np.zeros(len(self), np.int64)
        np.add.at(counts, self.map_from(other), other.counts)
        return Vocabulary(self._blob, self._offsets, counts)

    def select(self, ids: np.ndarray, counts: np.ndarray | None = None) -> Vocabulary:
        """The tokens with these ids, numbered in this order. ids: int (V',), beginning 0, 1, 2."""
        blob, offsets = gather_strings(self._blob, self._offsets, ids)
        return Vocabulary(blob, offsets, counts)

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Arrays for a model file: vocabulary.bytes uint8 (B,), .offsets int64 (V+1,) and, where counted, .counts int64 (V,)."""
        tensors = {"vocabulary.bytes": self.blob, "vocabulary.offsets": self._offsets}
        if self.counts is not None:
            tensors["vocabulary.counts"] = self.counts
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], where: str = "vocabulary") -> Vocabulary:
        """From the arrays of `to_tensors`, used without a copy.

        Parameters
        ----------
        where : path for messages.

        Raises
        ------
        FormatError : if they are missing or don't fit together. Tokens that occur twice are noticed at the first look-up.
        """
        for name in ("vocabulary.bytes", "vocabulary.offsets"):
            if name not in tensors:
                raise FormatError(f"{where}: the tensor {name!r} is missing; the file is damaged, make it again.")
        blob, offsets = tensors["vocabulary.bytes"], tensors["vocabulary.offsets"]
        counts = tensors["vocabulary.counts"] if "vocabulary.counts" in tensors else None  # noqa: SIM401  (a Container's missing tensor raises)
        fault = _fault(blob, offsets, counts)
        if fault:
            raise FormatError(f"{where}: {fault}; the file is damaged, make it again.")
        vocabulary = cls(blob, offsets, counts)
        vocabulary._where = where
        return vocabulary

    _where = "Vocabulary"
    _last_map: tuple[Vocabulary, np.ndarray] | None = None

    @functools.cached_property
    def _table(self) -> np.ndarray:
        return self._check_distinct(FormatError, self._where)

    def _check_distinct(self, error: type[Exception], where: str) -> np.ndarray:
        """Build the hash table, or raise `error` if a token occurs twice."""
        from lmkit.numeric import _kernels_hash

        table = empty_table(len(self))
        double = _kernels_hash.build_table(frozen(self._blob), frozen(self._offsets), len(self), table)
        if double >= 0:
            raise error(f"{where}: the token {self.token(double)!r} occurs twice in the vocabulary; keep one of them.")
        self.__dict__["_table"] = table
        return table

    def _find(self, tokens: Sequence[str]) -> np.ndarray:
        return self.find_packed(*_packed(tokens), -1)

    def find_packed(self, blob: np.ndarray, offsets: np.ndarray, missing: int = -1) -> np.ndarray:
        """int32: ids of strings that lie one after the other (blob uint8, offsets int64), `missing` where one is unknown."""
        from lmkit.numeric import _kernels_hash

        found = np.empty(len(offsets) - 1, np.int32)
        _kernels_hash.look_up(frozen(self._blob), frozen(self._offsets), self._table, frozen(blob), frozen(offsets), missing, found)
        return found


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view: kernels see one type whether an array is memory-mapped or not."""
    view = array.view()
    view.flags.writeable = False
    return view


def empty_table(strings: int) -> np.ndarray:
    """A free hash table for so many strings, at most half full. uint64 (2 C,), see numeric/_kernels_hash.py."""
    slots = 1 << max(2 * strings, 16).bit_length()
    return np.zeros(2 * slots, np.uint64)


def gather_strings(blob: np.ndarray, offsets: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blob and offsets of the strings with these ids, in this order."""
    ids = np.asarray(ids, np.int64)
    lengths = offsets[ids + 1] - offsets[ids]
    new_offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(lengths, out=new_offsets[1:])
    places = np.arange(new_offsets[-1]) + np.repeat(offsets[ids] - new_offsets[:-1], lengths)
    return blob[places], new_offsets


def _packed(tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [token.encode("utf-8", "surrogatepass") for token in tokens]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(token) for token in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _check_size(size: int) -> None:
    if size > _MAXIMUM_SIZE:
        raise InvalidParameterError(f"A vocabulary can hold at most {_MAXIMUM_SIZE:,} tokens. Got {size:,}.")


def _fault(blob: np.ndarray, offsets: np.ndarray, counts: np.ndarray | None) -> str:
    """What is wrong with stored arrays, or an empty string."""
    if blob.dtype != np.uint8 or blob.ndim != 1 or offsets.dtype != np.int64 or offsets.ndim != 1:
        return "the vocabulary has tensors of a wrong type"
    if len(offsets) < 4 or not np.array_equal(offsets[:4], _SPECIAL_OFFSETS) or not np.array_equal(blob[:12], _SPECIAL_BLOB):
        return "the vocabulary does not begin with <unk>, <s> and </s>"
    if offsets[-1] != len(blob) or np.any(offsets[1:] <= offsets[:-1]):
        return "the vocabulary's offsets do not rise from 0 to its length"
    if len(offsets) - 1 > _MAXIMUM_SIZE:
        return "the vocabulary has more tokens than ids"
    if counts is not None and (counts.shape != (len(offsets) - 1,) or counts.dtype != np.int64):
        return "the vocabulary's counts do not fit its tokens"
    bad = _first_bad_byte(blob)
    if bad >= 0:
        return f"the vocabulary is not UTF-8 at byte {bad}"
    if np.any((blob[offsets[:-1]] & 0xC0) == 0x80):
        return "a token of the vocabulary begins inside a character"
    return ""


def _first_bad_byte(blob: np.ndarray) -> int:
    """Place of the first byte that is not UTF-8, or -1. Only bytes above 127 are looked at, and the one behind each run of them."""
    high = blob >= 0x80
    kept = high.copy()
    kept[1:] |= high[:-1]
    try:
        blob[kept].tobytes().decode()
    except UnicodeDecodeError as error:
        return int(np.flatnonzero(kept)[error.start])
    return -1
