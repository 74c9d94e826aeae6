"""The compact form against the fast one: the same scores to the bit without quantisation, close ones with it, and damage is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngram.test_model import TEXTS, random_sentences

from lmkit import NgramLanguageModel, TextOptions, load
from lmkit.errors import FormatError, InvalidParameterError, LmkitError
from lmkit.ngram.querying import _kernels_compact
from lmkit.text.encoding import as_corpus

TRAINING = random_sentences(31, 3000, 400, 14)
HELD_OUT = [*random_sentences(32, 300, 450, 10), [], ["unseen"], ["w1", "unseen", "w1"]]


@pytest.fixture(scope="module", params=[1, 2, 3, 5])
def model(request) -> NgramLanguageModel:
    return NgramLanguageModel(order=request.param).fit(TRAINING)


def same_scores(first: NgramLanguageModel, second: NgramLanguageModel, text: object) -> None:
    a, b = first.score(as_corpus(text, first.text_options)), second.score(as_corpus(text, second.text_options))
    np.testing.assert_allclose(b.log_probabilities, a.log_probabilities, rtol=1e-12)
    np.testing.assert_array_equal(b.hit_length, a.hit_length)
    np.testing.assert_allclose(b.back_off, a.back_off, rtol=1e-6)


def test_without_quantisation_nothing_changes(model: NgramLanguageModel, tmp_path: Path) -> None:
    small = model.compact()
    same_scores(model, small, HELD_OUT)
    small.save(tmp_path / "small.lm")
    again = load(tmp_path / "small.lm")
    same_scores(model, again, HELD_OUT)
    for name in ("word", "nodes", "leaves", "order_start"):
        np.testing.assert_array_equal(getattr(again.fast_trie(), name), getattr(model.trie_, name), name)
    assert again.next_words("w1 w2", 8) == model.next_words("w1 w2", 8)
    assert again.sample(20, "w1", rng=3) == model.sample(20, "w1", rng=3)
    state, other = model.initial_state(2), again.initial_state(2)
    for pair in ([3, 4], [0, 5], [4, 4], [6, 0]):
        state, other = model.advance(state, pair), again.advance(other, pair)
        np.testing.assert_allclose(again.log_probs(other), model.log_probs(state), rtol=1e-12)


@pytest.mark.parametrize("bits", [None, 3])
def test_lists_are_the_top_of_the_distribution(model: NgramLanguageModel, bits: int | None) -> None:
    small = model.compact(bits)
    size = len(small.vocabulary)
    for history in ([], [1], [1, 3], [4, 3], [5, 9, 4], [1, 0], [size - 1, 3, 4, 3]):
        state = small.trie_.state_of(history)
        log10, lengths = small.trie_.distribution(state, size)
        log10[1] = -np.inf
        for count in (1, 10, size):  # few different probabilities with 3 bits: among equals the lower id comes first
            expected = np.argsort(-log10, kind="stable")[:count]
            expected = expected[np.isfinite(log10[expected])]
            ids, values, own = small.successors_.top(state, count)
            assert ids.tolist() == expected.tolist()
            assert values.tolist() == log10[expected].tolist()
            assert own.tolist() == lengths[expected].tolist()


@pytest.mark.parametrize("name", TEXTS)
def test_odd_texts(name: str) -> None:
    model = NgramLanguageModel(order=4).fit(TEXTS[name])
    same_scores(model, model.compact(), [*TEXTS[name], ["unseen", "a"]])


def test_continuous_text_and_carried_states() -> None:
    options = TextOptions(sentences="none")
    words = " ".join(word for sentence in TRAINING[:300] for word in sentence)
    model = NgramLanguageModel(order=4, reading=options).fit(words)
    small = model.compact()
    corpus = as_corpus(words[:3000], options)
    for state in ("reset", "carry"):
        np.testing.assert_allclose(small.score(corpus, state).log_probabilities, model.score(corpus, state).log_probabilities, rtol=1e-12)


def test_suffixes_that_were_pruned_away(tmp_path: Path) -> None:
    from ngram.test_arpa import SMALL

    text = SMALL.replace("ngram 2=2\n", "ngram 2=2\nngram 3=1\n").replace("\\end\\", "\\3-grams:\n-0.1\t<s> a a\n\n\\end\\")
    (tmp_path / "m.arpa").write_text(text)  # its suffix "a a" is no bigram
    model = load(tmp_path / "m.arpa")
    assert not model.compact().trie_.closed
    same_scores(model, model.compact(), [["a", "a"], ["a", "a", "a"], ["b", "a"]])


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_quantised_scores_are_near(bits: int) -> None:
    model = NgramLanguageModel(order=4).fit(TRAINING)
    small = model.compact(bits)
    exact, rough = model.perplexity(HELD_OUT), small.perplexity(HELD_OUT)
    assert rough == pytest.approx(exact, rel={4: 0.2, 8: 0.02, 12: 0.002}[bits])
    assert (rough == exact) is False
    assert small.info()["storage"] == {"form": "compact", "quantised_bits": bits}
    assert all(len(np.unique(level["log10_prob"])) <= 2**bits for level in (small.fast_trie().leaves,))


def test_size_is_what_was_promised() -> None:
    """Words here take 9 bits, so a record of the highest order is 9 + 31 bits: 5 bytes."""
    model = NgramLanguageModel(order=3).fit(TRAINING)
    sizes = {}
    for bits in (None, 8):
        trie = model.compact(bits).trie_
        sizes[bits] = sum(array.nbytes for array in trie.to_tensors().values()) / sum(trie.sizes)
    assert sizes[None] < 9
    assert sizes[8] < 5


def test_wrong_bits_are_told() -> None:
    model = NgramLanguageModel(order=2).fit(TRAINING)
    with pytest.raises(InvalidParameterError, match="'bits' parameter of CompactTrie must be an int of at least 2 and at most 16. Got 1"):
        model.compact(1)


@given(
    widths=st.lists(st.integers(1, 57), min_size=1, max_size=60),
    values=st.lists(st.integers(0, 2**57 - 1), min_size=60, max_size=60),
)
@settings(deadline=None)
def test_bits_are_read_as_they_were_written(widths: list[int], values: list[int]) -> None:
    array = np.zeros(sum(widths) // 64 + 2, np.uint64)
    at = 0
    for width, value in zip(widths, values, strict=False):
        _kernels_compact.write_bits(array, at, width, np.uint64(value % 2**width))
        at += width
    at = 0
    for width, value in zip(widths, values, strict=False):
        assert _kernels_compact.read_bits(array, at, width) == value % 2**width
        at += width


@pytest.mark.parametrize("form", ["fast", "compact", "quantised"])
def test_damaged_files_never_crash(form: str, tmp_path: Path) -> None:
    """Bits flipped anywhere give scores or one sentence: kernels check what they read from mapped files."""
    model = NgramLanguageModel(order=4).fit(TRAINING[:300])
    kept = {"fast": model, "compact": model.compact(), "quantised": model.compact(6)}[form]
    kept.save(tmp_path / "m.lm")
    raw = (tmp_path / "m.lm").read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(150):
        damaged = np.frombuffer(raw, np.uint8).copy()
        for place in rng.integers(0, len(raw), rng.integers(1, 200)):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / "d.lm").write_bytes(damaged.tobytes())
        try:
            again = load(tmp_path / "d.lm")
            again.score(as_corpus(HELD_OUT, again.text_options))
            again.next_words("w1 w2", 5)
        except LmkitError as error:
            assert "\n" not in str(error)
            told += 1
    assert told > 10
    start = raw.index(b'"data_offsets"')
    body = int.from_bytes(raw[:8], "little") + 8
    assert start < body
    for _ in range(150):  # behind the header, where nothing but the arrays can be wrong
        damaged = np.frombuffer(raw, np.uint8).copy()
        for place in rng.integers(body, len(raw), rng.integers(1, 2000)):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / "d.lm").write_bytes(damaged.tobytes())
        try:
            again = load(tmp_path / "d.lm")
            again.score(as_corpus(HELD_OUT, again.text_options))
            again.next_words("w1 w2", 5)
            again.sample(3, rng=1, max_tokens=10)
        except FormatError:
            pass
