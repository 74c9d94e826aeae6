"""What is trained for a comparison: texts cut evenly, time shared out, each model in its own process, failures told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmkit.comparison.curves import growing_texts, parse_sizes
from lmkit.comparison.plan import LEAST_SECONDS, Budget, Entry, cut_text, default_entries, prepare_texts
from lmkit.comparison.training import train_all
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions


def corpus(sentences: int, seed: int = 0) -> EncodedCorpus:
    rng = np.random.default_rng(seed)
    lines = [
        f"s{number} " + " ".join(f"w{word}" for word in np.minimum(rng.zipf(1.5, rng.integers(3, 12)), 200)) for number in range(sentences)
    ]
    return as_corpus("\n".join(lines), TextOptions())


def test_a_cut_takes_whole_sentences_from_all_over_the_text() -> None:
    whole = corpus(1000)
    part = cut_text(whole, 1500)
    assert 0.8 * 1500 < len(part) < 1.3 * 1500
    places = [int(part.vocabulary.token(int(part.sentence_ids(i)[0]))[1:]) for i in range(part.n_sentences)]  # s7 is sentence 7
    for place in range(part.n_sentences):
        assert part.vocabulary.decode(part.sentence_ids(place)) == whole.vocabulary.decode(whole.sentence_ids(places[place]))
    assert places == sorted(places)
    for tenth in range(10):
        assert any(100 * tenth <= place < 100 * (tenth + 1) for place in places)
    assert part.document_offsets[-1] == part.n_sentences
    assert cut_text(whole, None) is whole
    assert cut_text(whole, len(whole)) is whole


def test_all_models_know_the_frequent_words_of_the_training_text_only() -> None:
    texts = prepare_texts(corpus(600), corpus(100, 1), corpus(100, 2), tokens=2000, held_out_tokens=300, words=50)
    assert len(texts.vocabulary) == 50
    counts = texts.train.compact().vocabulary
    least = min(counts.counts[counts.id(word)] for word in texts.vocabulary.tokens()[3:])  # type: ignore[index]
    assert sum(counts.counts[3:] > least) < 50  # type: ignore[index]
    with pytest.raises(UsageError, match="no words"):
        prepare_texts(corpus(10), corpus(10).sentence_range(0, 0), corpus(10))


def test_time_is_shared_by_weight_and_what_is_left_over_goes_on() -> None:
    entries = [Entry("a", "x", {}, 1.0), Entry("b", "x", {}, 3.0)]
    budget = Budget(100, Budget.now() - 10)
    assert budget.spent == pytest.approx(10, abs=0.5)
    left = budget.left_for_training
    assert 0 < left < 90
    assert budget.share(entries[0], entries) == pytest.approx(left / 4, abs=0.1)
    assert budget.share(entries[1], entries[1:]) == pytest.approx(left, abs=0.1)
    assert Budget(30, Budget.now() - 1000).left_for_training == 0


def test_parts_of_a_budget_end_with_the_whole() -> None:
    budget = Budget(100, Budget.now() - 40)
    assert budget.part(1) is budget
    half = budget.part(2)
    assert half.seconds == pytest.approx(30, abs=0.5)
    assert half.end < budget.end
    spent = Budget(30, Budget.now() - 1000).part(2)  # nothing is added to a budget that is spent
    assert spent.seconds == 0
    with pytest.raises(InvalidParameterError, match="--minutes"):
        Budget(LEAST_SECONDS - 1)


def test_the_quick_models_come_first_and_names_differ() -> None:
    entries = default_entries()
    weights = [entry.weight > 0 for entry in entries]
    assert weights == sorted(weights)
    assert len({entry.name for entry in entries}) == len(entries)


def test_models_are_trained_with_their_cost_and_failures_are_told(tmp_path: Path) -> None:
    texts = prepare_texts(corpus(300), corpus(50, 1), corpus(50, 2), words=60)
    entries = [
        Entry("bigram", "ngram", {"order": 2}),
        Entry("wrong", "ngram", {"order": 0}),
        Entry("unigram", "ngram", {"order": 1}),
    ]
    told: list[str] = []
    contestants, failures = train_all(entries, texts, tmp_path, Budget(120), threads=1, tell=told.append)
    assert [one.name for one in contestants] == ["bigram", "unigram"]
    assert [failure.name for failure in failures] == ["wrong"]
    assert "order" in failures[0].reason
    assert len(told) == 3
    for one in contestants:
        assert one.model is not None
        assert one.model.vocabulary == texts.vocabulary
        assert one.cost.training_seconds is not None
        assert one.cost.bytes == next(tmp_path.glob(f"*{one.name}.lm")).stat().st_size


def test_a_net_without_time_is_left_out(tmp_path: Path) -> None:
    texts = prepare_texts(corpus(100), corpus(50, 1), corpus(50, 2), words=60)
    budget = Budget(30, Budget.now() - 1000)
    contestants, failures = train_all([Entry("net", "recurrent", {}, 1.0)], texts, tmp_path, budget)
    assert contestants == []
    assert failures[0].reason == "the time was spent before its turn"


def test_sizes_of_learning_curves() -> None:
    assert parse_sizes("100k, 10k,1.5m") == [10_000, 100_000, 1_500_000]
    for wrong in ("10k,10k", "ten", "0", "10k,,1m"):
        with pytest.raises(UsageError):
            parse_sizes(wrong)
    texts = prepare_texts(corpus(600), corpus(50, 1), corpus(50, 2), words=60)
    parts = growing_texts(texts, [500, 2000])
    assert [round(len(part.train), -3) for part in parts] == [0, 2000]
    assert all(part.vocabulary is texts.vocabulary and part.test is texts.test for part in parts)
    with pytest.raises(UsageError, match="more than the"):
        growing_texts(texts, [1_000_000])
