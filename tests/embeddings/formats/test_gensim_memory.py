"""Vectors handed to gensim and taken from it in memory."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit import WordVectors
from lmkit.embeddings.formats import from_gensim, to_gensim
from lmkit.embeddings.subwords import NgramOptions, Subwords
from lmkit.errors import InputError


def test_keyed_vectors_answer_as_ours(vectors: WordVectors) -> None:
    sane = vectors.restrict([word for word in vectors.words if word != "naïve"])
    keyed = to_gensim(sane)
    assert type(keyed).__name__ == "KeyedVectors"
    assert np.array_equal(keyed["Ω"], sane.vector("Ω"))
    assert keyed.get_vecattr("Ω", "count") == sane.counts[sane.index("Ω")]
    assert len(keyed) == len(sane)
    ours = [(answer.word, round(answer.similarity, 5)) for answer in sane.most_similar("the", top=4)]
    assert [(word, round(float(score), 5)) for word, score in keyed.most_similar("the", topn=4)] == ours
    assert np.shares_memory(keyed.vectors, sane.matrix)
    keyed.add_vector("new", np.ones(7, np.float32))  # it is a whole KeyedVectors
    assert keyed.similarity("new", "new") == pytest.approx(1)


def test_there_and_back(vectors: WordVectors, with_subwords: WordVectors) -> None:
    for original in (vectors, with_subwords):
        back = WordVectors.from_gensim(original.to_gensim())
        assert back.words == original.words
        assert np.array_equal(back.matrix, original.matrix)
        assert back.counts.tolist() == original.counts.tolist()
    assert back.subwords.options == with_subwords.subwords.options
    assert np.array_equal(back.vector("unseen"), with_subwords.vector("unseen"))


def test_unknown_words_of_fasttext_keyed_vectors(with_subwords: WordVectors) -> None:
    keyed = to_gensim(with_subwords)
    for word in ("unseen", "ΩΩ", "日本"):
        assert np.allclose(keyed[word], with_subwords.vector(word), rtol=1e-5, atol=1e-7)
    keyed.adjust_vectors()  # gensim's own sum over own rows and n-grams
    assert np.allclose(keyed.vectors, with_subwords.matrix, rtol=1e-5, atol=1e-7)


def test_buckets_that_are_not_stored_are_zero(with_subwords: WordVectors) -> None:
    kept = np.array([3, 7, 20, 41])
    part = Subwords(
        NgramOptions(2, 4, 50), with_subwords.subwords.matrix[kept], kept=kept, word_vectors=with_subwords.subwords.word_vectors
    )
    keyed = to_gensim(WordVectors(with_subwords.words, with_subwords.matrix, subwords=part))
    assert keyed.vectors_ngrams.shape == (50, 7)
    assert np.array_equal(np.flatnonzero(keyed.vectors_ngrams.any(axis=1)), kept)
    assert np.allclose(keyed["unseen"], part.vector("unseen"), rtol=1e-5, atol=1e-7)


def test_whole_models(installed) -> None:
    from gensim.models import FastText, Word2Vec

    sentences = [["human", "computer", "naïve"], ["computer", "user"]] * 4
    model = Word2Vec(sentences, vector_size=5, min_count=1, seed=1, workers=1)
    taken = from_gensim(model)
    assert taken.words.strings() == model.wv.index_to_key
    assert np.array_equal(taken.context, model.syn1neg)
    assert taken.counts.tolist() == [model.wv.get_vecattr(word, "count") for word in taken.words]
    fast = FastText(sentences, vector_size=5, min_count=1, bucket=40, min_n=2, max_n=3)
    assert np.allclose(from_gensim(fast).vector("users"), fast.wv["users"], rtol=1e-5, atol=1e-7)


def test_what_is_no_keyed_vectors() -> None:
    from gensim.models import KeyedVectors

    with pytest.raises(InputError, match="Got dict instead"):
        from_gensim({"a": [1, 2]})
    numbered = KeyedVectors(2)
    numbered.add_vectors([7, 8], np.eye(2, dtype=np.float32))
    with pytest.raises(InputError, match="the key 7, which is no text"):
        from_gensim(numbered)
