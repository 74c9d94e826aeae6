"""Scored events: one record for each predicted token, written by every model of every family. All metrics derive from it.

The record stands at the bottom of the package so that the families can write it; what is computed from it lies in `lmkit.evaluation`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Sum:
    """A number of events and the sum of their natural-log probabilities."""

    count: int = 0
    log_probability: float = 0.0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.count + other.count, self.log_probability + other.log_probability)

    @property
    def perplexity(self) -> float:
        """exp(-mean); nan without events, inf if a probability is 0."""
        if self.count == 0:
            return math.nan
        mean = -self.log_probability / self.count
        return math.exp(mean) if mean < 709 else math.inf


@dataclasses.dataclass(frozen=True)
class EventSums:
    """What remains of scored events when they are only added up; blocks of one text add up with `+`.

    Attributes
    ----------
    known_words, unknown_words, ends : `Sum` of the three kinds of events.
    zero_probabilities : number of events with probability 0.
    characters, bytes : what the events cover of the text, separators included.
    sentences : number of sentences.
    """

    known_words: Sum = Sum()
    unknown_words: Sum = Sum()
    ends: Sum = Sum()
    zero_probabilities: int = 0
    characters: int = 0
    bytes: int = 0
    sentences: int = 0

    def __add__(self, other: EventSums) -> EventSums:
        return EventSums(*(getattr(self, field.name) + getattr(other, field.name) for field in dataclasses.fields(self)))


@dataclasses.dataclass(eq=False)
class ScoredEvents:
    """N predicted tokens and what a model said of each.

    Attributes
    ----------
    token_ids : int32 (N,), ids in the model's vocabulary; unknown words have the id of `<unk>`.
    log_probabilities : float64 (N,), natural logarithm, -inf where the model gives none.
    is_oov : bool (N,), the token is not in the model's vocabulary (or is a literal `<unk>`).
    is_end : bool (N,), the event is an end of sentence.
    characters, bytes : int32 (N,), what the event covers of the text in Unicode code points and UTF-8 bytes, the separator before a word
        and the newline of an end included; over a text the sums are its length, white space folded to single separators.
    sentence : int64 (N,), index of the sentence, counted from 0; never decreasing.
    document : int64 (N,), index of the document.
    vocabulary_size : number of tokens the model can predict, `<unk>` and `</s>` included where it can.
    vocabulary_hash : `Vocabulary.words_hash` of the model's, the same for the same words in any order.
    hit_length : int8 (N,) or None: length of the n-gram that gave the probability (n-gram models).
    back_off : float32 (N,) or None: natural logarithm of the back-off weights that were paid on the way, <= 0 for most.
    rank : float32 (N,) or None: place of the token among all tokens by falling probability, 1 for the most probable; tokens of equal
        probability share the middle of their places. nan where nobody asked (`lmkit.evaluation.ranks`).
    is_normalised : False if the model's scores don't sum to one after each history (stupid back-off): then they are no probabilities.
    """

    token_ids: np.ndarray
    log_probabilities: np.ndarray
    is_oov: np.ndarray
    is_end: np.ndarray
    characters: np.ndarray
    bytes: np.ndarray
    sentence: np.ndarray
    document: np.ndarray
    vocabulary_size: int
    vocabulary_hash: str
    hit_length: np.ndarray | None = None
    back_off: np.ndarray | None = None
    rank: np.ndarray | None = None
    is_normalised: bool = True

    def __len__(self) -> int:
        return len(self.token_ids)

    def __getitem__(self, chosen: slice) -> ScoredEvents:
        """The events of a slice, as views."""
        columns: dict[str, Any] = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return dataclasses.replace(self, **columns)

    def perplexity(self, *, include_oov: bool = True, include_ends: bool = True) -> float:
        """exp of the mean negative log probability over the chosen events; nan if there are none."""
        chosen = np.ones(len(self), np.bool_)
        if not include_oov:
            chosen &= ~self.is_oov
        if not include_ends:
            chosen &= ~self.is_end
        count = int(np.count_nonzero(chosen))
        if count == 0:
            return math.nan
        mean = float(self.log_probabilities[chosen].sum()) / count
        return math.inf if mean == -math.inf else math.exp(-mean) if mean > -700 else math.inf

    @staticmethod
    def of_corpus(
        corpus: EncodedCorpus,
        vocabulary: Vocabulary,
        log_probabilities: np.ndarray,
        *,
        ends: bool,
        hit_length: np.ndarray | None = None,
        back_off: np.ndarray | None = None,
        is_normalised: bool = True,
    ) -> ScoredEvents:
        """Lay the scores of a corpus out as events: every word in order and, with `ends`, the end of each sentence behind its words.

        corpus : what was scored; its own vocabulary gives each word's length, unknown ones included.
        vocabulary : the model's.
        log_probabilities, hit_length, back_off : (N,) in that order of events.
        """
        from lmkit._kernels_events import lay_out_events

        total = len(corpus.ids) + (corpus.n_sentences if ends else 0)
        events = ScoredEvents(
            token_ids=np.empty(total, np.int32),
            log_probabilities=log_probabilities,
            is_oov=np.empty(total, np.bool_),
            is_end=np.empty(total, np.bool_),
            characters=np.empty(total, np.int32),
            bytes=np.empty(total, np.int32),
            sentence=np.empty(total, np.int64),
            document=np.empty(total, np.int64),
            vocabulary_size=len(vocabulary) - (1 if ends else 2),
            vocabulary_hash=vocabulary.words_hash,
            hit_length=hit_length,
            back_off=back_off,
            is_normalised=is_normalised,
        )
        type_characters, type_bytes = corpus.type_lengths
        inputs = (corpus.ids, vocabulary.map_from(corpus.vocabulary), corpus.sentence_offsets, corpus.document_offsets)
        lay_out_events(
            *(_frozen(array) for array in (*inputs, type_characters, type_bytes)),
            1 if corpus.options.is_word_level else 0,
            ends,
            vocabulary.EOS,
            events.token_ids,
            events.is_oov,
            events.is_end,
            events.characters,
            events.bytes,
            events.sentence,
            events.document,
        )
        return events

    @staticmethod
    def concatenate(parts: Sequence[ScoredEvents]) -> ScoredEvents:
        """Join events of one model over consecutive parts of a text. Sentence and document indices must already run on."""
        if not parts:
            raise ValueError("nothing to join")
        arrays: dict[str, np.ndarray | None] = {}
        for field in dataclasses.fields(ScoredEvents):
            if field.name.startswith(("vocabulary", "is_normalised")):
                continue
            columns = [getattr(part, field.name) for part in parts]
            arrays[field.name] = None if any(column is None for column in columns) else np.concatenate(columns)
        return ScoredEvents(
            vocabulary_size=parts[0].vocabulary_size,
            vocabulary_hash=parts[0].vocabulary_hash,
            is_normalised=parts[0].is_normalised,
            **arrays,  # type: ignore[arg-type]
        )


def _frozen(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view: the kernel then meets one type whether the array is mapped from a file or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
