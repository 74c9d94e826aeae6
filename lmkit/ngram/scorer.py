"""A finished n-gram model and what it is asked: scores of texts, states for decoders, next words, text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import UsageError
from lmkit.events import EventSums, ScoredEvents, Sum
from lmkit.ngram.querying._kernels_scoring import sum_events
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.ngram.querying.compact import CompactTrie
from lmkit.ngram.querying.successors import index_of
from lmkit.ngram.smoothing import StupidBackOff
from lmkit.text.answering import AnsweringModel, NextWord
from lmkit.text.encoding import as_corpus, encode_prompt
from lmkit.text.known_words import KnownWords, KnownWordsReader
from lmkit.text.options import TextOptions
from lmkit.text.sources import lines_source
from lmkit.text.tokenizers import get_tokenizer
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lmkit.text.sources import TextSource

_LN10 = np.log(10.0)


def _paid_in_scores(alpha: float, order: int, hit_length: np.ndarray, sentence_offsets: np.ndarray, ends: bool) -> np.ndarray:
    """Stupid back-off's alphas in the scores of events, float32, natural logarithm: one for each order above the n-gram that was found.

    An n-gram that begins with <s> is as long as can be, since N - 1 of them stand in front of a sentence.
    """
    paid = (order - hit_length.astype(np.float32)) * np.float32(np.log(alpha))
    if ends:
        lengths = np.diff(sentence_offsets) + 1
        place = np.arange(len(hit_length)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        paid[hit_length == place + 2] = 0
    return paid


class NgramScorer(AnsweringModel):
    """N-grams, their words, and how texts are read: all that a model needs to answer, however it was made.

    Attributes
    ----------
    trie_ : `BackoffTrie`, or `CompactTrie`.
    order_ : int, longest n-gram in the model.
    metadata_ : JSON-able dict, how the model was made.
    """

    metadata_: dict[str, Any]
    _fitted_with = "trie_"

    def _install(self, trie: BackoffTrie | CompactTrie, vocabulary: Vocabulary, options: TextOptions, is_normalised: bool = True) -> None:
        self.trie_ = trie
        self.successors_ = index_of(trie, len(vocabulary), Vocabulary.BOS)
        self.order_ = trie.order
        self.vocabulary_ = vocabulary
        self.text_options_ = options
        self.is_normalised_ = is_normalised

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    @property
    def is_normalised(self) -> bool:
        self._check_fitted("trie_")
        return self.is_normalised_

    @property
    def _stored_alpha(self) -> float | None:
        """What stupid back-off pays for each order that misses: its scores hold it already, and the trie no back-off weights."""
        estimation = self.metadata_.get("estimation")
        smoothing = estimation.get("smoothing") if isinstance(estimation, dict) else None
        if not isinstance(smoothing, dict) or smoothing.get("name") != StupidBackOff.name:
            return None
        return float(smoothing.get("alpha", StupidBackOff.alpha))

    @property
    def _begin_state(self) -> Any:
        return self.trie_.state_of([Vocabulary.BOS] if self.text_options_.sentence_boundaries else [])

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token of a text, and the end of every sentence.

        Parameters
        ----------
        corpus : as for `fit`.
        state : "reset" begins each sentence anew. "carry" goes on where the last one ended; it changes something for continuous text only,
            since no n-gram reaches back beyond an end.
        threads : number of threads, by default all cores. The result is the same for any number.
        """
        self._check_fitted("trie_")
        encoded = as_corpus(corpus, self.text_options_)
        ends = self.text_options_.sentence_boundaries
        log_prob, hit_length, back_off = self.trie_.score(
            encoded.ids_in(self.vocabulary_),
            encoded.sentence_offsets,
            self._begin_state,
            ends=ends,
            carry=state == "carry",
            threads=threads or os.cpu_count() or 1,
        )
        alpha = self._stored_alpha
        if alpha is not None:
            back_off = _paid_in_scores(alpha, self.order_, hit_length, encoded.sentence_offsets, ends)
        return ScoredEvents.of_corpus(
            encoded, self.vocabulary_, log_prob, ends=ends, hit_length=hit_length, back_off=back_off, is_normalised=self.is_normalised_
        )

    def sum_scores(self, source: TextSource, options: TextOptions, threads: int | None = None) -> tuple[EventSums, tuple[str, ...]] | None:
        """Add up the scores of a text, block by block, without keeping them: a fraction of the time of `score`.

        Parameters
        ----------
        source : from `lmkit.text.open_source`.
        options : how it is read.
        threads : number of threads, by default all cores. The result is the same for any number.

        Returns
        -------
        The sums and the notes of the reading, or None if `options` need the text to be encoded first.
        """
        self._check_fitted("trie_")
        if not (KnownWordsReader.can_read(options) and options.sentence_boundaries == self.text_options_.sentence_boundaries):
            return None
        trie, begin = self.trie_, self._begin_state

        def add_up(words: KnownWords) -> EventSums:
            ids, offsets = words.ids, words.sentence_offsets
            counts, sums = np.zeros(4, np.int64), np.zeros(3)
            sum_events(trie.log_probabilities(ids, offsets, begin, ends=True), ids, offsets, True, counts, sums)
            known, unknown, ended = (Sum(int(count), float(total)) for count, total in zip(counts[:3], sums, strict=True))
            return EventSums(known, unknown, ended, int(counts[3]), words.characters, words.bytes, len(offsets) - 1)

        reader = KnownWordsReader(source, options, self.vocabulary_)
        return sum(reader.map(add_up, threads or os.cpu_count() or 1), EventSums()), reader.notes

    def score_sentences(self, sentences: Iterable[str], threads: int = 1) -> np.ndarray:
        """The log probability of each of many sentences, its end included: what rescoring lists of hypotheses needs, and nothing else.

        Parameters
        ----------
        sentences : one string each, read as the model's text; an empty one is an end alone.
        threads : number of threads. The result is the same for any number.

        Returns
        -------
        float64 (S,), natural logarithms; -inf where an event is impossible.

        Raises
        ------
        UsageError : for a model of continuous text, which has no sentences.

        Examples
        --------
        >>> from lmkit import NgramLanguageModel
        >>> model = NgramLanguageModel(order=3).fit("the cat sat\\nthe cat ran\\nthe dog sat")
        >>> model.score_sentences(["the dog ran", "ran dog the"]).round(2).tolist()
        [-5.6, -10.43]
        """
        self._check_fitted("trie_")
        options = self.text_options_.replace(blank_lines="keep", encoding="utf-8")
        if not options.sentence_boundaries:
            raise UsageError("This model was made from continuous text and knows no sentences; use score instead.")
        trie, begin = self.trie_, self._begin_state

        def totals(ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
            return np.add.reduceat(trie.log_probabilities(ids, offsets, begin, ends=True), offsets[:-1] + np.arange(len(offsets) - 1))

        if not KnownWordsReader.can_read(options):
            options = options.replace(sentences="line", sentence_model=None)
            corpora = [as_corpus([sentence, "x"], options) for sentence in sentences]  # the second keeps an empty one from being no text
            parts = [totals(corpus.ids_in(self.vocabulary_), corpus.sentence_offsets)[:1] for corpus in corpora]
        else:
            reader = KnownWordsReader(lines_source(sentences), options, self.vocabulary_, may_be_empty=True)
            parts = list(reader.map(lambda words: totals(words.ids, words.sentence_offsets), threads))
        return np.concatenate(parts) if parts else np.empty(0)

    def initial_state(self, batch: int = 1) -> np.ndarray:
        """States before the first word, int64 (batch,), or (batch, order) of a compact model."""
        self._check_fitted("trie_")
        return np.repeat(np.asarray(self._begin_state)[np.newaxis], batch, axis=0)

    def advance(self, state: np.ndarray, token_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """States after one more word each, as `initial_state` gives them; behind `</s>` a sentence begins."""
        ids = np.asarray(token_ids)
        after = self.trie_.advance(state, ids)
        if self.text_options.sentence_boundaries and (ended := ids == Vocabulary.EOS).any():
            after[ended] = self._begin_state
        return after

    def context_length(self, state: np.ndarray) -> np.ndarray:
        """How many words of each history matter to the model, int64 (batch,), 0 to order - 1.

        Raises
        ------
        UsageError : for the compact form, whose states don't tell.
        """
        self._check_fitted("trie_")
        if isinstance(self.trie_, CompactTrie):
            raise UsageError("The compact form doesn't tell how much of a history it knows; take the fast form (`fast`, or lmkit convert).")
        return self.trie_.context_length(np.asarray(state))

    def log_probs(self, state: np.ndarray) -> np.ndarray:
        """Natural logarithms of the next word's probabilities, float64 (batch, vocabulary); -inf for `<s>`."""
        self._check_fitted("trie_")
        rows = [self.trie_.distribution(one, len(self.vocabulary_))[0] for one in state]
        result = np.stack(rows) * _LN10
        result[:, Vocabulary.BOS] = -np.inf
        return result

    # -- what people ask -------------------------------------------------------------------------------------------------------------------

    def next_words(self, prompt: str | Sequence[str] = "", top: int = 10, *, mid_sentence: bool = False) -> list[NextWord]:
        """The most probable tokens after a prompt, `</s>` and `<unk>` among them, most probable first.

        prompt : text, or its tokens. mid_sentence : whether the prompt stands somewhere in a sentence, and not at its beginning.
        """
        check_int("next_words", "top", top, minimum=1)
        self._check_fitted("trie_")
        ids, log10, lengths = self.successors_.top(self._state_after(prompt, mid_sentence)[0], top)
        tokens = self.vocabulary_.decode(ids)
        return [NextWord(*row) for row in zip(tokens, (10.0**log10).tolist(), lengths.tolist(), strict=True)]

    def sample(
        self,
        count: int,
        prompt: str | Sequence[str] = "",
        *,
        max_tokens: int = 100,
        allow_unknown: bool = False,
        rng: np.random.Generator | int | None = None,
    ) -> list[str]:
        """Draw many continuations of a prompt at once, exactly from the model's distribution.

        Parameters
        ----------
        count : how many texts.
        max_tokens : longest continuation; without sentence boundaries each has this length.
        allow_unknown : whether `<unk>` may be drawn.
        rng : generator or seed.

        Raises
        ------
        UsageError : if the model's scores are no probabilities.
        """
        check_int("sample", "count", count, minimum=1)
        check_int("sample", "max_tokens", max_tokens, minimum=1)
        tokens = encode_prompt(prompt, self.text_options)
        if not self.is_normalised_:
            raise UsageError("This model's scores are no probabilities, so they can't be drawn from in batches; use generate instead.")
        states = np.repeat(self._state_after(prompt), count, axis=0)
        ids, lengths = self.successors_.draw(
            states,
            max_tokens,
            np.random.default_rng(rng),
            end_id=Vocabulary.EOS,
            refused_id=-1 if allow_unknown else Vocabulary.UNK,
        )
        words = self.vocabulary_.tokens()
        detokenize = get_tokenizer(self.text_options_.tokenizer).detokenize
        return [detokenize([*tokens, *(words[i] for i in row[:length])]) for row, length in zip(ids, lengths, strict=True)]

    def _state_after(self, prompt: str | Sequence[str], mid_sentence: bool = False) -> np.ndarray:
        begin = [Vocabulary.BOS] if self.text_options.sentence_boundaries and not mid_sentence else []
        ids = self.vocabulary_.lookup(encode_prompt(prompt, self.text_options_))
        return np.asarray(self.trie_.state_of([*begin, *ids]))[np.newaxis]
