"""Log-linear interpolation: the models' distributions are multiplied, each to a power of its own, and normalised again.

p(w|h) = 1/Z(h) prod over models m of p_m(w|h)^weight_m (Klakow 1998, Log-linear interpolation of language models). Where a linear mixture
believes whoever is sure, a product lets each model veto. Z(h) is summed over the whole vocabulary, for every history: exact, and dear, so
that this is for small vocabularies. The weights are those of greatest likelihood on held-out events; the log-likelihood is concave in them,
so Newton's method finds the one maximum. They need not sum to one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.errors import InputError, UsageError
from lmkit.evaluation.distributions import How, draw_sentences, walk
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary
from lmkit.text.writing import continue_text

_BYTES = 256 << 20
"""Of the distributions that weights are learnt from, held in single precision."""
_FEWEST_EVENTS = 200
_MOST_EVENTS = 2_000
_STEPS = 50
_RIDGE = 1e-6


class LogLinearMixture:
    """Models multiplied; itself a language model.

    Parameters
    ----------
    models : two or more with one vocabulary, whose scores are probabilities and hold nothing impossible.
    seed : of the held-out sentences that weights are learnt from.
    states : how each reads a text, "reset" or "carry"; None for "reset" throughout.

    Attributes
    ----------
    weights_ : float64 (models,), the exponents.
    """

    def __init__(self, models: Sequence[LanguageModel], seed: int = 0, states: Sequence[How] | None = None) -> None:
        self.models = tuple(models)
        self.states: list[How] = list(states) if states else ["reset" for _ in self.models]
        self.seed = seed
        if len(self.models) < 2:
            raise UsageError("A log-linear mixture needs two models or more.")
        if len({model.vocabulary.hash for model in self.models}) > 1:
            raise UsageError("The models of a log-linear mixture must number the same words alike. Train them with one vocabulary.")

    def fit(self, events: ScoredEvents) -> LogLinearMixture:
        """Learn the weights. events : of a held-out text, by any of the models; only its tokens matter.

        Raises
        ------
        UsageError : for a vocabulary of which too few distributions fit the memory, and for a model that holds a word impossible.
        InputError : for a held-out text that is too short.
        """
        size = len(self.vocabulary)
        room = _BYTES // (4 * size * len(self.models))
        if room < _FEWEST_EVENTS:
            raise UsageError(
                f"A log-linear mixture of {len(self.models)} models over {size:,} words is too large to normalise; "
                "take fewer models or a smaller vocabulary."
            )
        wanted = min(room, _MOST_EVENTS, len(events))
        if wanted < _FEWEST_EVENTS:
            raise InputError(
                f"{len(events)} held-out events are too few to learn a log-linear mixture from; take {_FEWEST_EVENTS} or more."
            )
        rows, targets = [], []
        for step in walk(self.models, events, sentences=draw_sentences(events, wanted, self.seed), state=self.states):
            rows.append(np.stack(step.rows, axis=1).astype(np.float32))
            targets.append(step.targets)
        self.weights_ = log_linear_weights(np.concatenate(rows), np.concatenate(targets))
        return self

    def combine(self, rows: Sequence[np.ndarray], positions: np.ndarray | None = None) -> np.ndarray:
        """The mixture's distributions, float64 (B, V), from those of the models."""
        product = sum(weight * _without_infinity(row) for weight, row in zip(self.weights_, rows, strict=True))
        product = np.where(np.any([np.isneginf(row) for row in rows], axis=0), -np.inf, product)
        highest = product.max(axis=1, keepdims=True)
        return product - highest - np.log(np.exp(product - highest).sum(axis=1, keepdims=True))

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Vocabulary:
        return self.models[0].vocabulary

    @property
    def text_options(self) -> TextOptions:
        return self.models[0].text_options

    @property
    def is_normalised(self) -> bool:
        return True

    def score(self, corpus: EncodedCorpus, state: How = "reset", **options: Any) -> ScoredEvents:
        """Score every token, by all distributions before it."""
        events = self.models[0].score(corpus, state, **options)
        return self.rescore(events, [state] * len(self.models))

    def rescore(self, events: ScoredEvents, states: Sequence[How] | None = None) -> ScoredEvents:
        """What the mixture says of a text that one of its models has scored, read in these states, or in those of the mixture."""
        scores = np.empty(len(events))
        for step in walk(self.models, events, state=states or self.states):
            scores[step.positions] = self.combine(step.rows)[np.arange(len(step.targets)), step.targets]
        return dataclasses.replace(events, log_probabilities=scores, hit_length=None, back_off=None, rank=None)

    def initial_state(self, batch: int = 1) -> tuple[Any, ...]:
        """States before the first word: one of each model."""
        return tuple(model.initial_state(batch) for model in self.models)

    def advance(self, state: tuple[Any, ...], token_ids: Sequence[int] | np.ndarray) -> tuple[Any, ...]:
        """States after one more word in each history."""
        return tuple(model.advance(own, token_ids) for model, own in zip(self.models, state, strict=True))

    def log_probs(self, state: tuple[Any, ...]) -> np.ndarray:
        """Natural logarithms of the next word's probabilities, float64 (batch, V)."""
        return self.combine([model.log_probs(own) for model, own in zip(self.models, state, strict=True)])

    def generate(self, prompt: str = "", **options: Any) -> str:
        """Continue a prompt to the end of a sentence; the text with the prompt in front. See `lmkit.sampling`."""
        return continue_text(self, prompt, **options)


