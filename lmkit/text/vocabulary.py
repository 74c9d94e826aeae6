"""Tokens and their ids."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import FormatError, InvalidParameterError, UsageError
from lmkit.text.strings import StringTable, check_size, packed
from lmkit.text.strings import empty_table as empty_table  # these three are also offered here, to those who number words
from lmkit.text.strings import frozen as frozen
from lmkit.text.strings import gather_strings as gather_strings

SPECIALS = ("<unk>", "<s>", "</s>")
_SPECIAL_BLOB = np.frombuffer("".join(SPECIALS).encode(), np.uint8)
_SPECIAL_OFFSETS = np.array([0, 5, 8, 12], np.int64)


class Vocabulary(StringTable):
    """V tokens: `<unk>` 0, `<s>` 1, `</s>` 2, then the words, in order of first appearance (as KenLM numbers them) or by falling count.

    Parameters
    ----------
    blob : uint8 (B,), the tokens in UTF-8, one after the other, specials included.
    offsets : int64 (V+1,), token i is blob[offsets[i]:offsets[i+1]].
    counts : int64 (V,) or None; occurrences of each token; 0 for `<s>` and `</s>`, for `<unk>` the literal ones and those cut off.

    Arrays are used as they are, without a copy, so that they may be memory-mapped; the hash table is built at the first look-up.
    """

    UNK, BOS, EOS = 0, 1, 2
    item = "token"
    group = "vocabulary"

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, counts: np.ndarray | None = None, where: str = "Vocabulary") -> None:
        super().__init__(blob, offsets, where)
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
        blob, offsets = packed([*SPECIALS, *words])
        check_size(len(words) + len(SPECIALS))
        if np.any(np.diff(offsets) == 0):
            raise InvalidParameterError("A vocabulary can't hold the empty token; leave it out.")
        column = None
        if counts is not None:
            column = np.concatenate([np.zeros(len(SPECIALS), np.int64), np.asarray(counts, np.int64)])
            if len(column) != len(offsets) - 1:
                raise InvalidParameterError(f"A vocabulary needs one count a token. Got {len(counts)} counts for {len(words)} tokens.")
        vocabulary = cls(blob, offsets, column)
        vocabulary.check_distinct(InvalidParameterError)
        return vocabulary

    @functools.cached_property
    def words_hash(self) -> str:
        """32 hex digits, the same for vocabularies of the same tokens in any order: their models predict the same events."""
        from lmkit.numeric import _kernels_hash

        first, second = _kernels_hash.set_key(frozen(self._blob), frozen(self._offsets))
        return f"{int(first):016x}{int(second):016x}"

    def id(self, token: str) -> int:
        """Id of a token, 0 (`<unk>`) when it is not in the vocabulary."""
        return max(int(self.find([token])[0]), 0)

    def token(self, token_id: int) -> str:
        """Token of an id, 0 <= token_id < len(self).

        Raises
        ------
        IndexError : for an id outside the vocabulary.
        """
        return self.string(token_id)

    def tokens(self) -> list[str]:
        """All tokens in id order, specials included."""
        return self.strings()

    def decode(self, ids: Iterable[int] | np.ndarray) -> list[str]:
        """Tokens of many ids."""
        return [self.token(int(token_id)) for token_id in ids]

    def lookup(self, tokens: Sequence[str]) -> np.ndarray:
        """int32 (len(tokens),): ids, 0 for unknown tokens."""
        return np.maximum(self.find(tokens), 0)

    def map_from(self, other: Vocabulary) -> np.ndarray:
        """int32 (len(other),): the id in this vocabulary of each token of `other`, 0 where it is unknown."""
        if other is self:
            return np.arange(len(self), dtype=np.int32)
        if self._last_map is None or self._last_map[0] is not other:  # the parts of a text share a vocabulary and come one after the other
            self._last_map = other, self.find_packed(other.blob, other.offsets, 0)
        return self._last_map[1]

    def chosen(self, owner: str, known: Vocabulary | None, min_count: int, max_size: int | None) -> Vocabulary:
        """What a model of a text with this vocabulary is to know: the words given, counted here, or this vocabulary, cut if that is asked.

        Parameters
        ----------
        owner : who has the parameters, for messages.
        known : the words given, or None.
        min_count, max_size : see `cut`; the model calls the second `max_vocabulary_size`.

        Raises
        ------
        InvalidParameterError : for a parameter outside its range.
        UsageError : for words given and a cut.
        """
        check_int(owner, "min_count", min_count, minimum=1)
        if max_size is not None:
            check_int(owner, "max_vocabulary_size", max_size, minimum=len(SPECIALS) + 1)
        if known is None:
            return self if min_count == 1 and max_size is None else self.cut(min_count=min_count, max_size=max_size)
        if min_count > 1 or max_size is not None:
            raise UsageError("A vocabulary that is given is taken as it is; leave out min_count and max_vocabulary_size.")
        return known.counted_in(self)

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
        tensors = self.tensors("vocabulary")
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
        words = cls.from_named_tensors(tensors, "vocabulary", where)
        counts = tensors["vocabulary.counts"] if "vocabulary.counts" in tensors else None  # noqa: SIM401  (a Container's missing tensor raises)
        if counts is not None and (counts.shape != (len(words),) or counts.dtype != np.int64):
            raise FormatError(f"{where}: the vocabulary's counts do not fit its tokens; the file is damaged, make it again.")
        return cls(words.blob, words.offsets, counts, where)

    @classmethod
    def fault(cls, blob: np.ndarray, offsets: np.ndarray) -> str:
        """What is wrong with stored arrays, or an empty string."""
        typed = blob.dtype == np.uint8 and blob.ndim == 1 and offsets.dtype == np.int64 and offsets.ndim == 1
        if typed and (
            len(offsets) < 4 or not np.array_equal(offsets[:4], _SPECIAL_OFFSETS) or not np.array_equal(blob[:12], _SPECIAL_BLOB)
        ):
            return "the vocabulary does not begin with <unk>, <s> and </s>"
        return super().fault(blob, offsets)

    _last_map: tuple[Vocabulary, np.ndarray] | None = None
