"""Sentence and document vectors, and scikit-learn's own checks of the transformer.

Which of scikit-learn's checks apply: for transformers of text its generator stops after the first, since it feeds matrices of numbers.
Those that need no data run on the transformer itself; those that do run on `OnNumbers`, which writes a document for each row of numbers
and hands it to the transformer. Left out, since texts have nothing of the kind: checks of sparse matrices and other array types, of NaN
and infinite entries, of complex numbers, dtypes and one-dimensional X, of the number and names of features. Transforming before `fit`
(`check_transformers_unfitted_stateless`) is for transformers that learn nothing.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_array

from lmkit.embeddings.documents import DocumentVectorizer
from lmkit.embeddings.sentences import common_components, sentence_vectors, without_components
from lmkit.embeddings.subwords import NgramOptions, Subwords
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.text.options import TextOptions

WORDS = [f"w{i}" for i in range(30)]


def make(**parts: Any) -> WordVectors:
    rng = np.random.default_rng(5)
    parts = {"counts": np.arange(60, 0, -2), "text_options": TextOptions(lowercase=True), **parts}
    return WordVectors(WORDS, rng.standard_normal((30, 6)).astype(np.float32), **parts)


DOCUMENTS = ["w1 w2 W2 unknown", "w3", "nothing known", "", "w4 w5 w6 w1"]
SPLIT = [["w1", "w2", "w2", "unknown"], ["w3"], ["nothing", "known"], [], ["w4", "w5", "w6", "w1"]]


def known(document: list[str]) -> list[int]:
    return [WORDS.index(word) for word in document if word in WORDS]


def test_mean() -> None:
    vectors = make()
    expected = [vectors.matrix[known(words)].mean(axis=0) if known(words) else np.zeros(6) for words in SPLIT]
    np.testing.assert_allclose(DocumentVectorizer(vectors).fit_transform(DOCUMENTS), expected, rtol=1e-5)
    np.testing.assert_allclose(DocumentVectorizer(vectors).fit_transform(SPLIT), expected, rtol=1e-5)
    np.testing.assert_allclose(sentence_vectors(vectors, SPLIT), expected, rtol=1e-5)
    np.testing.assert_allclose(vectors.sentence_vector(["w1", "w2"]), vectors.matrix[1:3].mean(axis=0), rtol=1e-6)


def test_tfidf() -> None:
    vectors = make()
    model = DocumentVectorizer(vectors, "tfidf").fit(DOCUMENTS)
    idf = {word: np.log(6 / (1 + sum(word in document for document in SPLIT))) + 1 for words in SPLIT for word in words}
    assert model.idf_ == pytest.approx(idf)
    for words in (["w1", "w2", "w2", "w9", "unknown"], ["w5"]):
        weights = np.array([idf.get(word, np.log(6) + 1) for word in words if word in WORDS])
        expected = weights @ vectors.matrix[known(words)] / weights.sum()
        np.testing.assert_allclose(model.transform([words])[0], expected, rtol=1e-5)


def test_sif() -> None:
    vectors = make()
    assert vectors.counts is not None
    share = vectors.counts / vectors.counts.sum()
    raw = np.zeros((5, 6))
    for place, words in enumerate(SPLIT):
        for row in known(words):
            raw[place] += 0.01 / (0.01 + share[row]) * vectors.matrix[row] / len(known(words))
    np.testing.assert_allclose(sentence_vectors(vectors, SPLIT, weighting="sif", a=0.01), raw, rtol=1e-4, atol=1e-6)
    left = np.linalg.svd(raw)[2][:2]
    for count in (1, 2):
        expected = raw - raw @ left[:count].T @ left[:count]
        model = DocumentVectorizer(vectors, "sif", a=0.01, components=count).fit(DOCUMENTS)
        np.testing.assert_allclose(model.transform(DOCUMENTS), expected, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(model.transform(["w3"])[0], expected[1], rtol=1e-3, atol=1e-5)  # one document, the same component


def test_components_of_little() -> None:
    assert common_components(np.zeros((3, 4))).tolist() == [[0, 0, 0, 0]]
    one = common_components(np.array([[0, -3.0], [0, -1.0]]), 3)
    assert one.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert without_components(np.array([[2.0, 5.0]]), one).tolist() == [[2, 0]]


def test_subwords_count_in_sentences() -> None:
    options = NgramOptions(min_n=3, max_n=3, buckets=11)
    subwords = Subwords(options, np.random.default_rng(0).standard_normal((11, 6)).astype(np.float32))
    vectors = make(subwords=subwords)
    expected = (vectors.matrix[1] + subwords.vector("unknown")) / 2
    np.testing.assert_allclose(vectors.sentence_vector(["w1", "unknown"]), expected, rtol=1e-5)


def test_many_documents_are_as_each_alone() -> None:
    vectors = make()
    rng = np.random.default_rng(1)
    documents = [[WORDS[i] for i in rng.integers(0, 30, rng.integers(0, 5))] for _ in range(40)]
    whole = sentence_vectors(vectors, documents)
    assert whole.tolist() == [sentence_vectors(vectors, [document])[0].tolist() for document in documents]


def test_bad_input() -> None:
    vectors = make()
    for wrong, message in (
        ("one text", "put it into a list"),
        ([], "no documents"),
        (["a", None], "Document 1 is neither"),
        ([3], "Document 0"),
    ):
        with pytest.raises(InputError, match=message):
            DocumentVectorizer(vectors).fit(wrong)
    for parameters in ({"weighting": "idf"}, {"a": 0}, {"components": 0}):
        with pytest.raises(InvalidParameterError):
            DocumentVectorizer(vectors, **parameters).fit(DOCUMENTS)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no counts"):
        DocumentVectorizer(make(counts=None), "sif").fit(DOCUMENTS)
    with pytest.raises(UsageError, match="Got list instead"):
        DocumentVectorizer([1]).fit(DOCUMENTS)
    with pytest.raises(InputError, match="Got None instead"):
        DocumentVectorizer(make()).fit(None)  # type: ignore[arg-type]


def test_in_a_pipeline(tmp_path: Any) -> None:
    vectors = make()
    vectors.save(tmp_path / "x.vectors")
    rng = np.random.default_rng(0)
    low, high = ([[WORDS[i] for i in rng.integers(start, start + 15, 9)] for _ in range(40)] for start in (0, 15))
    texts = [" ".join(words) for words in low + high]
    for source in (vectors, str(tmp_path / "x.vectors")):
        pipeline = make_pipeline(DocumentVectorizer(source, "tfidf"), LogisticRegression()).fit(texts, [0] * 40 + [1] * 40)
        assert clone(pipeline).fit(texts, [0] * 40 + [1] * 40).score(texts, [0] * 40 + [1] * 40) > 0.8
        assert pickle.loads(pickle.dumps(pipeline)).predict(texts[:3]).tolist() == pipeline.predict(texts[:3]).tolist()
    assert clone(DocumentVectorizer(vectors)).vectors is vectors  # not a copy of gigabytes
    assert list(pipeline[0].get_feature_names_out())[:2] == ["documentvectorizer0", "documentvectorizer1"]
    frame = DocumentVectorizer(vectors).fit(texts).transform(texts[:0])
    assert frame.shape == (0, 6)


def test_vectors_trained_on_the_documents_themselves() -> None:
    from lmkit.embeddings import Word2Vec

    estimator = Word2Vec(dim=4, min_count=1, epochs=1, threads=1)
    model = DocumentVectorizer(estimator).fit([["a", "b", "a"], ["b", "c"]])
    assert set(model.vectors_) == {"a", "b", "c"}
    assert not hasattr(estimator, "vectors_")  # a clone was trained
    vectors = model.vectors_
    np.testing.assert_allclose(model.transform([["a", "c"]])[0], (vectors["a"] + vectors["c"]) / 2, rtol=1e-5)
    assert clone(model).vectors.get_params() == estimator.get_params()


DATA_FREE = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_parameters_default_constructible",
    "check_mixin_order",
]
WITH_DATA = [
    "check_estimators_overwrite_params",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_readonly_memmap_input",
    "check_estimators_unfitted",
    "check_fit_score_takes_y",
    "check_estimators_pickle",
    "check_dict_unchanged",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
    "check_transformer_general",
    "check_transformers_unfitted",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
]


class OnNumbers(TransformerMixin, BaseEstimator):
    """Writes each row of a matrix as a document: the word wJ as often as entry J is large; then as DocumentVectorizer."""

    def __init__(self, weighting: str = "mean") -> None:
        self.weighting = weighting

    @staticmethod
    def documents(X: Any) -> list[list[str]]:
        values = check_array(X, dtype=np.float64)
        return [[WORDS[(7 * j) % 30] for j, x in enumerate(row) for _ in range(int(abs(x) * 3) % 4)] for row in values]

    def fit(self, X: Any, y: Any = None) -> OnNumbers:
        self.n_features_in_ = np.shape(X)[1]
        self.inner_ = DocumentVectorizer(make(), self.weighting).fit(self.documents(X))
        return self

    def transform(self, X: Any) -> np.ndarray:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        X = check_array(X)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features, but OnNumbers is expecting {self.n_features_in_} features as input")
        return self.inner_.transform(self.documents(X))


def _check(name: str, estimator: Any) -> None:
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip(f"this scikit-learn has no {name}")
    check(type(estimator).__name__, estimator)


@pytest.mark.parametrize("name", DATA_FREE)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_checks_of_scikit_learn_without_data(name: str) -> None:
    _check(name, DocumentVectorizer())


@pytest.mark.parametrize("name", WITH_DATA)
@pytest.mark.parametrize("weighting", ["mean", "tfidf", "sif"])
@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn(name: str, weighting: str) -> None:
    _check(name, OnNumbers(weighting))
