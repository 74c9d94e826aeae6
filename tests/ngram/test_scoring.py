"""Scoring texts side by side: what contexts with many words behind them, odd sentences and damaged files come to."""

from __future__ import annotations

import numpy as np
import pytest

import lmkit
from lmkit.errors import FormatError
from lmkit.ngram.querying import _kernels_scoring as kernels
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.numeric._kernels_machine import equal_words, words_at_most


@pytest.fixture(scope="module")
def model() -> lmkit.NgramLanguageModel:
    """400 words, so that hundreds follow the frequent ones."""
    rng = np.random.default_rng(5)
    words = np.minimum(rng.zipf(1.3, 12_000), 400)
    return lmkit.NgramLanguageModel(order=3).fit("\n".join(" ".join(f"w{word}" for word in line) for line in words.reshape(-1, 12)))


def stepped(model: lmkit.NgramLanguageModel, line: str) -> np.ndarray:
    """Log probabilities of a line's words and its end, one after the other from whole distributions."""
    state, found = model.initial_state(1), []
    for word_id in [*model.vocabulary.lookup(line.split()), 2]:
        found.append(model.log_probs(state)[0, word_id])
        state = model.advance(state, [word_id])
    return np.array(found)


def test_wide_contexts_give_what_stepping_gives(model: lmkit.NgramLanguageModel) -> None:
    trie = model.trie_
    assert np.diff(trie.first_child).max() > 4 * kernels.WINDOW
    rng = np.random.default_rng(6)
    lines = [" ".join(f"w{word}" for word in rng.integers(1, 420, length)) for length in (9, 1, 30, 4, 4, 17) * 6]
    expected = np.concatenate([stepped(model, line) for line in lines])
    assert model.score(lines).log_probabilities.tolist() == expected.tolist()


@pytest.mark.parametrize("children", [17, 256, 257, 5000, 70_000])
def test_any_word_is_found_behind_a_context_of_any_width(children: int) -> None:
    """One context, <s>, whose children begin anywhere between two samples; every third word is not among them."""
    rng = np.random.default_rng(children)
    size = 2 * children + 10
    for shift in (0, 1, 15):
        words = np.sort(rng.choice(np.arange(3, size), children, replace=False))
        first = np.full(size + 1, 0)
        first[2:] = children + shift
        first[0] = 0
        first[1] = shift  # <unk> has some, too, so that the others begin behind them
        levels = [np.arange(size), np.concatenate([np.arange(3, 3 + shift), words])]
        probabilities = [-1 - np.arange(size) / size, -np.linspace(2, 3, children + shift)]
        trie = BackoffTrie.from_levels(levels, [first], [own.astype(np.float32) for own in probabilities], [np.full(size, -0.5)])
        asked = np.concatenate([words[:: max(children // 500, 1)], words[[0, -1]], rng.integers(3, size, 500)]).astype(np.int32)
        offsets = np.arange(len(asked) + 1)
        log_prob, hit_length, _ = trie.score(asked, offsets, 1, ends=False)
        place = np.searchsorted(words, asked)
        found = words[np.minimum(place, children - 1)] == asked
        assert 0 < np.count_nonzero(found) < len(asked)
        assert hit_length.tolist() == np.where(found, 2, 1).tolist()
        wanted = np.where(found, trie.leaves["log10_prob"][shift + place * found], probabilities[0][asked] - 0.5)
        np.testing.assert_allclose(log_prob, wanted * np.log(10), rtol=1e-6)


@pytest.mark.parametrize("count", [0, 1, kernels.LANES - 1, kernels.LANES, kernels.LANES + 1, 3 * kernels.LANES])
def test_any_number_of_sentences(model: lmkit.NgramLanguageModel, count: int) -> None:
    lines = [" ".join(["w1", "w2", "w9"][: i % 4]) for i in range(count)]
    expected = [stepped(model, line).sum() for line in lines]
    assert model.score_sentences(lines) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("field", "value"), [("link", 2**30), ("link", -7), ("first_child", 2**30), ("first_child", -1)])
def test_damaged_records_are_refused(model: lmkit.NgramLanguageModel, field: str, value: int) -> None:
    trie = model.trie_
    nodes = trie.nodes.copy()
    nodes[field][:-1] = value
    broken = type(trie)(trie.word, nodes, trie.leaves, trie.order_start)
    ids = np.arange(3, 300, dtype=np.int32)
    with pytest.raises(FormatError, match="don't fit together"):
        broken.score(ids, np.array([0, 50, len(ids)]), trie.state_of([1]), ends=True)


def test_sixteen_words_are_compared_at_once() -> None:
    array = np.arange(40, dtype=np.uint32) % 7
    compare = lmkit._jit.kernel(lambda array, at, value: (equal_words(array, at, value), words_at_most(array, at, value)))
    for at in (0, 3, 24):
        equal, at_most = compare(array, at, 5)
        assert int(equal) == sum(1 << i for i in range(16) if array[at + i] == 5)
        assert int(at_most) == sum(1 << i for i in range(16) if array[at + i] <= 5)
    array[7] = 2**32 - 1
    assert int(compare(array, 0, 2**31)[1]) == 0xFFFF ^ 1 << 7


def test_texts_of_the_disk_and_of_the_memory_need_one_kernel() -> None:
    """A second compilation, for arrays that may be written to, took longer than scoring a book."""
    from lmkit import NgramLanguageModel
    from lmkit.ngram.querying._kernels_scoring import score_segments
    from lmkit.text.encoding import as_corpus

    model = NgramLanguageModel(order=2).fit("the cat sat\nthe dog ran\na cat ran")
    corpus = as_corpus("the cat sat\na dog ran\nthe cat ran", model.text_options)
    model.score(corpus)
    if hasattr(score_segments, "signatures"):  # plain Python where compilation is switched off
        known = len(score_segments.signatures)
        for array in (corpus.ids, corpus.sentence_offsets):
            array.flags.writeable = not array.flags.writeable and array.flags.owndata
        model.score(corpus)
        model.score(corpus.sentence_range(0, 2))
        assert len(score_segments.signatures) == known