def log_linear_weights(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The exponents of greatest likelihood, float64 (models,), by Newton's method with halved steps.

    The gradient is the mean of x_target - E[x] over the events, the Hessian minus the mean covariance of x under the mixture, with x the
    models' log probabilities of a word.

    Parameters
    ----------
    rows : float32 (E, models, V), natural-log probabilities; -inf for a word that none of the models predicts (`<s>`).
    targets : int64 (E,), the words that followed.

    Raises
    ------
    UsageError : if a model holds a word impossible that another predicts.
    """
    impossible = np.isneginf(rows)
    if (impossible.any(axis=1) != impossible.all(axis=1)).any():
        raise UsageError(
            "One of the models holds words impossible that others predict, and a product would too; leave it out or smooth it."
        )
    models = rows.shape[1]
    weights = np.full(models, 1.0 / models)
    current, gradient, hessian = _likelihood(rows, targets, weights)
    for _ in range(_STEPS):
        step = np.linalg.solve(hessian + _RIDGE * np.eye(models), gradient)
        while True:
            following = _likelihood(rows, targets, weights + step)
            if following[0] >= current or np.abs(step).max() < 1e-9:
                break
            step = step / 2
        gained = following[0] - current
        weights = weights + step
        current, gradient, hessian = following
        if gained <= 1e-9 * max(abs(current), 1.0):
            break
    return weights


def _likelihood(rows: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean log-likelihood, its gradient (models,), and minus its Hessian (models, models)."""
    count, models, _ = rows.shape
    total, gradient, hessian = 0.0, np.zeros(models), np.zeros((models, models))
    for x, target in zip(rows, targets.tolist(), strict=True):
        x = _without_infinity(x)
        product = weights.astype(np.float32) @ x
        highest = float(product.max())
        shares = np.exp(product - highest)
        mass = float(shares.sum(dtype=np.float64))
        shares /= np.float32(mass)
        total += float(product[target]) - highest - np.log(mass)
        mean = (x @ shares).astype(np.float64)
        gradient += x[:, target] - mean
        hessian += ((x * shares) @ x.T).astype(np.float64) - np.outer(mean, mean)
    return total / count, gradient / count, hessian / count


def _without_infinity(rows: np.ndarray) -> np.ndarray:
    """-inf, which only words have that nothing predicts, as a number whose exponential is 0."""
    return np.maximum(rows, rows.dtype.type(-1e4))
