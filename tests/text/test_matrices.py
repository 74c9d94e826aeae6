"""One-hot and count matrices against loops."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lmkit.errors import InvalidParameterError
from lmkit.text import EncodedCorpus, TextOptions, as_corpus, cooccurrence_matrix, document_term_matrix, one_hot, transition_counts


@pytest.fixture
def corpus() -> EncodedCorpus:
    rng = np.random.default_rng(1)
    rows = [[f"w{value}" for value in rng.integers(0, 7, rng.integers(0, 9))] for _ in range(60)]
    return as_corpus([*rows, [], ["<unk>", "w1"]])


def sentences(corpus: EncodedCorpus) -> list[list[int]]:
    return [corpus.sentence_ids(i).tolist() for i in range(corpus.n_sentences)]


def counted(matrix: object) -> dict[tuple[int, int], float]:
    coo = matrix.tocoo()  # type: ignore[attr-defined]
    return {(int(row), int(column)): float(value) for row, column, value in zip(*coo.coords, coo.data, strict=True) if value}


def test_one_hot(corpus: EncodedCorpus) -> None:
    matrix = one_hot(corpus)
    assert matrix.shape == (len(corpus), len(corpus.vocabulary))
    assert matrix.dtype == np.float32
    assert matrix.toarray().argmax(axis=1).tolist() == corpus.ids.tolist()
    assert matrix.sum() == len(corpus)
    other = as_corpus("w1 w2").vocabulary
    assert one_hot(corpus, other).toarray().argmax(axis=1).tolist() == corpus.ids_in(other).tolist()


def test_transition_counts(corpus: EncodedCorpus) -> None:
    expected = Counter(pair for row in sentences(corpus) for pair in zip([1, *row], [*row, 2], strict=True))
    assert counted(transition_counts(corpus)) == expected


def test_transition_counts_of_continuous_text(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a b\nc")
    (tmp_path / "2.txt").write_text("")
    (tmp_path / "3.txt").write_text("a b")
    corpus = as_corpus(tmp_path, TextOptions(sentences="none"))
    assert counted(transition_counts(corpus)) == {(3, 4): 2, (4, 5): 1}


@pytest.mark.parametrize("weighting", ["flat", "harmonic"])
@pytest.mark.parametrize("window", [1, 3, 50])
def test_cooccurrence(corpus: EncodedCorpus, window: int, weighting: str) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    for row in sentences(corpus):
        for i, left in enumerate(row):
            for j, right in enumerate(row):
                if i != j and abs(i - j) <= window:
                    expected[left, right] += 1 / abs(i - j) if weighting == "harmonic" else 1  # type: ignore[assignment]
    found = counted(cooccurrence_matrix(corpus, window=window, weighting=weighting))
    assert found == pytest.approx(expected)


def test_document_terms(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a b\na")
    (tmp_path / "2.txt").write_text("")
    (tmp_path / "3.txt").write_text("c <unk>")
    corpus = as_corpus(tmp_path)
    assert document_term_matrix(corpus).toarray().tolist() == [[0, 0, 0, 2, 1, 0], [0] * 6, [1, 0, 0, 0, 0, 1]]
    assert document_term_matrix(corpus, unit="sentence").toarray()[:, 3].tolist() == [1, 1, 0]


def test_refusals(corpus: EncodedCorpus) -> None:
    with pytest.raises(InvalidParameterError):
        cooccurrence_matrix(corpus, window=0)
    with pytest.raises(InvalidParameterError):
        document_term_matrix(corpus, unit="paragraph")
    with pytest.raises(InvalidParameterError, match="as_corpus"):
        one_hot("a b")  # type: ignore[arg-type]
