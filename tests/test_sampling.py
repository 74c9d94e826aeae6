"""Choosing tokens: each rule against its definition, draws against their distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit import Decoding, NgramLanguageModel
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.sampling import generate

P = np.array([0.0, 0.1, 0.4, 0.2, 0.2, 0.1])
with np.errstate(divide="ignore"):
    LOG_P = np.log(P)


def as_dict(decoding: Decoding) -> dict[int, float]:
    ids, probabilities = decoding.candidates(LOG_P)
    return dict(zip(ids.tolist(), probabilities.round(6).tolist(), strict=True))


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), {2: 0.4, 3: 0.2, 4: 0.2, 1: 0.1, 5: 0.1}),
        (Decoding(argmax=True), {2: 1.0}),
        (Decoding(top_k=2), {2: 0.666667, 3: 0.333333}),  # of the two with 0.2 the lower id
        (Decoding(top_k=99), {2: 0.4, 3: 0.2, 4: 0.2, 1: 0.1, 5: 0.1}),
        (Decoding(top_p=0.6), {2: 0.666667, 3: 0.333333}),  # 0.4 + 0.2 reaches 0.6 exactly
        (Decoding(top_p=0.61), {2: 0.5, 3: 0.25, 4: 0.25}),
        (Decoding(top_p=0.01), {2: 1.0}),
        (Decoding(temperature=0.5, top_k=2), {2: 0.8, 3: 0.2}),  # 0.16 : 0.04
        (Decoding(top_k=3, top_p=0.7), {2: 0.666667, 3: 0.333333}),  # after top-k: 0.5 0.25 0.25
    ],
)
def test_candidates(decoding: Decoding, expected: dict[int, float]) -> None:
    assert as_dict(decoding) == expected


@given(st.floats(0.05, 5), st.one_of(st.none(), st.integers(1, 8)), st.one_of(st.none(), st.floats(0.01, 1)))
def test_candidates_sum_to_one_and_fall(temperature: float, top_k: int | None, top_p: float | None) -> None:
    _, probabilities = Decoding(temperature, top_k, top_p).candidates(LOG_P)
    assert probabilities.sum() == pytest.approx(1)
    assert (np.diff(probabilities) <= 1e-12).all()


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(top_k=3), Decoding(top_p=0.7)])
def test_draws_follow_the_candidates(decoding: Decoding) -> None:
    rng = np.random.default_rng(0)
    draws = np.bincount([decoding.choose(LOG_P, rng) for _ in range(20_000)], minlength=6) / 20_000
    expected = np.zeros(6)
    ids, probabilities = decoding.candidates(LOG_P)
    expected[ids] = probabilities
    assert np.abs(draws - expected).max() < 0.015  # four standard deviations of 0.0035


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"temperature": np.nan}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.5}, {"top_k": 2.5}])
def test_wrong_parameters(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        Decoding(**wrong)  # type: ignore[arg-type]


def test_nothing_possible_is_told() -> None:
    with pytest.raises(UsageError, match="No token can follow"):
        Decoding().choose(np.full(4, -np.inf), np.random.default_rng(0))


def test_generated_frequencies_are_the_model_s() -> None:
    model = NgramLanguageModel(order=1).fit("a a a b")
    ids = [next(iter(generate(model, max_tokens=1, min_tokens=1, rng=seed)), None) for seed in range(3000)]
    probabilities = np.exp(model.log_probs(model.initial_state())[0])
    a, b = model.vocabulary.id("a"), model.vocabulary.id("b")
    expected = probabilities[a] / (probabilities[a] + probabilities[b])
    assert np.mean([i == a for i in ids]) == pytest.approx(expected, abs=0.035)
