"""The forward index against the distribution over the whole vocabulary."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngram.test_model import TEXTS, random_sentences

from lmkit import NgramLanguageModel, TextOptions, load
from lmkit._container import read_container, write_container
from lmkit.errors import FormatError
from lmkit.ngram.querying import successors as module
from lmkit.ngram.querying.landmarks import Landmarks
from lmkit.text.vocabulary import Vocabulary

LONGER = random_sentences(21, 2000, 300, 12)


@pytest.fixture(scope="module")
def model() -> NgramLanguageModel:
    return NgramLanguageModel(order=4).fit(LONGER)


@settings(deadline=None, max_examples=150)
@given(history=st.lists(st.integers(0, 80), max_size=5), count=st.sampled_from([1, 2, 10, 50, 10_000]))
def test_top_is_the_top_of_the_distribution(model: NgramLanguageModel, history: list[int], count: int) -> None:
    ids = [i for i in history if i not in (1, 2) and i < len(model.vocabulary)]
    state = model.trie_.state_of([1, *ids])
    log10, lengths = model.trie_.distribution(state, len(model.vocabulary))
    log10[Vocabulary.BOS] = -np.inf
    expected = np.argsort(-log10, kind="stable")[:count]
    expected = expected[np.isfinite(log10[expected])]
    got_ids, got_values, got_lengths = model.successors_.top(state, count)
    np.testing.assert_allclose(got_values, log10[expected], atol=1e-12)
    np.testing.assert_array_equal(got_ids, expected)
    np.testing.assert_array_equal(got_lengths, lengths[expected])


@pytest.mark.parametrize("cumulated", [1, 2, 3, 9])
@pytest.mark.parametrize("history", [[], [3], [3, 4], [4, 3, 5], [77, 78]])
def test_draws_have_the_model_s_distribution(model: NgramLanguageModel, history: list[int], cumulated: int, monkeypatch) -> None:
    """Chi-square over the words that are expected often; the bound is passed by chance once in 10^5."""
    from scipy.stats import chi2

    monkeypatch.setattr(module, "_CUMULATED_ORDERS", cumulated)
    index = module.Successors(model.trie_, len(model.vocabulary), Vocabulary.BOS)
    state = model.trie_.state_of([1, *history])
    log10, _ = model.trie_.distribution(state, len(model.vocabulary))
    expected = 10.0**log10
    expected[Vocabulary.BOS] = 0
    draws = 40_000
    ids, lengths = index.draw(np.full(draws, state), 1, np.random.default_rng(cumulated), end_id=Vocabulary.EOS)
    words = np.where(lengths == 0, Vocabulary.EOS, ids[:, 0])
    observed = np.bincount(words, minlength=len(expected)).astype(float)
    often = expected * draws >= 10
    observed = np.append(observed[often], observed[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * draws
    keep = wanted > 0
    statistic = ((observed[keep] - wanted[keep]) ** 2 / wanted[keep]).sum()
    assert statistic < chi2.ppf(1 - 1e-5, keep.sum() - 1)


@pytest.mark.parametrize("name", list(TEXTS))
@pytest.mark.parametrize("order", [1, 3])
def test_any_text_can_be_sampled(name: str, order: int) -> None:
    model = NgramLanguageModel(order=order).fit(TEXTS[name])
    texts = model.sample(50, rng=4, max_tokens=20, allow_unknown=True)
    assert texts == model.sample(50, rng=4, max_tokens=20, allow_unknown=True)
    assert len(texts) == 50
    assert all(len(text.split()) <= 20 for text in texts)


def test_sampling_goes_on_from_a_prompt_and_leaves_unk_out(model: NgramLanguageModel) -> None:
    texts = model.sample(200, "w1 w2", rng=0)
    assert all(text.startswith("w1 w2") for text in texts)
    assert not any("<unk>" in text for text in texts)
    words = [word for text in texts for word in text.split()]
    assert len(set(words)) > 30


def test_continuous_text_goes_on_to_its_length() -> None:
    model = NgramLanguageModel(order=3, reading=TextOptions(sentences="none")).fit("a b a c a b d a c b")
    assert {len(text.split()) for text in model.sample(20, rng=1, max_tokens=17)} == {17}


def test_it_works_on_a_mapped_file(model: NgramLanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.lm")
    again = load(tmp_path / "m.lm")
    assert again.next_words("w1", 5) == model.next_words("w1", 5)
    assert again.sample(5, rng=3) == model.sample(5, rng=3)


def test_landmarks_are_the_same_however_they_come(model: NgramLanguageModel) -> None:
    trie = model.trie_
    log10, stop = trie.log10_prob, int(trie.order_start[3])
    expected = log10[: stop // 64 * 64].reshape(-1, 64).max(axis=1)
    assert len(expected) > 20
    samples = [*trie.word[::16].tolist(), *[0] * 17][: len(log10) // 16 + 17]
    assert trie.landmarks.bounds.tolist() == expected.tolist()
    assert trie.landmarks.samples.tolist() == samples
    pieces = Landmarks.room_for(trie.order_start)
    borders = [0, 1, 63, 64, 65, 200, stop - 3, len(log10)]
    for low, high in reversed(list(itertools.pairwise(borders))):
        pieces.add(low, trie.word[low:high], log10[low:high])
    assert pieces.bounds.tolist() == expected.tolist()
    assert pieces.samples.tolist() == samples
    coarse = [max(expected[at : at + 64]) for at in range(0, len(expected), 64)]
    assert len(coarse) > 1
    assert trie.landmarks.coarse.tolist() == pieces.coarse.tolist() == coarse


def test_a_file_holds_the_landmarks_and_opens_without_them(model: NgramLanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.lm")
    stored = load(tmp_path / "m.lm")
    assert stored.trie_.stored is not None
    NgramLanguageModel(order=4).fit_to_file(LONGER, tmp_path / "straight.lm")
    assert (tmp_path / "straight.lm").read_bytes() == (tmp_path / "m.lm").read_bytes()
    container = read_container(tmp_path / "m.lm")
    tensors = {name: tensor for name, tensor in container.items() if name not in ("trie.bounds", "trie.coarse_bounds", "trie.samples")}
    write_container(tmp_path / "old.lm", container.kind, container.metadata, tensors)
    old = load(tmp_path / "old.lm")
    assert old.trie_.stored is None
    assert old.next_words("w1", 5) == stored.next_words("w1", 5)
    assert old.score(LONGER).log_probabilities.tolist() == stored.score(LONGER).log_probabilities.tolist()
    wrong = {name: container[name][1:] for name in ("trie.bounds", "trie.coarse_bounds", "trie.samples")}
    write_container(tmp_path / "bad.lm", container.kind, container.metadata, tensors | wrong)
    with pytest.raises(FormatError, match=r"bad\.lm.*don't fit together"):
        load(tmp_path / "bad.lm")
