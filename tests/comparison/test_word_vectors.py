"""Word vectors of every family, and what they score."""

from __future__ import annotations

import math

import numpy as np

from lmkit import NgramLanguageModel, RecurrentLanguageModel
from lmkit.comparison.word_vectors import context_vectors, score_vectors, vectors_of
from lmkit.embeddings.language_model import EmbeddingLanguageModel
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.text.options import TextOptions
from lmkit.wrappers.cache import UnigramCache

_RNG = np.random.default_rng(0)
_ANIMALS, _FRUITS = ["cat", "dog", "horse", "cow"], ["apple", "pear", "plum", "grape"]
TEXT = "\n".join(
    f"the {_RNG.choice(_ANIMALS)} runs and {_RNG.choice(['sleeps', 'eats'])}"
    if number % 2
    else f"a {_RNG.choice(_FRUITS)} grows and {_RNG.choice(['ripens', 'falls'])}"
    for number in range(600)
)


def test_words_in_like_company_have_like_vectors() -> None:
    vectors = context_vectors(NgramLanguageModel(order=3).fit(TEXT), dim=6)
    assert {found.word for found in vectors.most_similar("cat", top=3)} == {"dog", "horse", "cow"}
    assert {found.word for found in vectors.most_similar("plum", top=3)} == {"apple", "pear", "grape"}
    assert "<s>" not in list(vectors.words)
    again = context_vectors(NgramLanguageModel(order=3).fit(TEXT), dim=6)
    np.testing.assert_array_equal(vectors.matrix, again.matrix)


def test_the_values_are_positive_pointwise_mutual_information() -> None:
    model = NgramLanguageModel(order=2, smoothing="maximum-likelihood").fit("a b\na b\na c")
    vectors = context_vectors(model, dim=8)
    # of 9 tokens 3 are a, 2 b, 1 c, 3 ends; p(a|<s>) = 1, p(b|a) = 2/3, p(c|a) = 1/3, p(</s>|b) = p(</s>|c) = 1
    # so that log 3 is the value of every pair: log(1 / (3/9)), log((2/3) / (2/9)), log((1/3) / (1/9)), log(1 / (3/9))
    # rows over (successors | predecessors): a (b, c | <s>), b (</s> | a), c (</s> | a), all of value log 3
    rows = math.log(3) * np.array([[1, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]])
    # their dot products M M^T are U S^2 U^T, the vectors' U S U^T; the vectors hold all three dimensions
    own = vectors.matrix[[vectors.index(word) for word in "abc"]].astype(np.float64)
    np.testing.assert_allclose((own @ own.T) @ (own @ own.T), rows @ rows.T, atol=1e-5)


def test_every_family_has_its_vectors() -> None:
    recipe = Recipe(batch=8, steps=10, epochs=1)
    tied = RecurrentLanguageModel(Architecture(layers=1, hidden=8, tied=True), recipe, threads=1).fit(TEXT)
    loose = RecurrentLanguageModel(Architecture(layers=1, hidden=8), recipe, threads=1).fit(TEXT)
    tree = EmbeddingLanguageModel(dim=8, window=2, epochs=1, threads=1).fit(TEXT)
    assert list(vectors_of(tied)) == ["embedding, input and output"]
    assert list(vectors_of(loose)) == ["input embedding", "output embedding"]
    assert list(vectors_of(tree)) == ["input vectors"]
    own = vectors_of(loose)["input embedding"]
    token = loose.vocabulary.id("dog")
    np.testing.assert_array_equal(own.vector("dog"), loose.network_.embedding.weight.value[token])
    assert (np.diff(own.counts) <= 0).all()  # type: ignore[arg-type]
    ngram = NgramLanguageModel(order=2).fit(TEXT)
    assert list(vectors_of(ngram)) == ["company of words"]
    assert vectors_of(NgramLanguageModel(order=1).fit(TEXT)) == {}
    assert vectors_of(UnigramCache(ngram).fit(TEXT)) == {}
    assert vectors_of(NgramLanguageModel(order=2, reading=TextOptions(tokenizer="characters")).fit(TEXT)) == {}


def test_scores_say_how_much_was_asked() -> None:
    scores = score_vectors(context_vectors(NgramLanguageModel(order=2).fit(TEXT)))
    assert set(scores) == {"questions-words", "wordsim353", "simlex999"}
    assert scores["questions-words"].total == 19_544
    assert scores["wordsim353"].total == 353
    assert math.isnan(scores["questions-words"].value) == (scores["questions-words"].asked == 0)
