"""Subwords: n-grams and hash against a twin and against fastText's own output, vectors of any word, storage."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import subword_twin

from lmkit.embeddings.subwords import NgramOptions, Subwords, hash_ngrams
from lmkit.errors import FormatError, InvalidParameterError

GOLDEN = Path(__file__).parent.parent / "golden" / "data" / "fasttext-subwords.json.gz"
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=0, max_size=12)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.integers(1, 4), st.integers(0, 4), st.integers(1, 5000))
def test_ngrams_and_hash_follow_the_twin(word: str, min_n: int, more: int, buckets: int) -> None:
    subwords = Subwords(NgramOptions(min_n, min_n + more, buckets), np.zeros((buckets, 1), np.float32))
    expected = subword_twin.ngrams(word, min_n, min_n + more)
    assert [ngram.text for ngram in subwords.ngrams(word)] == expected
    assert [ngram.bucket for ngram in subwords.ngrams(word)] == [subword_twin.bucket(text, buckets) for text in expected]


def test_known_hashes() -> None:
    # FNV-1a of the empty string is its offset; of "a" 0xE40C292C (draft-eastlake-fnv); a byte above 127 enters as 0xFFFFFFxx
    assert subword_twin.bucket("", 2**32) == 2166136261
    assert subword_twin.bucket("a", 2**32) == 0xE40C292C
    assert subword_twin.bucket("é", 2**32) != ((((2166136261 ^ 0xC3) * 16777619 % 2**32) ^ 0xA9) * 16777619 % 2**32)


def test_the_end_of_sentence_and_short_words_have_no_ngrams() -> None:
    subwords = Subwords(NgramOptions(3, 6, 10), np.ones((10, 2), np.float32))
    assert subwords.ngrams("</s>") == []
    assert subwords.vector("</s>").tolist() == [0, 0]
    assert [ngram.text for ngram in subwords.ngrams("a")] == ["<a>"]
    assert Subwords(NgramOptions(4, 6, 10), np.ones((10, 2), np.float32)).ngrams("a") == []


def test_repeated_ngrams_count_as_often_as_they_occur() -> None:
    matrix = np.arange(200, dtype=np.float32).reshape(100, 2)
    subwords = Subwords(NgramOptions(2, 2, 100), matrix)
    texts = [ngram.text for ngram in subwords.ngrams("banana")]
    assert texts == ["<b", "ba", "an", "na", "an", "na", "a>"]
    rows = [subword_twin.bucket(text, 100) for text in texts]
    np.testing.assert_allclose(subwords.vector("banana"), matrix[rows].mean(0), rtol=1e-6)


@pytest.fixture(scope="module")
def fasttext_model() -> dict:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as file:
        return json.load(file)


def restored(model: dict) -> Subwords:
    matrix = np.frombuffer(bytes.fromhex(model["input"]), "<f4").reshape(-1, model["dim"])
    size = len(model["words"])
    options = NgramOptions(model["minn"], model["maxn"], model["buckets"])
    return Subwords(options, matrix[size:], word_vectors=matrix[:size])


def test_vectors_are_those_that_fasttext_prints(fasttext_model: dict) -> None:
    subwords = restored(fasttext_model)
    words = fasttext_model["words"]
    asked = list(fasttext_model["vectors"])
    assert any(word not in words for word in asked)
    assert any(not word.isascii() for word in asked)
    own = np.array([words.index(word) if word in words else -1 for word in asked])
    for word, found in zip(asked, subwords.vectors(asked, own), strict=True):
        # fastText prints five significant digits
        assert [float(f"{x:.5g}") for x in found] == [float(text) for text in fasttext_model["vectors"][word]], word


def test_ngrams_are_those_that_fasttext_prints(fasttext_model: dict) -> None:
    subwords = restored(fasttext_model)
    for word, expected in fasttext_model["ngrams"].items():
        assert [ngram.text for ngram in subwords.ngrams(word)] == expected


def test_compacted_rows_give_the_vectors_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(5)
    options = NgramOptions(2, 4, 50)
    dense = rng.normal(size=(50, 3)).astype(np.float32)
    kept = rng.permutation(50)[:30]
    dense[np.setdiff1d(np.arange(50), kept)] = 0
    whole, compact = Subwords(options, dense), Subwords(options, dense[kept], kept=kept)
    words = ["alpha", "bête", "日本語", "x", ""]
    np.testing.assert_array_equal(whole.vectors(words), compact.vectors(words))
    np.testing.assert_array_equal(compact.bucket_rows(0, 50), dense)
    assert np.isin(compact.rows("alpha"), np.arange(30)).all()
    pruned = Subwords(options, dense[kept], kept=kept, counts_missing=False)
    np.testing.assert_allclose(pruned.vector("alpha"), dense[kept][pruned.rows("alpha")].mean(0), rtol=1e-5)


def test_storage_round_trip() -> None:
    rng = np.random.default_rng(6)
    subwords = Subwords(
        NgramOptions(3, 5, 1000),
        rng.normal(size=(4, 2)).astype(np.float32),
        kept=np.array([7, 900, 3, 44]),
        word_vectors=rng.normal(size=(2, 2)).astype(np.float32),
        counts_missing=False,
    )
    again = Subwords.from_tensors(subwords.to_tensors(), json.loads(json.dumps(subwords.to_record())))
    assert again.to_record() == subwords.to_record()
    for name, tensor in subwords.to_tensors().items():
        np.testing.assert_array_equal(again.to_tensors()[name], tensor)


def test_hash_of_bytes_that_are_not_utf8() -> None:
    blob = np.frombuffer(b"\xff\x80a\xc3", np.uint8)
    hashed = hash_ngrams(blob, np.array([0, 4]), NgramOptions(1, 2, 1000))
    # <, \xff\x80, a, \xc3, > : continuing bytes belong to what stands before
    assert list(zip(hashed.begins.tolist(), hashed.ends.tolist(), strict=True)) == [(0, 3), (1, 3), (1, 4), (3, 4), (3, 5), (4, 5), (4, 6)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_n": 4, "max_n": 3}, "'max_n'"),
        ({"buckets": 0}, "'buckets'"),
        ({"buckets": 2**31}, "'buckets'"),
        ({"max_n": 0, "min_n": 0}, "'max_n'"),
        ({"min_n": -1}, "'min_n'"),
    ],
)
def test_bad_options(arguments: dict, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        NgramOptions(**arguments)


def test_bad_matrices_and_damaged_records() -> None:
    options = NgramOptions(3, 6, 10)
    with pytest.raises(InvalidParameterError, match="10 buckets"):
        Subwords(options, np.zeros((9, 2), np.float32))
    with pytest.raises(InvalidParameterError, match="float32"):
        Subwords(options, np.zeros((10, 2)))
    for kept in ([3, 3], [-1, 2], [2, 10]):
        with pytest.raises(InvalidParameterError, match="'kept'"):
            Subwords(options, np.zeros((2, 2), np.float32), kept=np.array(kept))
    with pytest.raises(InvalidParameterError, match="word_vectors"):
        Subwords(options, np.zeros((10, 2), np.float32)).vectors(["a"], np.array([0]))
    good = Subwords(options, np.zeros((10, 2), np.float32))
    with pytest.raises(FormatError, match=r"f.bin: the tensor 'subwords.matrix' is missing"):
        Subwords.from_tensors({}, good.to_record(), "f.bin")
    with pytest.raises(FormatError, match="damaged"):
        Subwords.from_tensors(good.to_tensors(), {**good.to_record(), "buckets": 11}, "f.bin")
    with pytest.raises(FormatError, match="damaged"):
        Subwords.from_tensors(good.to_tensors(), {"min_n": 3}, "f.bin")
