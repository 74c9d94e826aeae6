"""A finished language model of word vectors and what it is asked: scores of texts, histories for decoders, next words, text.

What p(w | h) is, `language_model.py` says, which trains and stores such models.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lmkit.embeddings.word_tree import WordTree
from lmkit.events import ScoredEvents
from lmkit.text.answering import AnsweringModel
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.vocabulary import Vocabulary, frozen

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors


class HistoryScorer(AnsweringModel):
    """Vectors of words and of a tree's inner nodes, the weights of a history's words, and how texts are read.

    Attributes
    ----------
    vocabulary_, text_options_, input_, nodes_, weights_, tree_ : as `EmbeddingLanguageModel` has them.
    metadata_ : JSON-able dict, how the model was made.
    """

    _fitted_with = "input_"
    input_: np.ndarray
    nodes_: np.ndarray
    weights_: np.ndarray
    tree_: WordTree
    metadata_: dict[str, Any]

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token of a text, and the end of every sentence.

        Parameters
        ----------
        corpus : as for `fit`.
        state : "reset" begins each sentence, or document of continuous text, anew. "carry" goes on where the last one ended; it changes
            something for continuous text only, since no history reaches back beyond a sentence.
        threads : by default all cores. The result is the same for any number.
        """
        from lmkit.embeddings._kernels_language_model import score_segments
        from lmkit.embeddings.training.histories import marked_stream

        self._check_fitted("input_")
        encoded: EncodedCorpus = as_corpus(corpus, self.text_options_)
        ends = self.text_options_.sentence_boundaries
        stream, offsets = marked_stream(encoded, self.vocabulary_, state)
        out = np.empty(len(stream) - (len(offsets) - 1 if ends else 0))
        workers = threads or os.cpu_count() or 1
        borders = np.searchsorted(offsets, np.linspace(0, len(stream), 4 * workers + 1)).tolist()
        borders[0], borders[-1] = 0, len(offsets) - 1
        common = frozen(self.input_), frozen(self.nodes_), *self.tree_.paths, frozen(self.tree_.log_before), self.weights_

        def run(part: int) -> None:
            score_segments(
                frozen(stream), frozen(offsets), borders[part], borders[part + 1], int(ends), *common, np.empty(self.input_.shape[1]), out
            )

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(4 * workers)))
        return ScoredEvents.of_corpus(encoded, self.vocabulary_, out, ends=ends)

    def initial_state(self, batch: int = 1) -> np.ndarray:
        """Histories before the first word: int64 (batch, window), ids of the words before, nearest first, -1 for none."""
        self._check_fitted("input_")
        state = np.full((batch, self.weights_.shape[0]), -1, np.int64)
        if self.text_options_.sentence_boundaries:
            state[:, 0] = Vocabulary.BOS
        return state

    def advance(self, state: np.ndarray, token_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Histories after one more token each; behind `</s>` a sentence begins."""
        ids = np.asarray(token_ids, np.int64).reshape(-1, 1)
        after = np.concatenate([ids, state[:, :-1]], axis=1)
        ended = ids[:, 0] == Vocabulary.EOS
        if ended.any():
            after[ended] = self.initial_state(1)
        return after

    def hidden(self, state: np.ndarray) -> np.ndarray:
        """float64 (batch, dim): h of each history."""
        known = state >= 0
        reach = known.sum(1)
        weights = np.where(reach[:, None] > 0, self.weights_[np.maximum(reach, 1) - 1], 0.0)
        found: np.ndarray = np.einsum("bd,bdc->bc", weights * known, self.input_[np.maximum(state, 0)].astype(np.float64))
        return found

    def log_probs(self, state: np.ndarray) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V); -inf for `<s>`."""
        self._check_fitted("input_")
        return self.tree_.log_probs(self.hidden(state) @ self.nodes_.T.astype(np.float64))

    @property
    def vectors_(self) -> WordVectors:
        """The words' vectors u, by falling count, without the specials."""
        from lmkit.embeddings.vectors import WordVectors
        from lmkit.text.strings import StringTable

        self._check_fitted("input_")
        first = Vocabulary.EOS + 1
        order = first + np.argsort(-self.tree_.counts[first:], kind="stable")
        words = StringTable(self.vocabulary_.blob, self.vocabulary_.offsets).pick(order)
        made = {"estimator": type(self).__name__, **self.metadata_}
        return WordVectors(words, self.input_[order], counts=self.tree_.counts[order], text_options=self.text_options_, made=made)
