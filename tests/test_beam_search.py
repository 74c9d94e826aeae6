"""Beam search against all texts written out."""

import itertools

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.beam_search import beam_search
from lmkit.errors import InvalidParameterError
from lmkit.text.writing import best_texts

MODEL = NgramLanguageModel(order=2).fit("a b a b b\nb a a\na b\nb b a b a\na a b b")
A, B = MODEL.vocabulary.id("a"), MODEL.vocabulary.id("b")


def log_probability(ids, is_ended):
    state, total = MODEL.initial_state(1), 0.0
    for token_id in [*ids, *([MODEL.vocabulary.EOS] if is_ended else [])]:
        total += MODEL.log_probs(state)[0, token_id]
        state = MODEL.advance(state, [token_id])
    return total


def all_texts(max_tokens, min_tokens, penalty):
    """(score, ids) of every text of a and b, best first; those of full length with and without an end."""
    found = []
    for length in range(max_tokens + 1):
        for ids in itertools.product((A, B), repeat=length):
            if min_tokens <= length < max_tokens:
                found.append((log_probability(ids, True) / (length + 1) ** penalty, ids))
            if length == max_tokens:
                found.append((log_probability(ids, False) / length**penalty, ids))
    return sorted(found, key=lambda text: -text[0])


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("min_tokens", [0, 2])
def test_a_wide_beam_finds_the_best_of_all_texts(penalty, min_tokens) -> None:
    expected = all_texts(4, min_tokens, penalty)
    found = beam_search(MODEL, beams=40, length_penalty=penalty, max_tokens=4, min_tokens=min_tokens)
    for hypothesis, (score, ids) in zip(found, expected[:5], strict=False):
        assert hypothesis.score == pytest.approx(score)
        assert hypothesis.log_probability == pytest.approx(log_probability(hypothesis.ids, hypothesis.has_ended))
        assert hypothesis.ids == ids


def test_a_beam_of_one_with_no_penalty_takes_the_most_probable_word() -> None:
    state, expected = MODEL.initial_state(1), []
    for _ in range(6):
        log_probs = MODEL.log_probs(state)[0]
        log_probs[MODEL.vocabulary.UNK] = -np.inf
        token_id = int(np.argmax(log_probs))
        if token_id == MODEL.vocabulary.EOS:
            break
        expected.append(token_id)
        state = MODEL.advance(state, [token_id])
    (found,) = beam_search(MODEL, beams=1, length_penalty=0, max_tokens=6)
    assert found.ids == tuple(expected)


def test_a_prompt_is_gone_on_with_and_unknown_words_are_not_written() -> None:
    texts = best_texts(MODEL, "b a", beams=6, max_tokens=3, min_tokens=3)
    assert len(texts) == 6 == len(set(texts))
    assert all(text.startswith("b a ") and len(text.split()) == 5 and "<unk>" not in text for text in texts)


@pytest.mark.parametrize("wrong", [{"beams": 0}, {"length_penalty": -1}, {"length_penalty": np.nan}, {"max_tokens": 0}, {"min_tokens": 7}])
def test_wrong_parameters(wrong) -> None:
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        beam_search(MODEL, **{"max_tokens": 6, **wrong})
