"""What a pruning method is to the rest of the n-gram package: it takes a model apart into arrays and gives fewer n-grams back."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InvalidParameterError
from lmkit.ngram.querying.backoff import LEAF, NODE
from lmkit.ngram.querying.landmarks import stored_bytes
from lmkit.ngram.querying.table import NgramTable
from lmkit.text.vocabulary import Vocabulary

_NODE_BYTES = NODE.itemsize + 4  # and its word
_LEAF_BYTES = LEAF.itemsize + 4
_WORD_BYTES = 16  # its place and its count in the vocabulary


@dataclasses.dataclass
class Subject:
    """A model that is to be pruned, and what is known of how it was made.

    Attributes
    ----------
    table : its n-grams; `NgramTable.normalise` was called.
    vocabulary : its words.
    is_normalised : whether its scores are probabilities.
    is_interpolated : whether p(w|h) = something of its own + back_off(h) p(w|h') for what was seen.
    boundaries : whether sentences have `<s>` and `</s>`.
    smoothing : name and parameters of the method, {} if it is not known.
    discounts : of each order, for counts of 1 .. K and more; None if they are not known.
    raw_counts : int64 (T,), how often each n-gram occurs; None if it is not known.
    adjusted_counts : int64 (T,), Kneser-Ney's; None if they are not known.
    """

    table: NgramTable
    vocabulary: Vocabulary
    is_normalised: bool = True
    is_interpolated: bool = False
    boundaries: bool = True
    smoothing: dict[str, Any] = dataclasses.field(default_factory=dict)
    discounts: list[list[float]] | None = None
    raw_counts: np.ndarray | None = None
    adjusted_counts: np.ndarray | None = None

    @property
    def predictable(self) -> np.ndarray:
        """bool (V,): which words can be predicted."""
        result = np.ones(self.table.vocabulary_size, np.bool_)
        result[Vocabulary.BOS] = False
        result[Vocabulary.EOS] = self.boundaries
        return result


@dataclasses.dataclass
class Pruned:
    """What is left: the n-grams, bool (V,) the words that stay (None: all), JSON-able details, sentences for the user."""

    table: NgramTable
    kept_words: np.ndarray | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Pruning:
    """Takes n-grams out of a model. A subclass is a frozen dataclass whose fields are the method's parameters."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it does in a few words, for the command line's help."""
    needs_counts: ClassVar[bool] = False

    def prune(self, subject: Subject) -> Pruned:
        """The smaller model. It is normalised where the subject is. Raises UsageError if the subject can't be pruned so."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, JSON-able."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"method": self.name, **{key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}}


@dataclasses.dataclass(frozen=True)
class RankedPruning(Pruning):
    """Pruning to a threshold, to a number of n-grams or to a size: give one of them.

    Attributes
    ----------
    threshold : n-grams that cost less than this go; the unit is the method's.
    ngrams : so many n-grams stay at most, 1-grams among them, which all stay.
    size : bytes that the model takes at most as a file of its own (not compact).
    """

    threshold: float | None = None
    ngrams: int | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        given = [name for name in ("threshold", "ngrams", "size") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) if given else "none of them"
            raise InvalidParameterError(f"{owner} takes one of threshold, ngrams and size. Got {said} instead.")
        if self.threshold is not None:
            check_float(owner, "threshold", self.threshold, minimum=0)
        if self.ngrams is not None:
            check_int(owner, "ngrams", self.ngrams, minimum=1)
        if self.size is not None:
            check_int(owner, "size", self.size, minimum=1)

    def budget(self, subject: Subject) -> Budget:
        """What may stay, by `ngrams` or `size`. Raises InvalidParameterError if the vocabulary alone is more."""
        words, owner = subject.table.vocabulary_size, type(self).__name__
        if self.ngrams is not None:
            if self.ngrams < words:
                raise InvalidParameterError(
                    f"The 'ngrams' parameter of {owner} must be at least {words:,}, the number of words. Got {self.ngrams:,} instead."
                )
            return Budget(self.ngrams)
        assert self.size is not None
        budget = Budget(self.size, fixed_bytes(subject.vocabulary))
        least = budget.used(np.array([words]))
        if self.size < least:
            raise InvalidParameterError(
                f"The 'size' parameter of {owner} must be at least {least:,} bytes, what the {words:,} words take. "
                f"Got {self.size:,} instead."
            )
        return budget


@dataclasses.dataclass(frozen=True)
class Budget:
    """At most `limit` n-grams; or, if `fixed` is given, bytes of a model file, of which so many go to other things than n-grams."""

    limit: int
    fixed: int | None = None

    def used(self, sizes: np.ndarray) -> int:
        """What so many n-grams of each order take."""
        return int(sizes.sum()) if self.fixed is None else self.fixed + ngram_bytes(sizes)

    def fits(self, sizes: np.ndarray) -> bool:
        return self.used(sizes) <= self.limit


def ngram_bytes(sizes: np.ndarray) -> int:
    """Bytes of so many n-grams of each order in a model file; empty highest orders take none."""
    highest = int(np.flatnonzero(sizes)[-1])
    landmarks = stored_bytes(np.concatenate([[0], np.cumsum(sizes[: highest + 1])]))
    return int(sizes[:highest].sum()) * _NODE_BYTES + int(sizes[highest]) * _LEAF_BYTES + landmarks


def fixed_bytes(vocabulary: Vocabulary) -> int:
    """Bytes of a model file beside its n-grams; the header is taken to be 16 kB at most."""
    return len(vocabulary.blob) + len(vocabulary) * _WORD_BYTES + (16 << 10)


def keep_best(effective: np.ndarray, table: NgramTable, budget: Budget) -> np.ndarray:
    """bool (T,): all 1-grams and as many of the n-grams of highest value as fit.

    effective : float64 (T,), never higher than that of the n-gram's context (`_kernels_table.depends`); of equal ones the first stay, so
    that a context stays with its children.
    """
    words = table.vocabulary_size
    order_of = np.repeat(np.arange(table.order), table.sizes)
    ranking = np.argsort(-effective[words:], kind="stable") + words
    low, high = 0, len(ranking)  # so many fit, so many may
    base = np.zeros(table.order, np.int64)
    base[0] = words
    while low < high:
        middle = (low + high + 1) // 2
        if budget.fits(base + np.bincount(order_of[ranking[:middle]], minlength=table.order)):
            low = middle
        else:
            high = middle - 1
    keep = np.zeros(len(table), np.bool_)
    keep[:words] = True
    keep[ranking[:low]] = True
    return keep
