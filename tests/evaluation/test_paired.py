"""Intervals over the pairs that questions are made of, comparisons of models and of seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.evaluation.analogy import AnalogyOptions, AnalogyResult, Tally
from lmkit.evaluation.paired import Mean, accuracy_interval, compare_analogies, compare_seeds


def result(outcomes: np.ndarray, pairs: np.ndarray, sections: np.ndarray | None = None) -> AnalogyResult:
    sections = np.zeros(len(outcomes), np.int32) if sections is None else sections
    kinds = ["semantic", "syntactic"]
    tallies = []
    for place in range(int(sections.max()) + 1):
        own = outcomes[sections == place]
        tallies.append(Tally(str(place), kinds[place], int((own == 1).sum()), int((own >= 0).sum()), len(own)))
    return AnalogyResult("t", AnalogyOptions(), 10, tuple(tallies), outcomes.astype(np.int8), np.zeros(len(pairs)), sections, pairs)


def crossed(count: int) -> np.ndarray:
    grid = np.indices((count, count)).reshape(2, -1).T
    return grid[grid[:, 0] != grid[:, 1]].astype(np.int32)


def test_interval_by_enumeration() -> None:
    """Four pairs make twelve questions; all 256 draws of pairs, each question weighed by the product of how often its pairs were drawn."""
    pairs, outcomes = crossed(4), np.array([1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0])
    shares = []
    for draw in itertools.product(range(4), repeat=4):
        times = np.bincount(draw, minlength=4)
        weights = times[pairs[:, 0]] * times[pairs[:, 1]]
        if weights.sum():  # one pair drawn four times makes no question
            shares.append((weights * outcomes).sum() / weights.sum())
    assert len(shares) == 252
    levels, times = np.unique(np.round(shares, 9), return_counts=True)
    shown = result(outcomes, pairs)
    for level, below, above in zip(levels, np.cumsum([0, *times]), np.cumsum(times), strict=False):
        middle = (below + above) / 2 / 252  # the share of draws up to the middle of a step: its quantile is the step's own level
        if not 0.03 < middle < 0.49:
            continue
        assert accuracy_interval(shown, confidence=1 - 2 * middle, resamples=20_000)[0] == pytest.approx(level, abs=0.02)
    assert len(levels) == 10


def questions_of(rng: np.random.Generator, pairs: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """A question is answered if the sum of its pairs' easiness and its own is positive: truth 0.5 without a shift."""
    easiness = rng.normal(size=int(pairs.max()) + 1)
    return (easiness[pairs].sum(axis=1) + rng.normal(size=len(pairs)) + shift > 0).astype(int)


def test_interval_covers_and_single_questions_would_not() -> None:
    """Of 150 intervals of 90 % about 135 cover (fewer than 120 by chance once in a thousand). An interval that takes the 870 questions
    for independent, +-1.645 sqrt(p (1 - p) / 870), covers in less than half of them."""
    rng, pairs = np.random.default_rng(0), crossed(30)
    hits = naive = 0
    for _ in range(150):
        outcomes = questions_of(rng, pairs)
        low, high = accuracy_interval(result(outcomes, pairs), confidence=0.9, resamples=300)
        hits += low <= 0.5 <= high
        share = outcomes.mean()
        naive += abs(share - 0.5) <= 1.645 * np.sqrt(share * (1 - share) / len(outcomes))
    assert hits >= 120
    assert naive < 75


def test_kinds_and_skipped_questions() -> None:
    pairs = np.concatenate([crossed(4), crossed(4) + 4]).astype(np.int32)
    sections = np.repeat([0, 1], 12).astype(np.int32)
    outcomes = np.concatenate([np.ones(12), np.zeros(12)])
    outcomes[[0, 13]] = -1
    both = result(outcomes, pairs, sections)
    assert accuracy_interval(both, kind="semantic") == (1.0, 1.0)
    assert accuracy_interval(both, kind="syntactic") == (0.0, 0.0)
    assert both.accuracy == pytest.approx(11 / 22)
    assert all(np.isnan(accuracy_interval(result(np.full(12, -1), crossed(4)))))


class TestModels:
    def test_difference(self) -> None:
        rng, pairs = np.random.default_rng(1), crossed(20)
        worse = questions_of(rng, pairs)
        better = np.maximum(worse, rng.random(len(worse)) < 0.2).astype(int)
        found = compare_analogies(result(better, pairs), result(worse, pairs))
        assert found.difference == pytest.approx((better - worse).mean())
        assert 0 < found.low < found.difference < found.high
        assert found.p_value < 0.01
        back = compare_analogies(result(worse, pairs), result(better, pairs))
        assert (back.difference, back.low, back.high) == pytest.approx((-found.difference, -found.high, -found.low))

    def test_mcnemar_by_hand(self) -> None:
        """Five questions only the first model got, one only the second: 2 (1 + 6) / 2^6 = 0.21875."""
        pairs = crossed(4)
        first = np.array([1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1, -1])
        second = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1])
        found = compare_analogies(result(first, pairs), result(second, pairs))
        assert found.mcnemar == pytest.approx(0.21875)
        assert (found.items, found.difference) == (11, pytest.approx(4 / 11))

    def test_other_questions(self) -> None:
        with pytest.raises(UsageError, match="different questions"):
            compare_analogies(result(np.ones(12), crossed(4)), result(np.ones(20), crossed(5)))
        with pytest.raises(InputError, match="No question of t was answered by both"):
            compare_analogies(result(np.ones(12), crossed(4)), result(np.full(12, -1), crossed(4)))

    @pytest.mark.parametrize("wrong", [{"confidence": 0.0}, {"resamples": 0}])
    def test_parameters(self, wrong: dict) -> None:
        with pytest.raises(InvalidParameterError):
            accuracy_interval(result(np.ones(12), crossed(4)), **wrong)


class TestSeeds:
    def test_mean(self) -> None:
        """0.5, 0.6, 0.7: deviation 0.1, Student's t of 2 degrees 4.3027, half width 4.3027 * 0.1 / sqrt(3) = 0.2484."""
        found = Mean.of([0.5, 0.6, 0.7])
        assert (found.value, found.deviation) == pytest.approx((0.6, 0.1))
        assert (found.low, found.high) == pytest.approx((0.6 - 0.24841, 0.6 + 0.24841), abs=1e-5)
        assert np.isnan(Mean.of([0.5]).low)
        with pytest.raises(InputError):
            Mean.of([])

    def test_welch(self) -> None:
        """As scipy.stats.ttest_ind with equal_var=False."""
        from scipy.stats import ttest_ind

        first, second = [0.41, 0.43, 0.42], [0.40, 0.37, 0.39, 0.38]
        found, expected = compare_seeds(first, second), ttest_ind(first, second, equal_var=False)
        interval = expected.confidence_interval(0.95)
        assert (found.p_value, found.low, found.high) == pytest.approx((expected.pvalue, interval.low, interval.high))
        assert found.items == 7
        assert compare_seeds([0.4, 0.4], [0.4, 0.4]).p_value == 1.0
        with pytest.raises(InputError, match="at least two seeds each"):
            compare_seeds([0.4], [0.4, 0.5])
