"""Vocabulary: look-ups, cuts, tensors, hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import text_twin

from lmkit import _container
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.text import Vocabulary, as_corpus
from lmkit.text.strings import first_bad_byte

SPECIALS = ["<unk>", "<s>", "</s>"]
TOKEN = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(lambda token: token not in SPECIALS)
TOKENS = st.lists(TOKEN, unique=True, max_size=30)


@settings(max_examples=200, deadline=None)
@given(TOKENS, TOKENS)
def test_look_ups(tokens: list[str], others: list[str]) -> None:
    vocabulary, other = Vocabulary.from_tokens(tokens), Vocabulary.from_tokens(others)
    everything = SPECIALS + tokens
    assert len(vocabulary) == len(everything)
    assert vocabulary.tokens() == list(vocabulary) == everything
    assert [vocabulary.token(i) for i in range(len(vocabulary))] == everything
    assert [vocabulary.id(token) for token in everything] == list(range(len(everything)))
    assert vocabulary.lookup(everything).tolist() == list(range(len(everything)))
    mapped = vocabulary.map_from(other)
    assert mapped.dtype == np.int32
    assert mapped.tolist() == [everything.index(token) if token in everything else 0 for token in SPECIALS + others]
    assert all((token in vocabulary) == (token in everything) for token in others)
    assert vocabulary.characters.tolist() == [len(token) for token in everything]
    assert vocabulary.bytes.tolist() == [len(token.encode()) for token in everything]
    assert vocabulary.hash == hashlib.sha256("".join(token + "\n" for token in everything).encode()).hexdigest()
    assert (vocabulary == other) == (tokens == others)
    assert (vocabulary.words_hash == other.words_hash) == (set(tokens) == set(others))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(1, 4), st.integers(4, 9), st.sampled_from(["appearance", "frequency"])
)
def test_cut(words: list[str], min_count: int, max_size: int, order: str) -> None:
    vocabulary = as_corpus([[*words, "<unk>"]]).vocabulary
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    ranked = sorted((word for word in counts if counts[word] >= min_count), key=lambda word: -counts[word])[: max_size - 3]
    kept = ranked if order == "frequency" else [word for word in counts if word in ranked]
    cut = vocabulary.cut(min_count, max_size, order)
    assert cut.tokens() == SPECIALS + kept
    assert cut.counts is not None
    assert cut.counts.tolist() == [1 + len(words) - sum(counts[word] for word in kept), 0, 0, *(counts[word] for word in kept)]


def test_a_literal_unknown_word_keeps_its_id_in_every_cut() -> None:
    vocabulary = as_corpus("<unk> <unk> <unk> a b b").vocabulary
    assert vocabulary.counts is not None
    assert vocabulary.counts.tolist() == [3, 0, 0, 1, 2]
    cut = vocabulary.cut(max_size=4, order="frequency")
    assert cut.tokens() == [*SPECIALS, "b"]
    assert cut.counts is not None
    assert cut.counts.tolist() == [4, 0, 0, 2]


def test_cut_refuses() -> None:
    vocabulary = as_corpus("a b").vocabulary
    for wrong in ({"min_count": 0}, {"max_size": 3}, {"order": "length"}, {"min_count": 1.5}):
        with pytest.raises(InvalidParameterError):
            vocabulary.cut(**wrong)
    bare = Vocabulary.from_tokens(["a"])
    assert bare.cut() is bare
    with pytest.raises(InvalidParameterError, match="no counts"):
        bare.cut(min_count=2)


def test_tokens_that_differ_by_a_nul_or_by_normalisation_are_different() -> None:
    vocabulary = Vocabulary.from_tokens(["a", "a\0", "\u00e9", "e\u0301", "A"])
    assert [vocabulary.id(token) for token in ("a", "a\0", "a\0\0", "\u00e9", "e\u0301", "")] == [3, 4, 0, 5, 6, 0]
    assert 3 not in vocabulary


def test_from_tokens_refuses_doubles_and_empty_tokens() -> None:
    for wrong in (["a", "b", "a"], ["<unk>"], [""], ["a" * 20, "a" * 20]):
        with pytest.raises(InvalidParameterError):
            Vocabulary.from_tokens(wrong)
    with pytest.raises(InvalidParameterError, match="one count a token"):
        Vocabulary.from_tokens(["a"], [1, 2])
    with pytest.raises(IndexError):
        Vocabulary.from_tokens(["a"]).token(4)
    with pytest.raises(IndexError):
        Vocabulary.from_tokens(["a"]).token(-1)


@settings(max_examples=50, deadline=None)
@given(TOKENS)
def test_tensors(tokens: list[str]) -> None:
    vocabulary = Vocabulary.from_tokens(tokens, range(len(tokens)))
    again = Vocabulary.from_tensors(vocabulary.to_tensors())
    assert again == vocabulary
    assert again.hash == vocabulary.hash
    assert hash(again) == hash(vocabulary)
    assert again.counts is not None
    assert again.counts.tolist() == [0, 0, 0, *range(len(tokens))]
    assert [again.id(token) for token in tokens] == list(range(3, 3 + len(tokens)))


def test_memory_mapped(tmp_path: Path) -> None:
    vocabulary = as_corpus("the \u00e9t\u00e9 <unk> the").vocabulary
    _container.write_container(tmp_path / "v", "test", {}, vocabulary.to_tensors())
    container = _container.read_container(tmp_path / "v")
    again = Vocabulary.from_tensors(container, "v")
    assert again == vocabulary
    assert again.id("\u00e9t\u00e9") == 4
    assert again.cut(max_size=4).tokens() == [*SPECIALS, "the"]
    with pytest.raises(FormatError, match=r"vocabulary\.bytes"):
        Vocabulary.from_tensors(_empty_container(tmp_path), "v")


def _empty_container(folder: Path) -> _container.Container:
    _container.write_container(folder / "e", "test", {}, {"x": np.zeros(1, np.int8)})
    return _container.read_container(folder / "e")


def _damage(name: str, change: object) -> dict[str, np.ndarray]:
    tensors = {key: value.copy() for key, value in Vocabulary.from_tokens(["ab", "\u00e9"], [1, 2]).to_tensors().items()}
    tensors[f"vocabulary.{name}"] = change(tensors[f"vocabulary.{name}"])  # type: ignore[operator]
    return tensors


def _set(place: int, value: int) -> object:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (_damage("offsets", lambda a: a[:-1]), "rise from 0"),
        (_damage("offsets", _set(4, 12)), "rise from 0"),
        (_damage("offsets", _set(4, 99)), "rise from 0"),
        (_damage("offsets", _set(4, 15)), "inside a character"),
        (_damage("offsets", _set(0, 1)), "begin with <unk>"),
        (_damage("offsets", lambda a: a.astype(np.int32)), "wrong type"),
        (_damage("offsets", lambda a: a[:0]), "begin with <unk>"),
        (_damage("bytes", _set(1, 65)), "begin with <unk>"),
        (_damage("bytes", _set(12, 0xFF)), "not UTF-8 at byte 12"),
        (_damage("bytes", lambda a: a[:5]), "begin with <unk>"),
        (_damage("counts", lambda a: a[1:]), "counts"),
    ],
)
def test_damaged_tensors(tensors: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(FormatError, match=message) as error:
        Vocabulary.from_tensors(tensors, "model.lm")
    assert str(error.value).startswith("model.lm: ")


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=3))).map(b"".join)
)
def test_the_shortcut_to_check_utf_8(data: bytes) -> None:
    assert first_bad_byte(np.frombuffer(data, np.uint8)) == text_twin.first_bad_byte(data)


def test_doubles_in_a_file_are_noticed_at_the_first_look_up() -> None:
    tensors = Vocabulary.from_tokens(["ab", "cd"]).to_tensors()
    tensors["vocabulary.bytes"] = np.frombuffer(b"<unk><s></s>abab", np.uint8)
    vocabulary = Vocabulary.from_tensors(tensors, "model.lm")
    with pytest.raises(FormatError, match="'ab' occurs twice"):
        vocabulary.id("cd")


def test_a_vocabulary_is_loaded_without_a_copy_or_a_table() -> None:
    tensors = Vocabulary.from_tokens(f"token{i}" for i in range(300)).to_tensors()
    loaded = Vocabulary.from_tensors(tensors)
    assert np.shares_memory(loaded.blob, tensors["vocabulary.bytes"])
    assert np.shares_memory(loaded.offsets, tensors["vocabulary.offsets"])
    assert "_table" not in vars(loaded)  # made at the first look-up
