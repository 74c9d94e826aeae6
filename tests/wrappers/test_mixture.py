"""Mixtures: the weighted mean by definition, weights that EM can't better, files that tell when a part is not what it was."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.base import clone

import lmkit
from lmkit import NgramLanguageModel, RecurrentLanguageModel, TextOptions
from lmkit.errors import FormatError, InputError, InvalidParameterError, NotFittedError, UsageError
from lmkit.events import ScoredEvents
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.text.vocabulary import Vocabulary
from lmkit.wrappers.mixture import Mixture
from lmkit.wrappers.mixture_weights import best_weights


def sentences(seed: int, count: int, types: int, longest: int = 10) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"w{min(int(rng.zipf(1.5)), types)}" for _ in range(rng.integers(0, longest + 1))] for _ in range(count)]


WORDS = [[f"w{i}" for i in range(1, 41)]]
A, B, HELD_OUT = sentences(1, 200, 40) + WORDS, sentences(2, 300, 40) + WORDS, sentences(3, 150, 40)


@dataclasses.dataclass
class Unigrams:
    """A language model of another family: fixed probabilities, no history, its states are lists."""

    vocabulary: Vocabulary
    probabilities: np.ndarray
    text_options: TextOptions = dataclasses.field(default_factory=TextOptions)
    is_normalised: bool = True

    def score(self, corpus, state="reset"):
        encoded = as_corpus(corpus, self.text_options)
        ids = encoded.ids_in(self.vocabulary)
        row = np.concatenate([np.append(ids[a:b], 2) for a, b in zip(encoded.sentence_offsets, encoded.sentence_offsets[1:], strict=False)])
        return ScoredEvents.of_corpus(encoded, self.vocabulary, np.log(self.probabilities[row]), ends=True)

    def initial_state(self, batch=1):
        return [()] * batch

    def advance(self, state, token_ids):
        return list(state)

    def log_probs(self, state):
        with np.errstate(divide="ignore"):
            return np.tile(np.log(self.probabilities), (len(state), 1))


def three_models() -> list[LanguageModel]:
    first = NgramLanguageModel(order=3).fit(A)
    second = NgramLanguageModel(order=2, smoothing="witten-bell").fit(B)
    rng = np.random.default_rng(9)
    tokens = [*rng.permutation(first.vocabulary.tokens()[3:])]  # the same words in another order
    probabilities = rng.random(len(tokens) + 3)
    probabilities[1] = 0
    return [first, second, Unigrams(Vocabulary.from_tokens(tokens), probabilities / probabilities.sum())]


@pytest.fixture(scope="module")
def models() -> list[LanguageModel]:
    return three_models()


def test_a_mixture_is_the_weighted_mean_of_its_models(models: list[LanguageModel]) -> None:
    weights = [0.5, 0.2, 0.3]
    mixture = Mixture(models, weights)
    assert isinstance(mixture, LanguageModel)
    text = [*HELD_OUT[:30], ["w1", "never", "w2"]]
    scores = np.array([part.score(as_corpus(text, TextOptions())).log_probabilities for part in models])
    events = mixture.score(text)
    np.testing.assert_allclose(np.exp(events.log_probabilities), np.array(weights) @ np.exp(scores), rtol=1e-12)
    assert events.is_oov.sum() == 1
    assert events.vocabulary_size == len(mixture.vocabulary) - 1


@pytest.mark.parametrize("by", ["static", "context"])
def test_stepping_gives_the_scores_of_the_whole_text_and_sums_to_one(models: list[LanguageModel], by: str) -> None:
    mixture = Mixture(models, by=by).fit([*HELD_OUT, *A[:60]])
    if by == "context":
        assert len(np.unique(mixture.weights_.round(6), axis=0)) > 1
    words = ["w1", "w3", "unseen", "w1", "w2", "w1"]
    expected = mixture.score([words]).log_probabilities
    state = mixture.initial_state(2)
    for position, token_id in enumerate([*mixture.vocabulary.lookup(words), Vocabulary.EOS]):
        rows = mixture.log_probs(state)
        assert rows[1, token_id] == pytest.approx(expected[position], abs=1e-9)
        assert np.exp(rows).sum(axis=1) == pytest.approx([1, 1], abs=2e-6)
        assert rows[0, Vocabulary.BOS] == -math.inf
        state = mixture.advance(state, [token_id, token_id])


def test_em_finds_the_weights_that_a_search_finds(models: list[LanguageModel]) -> None:
    pair = models[:2]
    mixture = Mixture(pair).fit(HELD_OUT)
    scores = np.exp([part.score(as_corpus(HELD_OUT, TextOptions())).log_probabilities for part in pair])
    best = minimize_scalar(lambda w: -np.log(w * scores[0] + (1 - w) * scores[1]).sum(), bounds=(0, 1), method="bounded")
    assert mixture.weights_[0, 0] == pytest.approx(best.x, abs=2e-3)
    assert mixture.perplexity(HELD_OUT) <= min(mixture.perplexities(HELD_OUT)) + 1e-9
    assert mixture.perplexities(HELD_OUT) == pytest.approx([part.perplexity(HELD_OUT) for part in pair])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 40))
def test_no_small_move_of_the_weights_is_better(seed: int, parts: int, events: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.log(rng.dirichlet(np.ones(50), parts)[:, :events]) * rng.choice([1, 20])
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    scores[0, np.isneginf(scores).all(axis=0)] = -3
    weights, _ = best_weights(scores)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    relative = np.exp(scores - scores.max(axis=0))

    def total(own: np.ndarray) -> float:
        return float(np.log(own @ relative).sum())

    for m in range(parts):
        moved = 0.999 * weights + 0.001 * np.eye(parts)[m]
        assert total(moved) <= total(weights) + 1e-4


def test_context_weights_are_at_least_as_good_where_they_were_learnt(models: list[LanguageModel]) -> None:
    text = [*HELD_OUT, *A[:100]]
    static, context = Mixture(models).fit(text), Mixture(models, by="context").fit(text)
    assert context.weights_.shape == (3, 3)
    assert context.perplexity(text) <= static.perplexity(text) + 1e-9


def test_continuous_text_can_be_mixed() -> None:
    options = TextOptions(sentences="none")
    text = " ".join(word for words in A for word in words)
    pair = [NgramLanguageModel(order=n, reading=options).fit(text) for n in (1, 3)]
    mixture = Mixture(pair, by="context").fit("w1 w2 w1 w1 w3 w9 " * 60)
    words = ["w1", "w2", "w2"]
    expected = mixture.score(" ".join(words), state="carry").log_probabilities
    state = mixture.initial_state()
    for word, score in zip(words, expected, strict=True):
        assert mixture.log_probs(state)[0, mixture.vocabulary.id(word)] == pytest.approx(score)
        state = mixture.advance(state, [mixture.vocabulary.id(word)])


# -- vocabularies --------------------------------------------------------------------------------------------------------------------------


def test_models_with_other_words_are_refused() -> None:
    first, second = NgramLanguageModel(order=2).fit("a b c\na b"), NgramLanguageModel(order=2).fit("a b d e")
    with pytest.raises(UsageError, match="knows 7 words, model 1 6, and they share 5"):
        Mixture([first, second], [0.5, 0.5])


def test_a_union_shares_unk_out_among_the_words_that_a_model_lacks() -> None:
    first, second = NgramLanguageModel(order=2).fit("a b c\na b"), NgramLanguageModel(order=2).fit("a b d e")
    mixture = Mixture([first, second], [0.25, 0.75], vocabularies="union")
    assert mixture.vocabulary.tokens() == ["<unk>", "<s>", "</s>", "a", "b", "c", "d", "e"]
    state = mixture.initial_state()
    rows = np.exp(mixture.log_probs(state)[0])
    one, other = (np.exp(part.log_probs(part.initial_state())[0]) for part in (first, second))
    assert rows.sum() == pytest.approx(1, abs=1e-6)
    # to the first model <unk>, d and e are <unk>; to the second <unk> and c
    assert rows[mixture.vocabulary.id("d")] == pytest.approx(0.25 * one[0] / 3 + 0.75 * other[second.vocabulary.id("d")])
    assert rows[mixture.vocabulary.id("c")] == pytest.approx(0.25 * one[first.vocabulary.id("c")] + 0.75 * other[0] / 2)
    assert rows[0] == pytest.approx(0.25 * one[0] / 3 + 0.75 * other[0] / 2)
    text = "d c never"
    scores = mixture.score(text)
    assert scores.is_oov.tolist() == [False, False, True, False]
    assert math.exp(scores.log_probabilities[0]) == pytest.approx(rows[mixture.vocabulary.id("d")])


def test_models_that_read_otherwise_are_refused() -> None:
    first = NgramLanguageModel(order=2).fit("a b")
    with pytest.raises(UsageError, match="lowercase"):
        Mixture([first, NgramLanguageModel(order=2, reading=TextOptions(lowercase=True)).fit("a b")])
    with pytest.raises(UsageError, match="no probabilities"):
        Mixture([first, NgramLanguageModel(order=2, smoothing="stupid-back-off").fit("a b")])
    unigrams = Unigrams(first.vocabulary, np.full(5, 0.25))
    with pytest.raises(UsageError, match="need an n-gram model"):
        Mixture([unigrams, unigrams], by="context")


@pytest.mark.parametrize("weights", [[0.5], [0.5, 0.6], [-0.1, 1.1], [0.5, math.nan]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    model = NgramLanguageModel(order=2).fit("a b")
    with pytest.raises(InvalidParameterError):
        Mixture([model, model], weights)


def test_a_mixture_must_be_fitted_and_have_parts() -> None:
    model = NgramLanguageModel(order=2).fit("a b")
    with pytest.raises(NotFittedError):
        Mixture([model, model]).score("a b")
    with pytest.raises(InvalidParameterError, match="two models"):
        Mixture([model])


def test_networks_of_a_mixture_read_as_they_were_trained() -> None:
    words = "\n".join(" ".join(sentence) for sentence in A)
    recipe = {"batch": 4, "steps": 5, "epochs": 1}
    shape = Architecture(layers=1, hidden=8)
    stream = RecurrentLanguageModel(shape, Recipe(**recipe), threads=1).fit(words)
    apart = RecurrentLanguageModel(shape, Recipe(text="sentences", **recipe), threads=1).fit(words)
    parts = [stream, apart, NgramLanguageModel(order=2).fit(words, vocabulary=stream.vocabulary)]
    mixture = Mixture(parts).fit(HELD_OUT)
    assert mixture.default_state == "carry"
    own = np.stack([parts[0].score(HELD_OUT, "carry").log_probabilities, *(part.score(HELD_OUT).log_probabilities for part in parts[1:])])
    np.testing.assert_allclose(mixture.weights_[0], best_weights(own)[0], atol=1e-9)
    assert mixture.perplexity(HELD_OUT) == pytest.approx(math.exp(-(np.log(mixture.weights_[0] @ np.exp(own))).mean()))
    assert mixture.perplexities(HELD_OUT) == pytest.approx([part.perplexity(HELD_OUT) for part in parts])


def test_given_weights_hold_in_every_context(models: list[LanguageModel]) -> None:
    weights = [0.6, 0.3, 0.1]
    given_weights = Mixture(models, weights, by="context")
    expected = Mixture(models, weights).score(HELD_OUT).log_probabilities
    np.testing.assert_allclose(given_weights.score(HELD_OUT).log_probabilities, expected)
    np.testing.assert_allclose(given_weights.fit(HELD_OUT).weights_, [weights] * 3)


def test_parameters_can_be_changed_and_cloned(models: list[LanguageModel]) -> None:
    mixture = Mixture(models[:2], np.array([0.4, 0.6]))  # type: ignore[arg-type]
    assert "weights=array([0.4, 0.6])" in repr(mixture)
    other = NgramLanguageModel(order=1).fit([["w1", "quite", "other"]])
    mixture.set_params(models=[models[0], other], vocabularies="union", weights=[1.0, 0.0]).fit(HELD_OUT)
    assert "other" in mixture.vocabulary
    np.testing.assert_allclose(mixture.weights_, [[1.0, 0.0]])
    copy = clone(Mixture([NgramLanguageModel(order=2), NgramLanguageModel(order=1)]))
    assert [part.order for part in copy.models] == [2, 1]  # type: ignore[attr-defined]
    with pytest.raises(NotFittedError):
        copy.fit(HELD_OUT)


# -- files ---------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    pair = [NgramLanguageModel(order=3).fit(A), NgramLanguageModel(order=2, smoothing="witten-bell").fit(A)]
    for name, part in zip("ab", pair, strict=True):
        part.save(tmp_path / f"{name}.lm")
    Mixture(pair, by="context").fit(HELD_OUT).save(tmp_path / "mix.lm", [tmp_path / "a.lm", tmp_path / "b.lm"])
    return tmp_path


def test_files_give_the_same_scores_and_move_with_their_folder(saved: Path) -> None:
    mixture = lmkit.load(saved / "mix.lm")
    before = mixture.score(HELD_OUT).log_probabilities
    assert mixture.info()["held_out"]["sentences"] == len(HELD_OUT)
    moved = saved.rename(saved.with_name("moved"))
    np.testing.assert_array_equal(lmkit.load(moved / "mix.lm").score(HELD_OUT).log_probabilities, before)


def test_a_mixture_can_be_a_part_of_a_mixture(saved: Path) -> None:
    inner, other = lmkit.load(saved / "mix.lm"), NgramLanguageModel(order=1).fit(A)
    other.save(saved / "c.lm")
    Mixture([inner, other], [0.5, 0.5]).save(saved / "outer.lm", [saved / "mix.lm", saved / "c.lm"])
    outer = lmkit.load(saved / "outer.lm")
    means = 0.5 * np.exp(inner.score(HELD_OUT).log_probabilities) + 0.5 * np.exp(other.score(HELD_OUT).log_probabilities)
    np.testing.assert_allclose(np.exp(outer.score(HELD_OUT).log_probabilities), means)
    (saved / "outer.lm").replace(saved / "mix.lm")  # now it names itself
    with pytest.raises(FormatError, match="holds itself"):
        lmkit.load(saved / "mix.lm")


def test_missing_and_changed_models_are_told(saved: Path) -> None:
    NgramLanguageModel(order=2).fit("x y z").save(saved / "b.lm")
    with pytest.raises(FormatError, match=r"b\.lm, whose vocabulary is not what it was"):
        lmkit.load(saved / "mix.lm")
    (saved / "b.lm").unlink()
    with pytest.raises(InputError, match=r"b\.lm, which is not there"):
        lmkit.load(saved / "mix.lm")


def test_text_and_next_words_come_from_the_mixture(saved: Path) -> None:
    mixture = lmkit.load(saved / "mix.lm")
    rows = mixture.next_words("w1", top=5)
    state = mixture.advance(mixture.initial_state(), [mixture.vocabulary.id("w1")])
    assert [row.probability for row in rows] == pytest.approx(np.sort(np.exp(mixture.log_probs(state)[0]))[::-1][:5])
    assert mixture.generate("w1", rng=3) == mixture.generate("w1", rng=3)
