"""Test text that stands in the training text is found by its long n-grams."""

from __future__ import annotations

import numpy as np

from lmkit.evaluation.overlap import text_overlap
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions


def corpus(text: str):  # type: ignore[no-untyped-def]
    return as_corpus(text, TextOptions())


def test_against_sets_of_tuples() -> None:
    def text(seed: int) -> str:
        own = np.random.default_rng(seed)
        return "\n".join(" ".join(f"w{n}" for n in own.integers(0, 4, own.integers(0, 12))) for _ in range(60))

    for length in (2, 3, 5):
        train, test = text(1), text(2)
        known = {tuple(words[i : i + length]) for words in map(str.split, train.split("\n")) for i in range(len(words) - length + 1)}
        asked = [tuple(words[i : i + length]) for words in map(str.split, test.split("\n")) for i in range(len(words) - length + 1)]
        found = text_overlap(corpus(train), corpus(test), length)
        assert found.ngrams == len(asked)
        assert found.found == sum(ngram in known for ngram in asked)


def test_a_copied_text_is_suspicious_and_another_is_not() -> None:
    words = [f"w{n}" for n in np.random.default_rng(3).integers(0, 500, 4000)]
    train, other = " ".join(words[:3000]), " ".join(words[3000:])
    assert not text_overlap(corpus(train), corpus(other)).is_suspicious
    copied = text_overlap(corpus(train), corpus(" ".join(words[1000:1500])))
    assert copied.share == 1
    assert copied.is_suspicious


def test_short_sentences_have_none() -> None:
    found = text_overlap(corpus("a b c"), corpus("a b\nc"))
    assert (found.ngrams, found.share) == (0, 0.0)
