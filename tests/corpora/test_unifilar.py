"""Exact entropies against arithmetic by hand, samples against their source, and the oracle against models."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.errors import InvalidParameterError
from lmkit.evaluation import significance
from lmkit_corpora.generated import UnifilarSource, made_up_words, unifilar


def entropy(*probabilities: float) -> float:
    """Bits."""
    return -sum(p * math.log2(p) for p in probabilities)


EVEN = UnifilarSource.from_automaton({"A": {"0": (0.5, "A"), "1": (0.5, "B")}, "B": {"1": (1.0, "A")}})
BIGRAM = UnifilarSource.from_ngrams({(): {"a": 1.0}, ("a",): {"a": 0.25, "b": 0.5, "</s>": 0.25}, ("b",): {"a": 1.0}})


def test_examples_in_the_docstrings() -> None:
    for module in (unifilar, significance):
        result = doctest.testmod(module)
        assert (result.failed, result.attempted > 0) == (0, True)


class TestExactEntropy:
    def test_fair_coin(self) -> None:
        source = UnifilarSource.from_ngrams({(): {"heads": 0.5, "tails": 0.5}})
        assert source.entropy_rate_bits == 1.0
        assert source.perplexity == pytest.approx(2.0, abs=1e-15)

    def test_even_process(self) -> None:
        """pi(A) = pi(A)/2 + pi(B) and pi(B) = pi(A)/2, so pi = (2/3, 1/3); H(A) = 1 bit, H(B) = 0: 2/3 bit."""
        assert EVEN.stationary == pytest.approx([2 / 3, 1 / 3], abs=1e-15)
        assert EVEN.entropy_rate_bits == pytest.approx(2 / 3, abs=1e-15)

    def test_bigram_with_sentences(self) -> None:
        """States (), a, b. pi() = pi(a)/4, pi(b) = pi(a)/2, pi(a) = pi() + pi(a)/4 + pi(b); sum 1: pi(a) (1/4 + 1 + 1/2) = 1.

        pi = (1/7, 4/7, 2/7). Only a is uncertain: H = 2 * 1/4 * 2 + 1/2 * 1 = 1.5 bits; h = 4/7 * 1.5 = 6/7 bit.
        An end comes after 1/4 of the events in a: 1/7 of all events, so 6 words a sentence.
        """
        assert BIGRAM.stationary == pytest.approx([1 / 7, 4 / 7, 2 / 7], abs=1e-15)
        assert BIGRAM.entropy_rate_bits == pytest.approx(6 / 7, abs=1e-15)
        assert BIGRAM.mean_sentence_length == pytest.approx(6.0, abs=1e-12)

    def test_geometric_sentences(self) -> None:
        """One word w, an end with 1/5: the entropy of every event is H(4/5, 1/5), 4 words a sentence (0.8/0.2)."""
        source = UnifilarSource.from_automaton({0: {"w": (0.8, 0), "</s>": (0.2, 0)}})
        assert source.entropy_rate_bits == pytest.approx(entropy(0.8, 0.2), abs=1e-15)
        assert source.mean_sentence_length == pytest.approx(4.0)

    def test_states_left_for_good_do_not_count(self) -> None:
        source = UnifilarSource.from_automaton({"start": {"x": (0.3, "A"), "y": (0.7, "A")}, "A": {"0": (0.5, "A"), "1": (0.5, "A")}})
        assert source.stationary.tolist() == [0.0, 1.0]
        assert source.entropy_rate_bits == 1.0

    def test_periodic_chain(self) -> None:
        """Two states that alternate: pi = (1/2, 1/2), h = (H(1/4, 3/4) + 0) / 2."""
        source = UnifilarSource.from_automaton({"A": {"0": (0.25, "B"), "1": (0.75, "B")}, "B": {"2": (1.0, "A")}})
        assert source.entropy_rate_bits == pytest.approx(entropy(0.25, 0.75) / 2, abs=1e-15)

    def test_power_iteration_agrees_with_the_solve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        exact = UnifilarSource.random_automaton(40, 30, branching=5, seed=5)
        monkeypatch.setattr(unifilar, "_DENSE_STATES", 0)
        iterated = UnifilarSource.random_automaton(40, 30, branching=5, seed=5)
        assert exact.stationary == pytest.approx(iterated.stationary, abs=1e-11)
        assert exact.entropy_rate == pytest.approx(iterated.entropy_rate, abs=1e-11)


@given(seed=st.integers(0, 10**6), states=st.integers(2, 12), end=st.sampled_from([0.0, 0.1, 0.5]))
@settings(max_examples=40, deadline=None)
def test_stationary_is_stationary(seed: int, states: int, end: float) -> None:
    """pi P = pi, built here edge by edge, on random automata."""
    source = UnifilarSource.random_automaton(states, 6, branching=3, end_probability=end, seed=seed)
    moved = np.zeros(source.states)
    for state in range(source.states):
        for edge in range(source.offsets[state], source.offsets[state + 1]):
            moved[source.targets[edge]] += source.stationary[state] * source.probabilities[edge]
    assert moved == pytest.approx(source.stationary, abs=1e-12)
    assert source.stationary.sum() == pytest.approx(1.0, abs=1e-12)


class TestSamples:
    @pytest.mark.parametrize(
        "source",
        [EVEN, BIGRAM, UnifilarSource.random_ngrams(3, 20, seed=1), UnifilarSource.random_automaton(9, 30, seed=2)],
        ids=["even", "bigram", "trigram", "automaton"],
    )
    def test_oracle_pays_the_entropy_rate(self, source: UnifilarSource) -> None:
        """The mean over 200,000 events lies within 5 standard errors, taken over blocks of 1000 events."""
        sample = source.sample(tokens=200_000, seed=11)
        bits = -sample.events.log_probabilities / math.log(2)
        blocks = bits[: len(bits) // 1000 * 1000].reshape(-1, 1000).mean(axis=1)
        error = blocks.std(ddof=1) / math.sqrt(len(blocks))
        assert abs(sample.mean_bits - source.entropy_rate_bits) < 5 * error
        assert error < 0.01  # so that the line above can fail

    def test_frequencies_of_words(self) -> None:
        """b is pi(a)/2 = 2/7 of the events of BIGRAM, the end 1/7."""
        events = BIGRAM.sample(tokens=100_000, seed=3).events
        share = np.bincount(events.token_ids, minlength=5) / len(events)
        assert share[2] == pytest.approx(1 / 7, abs=0.005)
        assert share[BIGRAM.vocabulary.id("b")] == pytest.approx(2 / 7, abs=0.005)

    def test_runs_of_the_even_process_are_even(self) -> None:
        text = EVEN.sample(tokens=50_000, seed=4).text.replace(" ", "").strip()
        inner = text[: text.rindex("0")].split("0")
        assert {len(run) % 2 for run in inner} == {0}
        assert len(text) == 50_000

    def test_a_seed_repeats(self) -> None:
        first, again, other = (BIGRAM.sample(sentences=300, seed=seed) for seed in (1, 1, 2))
        assert first.text == again.text
        assert (first.events.log_probabilities == again.events.log_probabilities).all()
        assert first.text != other.text

    def test_more_of_the_same_seed_begins_alike(self) -> None:
        assert BIGRAM.sample(sentences=9000, seed=1).text.startswith(BIGRAM.sample(sentences=5000, seed=1).text)

    def test_counts(self) -> None:
        assert BIGRAM.sample(sentences=5001, seed=1).text.count("\n") == 5001
        by_tokens = BIGRAM.sample(tokens=5000, seed=1)
        lengths = [len(line.split()) for line in by_tokens.text.splitlines()]
        assert sum(lengths) >= 5000 > sum(lengths[:-1])

    def test_events_cover_the_text(self) -> None:
        sample = UnifilarSource.random_ngrams(2, 40, seed=3).sample(sentences=50, seed=1)
        assert sample.events.characters.sum() == sample.events.bytes.sum() == len(sample.text)

    @pytest.mark.parametrize("source", [BIGRAM, EVEN, UnifilarSource.random_automaton(9, 30, seed=2)], ids=["bigram", "even", "automaton"])
    def test_scoring_the_text_gives_the_same_events(self, source: UnifilarSource) -> None:
        """`score` walks the encoded text edge by edge; `sample` knew its edges when it drew them."""
        sample = source.sample(tokens=3000, seed=6)
        scored = source.score(sample.encode())
        for column in ("token_ids", "is_end", "is_oov", "characters", "bytes", "sentence", "document"):
            assert (getattr(scored, column) == getattr(sample.events, column)).all(), column
        assert scored.log_probabilities == pytest.approx(sample.events.log_probabilities, abs=1e-12)
        assert (scored.vocabulary_hash, scored.vocabulary_size) == (sample.events.vocabulary_hash, sample.events.vocabulary_size)

    def test_impossible_text(self) -> None:
        """a b b a: after b only a can come, so the second b and all after it up to the end are impossible; the next sentence is not."""
        from lmkit.text.encoding import encode
        from lmkit.text.sources import text_source

        scored = BIGRAM.score(encode(text_source("a b b a\na c\na\n")))
        expected = [1.0, 0.5, 0, 0, 0, 1.0, 0, 0, 1.0, 0.25]
        assert np.exp(scored.log_probabilities) == pytest.approx(expected)
        assert scored.is_oov.tolist() == [False] * 6 + [True] + [False] * 3


class TestDistribution:
    @pytest.mark.parametrize("history", [[], ["a"], ["a", "b"], ["a", "b", "a"]])
    def test_sums_to_one(self, history: list[str]) -> None:
        assert sum(BIGRAM.distribution(history).values()) == pytest.approx(1.0, abs=1e-15)

    def test_every_state_of_a_random_source_sums_to_one(self) -> None:
        source = UnifilarSource.random_ngrams(3, 25, seed=7)
        sums = np.add.reduceat(source.probabilities, source.offsets[:-1])
        assert sums == pytest.approx(np.ones(source.states), abs=1e-14)

    def test_values(self) -> None:
        assert BIGRAM.distribution(["a", "b", "a"]) == pytest.approx({"a": 0.25, "b": 0.5, "</s>": 0.25})

    def test_agrees_with_the_events_of_a_sample(self) -> None:
        source = UnifilarSource.random_automaton(6, 12, seed=8)
        sample = source.sample(sentences=20, seed=1)
        expected = []
        for line in sample.text.splitlines():
            words = [*line.split(), "</s>"]
            expected += [source.distribution(words[:k])[word] for k, word in enumerate(words)]
        assert np.exp(sample.events.log_probabilities) == pytest.approx(expected)

    def test_impossible_history(self) -> None:
        with pytest.raises(InvalidParameterError, match="never emits 'b' after \\['a', 'b'\\]"):
            BIGRAM.distribution(["a", "b", "b"])


class TestModelsAgainstTheOracle:
    def test_a_bigram_model_comes_near_a_bigram_source_and_a_unigram_model_does_not(self) -> None:
        from lmkit.evaluation.significance import difference
        from lmkit.ngram.model import NgramLanguageModel

        source = UnifilarSource.random_ngrams(2, 60, seed=9)
        train = source.sample(tokens=60_000, seed=1).encode()
        sample = source.sample(tokens=20_000, seed=2)
        test = sample.encode()
        distance = [difference(NgramLanguageModel(order=n).fit(train).score(test), sample.events) for n in (1, 2)]
        assert distance[0].low > 1.5
        assert 0 < distance[1].low < distance[1].high < 0.05


class TestRandomSources:
    def test_every_word_occurs(self) -> None:
        assert len(UnifilarSource.random_ngrams(2, 200, branching=4, seed=0).words) == 200

    def test_order(self) -> None:
        """In a trigram source the last two words tell all: histories that end in the same two have one distribution; one is not enough."""
        source = UnifilarSource.random_ngrams(3, 12, branching=4, seed=3)
        lines = [line.split() for line in source.sample(sentences=200, seed=1).text.splitlines()]
        by_two: dict[tuple[str, ...], list[dict[str, float]]] = {}
        by_one: dict[str, list[dict[str, float]]] = {}
        for line in lines:
            for length in range(2, len(line) + 1):
                after = source.distribution(line[:length])
                by_two.setdefault(tuple(line[length - 2 : length]), []).append(after)
                by_one.setdefault(line[length - 1], []).append(after)
        assert any(len(seen) > 5 for seen in by_two.values())
        assert all(after == seen[0] for seen in by_two.values() for after in seen)
        assert any(after != seen[0] for seen in by_one.values() for after in seen)

    def test_continuous(self) -> None:
        for source in (
            UnifilarSource.random_ngrams(3, 10, end_probability=0.0),
            UnifilarSource.random_automaton(5, 10, end_probability=0.0),
        ):
            assert not source.has_sentences
            assert math.isinf(source.mean_sentence_length)
            assert len(source.sample(tokens=1000).events) == 1000

    def test_made_up_words_differ(self) -> None:
        words = made_up_words(10_000)
        assert len(set(words)) == 10_000
        assert words[70] == "baba"  # 14 consonants * 5 vowels = 70 words of one syllable


class TestRefusals:
    @pytest.mark.parametrize(
        ("states", "message"),
        [
            ({"A": {"x": (0.5, "A")}}, "must sum to 1, not to 0.5"),
            ({"A": {"x": (1.0, "B")}}, "which is no state"),
            ({"A": {"x": (0.0, "A"), "y": (1.0, "A")}}, "leave out what can't come"),
            ({"A": {"x": (1.0, "B")}, "B": {"</s>": (0.5, "B"), "x": (0.5, "B")}}, "must lead back to the start"),
            ({"A": {"</s>": (0.5, "A"), "x": (0.5, "B")}, "B": {"x": (1.0, "B")}}, "no sentence ever ends"),
            ({"A": {"x": (0.5, "B"), "y": (0.5, "C")}, "B": {"x": (1.0, "B")}, "C": {"x": (1.0, "C")}}, "2 separate sets of states"),
            ({"A": {"two words": (1.0, "A")}}, "without white space"),
            ({}, "at least one state"),
        ],
    )
    def test_automata(self, states: dict, message: str) -> None:
        with pytest.raises(InvalidParameterError, match=message):
            UnifilarSource.from_automaton(states)

    def test_same_word_twice_in_a_state(self) -> None:
        with pytest.raises(InvalidParameterError, match="must be unifilar"):
            UnifilarSource(["x"], np.array([0, 2]), np.array([0, 0]), np.array([0.5, 0.5]), np.array([0, 0]))

    def test_what_to_draw(self) -> None:
        with pytest.raises(InvalidParameterError, match="give one of them"):
            BIGRAM.sample()
        with pytest.raises(InvalidParameterError, match="ask for tokens"):
            EVEN.sample(sentences=3)
