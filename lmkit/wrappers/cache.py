"""A cache of the recent past on top of any language model: words that occurred a moment ago occur again.

p(w|h) = (1 - lambda) p_model(w|h) + lambda c(w) / n, with c(w) the occurrences of w among the last n <= size events of the document
(Kuhn and De Mori 1990, A Cache-Based Natural Language Model for Speech Recognition, section III, one class). At the start of a document,
where nothing is in the cache, it is the model's own. Ends of sentences and `<unk>` are counted as all else, so that it sums to one.

A cache adapts to the text that it scores: its perplexity is reported apart from that of models that don't (Mikolov's 141.2 of a 5-gram on
the Penn Treebank becomes 125.7 with one).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.wrappers.mixture_weights import best_weights
from lmkit.wrappers.wrapper import Wrapper, with_shares


@dataclasses.dataclass(frozen=True)
class CacheState:
    """The model's own state, and for each history the ids that the cache holds, oldest first."""

    inner: Any
    recent: tuple[tuple[int, ...], ...]


class UnigramCache(Wrapper):
    """A language model with a unigram cache; itself a language model.

    Parameters
    ----------
    model : any language model whose scores are probabilities.
    size : events that the cache holds at most.
    weight : lambda in [0, 1]; None learns it from the text that `fit` gets.

    Attributes
    ----------
    weight_ : float, lambda.

    Examples
    --------
    >>> from lmkit import NgramLanguageModel
    >>> from lmkit.wrappers.cache import UnigramCache
    >>> model = NgramLanguageModel(order=1).fit("the cat sat\\nthe dog ran\\na bird flew")
    >>> text = "a bird flew\\na bird sat\\na bird ran\\na bird flew\\na bird sat"
    >>> cached = UnigramCache(model).fit(text)
    >>> round(cached.weight_, 2), round(cached.perplexity(text), 2), round(model.perplexity(text), 2)
    (0.34, 8.75, 9.28)
    """

    def __init__(self, model: LanguageModel, size: int = 500, weight: float | None = None) -> None:
        self.model = model
        self.size = size
        self.weight = weight

    def fit(self, corpus: Any, y: None = None) -> UnigramCache:
        """Learn the weight that makes a held-out text most probable, unless it was given.

        Parameters
        ----------
        corpus : a text that the model was not trained on; anything that models' `fit` takes.

        Raises
        ------
        InvalidParameterError : for a size or weight outside its range.
        InputError : if the text has no events behind the first of a document.
        """
        check_int("UnigramCache", "size", self.size, minimum=1)
        if self.weight is not None:
            self.weight_ = check_float("UnigramCache", "weight", self.weight, minimum=0, maximum=1)
            return self
        return self.fit_events(self.model.score(as_corpus(corpus, self.text_options), self.default_state))

    def fit_events(self, events: ScoredEvents) -> UnigramCache:
        """Learn the weight from what the model said of a held-out text, where it has been scored already. Raises as `fit`."""
        shares = self._shares(events)
        behind = (shares >= 0) & np.isfinite(events.log_probabilities)
        if not behind.any():
            raise InputError("The held-out text has no words behind the first, so a cache learns nothing from it; take a longer one.")
        with np.errstate(divide="ignore"):
            scores = np.stack([events.log_probabilities[behind], np.log(shares[behind])])
        self.weight_ = float(best_weights(scores)[0][1])
        return self

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", **options: Any) -> ScoredEvents:
        """Score every token; the cache is emptied where a document begins, whatever `state` says of the model's own history."""
        self._check_fitted("weight_")
        return self.adapt(self.model.score(as_corpus(corpus, self.text_options), state, **options))

    def adapt(self, events: ScoredEvents) -> ScoredEvents:
        """What the model with its cache says of a text, from what the model alone said."""
        self._check_fitted("weight_")
        return with_shares(events, self._shares(events), self.weight_)

    def adapt_rows(self, rows: np.ndarray, events: ScoredEvents, positions: np.ndarray) -> np.ndarray:
        """The whole distributions before some events of a text, from the model's own.

        Parameters
        ----------
        rows : float64 (B, V), the model's natural-log probabilities before each of these events; left as they are.
        events : of the whole text, with the documents in which the cache is filled.
        positions : int64 (B,), which events.
        """
        self._check_fitted("weight_")
        tokens, document = np.asarray(events.token_ids), np.asarray(events.document)
        result = np.array(rows, np.float64)
        for row, position in zip(result, positions.tolist(), strict=True):
            first = max(int(np.searchsorted(document, document[position])), position - self.size)
            if first < position:
                self._mix(row, *np.unique(tokens[first:position], return_counts=True))
        return result

    def _mix(self, row: np.ndarray, held: np.ndarray, counts: np.ndarray) -> None:
        """Give the tokens of a cache their shares in a distribution."""
        with np.errstate(divide="ignore"):  # of weights 0 and 1
            row += np.log1p(-self.weight_)
            row[held] = np.logaddexp(row[held], np.log(self.weight_ * counts / counts.sum()))

    def initial_state(self, batch: int = 1) -> CacheState:
        """The model's state before the first token, and an empty cache."""
        return CacheState(self.model.initial_state(batch), ((),) * batch)

    def advance(self, state: CacheState, token_ids: Sequence[int] | np.ndarray) -> CacheState:
        """State after one more token in each history."""
        longer = tuple((*held, int(token))[-self.size :] for held, token in zip(state.recent, np.asarray(token_ids).tolist(), strict=True))
        return CacheState(self.model.advance(state.inner, token_ids), longer)

    def log_probs(self, state: CacheState) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""
        self._check_fitted("weight_")
        rows = np.array(self.model.log_probs(state.inner), np.float64)
        for row, held in zip(rows, state.recent, strict=True):
            if held:
                self._mix(row, *np.unique(held, return_counts=True))
        return rows

    def _shares(self, events: ScoredEvents) -> np.ndarray:
        """Share of each event's token in the cache before it, float64 (N,); -1 where the cache is empty."""
        from lmkit.wrappers import _kernels_cache

        starts = np.flatnonzero(np.diff(events.document, prepend=-1)).astype(np.int64)
        shares = np.empty(len(events))
        recent = np.zeros(len(self.vocabulary), np.int64)
        _kernels_cache.recent_shares(np.ascontiguousarray(events.token_ids, np.int32), starts, self.size, recent, shares)
        return shares

    def info(self) -> dict[str, Any]:
        """The card, JSON-able: that of the model, and the cache's size and weight."""
        self._check_fitted("weight_")
        return {"kind": "cache", "size": self.size, "weight": self.weight_, "model": self.model_card()}
