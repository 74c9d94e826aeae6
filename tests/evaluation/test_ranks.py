"""Whole distributions along a text, of every family; the rank of each token, and what is made of ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from lmkit import NgramLanguageModel, RecurrentLanguageModel
from lmkit.embeddings.language_model import EmbeddingLanguageModel
from lmkit.errors import UsageError
from lmkit.evaluation.distributions import draw_sentences, walk
from lmkit.evaluation.events_file import load_events, save_events
from lmkit.evaluation.ranks import RankFigures, ranks_in, with_ranks
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.neural.window import WindowArchitecture
from lmkit.neural.window_model import WindowLanguageModel
from lmkit.text.options import TextOptions
from lmkit.wrappers.cache import UnigramCache
from lmkit.wrappers.mixture import Mixture
from lmkit.wrappers.neural_cache import NeuralCache

_RNG = np.random.default_rng(3)
TRAIN = "\n".join(" ".join(f"w{word}" for word in np.minimum(_RNG.zipf(1.6, length), 30)) for length in _RNG.integers(1, 9, 120))
TEST = "w1 w2 w9\n\nw3\nw2 w1 w1 nowhere w4 w2\nw5 w1\n"


def recurrent(text: str = "sentences") -> RecurrentLanguageModel:
    recipe = Recipe(text=text, batch=8, steps=10, epochs=1)  # type: ignore[arg-type]
    return RecurrentLanguageModel(Architecture(layers=1, hidden=12), recipe, min_count=2, threads=1).fit(TRAIN)


def window() -> WindowLanguageModel:
    shape = WindowArchitecture(window=3, embedding=8, hidden=12)
    return WindowLanguageModel(shape, Recipe(batch=8, steps=10, epochs=1), min_count=2, threads=1).fit(TRAIN)


FAMILIES: dict[str, Callable[[], Any]] = {
    "n-gram": lambda: NgramLanguageModel(order=3, min_count=2).fit(TRAIN),
    "compact n-gram": lambda: NgramLanguageModel(order=3, min_count=2).fit(TRAIN).compact(),
    "tree": lambda: EmbeddingLanguageModel(dim=8, window=2, epochs=1, min_count=2, threads=1).fit(TRAIN),
    "recurrent": recurrent,
    "window": window,
    "mixture": lambda: Mixture([NgramLanguageModel(order=n, min_count=2).fit(TRAIN) for n in (1, 3)], weights=[0.4, 0.6]),
    "cache": lambda: UnigramCache(NgramLanguageModel(order=2, min_count=2).fit(TRAIN), size=5, weight=0.3).fit(TRAIN),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_distributions_are_those_that_scored(family: str) -> None:
    model = FAMILIES[family]()
    events = model.score(TEST)
    seen = np.zeros(len(events), np.int64)
    for step in walk([model], events):
        rows = step.rows[0]
        np.testing.assert_array_equal(step.targets, events.token_ids[step.positions])
        np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(rows[np.arange(len(rows)), step.targets], events.log_probabilities[step.positions], atol=1e-4)
        seen[step.positions] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("family", ["n-gram", "recurrent"])
def test_a_carried_state_is_carried(family: str) -> None:
    model = recurrent("streams") if family == "recurrent" else FAMILIES[family]()
    events = model.score(TEST, "carry")
    for step in walk([model], events, state="carry"):
        own = step.rows[0][np.arange(len(step.positions)), step.targets]
        np.testing.assert_allclose(own, events.log_probabilities[step.positions], atol=1e-4)


def test_models_that_carry_and_models_that_do_not_go_side_by_side() -> None:
    net = recurrent("streams")
    ngram = NgramLanguageModel(order=3).fit(TRAIN, vocabulary=net.vocabulary)
    said = [net.score(TEST, "carry"), ngram.score(TEST)]
    seen = []
    for step in walk([net, ngram], said[0], sentences=np.array([1, 3]), state=["carry", "reset"]):
        seen += step.positions.tolist()
        for rows, events in zip(step.rows, said, strict=True):
            np.testing.assert_allclose(rows[0, step.targets[0]], events.log_probabilities[step.positions[0]], atol=1e-4)
    assert seen == np.flatnonzero(np.isin(said[0].sentence, [1, 3])).tolist()


def test_a_mixture_reads_on_with_its_networks_and_begins_sentences_with_its_ngrams() -> None:
    net = recurrent("streams")
    mixture = Mixture([net, NgramLanguageModel(order=2).fit(TRAIN, vocabulary=net.vocabulary)], weights=[0.5, 0.5])
    events = mixture.score(TEST, mixture.default_state)
    for step in walk([mixture], events, state=mixture.default_state):
        assert step.rows[0][0, step.targets[0]] == pytest.approx(events.log_probabilities[step.positions[0]], abs=1e-4)


def test_a_state_that_cannot_be_followed_is_told() -> None:
    stream, apart = recurrent("streams"), recurrent("sentences")
    mixture = Mixture([stream, apart], weights=[0.1, 0.9])
    with pytest.raises(UsageError, match="--state reset"):
        with_ranks(mixture, mixture.score(TEST, "carry"), state="carry")


def test_what_adapts_to_a_document_has_ranks_where_it_reads_on() -> None:
    net = recurrent("streams")
    cached = NeuralCache(net, 5, 0.3, 0.2).fit(TRAIN)
    assert with_ranks(cached, cached.score(TEST, "carry"), state="carry").rank is not None
    with pytest.raises(UsageError, match="NeuralCache adapts to a whole document.*--state carry"):
        with_ranks(cached, cached.score(TEST, "reset"), state="reset")


def test_continuous_text() -> None:
    model = NgramLanguageModel(order=3, reading=TextOptions(sentences="none")).fit(TRAIN)
    events = model.score("w1 w2 w3 w1")
    found = np.concatenate([step.rows[0][np.arange(len(step.targets)), step.targets] for step in walk([model], events)])
    np.testing.assert_allclose(found, events.log_probabilities, atol=1e-6)


def test_several_models_go_side_by_side_over_some_sentences() -> None:
    models = [NgramLanguageModel(order=n).fit(TRAIN) for n in (1, 2)]
    events = models[0].score(TEST)
    positions = np.concatenate([step.positions for step in walk(models, events, sentences=np.array([2, 4]))])
    assert sorted(positions.tolist()) == np.flatnonzero(np.isin(events.sentence, [2, 4])).tolist()
    assert all(len(step.rows) == 2 for step in walk(models, events))


def test_ranks_are_the_middle_of_equal_places() -> None:
    rows = np.round(_RNG.normal(size=(20, 15)), 1)  # many are equal
    targets = _RNG.integers(0, 15, 20)
    places = rankdata(-rows, axis=1)
    np.testing.assert_array_equal(ranks_in(rows, targets), places[np.arange(20), targets])


def test_figures_from_ranks() -> None:
    found = RankFigures.of_ranks(np.array([1, 1.5, 5, 10, 11, np.inf]))
    assert found.accuracy == (1 / 6, 3 / 6, 4 / 6)
    assert found.mean_reciprocal_rank == pytest.approx((1 + 2 / 3 + 1 / 5 + 1 / 10 + 1 / 11 + 0) / 6)
    assert found.median_rank == (5 + 10) / 2
    assert "accuracy at 10" in found.render()


def test_a_model_without_an_opinion_gains_nothing() -> None:
    # one unigram a word, all as frequent: the ends as well
    model = NgramLanguageModel(order=1, smoothing="maximum-likelihood").fit("a b c d\nb c d a\n")
    events = with_ranks(model, model.score("a b c d"))
    # a..d have probability 1/5 each and </s> 1/5: all five share the middle of places 1 to 5
    assert events.rank is not None
    np.testing.assert_array_equal(events.rank, np.full(5, 3.0))


def test_unknown_words_are_not_found() -> None:
    model = NgramLanguageModel(order=2, min_count=2).fit(TRAIN)
    events = with_ranks(model, model.score("nowhere\nw1"))
    assert events.rank is not None
    assert events.rank[0] < 20  # <unk> is a frequent token of this model
    figures = RankFigures.of(events)
    ranks = np.where(events.is_oov, np.inf, events.rank.astype(np.float64))
    assert figures == RankFigures.of_ranks(ranks)
    assert figures is not None
    assert figures.accuracy[2] <= 3 / 4


def test_a_part_of_the_events(tmp_path: Path) -> None:
    model = NgramLanguageModel(order=2).fit(TRAIN)
    whole = with_ranks(model, model.score(TRAIN))
    part = with_ranks(model, model.score(TRAIN), count=50, seed=1)
    asked = ~np.isnan(part.rank)  # type: ignore[arg-type]
    assert 50 <= asked.sum() < 65
    np.testing.assert_array_equal(part.rank[asked], whole.rank[asked])  # type: ignore[index]
    figures = RankFigures.of(part)
    assert figures is not None
    assert figures.events == asked.sum()
    assert RankFigures.of(model.score(TRAIN)) is None
    save_events(tmp_path / "ranked.events", part)
    np.testing.assert_array_equal(load_events(tmp_path / "ranked.events").events.rank, part.rank)
    np.testing.assert_array_equal(draw_sentences(whole, 10**6), np.arange(120))


def test_the_rank_agrees_with_the_next_words() -> None:
    model = NgramLanguageModel(order=3).fit(TRAIN)
    events = with_ranks(model, model.score("w1 w2"))
    first = [word.token for word in model.next_words("", top=40)].index("w1") + 1
    second = [word.token for word in model.next_words("w1", top=40)].index("w2") + 1
    assert events.rank is not None
    assert events.rank[:2].tolist() == [first, second]  # neither is tied
    assert dataclasses.replace(events, rank=None).rank is None
