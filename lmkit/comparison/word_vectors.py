"""What models of every family know of the meaning of words: their vectors, by analogies and by similarity.

Every family has vectors, made for another purpose or none: networks have the rows of their embedding and of their output layer, word2vec
its input vectors, and an n-gram model knows the company that a word keeps. All are scored by the same questions (`lmkit.evaluation`).

An n-gram model's vectors are made of its 2-grams. With pmi(v, w) = log p(w|v) / p(w), p(w|v) the model's smoothed probability of a pair
that it holds and p(w) the word's frequency, a word's row holds the positive values as the first of a pair, over its successors, and as
the second, over its predecessors (Bullinaria and Levy 2007, Extracting semantic representations from word co-occurrence statistics);
the rows are reduced by a singular value decomposition to U S^(1/2) (Levy, Goldberg and Dagan 2015, Improving distributional similarity
with lessons learned from word embeddings, section 3.3).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit.comparison.scoring import Scored
from lmkit.errors import InputError
from lmkit.text.strings import StringTable
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

ANALOGIES = "questions-words"
SIMILARITIES = ("wordsim353", "simlex999")
_DIM = 100
_FIRST = len(("<unk>", "<s>", "</s>"))


@dataclasses.dataclass(frozen=True)
class Score:
    """A test's result: the share of right answers or Spearman's coefficient (nan if nothing could be asked), over `asked` of `total`."""

    value: float
    asked: int
    total: int


@dataclasses.dataclass(frozen=True)
class VectorRow:
    """The vectors of a model, and what they score: test -> result."""

    model: str
    family: str
    vectors: str
    words: int
    dim: int
    scores: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)


def vector_rows(order: Sequence[Scored]) -> tuple[VectorRow, ...]:
    """A row for each kind of vectors that each model has, best model first; one n-gram model stands for all: they hold the same pairs."""
    rows = []
    has_ngrams = False
    for one in order:
        is_ngram = hasattr(one.contestant.model, "trie_")
        if one.contestant.model is None or (is_ngram and has_ngrams):
            continue
        for name, vectors in vectors_of(one.contestant.model).items():
            has_ngrams |= is_ngram
            words, dim = vectors.matrix.shape
            rows.append(VectorRow(one.contestant.name, one.contestant.family, name, words, dim, score_vectors(vectors)))
    return tuple(rows)


def score_vectors(vectors: WordVectors) -> dict[str, Score]:
    """Analogies by 3CosAdd, similarity by Spearman's coefficient; the sets that come with gensim."""
    from lmkit.evaluation.analogy import evaluate_analogies
    from lmkit.evaluation.analogy_sets import read_analogies
    from lmkit.evaluation.similarity import evaluate_similarity
    from lmkit.evaluation.similarity_sets import read_similarities

    questions = read_analogies(ANALOGIES)
    scores = {ANALOGIES: Score(float("nan"), 0, len(questions))}
    with contextlib.suppress(InputError):  # no question of which all words are known
        total = evaluate_analogies(vectors, questions).total()
        scores[ANALOGIES] = Score(total.accuracy, total.seen, total.total)
    for name in SIMILARITIES:
        pairs = read_similarities(name)
        scores[name] = Score(float("nan"), 0, len(pairs))
        with contextlib.suppress(InputError):  # no pair, or two
            result = evaluate_similarity(vectors, pairs)
            scores[name] = Score(result.spearman, int(result.used.sum()), len(pairs))
    return scores


def vectors_of(model: Any) -> dict[str, WordVectors]:
    """The word vectors that a language model has, by name; none for mixtures and for models of characters or bytes."""
    if not model.text_options.is_word_level:
        return {}
    if hasattr(model, "network_"):
        tables = {"input embedding": model.network_.embedding.weight}
        output = getattr(model.network_.output, "weight", None)
        if output is not None and output.name == "decoder.weight":
            tables["output embedding"] = output
        elif output is model.network_.embedding.weight:
            tables = {"embedding, input and output": output}
        about = {"text_options": model.text_options, "made": {"estimator": type(model).__name__, **model.metadata_}}
        return {name: _word_vectors(model.vocabulary, weight.value, model.counts_, **about) for name, weight in tables.items()}
    if hasattr(model, "vectors_"):
        return {"input vectors": model.vectors_}
    if hasattr(model, "trie_") and model.trie_.order > 1:
        return {"company of words": context_vectors(model)}
    return {}


def context_vectors(model: Any, dim: int = _DIM) -> WordVectors:
    """Vectors of an n-gram model's words, from its 2-grams. dim : numbers a vector; fewer for a small vocabulary."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.utils.extmath import randomized_svd

    trie, vocabulary = model.fast_trie(), model.vocabulary
    size = len(vocabulary)
    first_child = np.asarray(trie.first_child[: size + 1], np.int64)
    pairs = slice(int(trie.order_start[1]), int(trie.order_start[2]))
    before = np.repeat(np.arange(size), np.diff(first_child))
    after = np.asarray(trie.word[pairs], np.int64)
    log_probabilities = np.asarray(trie.log10_prob, np.float64) * np.log(10)
    alone = _log_frequencies(log_probabilities[:size], vocabulary)
    information = np.maximum(log_probabilities[pairs] - alone[after], 0.0)
    matrix = csr_matrix((information, (before, after)), shape=(size, size))
    both = hstack([matrix, matrix.T]).tocsr()[_FIRST:]
    left, singular, _ = randomized_svd(both, min(dim, max(min(both.shape) - 1, 1)), n_iter=5, random_state=0)
    rows = np.zeros((size, left.shape[1]), np.float32)
    rows[_FIRST:] = left * np.sqrt(singular)
    return _word_vectors(vocabulary, rows, vocabulary.counts)


def _log_frequencies(unigrams: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """log p(w), float64 (V,): the share of w among all words and ends. The model's own 1-grams may be another thing: Kneser-Ney's count
    contexts. They stand in where the words' counts are not known, and say how many ends there are."""
    if vocabulary.counts is None:
        return unigrams
    counts = np.array(vocabulary.counts, np.float64)
    counts[[Vocabulary.BOS, Vocabulary.EOS]] = 0.0
    share_of_ends = math.exp(unigrams[Vocabulary.EOS])
    with np.errstate(divide="ignore"):
        return np.where(counts > 0, np.log(counts / counts.sum() * (1 - share_of_ends)), unigrams)


def _word_vectors(vocabulary: Vocabulary, matrix: np.ndarray, counts: np.ndarray | None, **about: Any) -> WordVectors:
    """Rows by falling count, without the specials. about : further parameters of WordVectors."""
    from lmkit.embeddings.vectors import WordVectors

    order = np.arange(_FIRST, len(vocabulary))
    if counts is not None:
        order = order[np.argsort(-np.asarray(counts)[order], kind="stable")]
    words = StringTable(vocabulary.blob, vocabulary.offsets).pick(order)
    own = None if counts is None else np.asarray(counts)[order]
    return WordVectors(words, np.ascontiguousarray(np.asarray(matrix)[order], np.float32), counts=own, **about)
