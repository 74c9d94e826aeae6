"""Planted analogies are there to be found: a plain count model finds nearly all of them."""

from __future__ import annotations

import numpy as np

from lmkit_corpora.generated import planted_analogies

SMALL = {"relations": 2, "pairs": 8, "sentences": 12_000, "filler_words": 50}


def solved(text: str, questions: str) -> float:
    """Share of questions that 3CosAdd answers on positive pointwise mutual information of words in the same sentence."""
    lines = [line.split() for line in text.splitlines()]
    words = sorted({word for line in lines for word in line})
    ids = {word: number for number, word in enumerate(words)}
    sentences = np.zeros((len(lines), len(words)), np.float32)
    for number, line in enumerate(lines):
        sentences[number, [ids[word] for word in line]] = 1
    together = sentences.T @ sentences
    np.fill_diagonal(together, 0)
    with np.errstate(divide="ignore"):
        information = np.log(together * together.sum() / np.outer(together.sum(1), together.sum(0)))
    vectors = np.maximum(information, 0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    right = total = 0
    for line in questions.splitlines():
        if line.startswith(":"):
            continue
        a, b, c, d = (ids[word] for word in line.split())
        similarity = vectors @ (vectors[b] - vectors[a] + vectors[c])
        similarity[[a, b, c]] = -np.inf
        right += int(similarity.argmax() == d)
        total += 1
    return right / total


def test_they_can_be_found() -> None:
    corpus = planted_analogies(**SMALL, seed=1)
    assert solved(corpus.text, corpus.questions) > 0.9


def test_they_are_in_the_text_and_not_in_the_spelling() -> None:
    """With the words of every line dealt out anew among the lines, nothing is left to find."""
    corpus = planted_analogies(**SMALL, seed=1)
    words = np.array([line.split() for line in corpus.text.splitlines()])
    shuffled = np.random.default_rng(0).permutation(words.ravel()).reshape(words.shape)
    text = "\n".join(" ".join(line) for line in shuffled.tolist())
    assert solved(text, corpus.questions) < 0.2


def test_questions_are_in_the_format_of_word2vec() -> None:
    corpus = planted_analogies(relations=2, pairs=3, sentences=10, seed=2)
    lines = corpus.questions.splitlines()
    assert [line for line in lines if line.startswith(":")] == [": relation-1", ": relation-2"]
    assert len(lines) == 2 * (1 + 3 * 2)  # each pair with each of the two others
    (a, b), (c, d) = corpus.pairs["relation-1"][:2]
    assert lines[1].split() == [a, b, c, d]


def test_a_seed_repeats() -> None:
    assert planted_analogies(sentences=100, seed=5) == planted_analogies(sentences=100, seed=5)
    assert planted_analogies(sentences=100, seed=5).text != planted_analogies(sentences=100, seed=6).text
