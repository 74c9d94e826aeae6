"""Is the test text in the training text? Counted by long n-grams that stand in both.

A perplexity over text that a model was trained on says how well it remembers. Two texts that were written apart share few n-grams of
eight words; a test text that was copied into the training text shares nearly all of them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from lmkit._validation import check_int
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
SUSPICIOUS = 0.2
"""Share of n-grams of a test text found in the training text from which people should be told."""


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How many of the test text's n-grams of `length` words, inside sentences, stand in the training text too."""

    length: int
    ngrams: int
    found: int

    @property
    def share(self) -> float:
        """0 to 1; 0 for a text without n-grams of that length."""
        return self.found / self.ngrams if self.ngrams else 0.0

    @property
    def is_suspicious(self) -> bool:
        """Whether so much is shared that the test text must be thought part of the training text."""
        return self.share >= SUSPICIOUS

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self) | {"share": self.share}


def text_overlap(train: EncodedCorpus, test: EncodedCorpus, length: int = 8) -> Overlap:
    """Look the test text's n-grams up among those of the training text, by 64-bit hashes.

    Parameters
    ----------
    length : words of an n-gram, at least 2. With fewer than six, two honest texts share many.
    """
    check_int("text_overlap", "length", length, minimum=2)
    known = np.unique(_hashes(np.asarray(train.ids), train.sentence_offsets, length))
    asked_ids = np.asarray(train.vocabulary.find_packed(test.vocabulary.blob, test.vocabulary.offsets, -1))[test.ids]
    asked = _hashes(asked_ids, test.sentence_offsets, length)
    at = np.searchsorted(known, asked)
    found = np.count_nonzero(known[np.minimum(at, len(known) - 1)] == asked) if len(known) else 0
    return Overlap(length, len(asked), int(found))


def hit_overlap(events: ScoredEvents, order: int, length: int = 8) -> Overlap | None:
    """The test text's runs of `length` words of which an n-gram model knows every n-gram of its highest order: without its training text.

    A run that was trained on is always found, and of honest texts few are: with trigrams 3 % of the runs of an encyclopedia, 6 % of
    newspapers' and 11 % of speeches', with longer n-grams 1 to 4 %. 2-grams would hold 20 to 43 %, and runs of characters stand anywhere.

    Returns
    -------
    None for orders below 3 or above `length`, and for events of other models.
    """
    check_int("hit_overlap", "length", length, minimum=2)
    if events.hit_length is None or not 3 <= order <= length:
        return None
    count = len(events) - length + 1
    if count < 1:
        return Overlap(length, 0, 0)
    known = np.asarray(events.hit_length) >= order
    inside = events.sentence[:count] == events.sentence[length - 1 :]
    whole = inside.copy()
    for place in range(length):
        inside &= ~events.is_end[place : place + count]
        if place >= order - 1:
            whole &= known[place : place + count]
    return Overlap(length, int(np.count_nonzero(inside)), int(np.count_nonzero(inside & whole)))


def _hashes(ids: np.ndarray, sentence_offsets: np.ndarray, length: int) -> np.ndarray:
    """uint64: a hash of each n-gram that lies inside a sentence. Unknown words have the id -1, which no training text holds."""
    if len(ids) < length:
        return np.zeros(0, np.uint64)
    words = ids.astype(np.int64).view(np.uint64) * _MULTIPLIER
    count = len(ids) - length + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(length):
        hashes = (hashes ^ words[place : place + count]) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    ends = np.repeat(sentence_offsets[1:], np.diff(sentence_offsets))[:count]
    return hashes[np.arange(count) + length <= ends]
