"""Files that gensim installs for its own tests, and small vectors with every kind of word."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lmkit import WordVectors
from lmkit.embeddings.subwords import NgramOptions, Subwords
from lmkit.text.strings import StringTable


@pytest.fixture(scope="session")
def installed() -> Path:
    """gensim's own test files."""
    spec = importlib.util.find_spec("gensim")
    if spec is None or spec.origin is None:
        pytest.skip("gensim is not installed")
    return Path(spec.origin).parent / "test" / "test_data"


WORDS = ["the", "naïve", "Ω", "e-mail", "1984", "3.14", "日本語", "\u00a0", "</s>", "a" * 300, "x"]


@pytest.fixture
def vectors() -> WordVectors:
    """11 words of 7 dimensions: ordinary numbers, tiny and huge ones, zeros of both signs."""
    matrix = np.random.default_rng(1).normal(0, 0.2, (len(WORDS), 7)).astype(np.float32)
    matrix[1] = [0, -0.0, 1e-5, -1.5e-8, 3.4e38, 1e-45, 1]
    return WordVectors(WORDS, matrix, counts=np.arange(len(WORDS), 0, -1) * 10)


@pytest.fixture
def with_subwords() -> WordVectors:
    """The same words with n-grams in 50 buckets; without </s>, to which gensim gives n-grams and fastText none."""
    words = StringTable.from_strings(word for word in WORDS if word != "</s>")
    rng = np.random.default_rng(2)
    own, buckets = rng.normal(0, 0.2, (len(words), 7)).astype(np.float32), rng.normal(0, 0.2, (50, 7)).astype(np.float32)
    subwords = Subwords(NgramOptions(2, 4, 50), buckets, word_vectors=own)
    matrix = subwords.combine(words.blob, words.offsets, np.arange(len(words)))
    context = rng.normal(0, 0.2, matrix.shape).astype(np.float32)
    return WordVectors(words, matrix, counts=np.arange(len(words), 0, -1), subwords=subwords, context=context)
