"""The interval covers, the p-value is uniform under no difference, and streams over other events are refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest

from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.evaluation.significance import difference
from lmkit.events import ScoredEvents

LN2 = math.log(2)


def stream(bits: np.ndarray, sentence: np.ndarray | None = None, **changes: object) -> ScoredEvents:
    """Events that cost so many bits; sentences of 5 events unless given."""
    count = len(bits)
    sentence = np.arange(count) // 5 if sentence is None else sentence
    ends = np.ones(count, np.bool_)
    ends[:-1] = np.diff(sentence) != 0
    columns: dict = {
        "token_ids": np.where(ends, 2, 7).astype(np.int32),
        "log_probabilities": -np.asarray(bits, np.float64) * LN2,
        "is_oov": np.zeros(count, np.bool_),
        "is_end": ends,
        "characters": np.ones(count, np.int32),
        "bytes": np.ones(count, np.int32),
        "sentence": sentence.astype(np.int64),
        "document": np.zeros(count, np.int64),
        "vocabulary_size": 10,
        "vocabulary_hash": "one",
    }
    return ScoredEvents(**{**columns, **changes})


RNG = np.random.default_rng(0)
BASE = RNG.gamma(2.0, 3.0, 3000)


class TestEstimate:
    def test_constant_difference(self) -> None:
        found = difference(stream(BASE + 0.25), stream(BASE))
        assert (found.bits, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25), abs=1e-12)
        assert found.p_value == pytest.approx(1 / 10_001)
        assert (found.events, found.left_out) == (3000, 0)

    def test_it_is_the_mean_over_events_not_over_sentences(self) -> None:
        """Sentence 0 has 1 event with 3 bits of difference, sentence 1 has 3 events with 1: (3 + 3 * 1) / 4 = 1.5."""
        sentence = np.array([0, 1, 1, 1])
        found = difference(stream(np.array([3.0, 1, 1, 1]), sentence), stream(np.zeros(4), sentence))
        assert found.bits == pytest.approx(1.5)

    def test_swapped(self) -> None:
        other = BASE + RNG.normal(0.05, 1.0, 3000)
        there, back = difference(stream(other), stream(BASE)), difference(stream(BASE), stream(other))
        assert there.bits == pytest.approx(-back.bits)
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
        assert there.p_value == back.p_value

    def test_without_ends(self) -> None:
        first = stream(BASE)
        costly_ends = stream(BASE + 100 * first.is_end)
        assert difference(costly_ends, first, include_ends=False).bits == 0.0
        assert difference(costly_ends, first).bits == pytest.approx(20.0)  # one end in five events

    def test_seed(self) -> None:
        other = stream(BASE + RNG.normal(0.02, 1.0, 3000))
        assert difference(other, stream(BASE), seed=3) == difference(other, stream(BASE), seed=3)
        assert difference(other, stream(BASE), seed=3).low != difference(other, stream(BASE), seed=4).low

    def test_json_and_words(self) -> None:
        found = difference(stream(BASE + 0.25), stream(BASE))
        assert json.loads(json.dumps(found.to_dict()))["bits"] == found.bits
        assert found.render("bigram", "oracle").startswith(
            "oracle is 0.2500 bits an event better than bigram (95% interval 0.2500 to 0.2500"
        )


class TestExact:
    def test_p_value_by_enumeration(self) -> None:
        """Eight blocks: the p-value is the share of the 2^8 sign patterns whose sum is as large, counted here one by one."""
        bits = RNG.normal(0.4, 1.0, 8)
        sentence = np.arange(8)
        found = difference(stream(bits, sentence), stream(np.zeros(8), sentence))
        patterns = [abs(sum(s * b for s, b in zip(signs, bits, strict=True))) for signs in itertools.product((1, -1), repeat=8)]
        assert found.p_value == pytest.approx(np.mean(np.array(patterns) >= abs(bits.sum()) - 1e-9))

    def test_bootstrap_by_enumeration(self) -> None:
        """Three blocks with sums (6, 0, 3) bits over (1, 2, 3) events: 27 equally likely draws; quantiles of their ratios."""
        sentence = np.array([0, 1, 1, 2, 2, 2])
        found = difference(
            stream(np.array([6.0, 0, 0, 1, 1, 1]), sentence), stream(np.zeros(6), sentence), confidence=0.5, resamples=40_000
        )
        sums, sizes = (6, 0, 3), (1, 2, 3)
        draws = itertools.product(range(3), repeat=3)
        ratios = sorted(sum(sums[i] for i in draw) / sum(sizes[i] for i in draw) for draw in draws)
        assert found.bits == pytest.approx(9 / 6)
        assert found.low == pytest.approx(ratios[6])  # the first of 27 with a share of at least 1/4 up to it: 7/27
        assert found.high == pytest.approx(ratios[20])  # 21/27

    def test_no_difference_at_all(self) -> None:
        found = difference(stream(BASE), stream(BASE))
        assert (found.bits, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def correlated(rng: np.random.Generator, mean: float) -> np.ndarray:
    """Differences of 600 events in 120 sentences; a third of the variance is shared within a sentence."""
    return mean + np.repeat(rng.normal(0, 0.6, 120), 5) + rng.normal(0, 0.85, 600)


def test_interval_covers_the_truth() -> None:
    """Of 300 intervals of 90 % about 270 cover; fewer than 250 or more than 290 happens by chance once in a thousand."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        found = difference(stream(correlated(rng, 0.1)), stream(np.zeros(600)), confidence=0.9, resamples=300)
        hits += found.low <= 0.1 <= found.high
    assert 250 <= hits <= 290


