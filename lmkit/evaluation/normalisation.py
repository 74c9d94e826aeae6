"""Do a model's probabilities sum to one, and are they those it scores with? Asked on contexts drawn from a text.

A model whose scores don't sum to one after each history (stupid back-off, a sampled loss that was never normalised, a faulty
implementation) has no perplexity that compares with another's. SRILM sums with `-debug 3`; here every family answers through the same
protocol, and the probability that `score` wrote for the word that followed is checked against the distribution itself.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import InputError
from lmkit.protocols import LanguageModel
from lmkit.text.corpus import EncodedCorpus

TOLERANCE = 1e-4
"""How far a sum may be from one: float32 sums of 100,000 exponentials err by about a tenth of it."""
AGREEMENT = 2e-3
"""How far, in nats, a score may be from the distribution's: single precision over a long history."""


@dataclasses.dataclass(frozen=True)
class Audit:
    """What the sums over the vocabulary were.

    Attributes
    ----------
    contexts : contexts looked at.
    lowest, highest : least and greatest sum of probabilities.
    disagreement : greatest difference, in nats, between what `score` said of the word that followed and its place in the distribution.
    """

    contexts: int
    lowest: float
    highest: float
    disagreement: float

    @property
    def passed(self) -> bool:
        """Whether all sums are one and all scores are those of the distribution."""
        return max(abs(self.lowest - 1), abs(self.highest - 1)) <= TOLERANCE and self.disagreement <= AGREEMENT

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self) | {"passed": self.passed}

    def render(self) -> str:
        """One line for people."""
        if self.passed:
            worst = max(abs(self.lowest - 1), abs(self.highest - 1))
            return f"sums to 1 within {worst:.1g} in {self.contexts} contexts"
        if self.disagreement > AGREEMENT and max(abs(self.lowest - 1), abs(self.highest - 1)) <= TOLERANCE:
            return f"scores differ from the distribution by up to {self.disagreement:.3g} nats in {self.contexts} contexts"
        return f"sums to {self.lowest:.4g} ... {self.highest:.4g} in {self.contexts} contexts"


def audit_normalisation(model: LanguageModel, corpus: EncodedCorpus, *, contexts: int = 50, longest: int = 60, seed: int = 0) -> Audit:
    """Sum a model's probabilities over its vocabulary after histories drawn from a text.

    Parameters
    ----------
    contexts : how many histories.
    longest : tokens of a sentence that are gone through at most.
    seed : the same seed draws the same histories.

    Raises
    ------
    InputError : if the text has no tokens.
    """
    check_int("audit_normalisation", "contexts", contexts, minimum=1)
    check_int("audit_normalisation", "longest", longest, minimum=1)
    if not len(corpus):
        raise InputError("The text has no words, so there are no contexts to look at; take another one.")
    rng = np.random.default_rng(seed)
    lengths = np.diff(corpus.sentence_offsets)
    filled = np.flatnonzero(lengths)
    drawn = np.sort(rng.choice(filled, min(contexts, len(filled)), replace=False))
    sums: list[float] = []
    worst = 0.0
    for sentence in drawn.tolist():
        part = corpus.sentence_range(sentence, sentence + 1)
        ids = part.ids_in(model.vocabulary)[:longest]
        position = int(rng.integers(len(ids)))
        state = model.initial_state(1)
        for token_id in ids[:position].tolist():
            state = model.advance(state, np.array([token_id], np.int32))
        row = np.asarray(model.log_probs(state), np.float64)[0]
        sums.append(float(np.exp(row).sum()))
        said = float(model.score(part).log_probabilities[position])
        own = float(row[ids[position]])
        if said != own:  # both may be -inf
            worst = max(worst, abs(said - own) if math.isfinite(said) and math.isfinite(own) else math.inf)
    return Audit(len(sums), min(sums), max(sums), worst)
