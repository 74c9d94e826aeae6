"""How an analogy question is answered from vectors of length 1: by arithmetic, or by what the other pairs of its section teach.

A method by questions turns the cosines of query words with candidates into scores; a kernel keeps the best. A method by pairs leaves one
pair of a section out, learns from the others and asks for the one left out. A new method is a class here and a line in
`QUESTION_METHODS` or a function and a line in `PAIR_METHODS`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lmkit.errors import MissingDependencyError
from lmkit.evaluation._kernels_analogy import best_directions, best_sums
from lmkit.evaluation.spellings import unit_rows

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors

_BLOCK_BYTES = 1 << 26
_BLOCK_STEP = 512
_EPSILON = 1e-6  # 3CosMul's, of Levy and Goldberg 2014
_SAME = 1e-6  # below this 2 - 2 cos, two vectors are one within float32, and their difference has no direction


class Candidates:
    """The N rows that can be answers.

    Parameters
    ----------
    vectors : the model; its first len(labels) rows count.
    labels : int64 (N,), rows with the label of a query word can't be its answer.
    """

    def __init__(self, vectors: WordVectors, labels: np.ndarray) -> None:
        self._matrix = vectors.matrix
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def units(self, rows: np.ndarray) -> np.ndarray:
        """Rows of length 1, float32 (len(rows), d)."""
        return unit_rows(self._matrix[rows], rows)

    def blocks(self, queries: int) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, rows of length 1) in blocks whose products with so many queries take at most 64 MB."""
        size = max(_BLOCK_BYTES // (4 * max(queries, self._matrix.shape[1], 1)) // _BLOCK_STEP, 1) * _BLOCK_STEP
        for first in range(0, len(self), size):
            numbers = range(first, min(first + size, len(self)))
            yield first, unit_rows(self._matrix[numbers.start : numbers.stop], numbers)


@dataclasses.dataclass(frozen=True)
class Questions:
    """Q questions over U query words.

    Attributes
    ----------
    queries : float32 (U, d), of length 1.
    a, b, c : int32 (Q,), places in queries.
    excluded : int64 (Q, 3), labels of candidates that can't be answers; -1 for none.
    """

    queries: np.ndarray
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    excluded: np.ndarray

    def __len__(self) -> int:
        return len(self.a)


# -- by questions ----------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Block:
    """n candidates, and the best of the Q questions so far.

    Attributes
    ----------
    left, right : float32 (U, n), what `QuestionMethod.prepare` made of the cosines.
    labels : int64 (n,); first : row of the first of them.
    scores : float32 (Q,), rows : int64 (Q,), the best; updated.
    """

    left: np.ndarray
    right: np.ndarray
    labels: np.ndarray
    first: int
    scores: np.ndarray
    rows: np.ndarray

    @property
    def rest(self) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
        """As the kernels take them."""
        return self.labels, self.first, self.scores, self.rows


class QuestionMethod(Protocol):
    """Scores of candidates from cosines."""

    def prepare(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two functions of the cosines float32 (U, n), which may be overwritten."""

    def search(self, block: Block, questions: Questions, part: tuple[int, int]) -> None:
        """Update the best of a range of questions with a block of candidates."""

    def scores(self, left: np.ndarray, right: np.ndarray, questions: Questions, question: int) -> np.ndarray:
        """Of one question, float32 (n,)."""


class CosAdd:
    """cos(d, b) - cos(d, a) + cos(d, c), the cosine with b - a + c up to its length (Mikolov, Yih and Zweig 2013)."""

    def prepare(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return products, products

    def search(self, block: Block, questions: Questions, part: tuple[int, int]) -> None:
        best_sums(block.left, block.right, questions.a, questions.b, questions.c, questions.excluded, *block.rest, *part)

    def scores(self, left: np.ndarray, right: np.ndarray, questions: Questions, question: int) -> np.ndarray:
        return left[questions.b[question]] - right[questions.a[question]] + left[questions.c[question]]  # type: ignore[no-any-return]


class CosMul(CosAdd):
    """s(d, b) s(d, c) / (s(d, a) + epsilon) with s = (1 + cos) / 2 (Levy and Goldberg 2014, equation 4); the same order by logarithms."""

    def prepare(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shifted = np.maximum((1 + products) / 2, 0)
        with np.errstate(divide="ignore"):
            return np.log(shifted), np.log(shifted + np.float32(_EPSILON))


class PairDistance:
    """cos(d - c, b - a) (PairDirection of Levy and Goldberg 2014, equation 2)."""

    def prepare(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        squared = 2 - 2 * products  # |d - c|^2 of vectors of length 1
        return products, np.where(squared > _SAME, 1 / np.sqrt(np.maximum(squared, _SAME)), 0)

    def search(self, block: Block, questions: Questions, part: tuple[int, int]) -> None:
        a, b, c, offset = questions.a, questions.b, questions.c, self._offset(questions)
        best_directions(block.left, block.right, a, b, c, offset, questions.excluded, *block.rest, *part)

    def scores(self, left: np.ndarray, right: np.ndarray, questions: Questions, question: int) -> np.ndarray:
        along = left[questions.b[question]] - left[questions.a[question]] - self._offset(questions)[question]
        return along * right[questions.c[question]]  # type: ignore[no-any-return]

    @staticmethod
    def _offset(questions: Questions) -> np.ndarray:
        """c (b - a), float32 (Q,)."""
        queries = questions.queries
        return np.einsum("ij,ij->i", queries[questions.c], queries[questions.b] - queries[questions.a])


QUESTION_METHODS: dict[str, QuestionMethod] = {"3cosadd": CosAdd(), "3cosmul": CosMul(), "pair-distance": PairDistance()}


def answer_questions(
    method: QuestionMethod, questions: Questions, candidates: Candidates, *, positive: bool = False, threads: int | None = None
) -> np.ndarray:
    """The best row for each question, int64 (Q,); -1 where no candidate has a score (above 0 if `positive`)."""
    scores, answers = np.full(len(questions), 0 if positive else -np.inf, np.float32), np.full(len(questions), -1, np.int64)
    workers = max(1, min(threads or os.cpu_count() or 1, len(questions)))
    borders = np.linspace(0, len(questions), workers + 1).astype(int).tolist()
    parts = list(itertools.pairwise(borders))
    with _blas_limited(threads), ThreadPoolExecutor(workers) as pool:
        for first, rows in candidates.blocks(len(questions.queries)):
            prepared = method.prepare(questions.queries @ rows.T)
            block = Block(*prepared, candidates.labels[first : first + len(rows)], first, scores, answers)
            for job in [pool.submit(method.search, block, questions, part) for part in parts]:
                job.result()
    return answers


def _blas_limited(threads: int | None) -> contextlib.AbstractContextManager[Any]:
    """Matrix products on so many threads within; as many as BLAS likes for None."""
    if threads is None:
        return contextlib.nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    return threadpool_limits(threads, user_api="blas")  # type: ignore[no-any-return]


def scores_of(method: QuestionMethod, questions: Questions, question: int, candidates: Candidates) -> np.ndarray:
    """All candidates' scores for one question, float32 (N,)."""
    blocks = (rows for _, rows in candidates.blocks(len(questions.queries)))
    return np.concatenate([method.scores(*method.prepare(questions.queries @ rows.T), questions, question) for rows in blocks])


# -- by pairs --------------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class PairSet:
    """The P pairs of a section that can teach or be asked.

    Attributes
    ----------
    sources, targets : float32 (P, d), of length 1.
    labels : int64 (P,), label of each source among the candidates, -1 for none: it can't be the answer.
    """

    sources: np.ndarray
    targets: np.ndarray
    labels: np.ndarray


def _best_rows(score: Callable[[np.ndarray], np.ndarray], pairs: PairSet, candidates: Candidates) -> np.ndarray:
    """The row with the highest score for each pair, int64 (P,). score: candidates (n, d) -> (P, n)."""
    count = len(pairs.labels)
    best, answers = np.full(count, -np.inf), np.full(count, -1, np.int64)
    for first, rows in candidates.blocks(count):
        scores = score(rows)
        labels = candidates.labels[first : first + len(rows)]
        scores = np.where(np.isnan(scores) | (labels == pairs.labels[:, None]), -np.inf, scores)
        place = scores.argmax(axis=1)
        found = scores[np.arange(count), place]
        better = found > best
        best[better], answers[better] = found[better], first + place[better]
    return answers


def average_offset(pairs: PairSet, candidates: Candidates, seed: int) -> np.ndarray:
    """3CosAvg: the row nearest to c plus the mean of b - a over all other pairs (Drozd, Gladkova and Matsuoka 2016, section 3.2)."""
    offsets = pairs.targets - pairs.sources
    others = (offsets.sum(axis=0) - offsets) / max(len(offsets) - 1, 1)
    wanted = pairs.sources + others
    return _best_rows(lambda rows: wanted @ rows.T, pairs, candidates)


def regression_and_cosine(pairs: PairSet, candidates: Candidates, seed: int) -> np.ndarray:
    """LRCos: P(d is of the class of the b) cos(d, c) (Drozd, Gladkova and Matsuoka 2016, section 3.3).

    The class is learnt by scikit-learn's logistic regression from the other pairs: their b against their a and as many random rows.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn
    except ImportError:
        raise MissingDependencyError("LRCos needs scikit-learn: pip install scikit-learn.") from None
    count = len(pairs.labels)
    if count < 2:  # nothing to learn from: the class says nothing
        return _best_rows(lambda rows: pairs.sources @ rows.T, pairs, candidates)
    rng = np.random.default_rng(seed)
    noise = candidates.units(rng.integers(len(candidates), size=count))
    noise = noise[np.isfinite(noise).all(axis=1)]
    weights, biases = np.empty_like(pairs.sources), np.empty((count, 1), np.float32)
    with threadpool_limits(1, user_api="blas"):  # hundreds of tiny fits: threads would only wait for each other
        for left_out in range(count):
            kept = np.arange(count) != left_out
            samples = np.concatenate([pairs.targets[kept], pairs.sources[kept], noise])
            classes = np.arange(len(samples)) < count - 1
            fitted = LogisticRegression(max_iter=1000).fit(samples, classes)
            weights[left_out], biases[left_out] = fitted.coef_[0], fitted.intercept_[0]

    def score(rows: np.ndarray) -> np.ndarray:
        probability = 1 / (1 + np.exp(-np.clip(weights @ rows.T + biases, -80, 80)))
        return probability * (pairs.sources @ rows.T)  # type: ignore[no-any-return]

    return _best_rows(score, pairs, candidates)


PAIR_METHODS: dict[str, Callable[[PairSet, Candidates, int], np.ndarray]] = {"3cosavg": average_offset, "lrcos": regression_and_cosine}
