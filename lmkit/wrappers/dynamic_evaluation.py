"""A network that goes on learning from the text it is scored on: each piece is scored first, then learnt from.

Krause, Kahembwe, Murray and Renals 2018, Dynamic evaluation of neural sequence models. A text is cut into segments; a segment is scored
with the parameters at its beginning, whose gradient g then changes them (the paper's equation 4, and 5 to 7 with its root mean squares):

    "sgd":  theta += decay (theta_0 - theta) - rate g
    "rms":  theta += min(1, decay r / mean r) (theta_0 - theta) - rate g / (r + epsilon),  r = sqrt(mean of g^2 over a text)

theta_0 being the trained parameters, g the gradient of the segment's mean loss. The paper takes r from the training text; any text like it
serves. Parameters are those of training again where a document begins.

It adapts to the text that it scores: its perplexity is reported apart from that of models that don't.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from lmkit._validation import check_choice, check_float, check_int
from lmkit.errors import DivergenceError, InputError, UsageError
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.wrappers.wrapper import Wrapper

_RATES = {"sgd": (0.03, 0.1, 0.3), "rms": (3e-5, 1e-4, 3e-4, 1e-3)}  # larger ones gain on a few thousand tokens, and lose later
_STATISTICS_TOKENS = 20_000  # that the mean squares of gradients come from
_DECAYS = (0.02, 0.003, 0.0)  # rates are tried with the first


@dataclasses.dataclass(frozen=True)
class DynamicState:
    """What was read so far, a tuple of token ids for each history: the parameters follow from it."""

    histories: tuple[tuple[int, ...], ...]


class DynamicEvaluation(Wrapper):
    """A recurrent language model that learns from the text it scores; itself a language model.

    Parameters
    ----------
    model : a recurrent language model; it is left as it is.
    rule : "rms" or "sgd".
    rate, decay : of the rule, >= 0; None chooses them by the text of `fit`.
    segment : tokens that are learnt from at a time; 5 in the paper for words, 20 for characters.
    epsilon : of the rule "rms".
    tuning_tokens : so many of the first tokens of `fit`'s text (half of a short one) are tried with each rate, then with each decay; the
        mean squares come from the next 20,000.

    Attributes
    ----------
    rate_, decay_ : floats.
    """

    def __init__(
        self,
        model: LanguageModel,
        rule: str = "rms",
        rate: float | None = None,
        decay: float | None = None,
        segment: int = 5,
        epsilon: float = 1e-3,
        tuning_tokens: int = 5_000,
    ) -> None:
        self.model = model
        self.rule = rule
        self.rate = rate
        self.decay = decay
        self.segment = segment
        self.epsilon = epsilon
        self.tuning_tokens = tuning_tokens

    def fit(self, corpus: Any = None, y: None = None, state: Literal["reset", "carry"] | None = None) -> DynamicEvaluation:
        """Find the gradients' mean squares that the rule "rms" needs, and the rate and decay that were not given.

        Parameters
        ----------
        corpus : a text that is not scored later: held out, since on the training text a model gains nothing by learning. None where the
            rule is "sgd" and both were given.
        state : how the model reads it, as of `score`.

        Raises
        ------
        InvalidParameterError : for a value outside its range.
        UsageError : for a model that can't learn on.
        InputError : if there is no text, or it is shorter than a segment.
        """
        self._check()
        self._roots: list[np.ndarray] | None = None
        rates = (self.rate,) if self.rate is not None else _RATES[self.rule]
        decays = (self.decay,) if self.decay is not None else _DECAYS
        if self.rule == "sgd" and len(rates) == len(decays) == 1:
            self.rate_, self.decay_ = float(rates[0]), float(decays[0])
            return self
        if corpus is None:
            raise InputError("Dynamic evaluation needs a held-out text to find its settings by; hand one to fit.")
        encoded, how = as_corpus(corpus, self.text_options), state or self.default_state
        events = _events(encoded, self.model)[: self.tuning_tokens + _STATISTICS_TOKENS]
        if len(events) < 2 * self.segment:
            raise InputError(f"The held-out text has {len(events):,} tokens, fewer than two segments of {self.segment}; take a longer one.")
        # Words that the mean squares have not met take the largest steps: rates must be tried on other text than those come from.
        border = min(self.tuning_tokens, len(events) // 2) if len(rates) > 1 or len(decays) > 1 else 0
        pieces = self._pieces(events[:border], how)
        with self._copy() as copy:
            if self.rule == "rms":
                self._roots = self._mean_squares(copy, self._pieces(events[border:], how))
            rate, decay = float(rates[0]), float(decays[0])
            if len(rates) > 1:
                rate = max(rates, key=lambda rate: self._gain(copy, pieces, rate, decay))
            if len(decays) > 1:
                decay = max(decays, key=lambda decay: self._gain(copy, pieces, rate, decay))
        self.rate_, self.decay_ = rate, decay
        return self

    def _gain(self, copy: Any, pieces: Sequence[tuple[np.ndarray, np.ndarray, str]], rate: float, decay: float) -> float:
        """Log probability of all pieces; -inf where the network ran away."""
        try:
            return float(sum(row.sum() for row in self._run(copy, pieces, rate, decay)))
        except DivergenceError:
            return -np.inf

    def _check(self) -> None:
        check_choice("DynamicEvaluation", "rule", self.rule, ("rms", "sgd"))
        check_int("DynamicEvaluation", "segment", self.segment, minimum=1)
        check_int("DynamicEvaluation", "tuning_tokens", self.tuning_tokens, minimum=1)
        check_float("DynamicEvaluation", "epsilon", self.epsilon, minimum=0, open_minimum=True)
        for name in ("rate", "decay"):
            if getattr(self, name) is not None:
                check_float("DynamicEvaluation", name, getattr(self, name), minimum=0)
        if not callable(getattr(self.model, "adapting_copy", None)):
            raise UsageError(f"Dynamic evaluation is for recurrent networks; a {type(self.model).__name__} can't learn from what it reads.")

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token, each segment before the network learns from it.

        state : "reset" begins each sentence with a fresh hidden state, "carry" goes on; learning goes on in both, to the end of a document.
        threads : no effect: a segment waits for the one before.

        Raises
        ------
        DivergenceError : if the network's parameters run away, as they do at too high a rate.
        """
        self._check_fitted("rate_")
        events = _events(as_corpus(corpus, self.text_options), self.model)
        with self._copy() as copy:
            parts = self._run(copy, self._pieces(events, state), self.rate_, self.decay_)
        scores = np.concatenate(parts) if parts else np.empty(0)
        return dataclasses.replace(events, log_probabilities=scores)

    def initial_state(self, batch: int = 1) -> DynamicState:
        """Nothing read yet."""
        return DynamicState(((),) * batch)

    def advance(self, state: DynamicState, token_ids: Sequence[int] | np.ndarray) -> DynamicState:
        """State after one more token in each history."""
        pairs = zip(state.histories, np.asarray(token_ids).tolist(), strict=True)
        return DynamicState(tuple((*history, int(token_id)) for history, token_id in pairs))

    def log_probs(self, state: DynamicState) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V).

        Each history is learnt from anew: the time grows with its length.
        """
        self._check_fitted("rate_")
        with self._copy() as copy:
            return np.stack([self._follow(copy, history) for history in state.histories])

    def _follow(self, copy: Any, history: Sequence[int]) -> np.ndarray:
        copy.forget()
        targets = np.array(history, np.int32)
        inputs = np.concatenate([[self.vocabulary.EOS], targets]).astype(np.int32)
        learnt = len(targets) // self.segment * self.segment
        for first in range(0, learnt, self.segment):
            part = slice(first, first + self.segment)
            copy.read(inputs[part], targets[part])
            self._learn(copy, self.rate_, self.decay_)
        return copy.look_ahead(inputs[learnt:])

    def info(self) -> dict[str, Any]:
        """The card, JSON-able: that of the model, and how it learns."""
        self._check_fitted("rate_")
        own = {"rule": self.rule, "rate": self.rate_, "decay": self.decay_, "segment": self.segment, "epsilon": self.epsilon}
        return {"kind": "dynamic-evaluation", **own, "model": self.model_card()}

    # -- reading and learning --------------------------------------------------------------------------------------------------------------

    def _copy(self) -> Any:
        copy = self.model.adapting_copy(self.segment)  # type: ignore[attr-defined]  # fit has asked for it
        self._originals = [parameter.value.reshape(-1).copy() for parameter in copy.parameters]
        return copy

    def _pieces(self, events: ScoredEvents, state: Literal["reset", "carry"]) -> list[tuple[np.ndarray, np.ndarray, str]]:
        """(inputs, targets, what begins with it: "document", "text" or nothing) of each segment."""
        ids = np.ascontiguousarray(events.token_ids, np.int32)
        documents = np.flatnonzero(np.diff(events.document, prepend=-1))
        begins = np.diff(events.document, prepend=-1) != 0
        if state == "reset":
            begins |= np.diff(events.sentence, prepend=-1) != 0
        texts = np.flatnonzero(begins)
        starts, pieces = set(documents.tolist()), []
        for begin, end in itertools.pairwise([*texts.tolist(), len(ids)]):
            inputs = np.concatenate([[self.vocabulary.EOS], ids[begin : end - 1]]).astype(np.int32)
            for first in range(begin, end, self.segment):
                last = min(first + self.segment, end)
                what = "" if first > begin else "document" if begin in starts else "text"
                pieces.append((inputs[first - begin : last - begin], ids[first:last], what))
        return pieces

    def _run(self, copy: Any, pieces: Sequence[tuple[np.ndarray, np.ndarray, str]], rate: float, decay: float) -> list[np.ndarray]:
        """Log probabilities of each piece, the network learning behind each."""
        found = []
        for inputs, targets, what in pieces:
            if what == "document":
                copy.forget()
            elif what == "text":
                copy.begin_text()
            found.append(copy.read(inputs, targets))
            if not np.isfinite(found[-1]).all():
                raise DivergenceError(
                    f"The network ran away at the rate {rate:g} while it learnt from the text; take a smaller rate, or a larger decay."
                )
            self._learn(copy, rate, decay)
        return found

    def _mean_squares(self, copy: Any, pieces: Sequence[tuple[np.ndarray, np.ndarray, str]]) -> list[np.ndarray]:
        """Roots of the mean squares of the gradients of all pieces."""
        from lmkit.wrappers import _kernels_adaptive

        sums = [np.zeros(parameter.value.size, parameter.value.dtype) for parameter in copy.parameters]
        for inputs, targets, what in pieces:
            if what:
                copy.begin_text()
            copy.read(inputs, targets)
            for parameter, total in zip(copy.parameters, sums, strict=True):
                _kernels_adaptive.add_squares(parameter.gradient.reshape(-1), total)
        roots = [np.sqrt(total / len(pieces)) for total in sums]
        self._mean_root = sum(float(root.sum(dtype=np.float64)) for root in roots) / sum(root.size for root in roots)
        return roots

    def _learn(self, copy: Any, rate: float, decay: float) -> None:
        from lmkit.wrappers import _kernels_adaptive

        for number, (parameter, origin) in enumerate(zip(copy.parameters, self._originals, strict=True)):
            value, gradient = parameter.value.reshape(-1), parameter.gradient.reshape(-1)
            if self._roots is None:
                _kernels_adaptive.descend(value, origin, gradient, rate, decay)
            else:
                mean = max(self._mean_root, 1e-30)
                _kernels_adaptive.descend_scaled(value, origin, gradient, self._roots[number], rate, decay, self.epsilon, mean)


def _events(corpus: Any, model: LanguageModel) -> ScoredEvents:
    """A text's events, not scored yet."""
    options, vocabulary = model.text_options, model.vocabulary
    count = len(corpus.ids) + (corpus.n_sentences if options.sentence_boundaries else 0)
    return ScoredEvents.of_corpus(corpus, vocabulary, np.zeros(count), ends=options.sentence_boundaries)
