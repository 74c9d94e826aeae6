"""Choosing the next token: argmax, multinomial sampling, temperature, top-k and nucleus, for any language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import UsageError
from lmkit.protocols import LanguageModel


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How the next token is chosen from a distribution.

    Attributes
    ----------
    temperature : float > 0; probabilities are raised to 1/temperature and renormalised.
    top_k : int >= 1 or None; only the k most probable tokens (Fan, Lewis and Dauphin 2018).
    top_p : float in (0, 1] or None; only the smallest set of most probable tokens whose mass reaches top_p (Holtzman et al. 2020).
    argmax : always the most probable token (the lowest id among equals).
    allow_unknown : whether `<unk>` may be chosen. Where nothing else can follow, as in an unsmoothed model, it is in any case.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    argmax: bool = False
    allow_unknown: bool = False

    def __post_init__(self) -> None:
        check_float("Decoding", "temperature", self.temperature, minimum=0, open_minimum=True)
        if self.top_k is not None:
            check_int("Decoding", "top_k", self.top_k, minimum=1)
        if self.top_p is not None:
            check_float("Decoding", "top_p", self.top_p, minimum=0, maximum=1, open_minimum=True)

    def candidates(self, log_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Token ids int64 (C,), most probable first, and their probabilities float64 (C,), which sum to one.

        log_probs : float64 (V,), natural logarithms, -inf for what can't be chosen. Temperature applies before top-k and nucleus.
        """
        possible, probabilities = self._all(log_probs)
        keep = 1 if self.argmax else self.top_k
        if keep is not None and keep < len(possible):
            threshold = np.partition(probabilities, len(possible) - keep)[len(possible) - keep]
            likely = probabilities >= threshold
            possible, probabilities = possible[likely], probabilities[likely]
        order = np.argsort(-probabilities, kind="stable")[:keep]  # among equals, lower ids first
        ids, probabilities = possible[order], probabilities[order] / probabilities[order].sum()
        if self.top_p is not None and not self.argmax:
            cut = int(np.searchsorted(np.cumsum(probabilities), self.top_p * (1 - 1e-12))) + 1
            ids, probabilities = ids[:cut], probabilities[:cut] / probabilities[:cut].sum()
        return ids, probabilities

    def _all(self, log_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every token that can follow, by id, and its probability at this temperature."""
        scaled = log_probs / self.temperature
        possible = np.flatnonzero(np.isfinite(scaled))
        if len(possible) == 0:
            raise UsageError("No token can follow here: the model gives every one probability 0; allow <unk>, or choose another prompt.")
        weights = np.exp(scaled[possible] - scaled[possible].max())
        return possible, weights / weights.sum()

    def choose(self, log_probs: np.ndarray, rng: np.random.Generator) -> int:
        """One token id. The same generator state gives the same choice."""
        if self.top_k is None and self.top_p is None and not self.argmax:
            ids, probabilities = self._all(log_probs)  # no need to sort a whole vocabulary for a plain draw
        else:
            ids, probabilities = self.candidates(log_probs)
        place = int(np.searchsorted(np.cumsum(probabilities), rng.random(), side="right"))
        return int(ids[min(place, len(ids) - 1)])


def generate(
    model: LanguageModel,
    prompt_ids: Sequence[int] = (),
    *,
    decoding: Decoding | None = None,
    max_tokens: int = 100,
    min_tokens: int = 0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[int]:
    """Yield token ids that continue a sentence, up to its end (not yielded) or `max_tokens`.

    Parameters
    ----------
    model : any language model.
    prompt_ids : the beginning of the sentence, in the model's vocabulary.
    decoding : how each token is chosen; by default a plain draw from the model's distribution.
    min_tokens : the end of the sentence can't be chosen before so many tokens, unless nothing else can follow.
    rng : generator or seed; None draws a fresh seed.
    """
    check_int("generate", "max_tokens", max_tokens, minimum=1)
    check_int("generate", "min_tokens", min_tokens, minimum=0)
    decoding = decoding or Decoding()
    generator = np.random.default_rng(rng)
    vocabulary = model.vocabulary
    state = model.initial_state(1)
    for token_id in prompt_ids:
        state = model.advance(state, [token_id])
    for produced in range(max_tokens):
        log_probs = model.log_probs(state)[0].copy()
        log_probs[vocabulary.BOS] = -np.inf
        if not decoding.allow_unknown:
            _refuse(log_probs, vocabulary.UNK)
        if produced < min_tokens:
            _refuse(log_probs, vocabulary.EOS)
        token_id = decoding.choose(log_probs, generator)
        if token_id == vocabulary.EOS:
            return
        yield token_id
        state = model.advance(state, [token_id])


def _refuse(log_probs: np.ndarray, token_id: int) -> None:
    """Make a token impossible, in place, unless nothing else is possible."""
    before = log_probs[token_id]
    log_probs[token_id] = -np.inf
    if not np.isfinite(log_probs).any():
        log_probs[token_id] = before
