"""Choosing the next token: argmax, multinomial sampling, temperature, top-k and nucleus, for any language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import UsageError
from lmkit.protocols import LanguageModel

if TYPE_CHECKING:
    from lmkit.text.vocabulary import Vocabulary


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


class Writer:
    """Histories of a batch of texts that are being written, each a word further at every `push`.

    This one serves any language model; a model with a quicker way has a method `writer(batch)` that gives its own.
    """

    def __init__(self, model: LanguageModel, batch: int = 1) -> None:
        self.vocabulary = model.vocabulary
        self._model = model
        self._states = [model.initial_state(1)] * batch  # one by one: states of all kinds can be chosen from so

    def push(self, token_ids: Sequence[int] | np.ndarray) -> None:
        """One more token for each text. token_ids : int (batch,)."""
        self._states = [self._model.advance(state, [int(token_id)]) for state, token_id in zip(self._states, token_ids, strict=True)]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the texts only, in this order; one may come several times, as in a beam."""
        self._states = [self._states[row] for row in rows]

    def log_probs(self) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""
        return np.concatenate([self._model.log_probs(state) for state in self._states])

    def choose(self, row: int, decoding: Decoding, refused: Sequence[int], rng: np.random.Generator) -> int:
        """The next token of a text. refused : ids that are not chosen unless nothing else can follow. The same for any batch."""
        return choose_from(self._model.log_probs(self._states[row])[0], decoding, refused, rng)


def make_writer(model: LanguageModel, batch: int = 1) -> Writer:
    """A writer of the model's own, or the one that serves all."""
    own = getattr(model, "writer", None)
    return own(batch) if callable(own) else Writer(model, batch)


def choose_from(log_probs: np.ndarray, decoding: Decoding, refused: Sequence[int], rng: np.random.Generator) -> int:
    """One token id of a distribution, float64 (V,), other than those refused unless nothing else is possible."""
    log_probs = log_probs.copy()
    for token_id in refused:
        refuse(log_probs, token_id)
    return decoding.choose(log_probs, rng)


def refuse(log_probs: np.ndarray, token_id: int) -> None:
    """Make a token impossible, in place, unless nothing else is possible."""
    before = log_probs[token_id]
    log_probs[token_id] = -np.inf
    if not np.isfinite(log_probs).any():
        log_probs[token_id] = before


def refused_ids(vocabulary: Vocabulary, *, allow_unknown: bool, may_end: bool) -> list[int]:
    """What is not written: `<s>`, `<unk>` unless allowed, `</s>` as long as the text may not end."""
    return [vocabulary.BOS] + [vocabulary.UNK] * (not allow_unknown) + [vocabulary.EOS] * (not may_end)


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
    check_lengths("generate", max_tokens, min_tokens)
    decoding = decoding or Decoding()
    generator = np.random.default_rng(rng)
    writer = make_writer(model)
    for token_id in prompt_ids:
        writer.push([token_id])
    vocabulary = model.vocabulary
    for produced in range(max_tokens):
        refused = refused_ids(vocabulary, allow_unknown=decoding.allow_unknown, may_end=produced >= min_tokens)
        token_id = writer.choose(0, decoding, refused, generator)
        if token_id == vocabulary.EOS:
            return
        yield token_id
        if produced + 1 < max_tokens:
            writer.push([token_id])


def generate_many(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    decoding: Decoding | None = None,
    max_tokens: int = 100,
    min_tokens: int = 0,
    rngs: Sequence[np.random.Generator],
) -> list[list[int]]:
    """What `generate` gives for each prompt with its own generator, the same tokens, written side by side: a network reads its weights
    once for all texts.

    prompts, rngs : one a text.
    """
    check_lengths("generate_many", max_tokens, min_tokens)
    decoding, vocabulary = decoding or Decoding(), model.vocabulary
    texts: list[list[int]] = [[] for _ in prompts]
    going, step = list(range(len(prompts))), 0
    writer = make_writer(model, len(prompts))
    while going:
        following, rows = [], []
        for row, text in enumerate(going):
            prompt, written = prompts[text], texts[text]
            if step < len(prompt):
                token_id = int(prompt[step])
            else:
                refused = refused_ids(vocabulary, allow_unknown=decoding.allow_unknown, may_end=len(written) >= min_tokens)
                token_id = writer.choose(row, decoding, refused, rngs[text])
                if token_id == vocabulary.EOS:
                    continue
                written.append(token_id)
                if len(written) == max_tokens:
                    continue
            following.append(token_id)
            rows.append(row)
        if len(rows) < len(going):
            writer.keep(rows)
        going, step = [going[row] for row in rows], step + 1
        if going:
            writer.push(following)
    return texts


def check_lengths(owner: str, max_tokens: int, min_tokens: int) -> None:
    """Raise InvalidParameterError unless both are whole numbers, at least 1 and 0, the least no more than the most."""
    check_int(owner, "max_tokens", max_tokens, minimum=1)
    check_int(owner, "min_tokens", min_tokens, minimum=0, maximum=max_tokens)
