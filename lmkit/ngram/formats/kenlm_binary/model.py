"""A model whose n-grams lie in KenLM's hash tables."""

from __future__ import annotations

import functools
import os
from typing import Any, Literal

import numpy as np

from lmkit.events import EventSums, ScoredEvents
from lmkit.ngram.formats.kenlm_binary.header import NAMES, BinaryFile
from lmkit.ngram.formats.kenlm_binary.probing import ProbingTables
from lmkit.ngram.model import NgramLanguageModel
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource
from lmkit.text.vocabulary import Vocabulary


class ProbingLanguageModel(NgramLanguageModel):
    """Scores natively on the mapped tables; for all else its n-grams are found again at the first call, and kept as `trie_`.

    Attributes
    ----------
    tables_ : `ProbingTables`.
    trie_ : `BackoffTrie`, made when it is first asked for. That takes time that grows with the square of the vocabulary; see `recovery`.
    """

    @classmethod
    def of_file(cls, file: BinaryFile, reading: TextOptions | None = None) -> ProbingLanguageModel:
        """From an opened probing file."""
        tables = ProbingTables(file)
        assert tables.words is not None
        vocabulary = tables.words.vocabulary
        has_boundaries = int(tables.words.file_ids[Vocabulary.EOS]) != 0
        options = reading or TextOptions(sentences="line" if has_boundaries else "none")
        model = cls(order=file.header.order, reading=options)
        model.tables_ = tables
        model.order_ = tables.order
        model.vocabulary_ = vocabulary
        model.text_options_ = options
        model.is_normalised_ = True
        model.notes_ = []
        model.metadata_ = {
            "made_by": f"read from KenLM's binary file {file.path} ({NAMES[file.header.kind]})",
            "options": {},
            "notes": [],
        }
        return model

    tables_: ProbingTables

    def _check_fitted(self, attribute: str) -> None:
        """It always is; looking for `trie_` would make it."""

    @functools.cached_property
    def trie_(self) -> BackoffTrie:  # type: ignore[override]
        from lmkit.ngram.formats.kenlm_binary.recovery import recover

        return recover(self.tables_).to_trie()

    @functools.cached_property
    def successors_(self) -> Any:  # type: ignore[override]
        from lmkit.ngram.querying.successors import index_of

        return index_of(self.trie_, len(self.vocabulary_), Vocabulary.BOS)

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score a text; see `NgramLanguageModel.score`."""
        if "tables_" not in self.__dict__:  # a model made of one that was read, such as by pruning
            return super().score(corpus, state, threads)
        encoded = as_corpus(corpus, self.text_options_)
        ends = self.text_options_.sentence_boundaries
        log_prob, hit_length, back_off = self.tables_.score(
            encoded.ids_in(self.vocabulary_),
            encoded.sentence_offsets,
            boundaries=ends,
            carry=state == "carry",
            threads=threads or os.cpu_count() or 1,
        )
        return ScoredEvents.of_corpus(encoded, self.vocabulary_, log_prob, ends=ends, hit_length=hit_length, back_off=back_off)

    def sum_scores(self, source: TextSource, options: TextOptions, threads: int | None = None) -> tuple[EventSums, tuple[str, ...]] | None:
        """None, as long as the n-grams lie in KenLM's tables: their scores are laid out first."""
        return None if "tables_" in self.__dict__ else super().sum_scores(source, options, threads)

    def info(self) -> dict[str, Any]:
        """The model card, JSON-able."""
        if "tables_" not in self.__dict__:
            return super().info()
        return {
            "kind": "ngram",
            "order": self.order_,
            "ngrams": [int(count) for count in np.asarray(self.tables_.counts)],
            "vocabulary_size": len(self.vocabulary_),
            "vocabulary_hash": self.vocabulary_.words_hash,
            "is_normalised": self.is_normalised_,
            "text": self.text_options_.to_dict(),
            **self.metadata_,
        }
