"""Where a perplexity comes from: the events sorted into buckets, and each model's share of bits and perplexity in each.

A bucket depends on the text alone (or on a reference such as the counts of the training text), never on the model that is judged, so
that all models are seen over the same events.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmkit.errors import UsageError
from lmkit.evaluation.distributions import sentence_starts
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import Vocabulary

_FREQUENCY_EDGES = (1, 2, 4, 11, 101, 1_001, 10_001)
_LENGTH_EDGES = (6, 11, 21, 31, 51)
_POSITIONS = (1, 2, 3, 4, 5, 10, 20, 50)
_LN2 = math.log(2)


@dataclasses.dataclass(frozen=True)
class Buckets:
    """Events sorted by one property.

    Attributes
    ----------
    title : what they are sorted by.
    labels : name of each bucket.
    index : int (N,), the bucket of each event.
    """

    title: str
    labels: tuple[str, ...]
    index: np.ndarray


@dataclasses.dataclass(frozen=True)
class BucketRow:
    """One bucket: how many events it has, and what each model paid for them.

    perplexity : exp of the mean negative log probability, one a model; share : of all the bits that the model paid, one a model.
    """

    label: str
    events: int
    perplexity: tuple[float, ...]
    share: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)


def bucket_rows(buckets: Buckets, streams: Sequence[ScoredEvents]) -> list[BucketRow]:
    """The rows of a table; buckets without events are left out. streams : of several models over the same events."""
    count = len(buckets.labels)
    sizes = np.bincount(buckets.index, minlength=count)
    sums = []
    for events in streams:
        if len(events) != len(buckets.index):
            raise UsageError(f"The buckets are those of {len(buckets.index):,} events, not of these {len(events):,}.")
        sums.append(np.bincount(buckets.index, weights=-events.log_probabilities, minlength=count))
    totals = [float(column.sum()) for column in sums]
    rows = []
    for bucket in np.flatnonzero(sizes).tolist():
        means = [float(column[bucket]) / int(sizes[bucket]) for column in sums]
        shares = [float(column[bucket]) / total if 0 < total < math.inf else math.nan for column, total in zip(sums, totals, strict=True)]
        perplexities = tuple(math.exp(mean) if mean < 709 else math.inf for mean in means)
        rows.append(BucketRow(buckets.labels[bucket], int(sizes[bucket]), perplexities, tuple(shares)))
    return rows


def by_training_frequency(events: ScoredEvents, counts: np.ndarray) -> Buckets:
    """By how often the word occurred in the training text. counts : int64 (V,), of the vocabulary of `events`."""
    labels = ("never, or <unk>", *_ranges(_FREQUENCY_EDGES), "end of sentence")
    occurred = np.asarray(counts)[events.token_ids]
    index = np.searchsorted(_FREQUENCY_EDGES, occurred, side="right")
    index[events.is_oov] = 0
    index[events.is_end] = len(labels) - 1
    return Buckets("times in the training text", labels, index)


def by_hit_length(events: ScoredEvents) -> Buckets:
    """By the length of the n-gram that gave the probability, in the n-gram model that scored `events`. Raises UsageError for others."""
    if events.hit_length is None:
        raise UsageError("Only an n-gram model's events know the length of the n-gram that was hit; name one as the reference.")
    longest = int(events.hit_length.max(initial=0))
    return Buckets("length of the n-gram hit", tuple(str(n) for n in range(longest + 1)), np.asarray(events.hit_length, np.int64))


def by_position(events: ScoredEvents) -> Buckets:
    """By the place of the event in its sentence, counted from 1."""
    starts = sentence_starts(events)
    position = np.arange(len(events)) - starts[_sentence_ranks(events)] + 1
    labels = _ranges(_POSITIONS)
    return Buckets("position in the sentence", labels, np.searchsorted(_POSITIONS, position, side="right") - 1)


def by_sentence_length(events: ScoredEvents) -> Buckets:
    """By the number of events of the sentence, its end included."""
    starts = sentence_starts(events)
    lengths = np.diff(np.append(starts, len(events)))
    labels = (f"up to {_LENGTH_EDGES[0] - 1}", *_ranges(_LENGTH_EDGES))
    return Buckets("length of the sentence", labels, np.searchsorted(_LENGTH_EDGES, lengths, side="right")[_sentence_ranks(events)])


def by_word_class(events: ScoredEvents, corpus: EncodedCorpus) -> Buckets:
    """By what the word looks like: number, punctuation, capitals, lower case. corpus : the text that was scored."""
    labels = ("lower-case word", "Capitalised word", "ALL CAPITALS", "with a digit", "punctuation", "other", "<unk> in the text", "end")
    kinds = np.fromiter((_look(token) for token in corpus.vocabulary.tokens()), np.int64, len(corpus.vocabulary))
    kinds[Vocabulary.UNK] = 6
    index = np.full(len(events), 7, np.int64)
    if int(np.count_nonzero(~events.is_end)) != len(corpus):
        raise UsageError(
            f"The text has {len(corpus):,} words, the events {int(np.count_nonzero(~events.is_end)):,}: they are of another text."
        )
    index[~events.is_end] = kinds[corpus.ids]
    return Buckets("kind of word", labels, index)


@dataclasses.dataclass(frozen=True)
class WordDifference:
    """A type of the text, how often it occurs, and how many bits more the first model pays for it than the second, all told."""

    token: str
    count: int
    bits: float


@dataclasses.dataclass(frozen=True)
class SentenceDifference:
    """A sentence by its index, its text, its events, and how many bits more the first model pays for it than the second."""

    sentence: int
    text: str
    events: int
    bits: float


def differing_words(
    first: ScoredEvents, second: ScoredEvents, corpus: EncodedCorpus, top: int = 10
) -> tuple[list[WordDifference], list[WordDifference]]:
    """The words on which two models differ most over the whole text: those where the second is better, and where the first is.

    Ends of sentences count as one word, `</s>`. Left out are events that either model holds impossible, and, if their vocabularies differ,
    words that one of them doesn't know.
    """
    gap = _gap(first, second)
    types = np.full(len(first), Vocabulary.EOS, np.int64)
    types[~first.is_end] = corpus.ids
    size = len(corpus.vocabulary)
    bits = np.bincount(types, weights=gap, minlength=size)
    counts = np.bincount(types, minlength=size)
    order = np.argsort(bits, kind="stable")

    def rows(chosen: np.ndarray, sign: int) -> list[WordDifference]:
        return [WordDifference(corpus.vocabulary.token(int(i)), int(counts[i]), float(bits[i])) for i in chosen if sign * bits[i] > 0]

    return rows(order[::-1][:top], 1), rows(order[:top], -1)


def differing_sentences(
    first: ScoredEvents, second: ScoredEvents, corpus: EncodedCorpus, top: int = 5
) -> tuple[list[SentenceDifference], list[SentenceDifference]]:
    """The sentences on which two models differ most, by bits an event: those where the second is better, and where the first is."""
    gap = _gap(first, second)
    starts = sentence_starts(first)
    if not len(starts):
        return [], []
    bits = np.add.reduceat(gap, starts)
    lengths = np.diff(np.append(starts, len(first)))
    order = np.argsort(bits / lengths, kind="stable")

    def rows(chosen: np.ndarray, sign: int) -> list[SentenceDifference]:
        found = []
        for rank in chosen:
            if sign * bits[rank] > 0:
                sentence = int(first.sentence[starts[rank]])
                text = " ".join(corpus.vocabulary.decode(corpus.sentence_ids(sentence)))
                found.append(SentenceDifference(sentence, text, int(lengths[rank]), float(bits[rank])))
        return found

    return rows(order[::-1][:top], 1), rows(order[:top], -1)


def all_buckets(events: ScoredEvents, corpus: EncodedCorpus, counts: np.ndarray | None) -> Mapping[str, Buckets]:
    """Every way of sorting that these events allow, by a short name. counts : of the training text, or None."""
    found: dict[str, Buckets] = {}
    if counts is not None:
        found["frequency"] = by_training_frequency(events, counts)
    if events.hit_length is not None:
        found["hit_length"] = by_hit_length(events)
    found["position"] = by_position(events)
    found["sentence_length"] = by_sentence_length(events)
    found["word_class"] = by_word_class(events, corpus)
    return found


def _gap(first: ScoredEvents, second: ScoredEvents) -> np.ndarray:
    """Bits that the first model pays more, float64 (N,); 0 where the two can't be set against each other.

    That is where either holds the event impossible, and where models of different vocabularies don't both know the word.
    """
    with np.errstate(invalid="ignore"):
        gap = (second.log_probabilities - first.log_probabilities) / _LN2
    compared = np.isfinite(gap)
    if first.vocabulary_hash != second.vocabulary_hash:
        compared &= ~(first.is_oov | second.is_oov)
    return np.where(compared, gap, 0.0)


def _sentence_ranks(events: ScoredEvents) -> np.ndarray:
    ranks = np.zeros(len(events), np.int64)
    ranks[1:] = np.cumsum(np.diff(events.sentence) != 0)
    return ranks


def _ranges(edges: Sequence[int]) -> tuple[str, ...]:
    """Labels of the ranges that begin at each edge: `1`, `2-3`, ..., `50 and more`."""
    labels = []
    for low, after in itertools.pairwise(edges):
        labels.append(f"{low:,}" if after == low + 1 else f"{low:,}-{after - 1:,}")
    return (*labels, f"{edges[-1]:,} and more")


def _look(token: str) -> int:
    if any(char.isdigit() for char in token):
        return 3
    letters = [char for char in token if char.isalpha()]
    if not letters:
        return 4
    if all(char.islower() for char in letters):
        return 0
    if len(letters) > 1 and all(char.isupper() for char in letters):
        return 2
    if letters[0].isupper():
        return 1
    return 5