def test_interval_over_events_would_be_too_narrow() -> None:
    """Blocks of one event each (a sentence an event) miss what events of a sentence share: their interval is narrower by a third."""
    bits = correlated(np.random.default_rng(2), 0.1)
    by_sentence = difference(stream(bits), stream(np.zeros(600)))
    alone = np.arange(600)
    by_event = difference(stream(bits, alone), stream(np.zeros(600), alone), sentences_per_block=1)
    assert by_sentence.high - by_sentence.low > 1.25 * (by_event.high - by_event.low)


def test_p_value_is_uniform_without_a_difference() -> None:
    """P(p <= 0.1) = 0.1: of 300 tests 30, and between 14 and 47 in 999 of 1000 cases. With a difference p is small."""
    rng = np.random.default_rng(3)
    p_values = [difference(stream(correlated(rng, 0.0)), stream(np.zeros(600)), resamples=300).p_value for _ in range(300)]
    assert 14 <= sum(p <= 0.1 for p in p_values) <= 47
    assert difference(stream(correlated(rng, 0.5)), stream(np.zeros(600))).p_value < 0.001


class TestBlocks:
    def test_about_five_hundred(self) -> None:
        sentence = np.repeat(np.arange(20_000), 2)
        found = difference(stream(np.zeros(40_000), sentence), stream(np.ones(40_000), sentence), resamples=10)
        assert (found.blocks, found.events_per_block) == (500, 80.0)

    def test_chosen(self) -> None:
        assert difference(stream(BASE), stream(BASE), sentences_per_block=100).blocks == 6  # 600 sentences

    def test_continuous_text_is_cut_into_runs(self) -> None:
        one = np.zeros(3000, np.int64)
        found = difference(stream(BASE, one), stream(BASE, one))
        assert (found.blocks, found.events_per_block) == (150, 20.0)

    def test_too_few(self) -> None:
        one = np.zeros(5, np.int64)
        with pytest.raises(InputError, match="There are 1 blocks .* score a longer text"):
            difference(stream(np.ones(5), one), stream(np.ones(5), one))


class TestRefusals:
    def test_other_length(self) -> None:
        with pytest.raises(UsageError, match=r"different events \(3,000 and 2,999 of them\); score both models on the same text"):
            difference(stream(BASE), stream(BASE[:-1]))

    @pytest.mark.parametrize("column", ["is_end", "sentence", "document", "characters", "bytes"])
    def test_other_events(self, column: str) -> None:
        second = stream(BASE)
        values = getattr(second, column).copy()
        values[1234] = not values[1234] if column == "is_end" else values[1234] + 1
        with pytest.raises(UsageError, match=f"event 1234 has {column}"):
            difference(stream(BASE), dataclasses.replace(second, **{column: values}))

    @pytest.mark.parametrize("vocabulary_hash", ["one", "two"])
    def test_words_may_be_numbered_differently(self, vocabulary_hash: str) -> None:
        second = stream(BASE, vocabulary_hash=vocabulary_hash)
        second.token_ids = second.token_ids + 1
        assert difference(stream(BASE), second).bits == 0.0

    def test_other_words(self) -> None:
        second = stream(BASE)
        second.token_ids[1234] = 9
        for pair in ((stream(BASE), second), (second, stream(BASE))):
            with pytest.raises(UsageError, match="event 1234 is another word in each"):
                difference(*pair)

    def test_words_that_only_one_model_knows(self) -> None:
        unknown = np.zeros(3000, np.bool_)
        unknown[[10, 20]] = True
        second = stream(BASE + 5.0 * unknown, is_oov=unknown, vocabulary_hash="two")
        with pytest.raises(UsageError, match="2 words are out of vocabulary for one model only .the first is event 10."):
            difference(stream(BASE), second)
        found = difference(stream(BASE), second, include_oov=False)
        assert (found.bits, found.events, found.left_out) == (0.0, 2998, 2)

    def test_impossible_events(self) -> None:
        second = stream(BASE)
        second.log_probabilities[17] = -math.inf
        with pytest.raises(InputError, match=r"Event 17 \(sentence 3\) has the log probability -inf in the second model"):
            difference(stream(BASE), second)

    @pytest.mark.parametrize("wrong", [{"confidence": 0.0}, {"confidence": 1.5}, {"resamples": 0}, {"sentences_per_block": 0}])
    def test_parameters(self, wrong: dict) -> None:
        with pytest.raises(InvalidParameterError):
            difference(stream(BASE), stream(BASE), **wrong)
