"""What unknown words cost by their spelling: no more than one in all, and every word something."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.comparison.spelling import spelling_costs, with_spelling
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

MODEL = NgramLanguageModel(order=2).fit("the cat sat\nthe dog ran\na cat ate a rat")


def test_spellings_of_all_words_sum_to_less_than_one() -> None:
    letters = "thecasodgrn"
    words = ["".join(word) for length in range(1, 5) for word in itertools.product(letters, repeat=length)]
    total = float(np.exp(spelling_costs(MODEL.vocabulary, words)).sum())
    assert 0.5 < total < 1  # the rest is for longer words and other letters


def test_a_likely_spelling_costs_less_and_a_strange_letter_all_of_unicode() -> None:
    likely, unlikely, strange = spelling_costs(MODEL.vocabulary, ["cats", "tsca", "caßs"])
    assert likely > unlikely > strange
    assert strange < -math.log(0x110000)
    assert len(spelling_costs(MODEL.vocabulary, [])) == 0


def test_only_unknown_words_pay_and_ends_stay_where_they_are() -> None:
    corpus = as_corpus("the cats sat\ncats ran zz\n\nthe cat", MODEL.text_options)
    events = MODEL.score(corpus)
    spelled = with_spelling(events, corpus, MODEL.vocabulary)
    paid = spelled.log_probabilities - events.log_probabilities
    costs = dict(zip(("cats", "zz"), spelling_costs(MODEL.vocabulary, ["cats", "zz"]), strict=True))
    # the cats sat </s> cats ran zz </s> </s> the cat </s>
    assert paid == pytest.approx([0, costs["cats"], 0, 0, costs["cats"], 0, costs["zz"], 0, 0, 0, 0, 0])
    assert not spelled.is_oov.any()
    assert with_spelling(spelled, corpus, MODEL.vocabulary) is spelled


@pytest.mark.parametrize(("unit", "text", "alphabet"), [("characters", "abß", 0x110000), ("bytes", "abz", 256)])
def test_an_unknown_character_is_one_of_all(unit: str, text: str, alphabet: int) -> None:
    model = NgramLanguageModel(order=2, reading=TextOptions(tokenizer=unit)).fit("ab\nba\nab\n")
    corpus = as_corpus(text, model.text_options)
    events = model.score(corpus)
    assert events.is_oov.sum() == 1
    paid = with_spelling(events, corpus, model.vocabulary).log_probabilities - events.log_probabilities
    assert paid[events.is_oov] == pytest.approx([-math.log(alphabet)])
    assert not paid[~events.is_oov].any()
