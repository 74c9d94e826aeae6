"""What a smoothing method is to the rest of the n-gram package."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np

from lmkit.ngram.counting import NgramCounts


@dataclasses.dataclass
class Estimates:
    """Probabilities and back-off weights of all n-grams, in the trie order of the counts.

    Attributes
    ----------
    log10_probabilities : one float32 (G,) an order, p(word | context) with all interpolation done.
    log10_back_offs : one float32 (G,) an order but the highest; 0 for n-grams that are no context.
    details : JSON-able, for the model card: discounts and the like.
    notes : sentences that the user should see.
    is_normalised : whether the probabilities after each history sum to one.
    """

    log10_probabilities: list[np.ndarray]
    log10_back_offs: list[np.ndarray]
    details: dict[str, Any]
    notes: list[str]
    is_normalised: bool = True


class Smoothing(Protocol):
    """Turns counts into probabilities."""

    name: str

    def estimate(self, counts: NgramCounts) -> Estimates: ...
