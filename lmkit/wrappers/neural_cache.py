"""A cache that remembers in which state a network was when a word came: like states are followed by like words.

p(w | h_t) = (1 - lambda) p_model(w | h_t) + lambda p_cache(w | h_t), where p_cache(w | h_t) is in proportion to the sum over the last
n <= size events i of the document that were w of e^(theta h_t . h_i) (Grave, Joulin and Usunier 2017, Improving neural language models
with a continuous cache, equations 2 to 4, linear interpolation); h_i is the vector that the model predicted event i from. Both parts sum
to one, so the whole does. The cache is empty where a document begins.

It adapts to the text that it scores: its perplexity is reported apart from that of models that don't.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError, UsageError
from lmkit.events import ScoredEvents
from lmkit.numeric import _kernels_gemm as gemm
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.wrappers.mixture_weights import best_weights
from lmkit.wrappers.wrapper import Wrapper, with_shares

THETAS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0)
"""What `fit` chooses theta from: those of the paper's figure 3, and a step further."""


@dataclasses.dataclass(frozen=True)
class NeuralCacheState:
    """The model's own state, and for each history the entries of its cache, oldest first: (vector, token that followed it)."""

    inner: Any
    memory: tuple[tuple[tuple[np.ndarray, int], ...], ...]


class NeuralCache(Wrapper):
    """A neural language model with a continuous cache; itself a language model.

    Parameters
    ----------
    model : a language model that tells its hidden vectors: a network.
    size : events that the cache holds at most.
    weight : lambda in [0, 1]; None learns it from the text that `fit` gets.
    theta : >= 0, how much the likeness of states matters; 0 makes it a cache of words. None chooses from `THETAS` by the text of `fit`.

    Attributes
    ----------
    weight_, theta_ : floats.
    """

    def __init__(self, model: LanguageModel, size: int = 500, weight: float | None = None, theta: float | None = None) -> None:
        self.model = model
        self.size = size
        self.weight = weight
        self.theta = theta

    def fit(self, corpus: Any, y: None = None, state: Literal["reset", "carry"] | None = None) -> NeuralCache:
        """Choose theta, and learn the weight that makes a held-out text most probable, where they were not given.

        Parameters
        ----------
        corpus : a text that the model was not trained on and that is not scored later; ignored where both were given.
        state : how the model reads it, as of `score`.

        Raises
        ------
        InvalidParameterError : for a size, weight or theta outside its range.
        UsageError : for a model without hidden vectors.
        InputError : if the text has no events behind the first of a document.
        """
        check_int("NeuralCache", "size", self.size, minimum=1)
        if not callable(getattr(self.model, "hidden_rows", None)):
            raise UsageError(
                f"A neural cache needs the states of a recurrent network, which a {type(self.model).__name__} has not; a unigram cache "
                "serves any model."
            )
        weight = None if self.weight is None else check_float("NeuralCache", "weight", self.weight, minimum=0, maximum=1)
        thetas = THETAS if self.theta is None else (check_float("NeuralCache", "theta", self.theta, minimum=0),)
        if weight is not None and len(thetas) == 1:
            self.weight_, self.theta_ = weight, thetas[0]
            return self
        encoded, how = as_corpus(corpus, self.text_options), state or self.default_state
        events = self.model.score(encoded, how)
        shares = self._shares(encoded, events, how, thetas)
        behind = (shares[0] >= 0) & np.isfinite(events.log_probabilities)
        if not behind.any():
            raise InputError("The held-out text has no words behind the first, so a cache learns nothing from it; take a longer one.")
        best = -np.inf
        for theta, row in zip(thetas, shares, strict=True):
            with np.errstate(divide="ignore"):
                scores = np.stack([events.log_probabilities[behind], np.log(row[behind])])
                learnt = float(best_weights(scores)[0][1]) if weight is None else weight
                total = float(np.logaddexp(np.log1p(-learnt) + scores[0], np.log(learnt) + scores[1]).sum())
            if total > best or theta == thetas[0]:
                best, self.weight_, self.theta_ = total, learnt, float(theta)
        return self

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", **options: Any) -> ScoredEvents:
        """Score every token; the cache is emptied where a document begins, whatever `state` says of the model's own history."""
        self._check_fitted("weight_")
        encoded = as_corpus(corpus, self.text_options)
        events = self.model.score(encoded, state, **options)
        shares = self._shares(encoded, events, state, (self.theta_,))[0]
        return with_shares(events, shares, self.weight_)

    def initial_state(self, batch: int = 1) -> NeuralCacheState:
        """The model's state before the first token, and an empty cache."""
        return NeuralCacheState(self.model.initial_state(batch), ((),) * batch)

    def advance(self, state: NeuralCacheState, token_ids: Sequence[int] | np.ndarray) -> NeuralCacheState:
        """State after one more token in each history."""
        vectors = self.model.hidden(state.inner)  # type: ignore[attr-defined]  # fit has asked for it
        tokens = [int(token_id) for token_id in token_ids]
        memory = tuple((*held, (vector, token))[-self.size :] for held, vector, token in zip(state.memory, vectors, tokens, strict=True))
        return NeuralCacheState(self.model.advance(state.inner, token_ids), memory)

    def log_probs(self, state: NeuralCacheState) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""
        self._check_fitted("weight_")
        rows = np.array(self.model.log_probs(state.inner), np.float64)
        vectors = self.model.hidden(state.inner)  # type: ignore[attr-defined]
        for row, now, held in zip(rows, vectors, state.memory, strict=True):
            if held:
                alike = self.theta_ * (np.stack([vector for vector, _ in held]) @ now).astype(np.float64)
                share = np.bincount([token for _, token in held], np.exp(alike - alike.max()), minlength=len(row))
                with np.errstate(divide="ignore"):
                    row[:] = np.logaddexp(np.log1p(-self.weight_) + row, np.log(self.weight_ * share / share.sum()))
        return rows

    def info(self) -> dict[str, Any]:
        """The card, JSON-able: that of the model, and the cache's size, weight and theta."""
        self._check_fitted("weight_")
        return {"kind": "neural-cache", "size": self.size, "weight": self.weight_, "theta": self.theta_, "model": self.model_card()}

    # -- shares of the cache ---------------------------------------------------------------------------------------------------------------

    def _shares(self, corpus: Any, events: ScoredEvents, state: Literal["reset", "carry"], thetas: Sequence[float]) -> np.ndarray:
        """What the cache gives each event's token, float64 (len(thetas), N); -1 where it is empty."""
        from lmkit.wrappers import _kernels_adaptive

        ids = np.ascontiguousarray(events.token_ids, np.int32)
        begins = np.searchsorted(events.document, events.document)  # where each event's document begins
        shares, levels = np.empty((len(thetas), len(ids))), np.array(thetas, np.float64)
        done = 0
        for hidden, known in self._memories(corpus, state):
            places = np.arange(done, done + len(hidden))
            origin = done + len(hidden) - len(known)  # the event of the memory's first entry
            first = np.maximum(np.maximum(begins[places], places - self.size), origin) - origin
            packed = gemm.empty_packed(known.shape[1], len(known), known.dtype)
            gemm.pack_transposed(known, packed)
            alike = np.zeros((len(hidden), len(known)), known.dtype)
            gemm.add_product(
                hidden, 0, hidden.shape[1], len(hidden), packed, len(known), alike, 0, len(known), gemm.empty_edge(known.dtype)
            )
            part = np.empty((len(thetas), len(hidden)))
            held = ids[origin : origin + len(known)]
            _kernels_adaptive.cache_shares(
                alike, first, places - origin, held, ids[places], levels, part, np.empty(len(known), known.dtype)
            )
            shares[:, places] = part
            done += len(hidden)
        return shares

    def _memories(self, corpus: Any, state: Literal["reset", "carry"]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(vectors of a piece of the text, those and up to `size` before them)."""
        before: np.ndarray | None = None
        for piece in self.model.hidden_rows(corpus, state):  # type: ignore[attr-defined]
            hidden = np.ascontiguousarray(piece)
            known = hidden.copy() if before is None else np.concatenate([before, hidden])
            yield hidden, known
            before = known[-self.size :]
