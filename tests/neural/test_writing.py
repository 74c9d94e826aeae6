"""Writing with networks: the quick way chooses what the plain way through `advance` and `log_probs` does; alone or among others."""

from __future__ import annotations

import numpy as np
import pytest
from neural.test_trainer import words

import lmkit
from lmkit import NgramLanguageModel
from lmkit.beam_search import beam_search
from lmkit.neural.architecture import Architecture
from lmkit.neural.layers import CELLS
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.recipe import Recipe
from lmkit.neural.window import WindowArchitecture
from lmkit.neural.window_model import WindowLanguageModel
from lmkit.sampling import Decoding, Writer, choose_from, generate, generate_many, make_writer
from lmkit.text.options import TextOptions
from lmkit.text.writing import continue_text, continue_texts, generators, stream_text

RECIPE = Recipe(batch=3, steps=5, epochs=1, learning_rate=0.02)
DECODINGS = [Decoding(), Decoding(argmax=True), Decoding(top_k=4, temperature=0.8), Decoding(top_p=0.7), Decoding(allow_unknown=True)]


def a_model(cell="lstm", output="full", layers=2):
    shape = Architecture(cell=cell, layers=1 if cell == "jordan" else layers, hidden=9, output=output)
    return RecurrentLanguageModel(shape, RECIPE, threads=1).fit(words(60))


@pytest.fixture(scope="module")
def lstm() -> RecurrentLanguageModel:
    return a_model()


@pytest.fixture(scope="module")
def window() -> WindowLanguageModel:
    return WindowLanguageModel(WindowArchitecture(window=2, hidden=9, embedding=5), RECIPE, threads=1).fit(words(60))


def plain(model, prompt, decoding, most, least, seed):
    """`generate`, written out with `advance` and `log_probs`."""
    rng, state, found = np.random.default_rng(seed), model.initial_state(1), []
    for token_id in prompt:
        state = model.advance(state, [token_id])
    while len(found) < most:
        refused = [1] + [0] * (not decoding.allow_unknown) + [2] * (len(found) < least)
        token_id = choose_from(model.log_probs(state)[0], decoding, refused, rng)
        if token_id == 2:
            break
        found.append(token_id)
        state = model.advance(state, [token_id])
    return found


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_writes_what_its_scores_say(cell) -> None:
    model = a_model(cell)
    for decoding in DECODINGS[1:4]:
        for seed in range(3):
            found = list(generate(model, [5, 4], decoding=decoding, max_tokens=12, rng=seed))
            assert found == plain(model, [5, 4], decoding, 12, 0, seed)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_writes_as_soon_as_it_is_opened(cell, tmp_path) -> None:
    model = a_model(cell)
    model.save(tmp_path / "m.lm")
    for decoding in DECODINGS[1:3]:
        expected = list(generate(model, [5, 4], decoding=decoding, max_tokens=12, rng=1))
        assert list(generate(lmkit.load(tmp_path / "m.lm"), [5, 4], decoding=decoding, max_tokens=12, rng=1)) == expected


@pytest.mark.parametrize("output", ["huffman", "nce"])
def test_every_output_layer_writes(output) -> None:
    model = a_model(output=output, layers=1)
    decoding = Decoding(top_k=3)
    assert list(generate(model, [4], decoding=decoding, max_tokens=12, rng=2)) == plain(model, [4], decoding, 12, 0, 2)


def test_the_scores_of_a_writer_are_the_model_s(lstm, window) -> None:
    for model in (lstm, window):
        writer, state = make_writer(model, 2), model.initial_state(2)
        for ids in ([4, 5], [6, 4], [4, 4]):
            writer.push(ids)
            state = model.advance(state, ids)
        np.testing.assert_array_equal(writer.log_probs(), model.log_probs(state))
        writer.keep([1, 1, 0])
        np.testing.assert_array_equal(writer.log_probs(), model.log_probs(state[np.array([1, 1, 0])]))


@pytest.mark.parametrize("decoding", DECODINGS)
@pytest.mark.parametrize("family", ["lstm", "window", "ngram"])
def test_texts_are_the_same_alone_and_side_by_side(family, decoding, lstm, window) -> None:
    model = {"lstm": lstm, "window": window}.get(family) or NgramLanguageModel(order=2).fit(words(60))
    prompts = [[], [5, 6], [4], [6, 5, 4], []]
    together = generate_many(model, prompts, decoding=decoding, max_tokens=9, min_tokens=2, rngs=generators(3, 5))
    assert together == [
        list(generate(model, prompt, decoding=decoding, max_tokens=9, min_tokens=2, rng=rng))
        for prompt, rng in zip(prompts, generators(3, 5), strict=True)
    ]
    assert all(2 <= len(text) <= 9 for text in together)
    assert decoding.allow_unknown or not any(0 in text for text in together)


def test_drawn_words_have_the_model_s_frequencies(lstm) -> None:
    ids = [text[0] for text in generate_many(lstm, [[5]] * 4000, max_tokens=1, min_tokens=1, rngs=generators(1, 4000))]
    shares = np.exp(lstm.log_probs(lstm.advance(lstm.initial_state(1), [5]))[0])
    shares[[0, 1, 2]] = 0
    shares /= shares.sum()
    found = np.bincount(ids, minlength=len(shares)) / 4000
    assert np.abs(found - shares).max() < 4 * np.sqrt(0.25 / 4000)


def test_a_beam_finds_the_same_through_any_writer(lstm, monkeypatch) -> None:
    quick = beam_search(lstm, [5], beams=4, max_tokens=6)
    monkeypatch.setattr("lmkit.beam_search.make_writer", Writer)
    assert beam_search(lstm, [5], beams=4, max_tokens=6) == quick


def test_training_on_changes_what_is_written() -> None:
    model = a_model(layers=1)
    before = list(generate(model, [4], decoding=Decoding(argmax=True), max_tokens=12, min_tokens=12))
    model.fit("b a a a a\n" * 300)
    assert list(generate(model, [4], decoding=Decoding(argmax=True), max_tokens=12, min_tokens=12)) != before


@pytest.mark.parametrize("tokenizer", ["whitespace", "regex", "characters", "bytes"])
def test_a_stream_is_the_text_in_pieces(tokenizer) -> None:
    text = "«zwölf Boxkämpfer», said the (old) man; \"so what?\" ... I don't know, he's gone.\n" * 3
    model = NgramLanguageModel(order=3, reading=TextOptions(tokenizer=tokenizer)).fit(text)
    for seed in range(4):
        pieces = list(stream_text(model, "the", max_tokens=40, rng=seed))
        assert pieces[0] == "the"
        assert len(pieces) > 3
        assert "".join(pieces) == continue_text(model, "the", max_tokens=40, rng=seed)


def test_many_prompts(lstm) -> None:
    found = continue_texts(lstm, ["a b", "", "b"] * 30, max_tokens=5, rngs=generators(1, 90))
    assert len(found) == 90
    assert all(text.startswith(prompt) for text, prompt in zip(found, ["a b", "", "b"] * 30, strict=True))
    assert len(set(found)) > 20
