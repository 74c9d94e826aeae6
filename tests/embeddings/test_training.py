"""The kernels of negative sampling against plain float64 twins with the same draws, and their gradients against finite differences."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from reference import embedding_twin as twin

from lmkit.embeddings import FastText, SentenceCap, Sigmoid, Variant, Word2Vec
from lmkit.embeddings.presets import FASTTEXT, GENSIM, WORD2VEC
from lmkit.embeddings.training import _kernels_windows as windows
from lmkit.embeddings.training.objective import Parameters, Stretch, make_objective
from lmkit.embeddings.training.text import TrainingText, WordRows, keep_probabilities
from lmkit.embeddings.training.trainer import new_parameters
from lmkit.errors import InvalidParameterError
from lmkit.numeric.alias import alias_probabilities
from lmkit.text import as_corpus

KEY = 0x0123456789ABCDEF
RATE = 0.3
OWN = Variant(share_negatives=False)


@functools.cache
def corpus() -> Any:
    rng = np.random.default_rng(3)
    words = [f"w{i}" for i in range(24)]
    weights = 1 / np.arange(1, 25)
    lines = [" ".join(rng.choice(words, rng.integers(0, 14), p=weights / weights.sum())) for _ in range(40)]
    return as_corpus("\n".join([*lines[:20], " ".join(rng.choice(words, 90)), *lines[20:], "once", "w1"]))


def prepared(**parameters: Any) -> tuple[Any, TrainingText, Parameters, Any]:
    settings = Word2Vec(dim=20, window=3, min_count=2, sample=0.05, threads=1, **parameters).settings()
    rows = WordRows.from_corpus(corpus(), 2, None, settings.variant)
    text = TrainingText(corpus(), rows, settings.sample, settings.variant)
    objective = make_objective(text, settings)
    matrices = new_parameters(objective, settings)
    rng = np.random.default_rng(4)
    for matrix in (matrices.input_matrix, matrices.output_matrix):
        matrix[:] = rng.normal(0, 0.5, matrix.shape)
    return objective, text, matrices, settings


def rate_of(text: TrainingText, rate: float = RATE) -> windows.Rate:
    return windows.Rate(rate, rate / (2 * text.tokens), 0.0, 7, 0)


def train(objective: Any, text: TrainingText, matrices: Parameters, rate: windows.Rate, parts: int = 1) -> np.ndarray:
    stats, scratch = np.zeros(4), objective.scratch()
    for start, stop in itertools.pairwise(np.linspace(0, text.tokens, parts + 1).astype(int).tolist()):
        objective.train(Stretch(text, np.uint64(KEY), start, stop, rate), matrices, scratch, stats)
    return stats


CASES = {
    "shared negatives": {},
    "shared negatives, two groups": {"negative": 8},
    "shared negatives, fixed window": {"negative": 2, "compat": Variant(shrink_windows=False, noise_exponent=0.0)},
    "own negatives": {"compat": OWN},
    "word2vec": {"compat": WORD2VEC.replace(sentence_cap=SentenceCap(4), sigmoid=Sigmoid(1.0, 50, "clamp"))},
    "gensim": {"compat": GENSIM.replace(sentence_cap=SentenceCap(5, "kept", "drop"), sigmoid=Sigmoid(1.0, 50, "skip"))},
    "fasttext, two groups": {"compat": FASTTEXT.replace(sentence_cap=SentenceCap(6, "read"), sigmoid=Sigmoid(1.0, 40)), "negative": 7},
    "cbow": {"model": "cbow"},
    "cbow, sum": {"model": "cbow", "compat": OWN.replace(cbow_mean=False), "negative": 9},
    "cbow, divided": {"model": "cbow", "compat": OWN.replace(cbow_divided=True)},
    "cbow of word2vec": {"model": "cbow", "compat": WORD2VEC},
}


@pytest.mark.parametrize("case", CASES)
def test_kernels_agree_with_the_twin(case: str) -> None:
    objective, text, matrices, settings = prepared(**CASES[case])
    inputs, outputs = matrices.input_matrix.astype(np.float64), matrices.output_matrix.astype(np.float64)
    before = inputs.copy()
    rate = rate_of(text, 0.01 if case == "cbow, sum" else RATE)  # a sum of whole gradients grows without bound at the higher rate
    expected = twin.train(text.arrays, KEY, rate, settings, objective.noise.table, inputs, outputs)
    stats = train(objective, text, matrices, rate)
    assert stats[:3].tolist() == expected[:3].tolist()
    assert stats[1] > 100
    assert stats[3] == pytest.approx(expected[3], rel=1e-5)
    # a score that float32 puts into another bin of a sigmoid's table moves rows a little: with tables, most entries must agree
    tolerance = {"rtol": 1e-3, "atol": 1e-4}
    off = [~np.isclose(*pair, **tolerance) for pair in ((matrices.input_matrix, inputs), (matrices.output_matrix, outputs))]
    assert max(part.mean() for part in off) <= (0.0 if settings.variant.sigmoid is None else 0.1)
    assert np.abs(inputs - before).max() > 0.05
    stride = matrices.stride
    assert not matrices.input.reshape(-1, stride)[:, 20:].any()  # the padding stays zero
    assert not matrices.output.reshape(-1, stride)[:, 20:].any()


@pytest.mark.parametrize("case", ["shared negatives", "word2vec", "gensim", "fasttext, two groups", "cbow"])
def test_any_cut_of_the_text_gives_the_same_bytes(case: str) -> None:
    """Windows reach over the borders of stretches, and caps count over them."""
    objective, text, whole, _ = prepared(**CASES[case])
    cut = whole.copy()
    one = train(objective, text, whole, rate_of(text))
    many = train(objective, text, cut, rate_of(text), parts=37)
    assert np.array_equal(whole.input, cut.input)
    assert np.array_equal(whole.output, cut.output)
    assert many[:3].tolist() == one[:3].tolist()


def test_a_rate_of_zero_changes_nothing() -> None:
    for case in ("shared negatives", "gensim", "cbow"):
        objective, text, matrices, _ = prepared(**CASES[case])
        before = matrices.copy()
        stats = train(objective, text, matrices, windows.Rate(0.0, 0.0, 0.0, 1, 0))
        assert stats[3] > 0
        assert np.array_equal(matrices.input, before.input)
        assert np.array_equal(matrices.output, before.output)


def _numeric_gradient(function: Any, matrix: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(matrix)
    for place in np.ndindex(matrix.shape):
        old = matrix[place]
        matrix[place] = old + 1e-6
        above = function()
        matrix[place] = old - 1e-6
        gradient[place] = (above - function()) / 2e-6
        matrix[place] = old
    return gradient


@pytest.mark.parametrize("mode", ["window", "cbow, sum", "cbow, divided"])
def test_twin_steps_are_the_gradient(mode: str) -> None:
    """The twin, to which the kernels are held, goes down the gradient of its loss."""
    rng = np.random.default_rng(8)
    inputs, outputs = rng.normal(0, 1, (6, 5)), rng.normal(0, 1, (7, 5))
    contexts, targets = [4, 1, 3], [2, 5, 0, 6]
    mean = mode == "cbow, divided"

    def hidden() -> np.ndarray:
        return inputs[contexts].sum(0) / (3 if mean else 1)

    def loss() -> float:
        return twin.loss_of(inputs[contexts] @ outputs[targets].T if mode == "window" else outputs[targets] @ hidden())

    expected = [_numeric_gradient(loss, matrix) for matrix in (inputs, outputs)]
    before, rate = (inputs.copy(), outputs.copy()), 1e-7
    if mode == "window":
        twin.window_step(inputs, outputs, contexts, targets, rate)
    else:
        error, _ = twin.prediction_step(hidden(), outputs, targets, rate, None)
        np.add.at(inputs, contexts, error / (3 if mean else 1))
    for matrix, old, gradient in zip((inputs, outputs), before, expected, strict=True):
        assert np.abs(gradient).max() > 0.1
        assert (old - matrix) / rate == pytest.approx(gradient, abs=1e-5)


def test_sub_sampling_keeps_what_the_formula_says() -> None:
    """word2vec.c: keep with probability (sqrt(f / tN) + 1) tN / f."""
    counts = np.array([500, 80, 20])
    share = keep_probabilities(counts, int(counts.sum()), 0.01, "word2vec")
    assert share == pytest.approx(
        [(np.sqrt(500 / 6) + 1) * 6 / 500, (np.sqrt(80 / 6) + 1) * 6 / 80, min(1, (np.sqrt(20 / 6) + 1) * 6 / 20)]
    )
    assert keep_probabilities(counts, int(counts.sum()), 0.0, "word2vec").tolist() == [1, 1, 1]
    _, text, _, _ = prepared()
    kept = np.mean([len([1 for _ in twin.centres(text.arrays, key, 3)]) for key in range(30)])
    assert kept == pytest.approx(text.expected_kept.sum(), rel=0.02)
    assert text.expected_kept.sum() < text.known


def test_noise_of_word2vec_never_draws_the_end_of_sentence() -> None:
    objective, text, _, _ = prepared(compat="word2vec")
    assert text.rows.words[0] == "</s>"
    probabilities = alias_probabilities(objective.noise.table)
    weights = text.rows.counts**0.75
    assert probabilities[0] == pytest.approx(0, abs=1e-9)
    spread = weights[0] / (len(weights) - 1)
    assert probabilities[1:] == pytest.approx((weights[1:] + spread) / weights.sum(), abs=1e-8)


def test_fasttext_reads_on_until_known_words_make_up_for_rare_ones() -> None:
    """A line has three known words, two rare ones and its end: 60 tokens, of which a pass of 50 words reads 40."""
    lines = "\n".join(f"a b rare{number} c rarer{number}" for number in range(10))

    def history(compat: str, epochs: int) -> list[dict[str, Any]]:
        return Word2Vec(compat=compat, min_count=2, epochs=epochs, sample=0, dim=4, threads=1).fit(lines).history_

    found = history("fasttext", 4)
    assert [record["tokens"] for record in found] == [50] * 6  # 4 * 60 tokens, 40 a pass
    assert found[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)
    assert [record["tokens"] for record in history("fasttext", 1)] == [50, 25]
    assert [record["tokens"] for record in history("word2vec", 1)] == [50]
    rows = WordRows.from_corpus(as_corpus(lines), 2, None, FASTTEXT)
    assert (int(rows.counts.sum()), rows.tokens) == (40, 60)
    share = TrainingText(as_corpus(lines), rows, 0.01, FASTTEXT).expected_kept / rows.counts
    assert share == pytest.approx(keep_probabilities(rows.counts, 60, 0.01, "fasttext"))


def test_fasttext_counts_the_end_of_sentence() -> None:
    _, text, _, _ = prepared(compat="fasttext")
    row = text.rows.words.index("</s>")
    assert row == text.rows.end_row
    assert text.rows.counts[row] == np.count_nonzero(np.diff(corpus().sentence_offsets))
    assert (np.diff(text.rows.counts) <= 0).all()


def test_default_learning_rates() -> None:
    def rate(**parameters: Any) -> float:
        return Word2Vec(**parameters).settings().learning_rate

    assert (rate(), rate(model="cbow"), rate(loss="hs"), rate(model="cbow", loss="hs")) == (0.025, 0.05, 0.03, 0.05)
    variant = Variant()
    assert variant.learning_rate("skipgram", "ns", 240_000_000) == variant.learning_rate("skipgram", "ns", 10**10) == 0.025
    assert variant.learning_rate("skipgram", "ns", 15_000_000) == pytest.approx(0.05)
    assert variant.learning_rate("skipgram", "ns", 10) == pytest.approx(0.075)
    assert variant.learning_rate("cbow", "ns", 15_000_000) == pytest.approx(0.1)
    assert (variant.learning_rate("cbow", "hs", 10), variant.learning_rate("skipgram", "hs", 10)) == (0.05, 0.03)
    assert [preset.learning_rate("skipgram", "ns", 10) for preset in (WORD2VEC, GENSIM, FASTTEXT)] == [0.025, 0.025, 0.05]
    assert [rate(loss="hs", compat=name) for name in ("word2vec", "gensim", "fasttext")] == [0.025, 0.025, 0.05]
    assert FastText(loss="hs").settings().learning_rate == 0.05


def test_the_rate_follows_how_much_is_read() -> None:
    def fitted(kind: Any = Word2Vec, start: Any = None, **parameters: Any) -> float:
        model = kind(dim=4, min_count=1, threads=1, **parameters).fit("a b c\nb a c", start=start)
        return model.vectors_.made["settings"]["learning_rate"]

    rate = Variant().learning_rate
    assert fitted() == rate("skipgram", "ns", 30) == pytest.approx(0.075)
    assert fitted(model="cbow") == rate("cbow", "ns", 30) == pytest.approx(0.15)
    assert fitted(compat=Variant(rate_words=480)) == pytest.approx(0.025 * (480 / 30) ** 0.25)
    unraised = {"compat": "word2vec"}, {"compat": Variant(rate_words=None)}, {"learning_rate": 0.025}
    assert {fitted(**parameters) for parameters in unraised} == {0.025}
    assert fitted(model="cbow", compat=Variant(cbow_mean=False)) == 0.05
    assert fitted(loss="hs") == 0.03
    assert fitted(FastText) == fitted(FastText, compat=Variant(skipgram_rate=0.05)) == 0.05
    begun = Word2Vec(dim=4, min_count=1, threads=1).fit("a b c\nb a c").vectors_
    assert fitted(start=begun) == 0.025
    with pytest.raises(InvalidParameterError, match="'rate_words' parameter of Variant must be"):
        Variant(rate_words=-5)


def test_learning_rate_falls_in_steps_to_its_floor() -> None:
    rate = windows.Rate(0.5, 0.001, 0.2, 100, 1000)
    places = [-1000, -901, -900, -700, 0]
    assert [windows.learning_rate(rate, place) for place in places] == pytest.approx([0.5, 0.5, 0.4, 0.2, 0.2])
