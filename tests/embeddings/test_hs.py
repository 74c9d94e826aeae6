"""Hierarchical softmax and subwords: kernels against plain float64 twins with the same draws, gradients against finite differences."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from reference import hierarchical_twin, subword_twin, window_twin

from lmkit.embeddings import FastText, Word2Vec
from lmkit.embeddings.options import Variant
from lmkit.embeddings.training import _kernels_bags
from lmkit.embeddings.training import _kernels_windows as windows
from lmkit.embeddings.training.hierarchical import CbowTree, SkipGramTree, Tree
from lmkit.embeddings.training.objective import Objective, Parameters, Stretch
from lmkit.embeddings.training.subword import SubwordBags
from lmkit.embeddings.training.text import TrainingText, WordRows
from lmkit.embeddings.training.trainer import new_parameters
from lmkit.errors import InputError, InvalidParameterError
from lmkit.text.encoding import as_corpus

DIM, WINDOW, RATE = 20, 3, 0.3
OWN = Variant()
SINGLY = Variant(share_negatives=False)
KEY = 0x0123456789ABCDEF
POOL_STREAM = 0x2545F4914F6CDD1D


@functools.cache
def corpus() -> Any:
    rng = np.random.default_rng(11)
    names = [
        "the",
        "cat",
        "sat",
        "mats",
        "über",
        "日本",
        "running",
        "runs",
        "a",
        "dog",
        "dogs",
        "in",
        "of",
        "house",
        "houses",
        "red",
        "redder",
    ]
    weights = 1 / np.arange(1, len(names) + 1)
    lines = [" ".join(rng.choice(names, rng.integers(1, 12), p=weights / weights.sum())) for _ in range(40)]
    return as_corpus("\n".join(lines))


def prepared(estimator: Word2Vec, kind: Any = None) -> tuple[Objective, TrainingText, Parameters]:
    """An objective, its text and matrices with something in both."""
    settings = estimator.settings()
    rows = WordRows.from_corpus(corpus(), 2, None, settings.variant)
    text = TrainingText(corpus(), rows, settings.sample, settings.variant)
    objective = estimator._objective(text, settings) if kind is None else kind(text, settings)
    parameters = new_parameters(objective, settings)
    rng = np.random.default_rng(12)
    for matrix in (parameters.input_matrix, parameters.output_matrix):
        matrix[:] = rng.normal(0, 0.3, matrix.shape)
    return objective, text, parameters


def train(objective: Objective, text: TrainingText, parameters: Parameters, rate: float = RATE, parts: int = 1) -> np.ndarray:
    stats = np.zeros(4)
    scratch = objective.scratch()
    borders = np.linspace(0, text.tokens, parts + 1).astype(int)
    for start, stop in itertools.pairwise(borders.tolist()):
        stretch = Stretch(text, np.uint64(KEY), start, stop, windows.Rate(rate, rate / (2 * text.tokens), 0.0, 1, 0))
        objective.train(stretch, parameters, scratch, stats)
    return stats


def twin_rate(text: TrainingText, place: int) -> float:
    return window_twin.rate_at(windows.Rate(RATE, RATE / (2 * text.tokens), 0.0, 1, 0), place)


def path_of(paths: Any, word: int) -> tuple[list[int], np.ndarray]:
    part = slice(paths.offsets[word], paths.offsets[word + 1])
    return (paths.steps[part] >> 1).tolist(), 1.0 - 2.0 * (paths.steps[part] & 1)


def check(objective: Objective, text: TrainingText, parameters: Parameters, inputs: np.ndarray, outputs: np.ndarray, loss: float) -> None:
    before = parameters.copy()
    stats = train(objective, text, parameters)
    assert abs(inputs - before.input_matrix).max() > 0.05  # the twin has moved
    np.testing.assert_allclose(parameters.input_matrix, inputs, atol=2e-5)
    np.testing.assert_allclose(parameters.output_matrix, outputs, atol=2e-5)
    assert stats[3] == pytest.approx(loss, rel=1e-5)
    assert not parameters.input.reshape(-1, parameters.stride)[:, DIM:].any()


@pytest.mark.parametrize(("variant", "dynamic"), [(OWN, True), (SINGLY, False)])
@pytest.mark.parametrize("right", [True, False])
def test_skipgram_tree(variant: Variant, dynamic: bool, right: bool) -> None:
    variant = variant.replace(shrink_windows=dynamic)
    estimator = Word2Vec(loss="hs", dim=DIM, window=WINDOW, sample=0.05, compat=variant, threads=1)
    objective, text, parameters = prepared(estimator, SkipGramTree)
    objective.windows = windows.Windows(WINDOW, int(dynamic), int(right))
    inputs, outputs = parameters.input_matrix.astype(float), parameters.output_matrix.astype(float)
    loss = 0.0
    for centre in window_twin.centres(text.arrays, KEY, WINDOW, dynamic=dynamic, right=right):
        nodes, signs = path_of(objective.tree.paths, centre.row)
        rate = twin_rate(text, centre.place)
        parts = [centre.contexts] if variant.share_negatives else [[context] for context in centre.contexts]
        for contexts in parts:
            loss += hierarchical_twin.window_step(inputs, outputs, contexts, nodes, signs, rate)
    check(objective, text, parameters, inputs, outputs, loss)


@pytest.mark.parametrize(("mean", "divide"), [(True, False), (False, True)])
def test_cbow_tree(mean: bool, divide: bool) -> None:
    variant = OWN.replace(cbow_mean=mean, cbow_divided=divide)
    objective, text, parameters = prepared(
        Word2Vec(model="cbow", loss="hs", dim=DIM, window=WINDOW, sample=0, compat=variant, threads=1), CbowTree
    )
    inputs, outputs = parameters.input_matrix.astype(float), parameters.output_matrix.astype(float)
    loss = 0.0
    for centre in window_twin.centres(text.arrays, KEY, WINDOW):
        if centre.contexts:
            nodes, signs = path_of(objective.tree.paths, centre.row)
            rate = twin_rate(text, centre.place)
            loss += subword_twin.bag_step(inputs, outputs, centre.contexts, nodes, signs, rate, mean=mean, divide=divide)
    check(objective, text, parameters, inputs, outputs, loss)


@pytest.mark.parametrize("kind", [SkipGramTree, CbowTree])
def test_paths_of_every_length_up_to_21_nodes(kind: Any) -> None:
    rng = np.random.default_rng(13)
    text = as_corpus("\n".join(" ".join(f"w{word}" for word in rng.permutation(22)) for _ in range(6)))
    settings = Word2Vec(model="cbow" if kind is CbowTree else "skipgram", loss="hs", dim=DIM, window=WINDOW, sample=0, threads=1).settings()
    training_text = TrainingText(text, WordRows.from_corpus(text, 1, None, OWN), 0, OWN)
    tree = Tree(2 ** np.arange(22))  # each word outweighs all before it together
    assert sorted(set(tree.lengths.tolist())) == list(range(1, 22))
    objective = kind(training_text, settings, tree)
    parameters = new_parameters(objective, settings)
    parameters.output_matrix[:] = rng.normal(0, 0.3, parameters.output_matrix.shape)
    parameters.input_matrix[:] = rng.normal(0, 0.3, parameters.input_matrix.shape)
    inputs, outputs = parameters.input_matrix.astype(float), parameters.output_matrix.astype(float)
    loss = 0.0
    for centre in window_twin.centres(training_text.arrays, KEY, WINDOW):
        nodes, signs = path_of(tree.paths, centre.row)
        rate = twin_rate(training_text, centre.place)
        if kind is SkipGramTree:
            loss += hierarchical_twin.window_step(inputs, outputs, centre.contexts, nodes, signs, rate)
        else:
            loss += subword_twin.bag_step(inputs, outputs, centre.contexts, nodes, signs, rate, mean=True, divide=False)
    check(objective, training_text, parameters, inputs, outputs, loss)


def pool(objective: SubwordBags, number: int) -> list[int]:
    size = _kernels_bags.POOL
    return [window_twin.alias_draw(objective.noise.table, window_twin.draw(KEY ^ POOL_STREAM, number * size + i)) for i in range(size)]


def targets_of(objective: SubwordBags, centre: window_twin.Centre, words: list[int]) -> list[tuple[list[int], np.ndarray]]:
    """The targets of each of the words that a centre predicts, with their signs."""
    found, counter = [], 1
    for word in words:
        if objective.tree is not None:
            found.append(path_of(objective.paths, word))
            continue
        rows = [word]
        bits = 0
        for i in range(objective.settings.negative):
            if not objective.pooled:
                row, counter = window_twin.negative(objective.noise.table, centre.base, counter, word)
            else:
                if i % 8 == 0:
                    bits, counter = window_twin.draw(centre.base, counter), counter + 1
                negatives = pool(objective, centre.place // _kernels_bags.POOL_TOKENS)
                slot = bits >> 8 * (i % 8) & 255
                row = next(row for row in (negatives[slot:] + negatives[:slot]) if row != word)
            rows.append(row)
        found.append((rows, np.array([1.0] + [-1.0] * (len(rows) - 1))))
    return found


@pytest.mark.parametrize("loss", ["ns", "hs"])
@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("variant", [OWN, SINGLY])
def test_subwords(model: str, loss: str, variant: Variant) -> None:
    estimator = FastText(model, loss, DIM, WINDOW, sample=0.02, min_n=2, max_n=4, buckets=50, compat=variant, threads=1)
    objective, text, parameters = prepared(estimator)
    assert isinstance(objective, SubwordBags)
    inputs, outputs = parameters.input_matrix.astype(float), parameters.output_matrix.astype(float)
    names = [text.rows.words.string(row) for row in range(len(text.rows))]
    members = []
    for word, name in enumerate(names):
        buckets = [subword_twin.bucket(text, 50) for text in subword_twin.ngrams(name, 2, 4)]
        places = np.searchsorted(objective.rows.buckets, buckets)
        assert objective.rows.buckets[places].tolist() == buckets
        members.append([int(objective.rows.row_of_word[word]), *objective.rows.row_of_bucket[places].tolist()])
    total = 0.0
    for centre in window_twin.centres(text.arrays, KEY, WINDOW):
        if not centre.contexts:
            continue
        cbow = model == "cbow"
        bag = [row for context in centre.contexts for row in members[context]] if cbow else members[centre.row]
        pairs = targets_of(objective, centre, [centre.row] if cbow else centre.contexts)
        if variant.share_negatives:
            pairs = [([t for targets, _ in pairs for t in targets], np.concatenate([signs for _, signs in pairs]))]
        for targets, signs in pairs:
            rate = twin_rate(text, centre.place)
            total += subword_twin.bag_step(inputs, outputs, bag, targets, signs, rate, mean=True, divide=False)
    check(objective, text, parameters, inputs, outputs, total)


def test_input_rows_are_in_falling_order_of_use_and_words_have_their_own() -> None:
    objective, text, _ = prepared(FastText(dim=4, min_n=3, max_n=5, buckets=40, sample=0, threads=1))
    assert isinstance(objective, SubwordBags)
    assert (np.diff(objective.rows.uses) <= 0).all()
    everywhere = np.concatenate([objective.rows.row_of_word, objective.rows.row_of_bucket])
    assert sorted(everywhere.tolist()) == list(range(len(objective.rows)))
    # a row is used as often as the words that have it among their members, each time it stands there
    uses = np.zeros(len(objective.rows))
    starts, rows = objective.rows.members
    np.add.at(uses, rows, np.repeat(text.expected_kept, np.diff(starts)))
    np.testing.assert_allclose(uses, objective.rows.uses)


def numerical_gradient(loss: Any, array: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + 1e-6
        above = loss()
        array[index] = kept - 1e-6
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / 2e-6
    return gradient


def test_the_twins_steps_are_gradients() -> None:
    rng = np.random.default_rng(4)
    inputs, outputs = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    contexts, nodes, signs = [4, 1, 4, 0], [3, 0, 2], np.array([1.0, -1.0, -1.0])

    def window_loss() -> float:
        return hierarchical_twin.window_loss(inputs, outputs, contexts, nodes, signs)

    moved_in, moved_out = inputs.copy(), outputs.copy()
    hierarchical_twin.window_step(moved_in, moved_out, contexts, nodes, signs, 1e-3)
    for before, after in ((inputs, moved_in), (outputs, moved_out)):
        gradient = numerical_gradient(window_loss, before)
        assert abs(gradient).max() > 0.1
        np.testing.assert_allclose((before - after) / 1e-3, gradient, atol=1e-6)

    members = [5, 2, 2, 0]

    def bag_loss() -> float:
        return subword_twin.bag_loss(inputs, outputs, members, nodes, signs, True)

    moved_in, moved_out = inputs.copy(), outputs.copy()
    subword_twin.bag_step(moved_in, moved_out, members, nodes, signs, 1e-3, mean=True, divide=True)
    for before, after in ((inputs, moved_in), (outputs, moved_out)):
        gradient = numerical_gradient(bag_loss, before)
        assert abs(gradient).max() > 0.1
        np.testing.assert_allclose((before - after) / 1e-3, gradient, atol=1e-6)


@pytest.mark.parametrize(
    "estimator", [Word2Vec(loss="hs", dim=DIM, threads=1), FastText(dim=DIM, threads=1), FastText("cbow", dim=DIM, threads=1)]
)
def test_borders_of_stretches_leave_no_trace_and_rate_zero_changes_nothing(estimator: Word2Vec) -> None:
    objective, text, whole = prepared(estimator)
    cut, still = whole.copy(), whole.copy()
    stats = train(objective, text, whole)
    np.testing.assert_allclose(train(objective, text, cut, parts=7), stats, rtol=1e-6)
    np.testing.assert_array_equal(whole.input, cut.input)
    np.testing.assert_array_equal(whole.output, cut.output)
    measured = train(objective, text, still, rate=0.0)
    assert measured[2] == stats[2]
    before = prepared(estimator)[2]
    np.testing.assert_array_equal(still.input, before.input)
    np.testing.assert_array_equal(still.output, before.output)


def test_skips_and_clamps_of_a_table_of_the_logistic_function() -> None:
    from lmkit.embeddings.presets import GENSIM

    objective, text, parameters = prepared(
        Word2Vec(loss="hs", dim=DIM, window=WINDOW, sample=0, compat=GENSIM.replace(sentence_cap=None), threads=1)
    )
    parameters.output_matrix[:] *= 1000  # all |x| are beyond 6, where gensim and word2vec.c leave a node out
    before = parameters.copy()
    train(objective, text, parameters)
    share = np.mean(parameters.input_matrix != before.input_matrix)
    assert share < 0.5
    exact, text, own = prepared(Word2Vec(loss="hs", dim=DIM, window=WINDOW, sample=0, compat=SINGLY, threads=1))
    table, _, tabled = prepared(Word2Vec(loss="hs", dim=DIM, window=WINDOW, sample=0, compat=GENSIM.replace(sentence_cap=None), threads=1))
    train(exact, text, own)
    train(table, text, tabled)
    difference = abs(own.input_matrix - tabled.input_matrix).max()
    assert 0 < difference < 0.05  # bins of 0.012


def test_estimators_give_vectors_trees_and_subwords() -> None:
    model = FastText(dim=8, min_count=2, epochs=2, buckets=100, threads=1, sample=0).fit(corpus())
    vectors = model.vectors_
    assert vectors.subwords is not None
    row = vectors.index("houses")
    rows = [subword_twin.bucket(text, 100) for text in subword_twin.ngrams("houses", 3, 6)]
    expected = np.vstack([vectors.subwords.word_vectors[row], vectors.subwords.matrix[vectors.subwords.rows_of(rows)]]).mean(0)
    np.testing.assert_allclose(vectors.vector("houses"), expected, rtol=1e-5)
    unseen = vectors.subwords.vector("houseboats")
    np.testing.assert_allclose(vectors.vector("houseboats"), unseen)
    assert unseen.any()
    tree = Word2Vec(loss="hs", dim=8, min_count=2, threads=1).fit(corpus()).vectors_
    assert tree.tree is not None
    assert tree.tree.shape == (len(tree) - 1, 8)
    words_only = FastText(dim=8, min_count=2, max_n=0, threads=1).fit(corpus()).vectors_
    assert words_only.subwords is None


def test_two_threads_repeat_to_the_byte() -> None:
    first, second = (FastText(dim=8, min_count=2, buckets=100, threads=2, epochs=3).fit(corpus()).vectors_ for _ in range(2))
    np.testing.assert_array_equal(first.matrix, second.matrix)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_n": 4, "max_n": 3}, "'max_n' parameter of FastText must be an int of at least min_n, which is 4"),
        ({"min_n": 0}, "'min_n'"),
        ({"buckets": 0}, "'buckets'"),
        ({"max_n": -1}, "'max_n'"),
        ({"compat": "gensim"}, "'compat'"),
        ({"compat": Variant(cbow_mean=False)}, "'cbow_mean'"),
        ({"loss": "softmax"}, "'loss'"),
    ],
)
def test_bad_parameters(arguments: dict, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        FastText(**arguments).fit(corpus())


@pytest.mark.parametrize("estimator", [Word2Vec(loss="hs", min_count=1), FastText(min_count=1), FastText(min_count=1, loss="hs")])
def test_one_word_ends_with_a_sentence_that_says_so(estimator: Word2Vec) -> None:
    with pytest.raises(InputError, match="has no other word than 'x'"):
        estimator.fit("x x x\nx x")


def test_output_rows_meet_words_when_threads_are_merged() -> None:
    """With subwords that is the mean of a word's rows, which is much shorter than they are."""
    model = FastText(dim=8, min_count=2, buckets=100, threads=1)
    text = TrainingText(corpus(), WordRows.from_corpus(corpus(), 2, None, OWN), 0.0, OWN)
    objective = SubwordBags(text, model.settings(), model.ngrams())
    parameters = new_parameters(objective, model.settings())
    parameters.output_matrix[:] = np.arange(8)
    (words, often), (outputs, _) = objective.partners(parameters, objective.updates(), 5)
    np.testing.assert_allclose(words, objective.export(parameters)["matrix"][:5], rtol=1e-6)
    assert often.tolist() == text.expected_kept[:5].tolist()
    assert outputs.shape == (5, 8)
