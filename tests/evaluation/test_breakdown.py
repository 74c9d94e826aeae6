"""Where a perplexity comes from: every event in one bucket, and the buckets' bits those of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.errors import UsageError
from lmkit.evaluation.breakdown import (
    all_buckets,
    bucket_rows,
    by_hit_length,
    by_position,
    by_sentence_length,
    by_training_frequency,
    by_word_class,
    differing_sentences,
    differing_words,
)
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

TRAIN = "the cat sat\nthe dog ran far\na cat ran\nthe cat ran far away from the dog"
TEST = "the cat ran\nThe dog , 1984\na NATO cat flew far far far far away"
FIRST = NgramLanguageModel(order=1).fit(TRAIN)
SECOND = NgramLanguageModel(order=3).fit(TRAIN)
CORPUS = as_corpus(TEST, TextOptions())
EVENTS = [model.score(CORPUS) for model in (FIRST, SECOND)]


def test_every_way_of_sorting_covers_all_events_and_all_bits() -> None:
    found = all_buckets(EVENTS[1], CORPUS, SECOND.vocabulary.counts)
    assert set(found) == {"frequency", "hit_length", "position", "sentence_length", "word_class"}
    for buckets in found.values():
        rows = bucket_rows(buckets, EVENTS)
        assert sum(row.events for row in rows) == len(EVENTS[0])
        for number, events in enumerate(EVENTS):
            assert sum(row.share[number] for row in rows) == pytest.approx(1)
            assert sum(row.events * math.log(row.perplexity[number]) for row in rows) == pytest.approx(-events.log_probabilities.sum())


def test_training_frequency() -> None:
    counts = SECOND.vocabulary.counts
    assert counts is not None
    buckets = by_training_frequency(EVENTS[1], counts)
    labels = [buckets.labels[i] for i in buckets.index]
    # the 4 times, cat 3, ran 3
    assert labels[:4] == ["4-10", "2-3", "2-3", "end of sentence"]
    assert labels[4] == "never, or <unk>"  # The
    assert labels[5] == "2-3"  # dog
    assert labels.count("never, or <unk>") == 5  # The , 1984 NATO flew


def test_position_and_length_of_sentences() -> None:
    positions = by_position(EVENTS[0])
    assert [positions.labels[i] for i in positions.index[:9]] == ["1", "2", "3", "4", "1", "2", "3", "4", "5-9"]
    lengths = by_sentence_length(EVENTS[0])
    assert [lengths.labels[i] for i in lengths.index] == ["up to 5"] * 9 + ["6-10"] * 10


def test_word_class() -> None:
    buckets = by_word_class(EVENTS[0], CORPUS)
    labels = [buckets.labels[i] for i in buckets.index]
    assert labels[4:9] == ["Capitalised word", "lower-case word", "punctuation", "with a digit", "end"]
    assert labels[10] == "ALL CAPITALS"
    with pytest.raises(UsageError, match="another text"):
        by_word_class(EVENTS[0], as_corpus("a b", TextOptions()))


def test_hit_length_needs_an_ngram_model() -> None:
    hits = by_hit_length(EVENTS[1])
    assert np.array_equal(hits.index, EVENTS[1].hit_length)
    EVENTS[0].hit_length, kept = None, EVENTS[0].hit_length
    try:
        with pytest.raises(UsageError, match="n-gram"):
            by_hit_length(EVENTS[0])
    finally:
        EVENTS[0].hit_length = kept


def test_differing_words_add_up_to_the_whole_difference() -> None:
    better, worse = differing_words(*EVENTS, CORPUS, top=100)
    whole = (EVENTS[1].log_probabilities - EVENTS[0].log_probabilities).sum() / math.log(2)
    assert sum(word.bits for word in better + worse) == pytest.approx(whole)
    assert [word.bits for word in better] == sorted((word.bits for word in better), reverse=True)
    far = next(word for word in better + worse if word.token == "far")
    where = np.flatnonzero(EVENTS[0].token_ids == FIRST.vocabulary.id("far"))
    assert far.count == 4
    assert far.bits == pytest.approx((EVENTS[1].log_probabilities[where] - EVENTS[0].log_probabilities[where]).sum() / math.log(2))


def test_differing_sentences() -> None:
    better, worse = differing_sentences(*EVENTS, CORPUS, top=3)
    assert len(better) + len(worse) == 3
    assert {one.text for one in better + worse} == set(TEST.split("\n"))
    first = next(one for one in better + worse if one.sentence == 0)
    assert first.events == 4
    assert first.bits == pytest.approx((EVENTS[1].log_probabilities[:4] - EVENTS[0].log_probabilities[:4]).sum() / math.log(2))
