"""A training that begins with the weights of a model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmkit
from lmkit import RecurrentLanguageModel
from lmkit.errors import UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.neural.window import WindowArchitecture
from lmkit.neural.window_model import WindowLanguageModel

TEXT = "the cat sat on the mat\nthe dog ran to a cat\na dog sat\n" * 12
SHAPE = Architecture(layers=1, hidden=8)
STILL = Recipe(optimizer="sgd", learning_rate=1e-12, schedule="constant", batch=2, steps=5, epochs=1)
REAL = dataclasses.replace(STILL, optimizer="adam", learning_rate=0.01, epochs=3)


def fitted(shape: Any = SHAPE, recipe: Recipe = REAL, text: str = TEXT, seed: int = 1, **more: Any) -> RecurrentLanguageModel:
    return RecurrentLanguageModel(shape, recipe, seed=seed, threads=1).fit(text, **more)


@pytest.fixture(scope="module")
def source() -> RecurrentLanguageModel:
    return fitted()


def values(model: Any) -> dict[str, np.ndarray]:
    return {parameter.name: parameter.value for parameter in model.network_.parameters}


def test_the_weights_are_those_of_the_model(source: RecurrentLanguageModel) -> None:
    begun, drawn = fitted(recipe=STILL, seed=2, start_from=source), fitted(recipe=STILL, seed=2)
    for name, value in values(source).items():
        np.testing.assert_allclose(values(begun)[name], value, atol=1e-9)
    assert begun.perplexity(TEXT) == pytest.approx(source.perplexity(TEXT), rel=1e-6)
    assert drawn.perplexity(TEXT) > 1.2 * source.perplexity(TEXT)
    assert begun.notes_ == source.notes_


def test_training_goes_on_from_there(source: RecurrentLanguageModel) -> None:
    assert fitted(start_from=source).perplexity(TEXT) < 0.9 * source.perplexity(TEXT)


def test_the_source_is_left_alone(source: RecurrentLanguageModel) -> None:
    before = {name: value.copy() for name, value in values(source).items()}
    fitted(start_from=source)
    for name, value in values(source).items():
        np.testing.assert_array_equal(value, before[name])


def test_another_loss_keeps_the_output_weights(source: RecurrentLanguageModel) -> None:
    sampled = dataclasses.replace(SHAPE, output={"name": "sampled", "samples": 4})
    first = fitted(sampled, STILL, start_from=source)
    assert first.perplexity(TEXT) == pytest.approx(source.perplexity(TEXT), rel=1e-5)
    assert fitted(SHAPE, STILL, start_from=first).perplexity(TEXT) == pytest.approx(source.perplexity(TEXT), rel=1e-5)


def test_an_output_layer_of_other_weights_begins_as_drawn(source: RecurrentLanguageModel) -> None:
    begun = fitted(dataclasses.replace(SHAPE, output="huffman"), STILL, start_from=source)
    np.testing.assert_allclose(values(begun)["rnn.weight_hh_l0"], values(source)["rnn.weight_hh_l0"], atol=1e-9)
    assert any("began as drawn" in note for note in begun.notes_) or any("had no place" in note for note in begun.notes_)


def test_words_and_reading_are_the_models_own(source: RecurrentLanguageModel) -> None:
    begun = fitted(recipe=STILL, text="a bird sat on the dog\n" * 20, start_from=source)
    assert begun.vocabulary.hash == source.vocabulary.hash
    assert begun.vocabulary.id("bird") == begun.vocabulary.UNK
    assert begun.text_options == source.text_options


@pytest.mark.parametrize("output", ["full", "sampled", "nce", "blackout"])
def test_a_model_from_a_file_can_be_trained_and_kept(source: RecurrentLanguageModel, tmp_path: Path, output: str) -> None:
    shape = dataclasses.replace(SHAPE, output=output)
    fitted(shape).save(tmp_path / "m.lm")
    opened = lmkit.load(tmp_path / "m.lm")
    begun = fitted(shape, start_from=opened, checkpoint=tmp_path / "c", checkpoint_minutes=0)
    assert (tmp_path / "c").exists()
    assert all(np.abs(value).max() < 100 for value in values(begun).values())


def test_the_card_says_what_it_began_from(source: RecurrentLanguageModel, tmp_path: Path) -> None:
    begun = fitted(recipe=STILL, seed=7, start_from=source)
    begun.save(tmp_path / "m.lm")
    card = lmkit.load(tmp_path / "m.lm").info()
    assert card["seed"] == 7
    assert card["started_from"]["seed"] == 1
    assert card["started_from"]["recipe"]["learning_rate"] == REAL.learning_rate
    json.dumps(card)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (Architecture(layers=1, hidden=9), "'rnn.weight_ih_l0' of 32 x 8 and the new network of 36 x 9|'encoder.weight'"),
        (Architecture(layers=2, hidden=8), "has no 'rnn.weight_ih_l1'"),
        (Architecture(cell="gru", layers=1, hidden=8), "same layers and sizes"),
    ],
)
def test_another_shape_is_refused(source: RecurrentLanguageModel, shape: Architecture, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        fitted(shape, STILL, start_from=source)


def test_another_kind_vocabulary_or_reading_is_refused(source: RecurrentLanguageModel) -> None:
    window = WindowLanguageModel(WindowArchitecture(hidden=4, embedding=4), Recipe(batch=8, steps=1, epochs=1), threads=1).fit(TEXT)
    with pytest.raises(UsageError, match="can't begin from a"):
        fitted(recipe=STILL, start_from=window)
    with pytest.raises(UsageError, match="not the same"):
        fitted(recipe=STILL, start_from=source, vocabulary=fitted(recipe=STILL, text="another text here\n" * 9).vocabulary)


def test_a_training_from_a_model_resumes_to_the_same_weights(source: RecurrentLanguageModel, tmp_path: Path) -> None:
    whole = fitted(start_from=source)
    kept = tmp_path / "c"

    class Stop(Exception):
        pass

    def stop(record: dict[str, Any]) -> None:
        if record["event"] == "validation" and record["epoch"] >= 2:
            raise Stop

    with pytest.raises(Stop):
        fitted(start_from=source, valid=TEXT, checkpoint=kept, checkpoint_minutes=0, listeners=[stop])
    resumed = fitted(start_from=source, valid=TEXT, checkpoint=kept, resume=True)
    for name, value in values(fitted(start_from=source, valid=TEXT)).items():
        np.testing.assert_array_equal(values(resumed)[name], value)
    with pytest.raises(UsageError, match="another training"):
        fitted(valid=TEXT, checkpoint=kept, resume=True)
    assert whole.history_[-1]["epoch"] == 3
