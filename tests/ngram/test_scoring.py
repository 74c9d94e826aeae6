"""Scoring texts side by side: what contexts with many words behind them, odd sentences and damaged files come to."""

from __future__ import annotations

import numpy as np
import pytest

import lmkit
from lmkit.errors import FormatError
from lmkit.ngram.querying import _kernels_scoring as kernels
from lmkit.numeric._kernels_machine import equal_words


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
    for _ in range(2):  # the second time with the samples that the first one left
        assert model.score(lines).log_probabilities.tolist() == expected.tolist()
    samples = trie._samples
    read = np.flatnonzero(samples)
    assert len(read)
    assert samples[read].tolist() == trie.word[read << kernels.SAMPLE_BITS].tolist()


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
    compare = lmkit._jit.kernel(lambda array, at, value: equal_words(array, at, value))
    for at in (0, 3, 24):
        assert int(compare(array, at, 5)) == sum(1 << i for i in range(16) if array[at + i] == 5)
