"""The audit passes models that sum to one and finds those that don't, or that score otherwise than they predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.errors import InputError
from lmkit.evaluation.normalisation import audit_normalisation
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

TEXT = "the cat sat\nthe dog ran far\na cat ran\nthe cat ran far away from the dog"


class Wrong:
    """An n-gram model with something wrong: its distribution scaled, or its scores shifted."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0) -> None:
        self._model = NgramLanguageModel(order=2).fit(TEXT)
        self._scale, self._shift = np.log(scale), shift

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def log_probs(self, state: Any) -> np.ndarray:
        return self._model.log_probs(state) + self._scale

    def score(self, corpus: Any, *rest: Any) -> Any:
        events = self._model.score(corpus, *rest)
        events.log_probabilities = events.log_probabilities + self._scale + self._shift
        return events


def test_a_proper_model_passes() -> None:
    audit = audit_normalisation(NgramLanguageModel(order=3).fit(TEXT), as_corpus(TEXT, TextOptions()))
    assert audit.passed
    assert audit.contexts == 4
    assert "sums to 1" in audit.render()


def test_a_sum_of_1_01_is_found() -> None:
    audit = audit_normalisation(Wrong(scale=1.01), as_corpus(TEXT, TextOptions()))  # type: ignore[arg-type]
    assert not audit.passed
    assert audit.lowest == pytest.approx(1.01, rel=1e-6)


def test_scores_that_are_not_the_distributions_are_found() -> None:
    audit = audit_normalisation(Wrong(shift=-0.01), as_corpus(TEXT, TextOptions()))  # type: ignore[arg-type]
    assert not audit.passed
    assert audit.disagreement == pytest.approx(0.01, rel=1e-6)
    assert "differ from the distribution" in audit.render()


def test_stupid_back_off_fails() -> None:
    audit = audit_normalisation(NgramLanguageModel(order=3, smoothing="stupid-back-off").fit(TEXT), as_corpus(TEXT, TextOptions()))
    assert not audit.passed


def test_a_text_without_words_is_refused() -> None:
    model = NgramLanguageModel(order=1).fit(TEXT)
    with pytest.raises(InputError, match="no words"):
        audit_normalisation(model, as_corpus(TEXT, TextOptions()).sentence_range(0, 0))
