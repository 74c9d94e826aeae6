"""The recurrent language model as its users meet it: exact scores, next words, text, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neural.test_trainer import words
from reference import neural_twin

import lmkit
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import TrainingText
from lmkit.neural.layers import CELLS
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.reading import score_apart, score_carried, score_streams
from lmkit.neural.recipe import Recipe
from lmkit.neural.workers import ThreadWorkers
from lmkit.protocols import LanguageModel
from lmkit.text.options import TextOptions

RECIPE = Recipe(batch=3, steps=5, epochs=1, learning_rate=0.02)


@pytest.fixture(scope="module")
def model() -> RecurrentLanguageModel:
    return RecurrentLanguageModel(Architecture(layers=2, hidden=9, embedding=5), RECIPE, threads=2).fit(words(80), valid=words(20, 1))


def test_it_is_a_language_model_whose_probabilities_sum_to_one(model: RecurrentLanguageModel) -> None:
    assert isinstance(model, LanguageModel)
    state = model.advance(model.initial_state(2), [3, 0])
    log_probs = model.log_probs(state)
    assert log_probs.shape == (2, len(model.vocabulary))
    assert log_probs.dtype == np.float64
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, rtol=1e-6)
    assert np.all(log_probs[:, model.vocabulary.BOS] == -np.inf)
    assert np.all(np.isfinite(np.delete(log_probs, model.vocabulary.BOS, 1)))


@pytest.mark.parametrize("state", ["reset", "carry"])
def test_scores_are_those_of_reading_token_by_token(model: RecurrentLanguageModel, state: str) -> None:
    events = model.score(words(15, 2), state=state)
    expected, now = [], model.initial_state(1)
    for token_id, is_end in zip(events.token_ids, events.is_end, strict=True):
        expected.append(model.log_probs(now)[0, token_id])
        now = model.initial_state(1) if is_end and state == "reset" else model.advance(now, [token_id])
    np.testing.assert_allclose(events.log_probabilities, expected, rtol=1e-5)


def test_scores_are_those_of_the_twin(model: RecurrentLanguageModel) -> None:
    text = TrainingText(np.array([3, 4, 5, 2, 4, 4], np.int32), np.array([0, 4, 6]), 2)
    tensors = {name: value.astype(np.float64) for name, value in model.network_.to_tensors().items()}
    states = [[np.zeros(9), np.zeros(9)] for _ in range(2)]
    loss, _, _ = neural_twin.loss_and_gradients("lstm", tensors, 2, np.array([2, 3, 4, 5, 2, 4]), text.stream, states)
    with ThreadWorkers(1) as workers:
        assert -score_carried(model.network_, text, workers).sum() == pytest.approx(loss, rel=1e-6)


def test_scores_are_the_same_bits_whatever_stands_beside(model: RecurrentLanguageModel) -> None:
    ids = np.random.default_rng(0).integers(2, len(model.vocabulary), 900).astype(np.int32)
    offsets = np.unique(np.concatenate([[0, 900], np.random.default_rng(1).integers(1, 900, 60)]))
    text = TrainingText(ids, offsets, 2)
    found = []
    for threads, texts in ((1, 64), (2, 64), (2, 7), (1, 1)):
        with ThreadWorkers(threads) as workers:
            found.append(score_apart(model.network_, text, workers, texts))
    for other in found[1:]:
        assert np.array_equal(found[0], other)
    carried = []
    for threads in (1, 2):
        with ThreadWorkers(threads) as workers:
            carried.append(score_carried(model.network_, text, workers))
            streams = score_streams(model.network_, text, workers, 3)
    assert np.array_equal(carried[0], carried[1])
    assert np.array_equal(streams[:300], carried[0][:300])  # the first of three streams begins as the whole does
    assert not np.array_equal(streams[300:], carried[0][300:])


def test_state_carried_and_reset_differ_and_both_are_told(model: RecurrentLanguageModel) -> None:
    text = words(15, 2)
    assert model.default_state == "carry"
    reset, carried = model.score(text), model.score(text, state="carry")
    assert np.array_equal(reset.log_probabilities, model.score(text, state="reset").log_probabilities)
    assert not np.array_equal(reset.log_probabilities, carried.log_probabilities)
    assert model.perplexity(text) == carried.perplexity()
    assert model.info()["state"] == "carry"


def test_next_words_and_text(model: RecurrentLanguageModel) -> None:
    table = model.next_words("a b", top=20)
    assert sum(row.probability for row in table) == pytest.approx(1, abs=1e-6)
    assert [row.probability for row in table] == sorted((row.probability for row in table), reverse=True)
    text = model.generate("a b", rng=1, min_tokens=5, max_tokens=9)
    assert text.startswith("a b ")
    assert "<unk>" not in text
    assert text == model.generate("a b", rng=1, min_tokens=5, max_tokens=9)


def test_states_are_not_changed_by_advancing(model: RecurrentLanguageModel) -> None:
    state = model.initial_state(1)
    before = model.log_probs(state)
    model.advance(model.advance(state, [4]), [5])
    assert np.array_equal(before, model.log_probs(state))
    both = model.advance(state[np.array([0, 0])], [4, 5])
    np.testing.assert_allclose(model.log_probs(both)[1], model.log_probs(model.advance(state, [5]))[0], rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_files_give_the_same_scores(tmp_path: Path, cell: str) -> None:
    shape = Architecture(cell=cell, layers=1 if cell == "jordan" else 2, hidden=6, initial_state="learned")
    fitted = RecurrentLanguageModel(shape, RECIPE, threads=1).fit(words(30))
    fitted.save(tmp_path / "m")
    loaded = lmkit.load(tmp_path / "m")
    assert isinstance(loaded, RecurrentLanguageModel)
    text = words(10, 3)
    assert np.array_equal(fitted.score(text).log_probabilities, loaded.score(text).log_probabilities)
    assert loaded.info()["architecture"]["cell"] == cell
    assert loaded.vocabulary.hash == fitted.vocabulary.hash


def test_embeddings_begin_with_word_vectors() -> None:
    from lmkit.embeddings.vectors import WordVectors
    from lmkit.text.strings import StringTable

    matrix = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    vectors = WordVectors(StringTable.from_strings(["a", "c", "zzz", "e"]), matrix)
    shape = Architecture(layers=1, hidden=9, embedding=5)
    frozen = RecurrentLanguageModel(shape, RECIPE, threads=1).fit(words(30), vectors=vectors, freeze_vectors=True)
    kept = frozen.network_.embedding.weight.value
    first = kept[frozen.vocabulary.id("a")]
    np.testing.assert_allclose(first / first[0], matrix[0] / matrix[0, 0], rtol=1e-5)
    assert "3 of 6 words began with the given vectors, which were not trained further." in frozen.notes_
    trained = RecurrentLanguageModel(shape, RECIPE, threads=1).fit(words(30), vectors=vectors)
    assert not np.allclose(trained.network_.embedding.weight.value[trained.vocabulary.id("a")], first, rtol=1e-3)
    with pytest.raises(InvalidParameterError, match="5 dimensions and the embedding 9; take --embedding 5"):
        RecurrentLanguageModel(Architecture(layers=1, hidden=9), RECIPE).fit(words(30), vectors=vectors)


def test_damaged_files(tmp_path: Path, model: RecurrentLanguageModel) -> None:
    from lmkit._container import read_container, write_container

    model.save(tmp_path / "m")
    container = read_container(tmp_path / "m")
    tensors = {name: container[name] for name in container}
    for change, message in (
        ({"rnn.weight_hh_l1": tensors["rnn.weight_hh_l1"][:5]}, r"rnn.weight_hh_l1' is float32 \[5, 9\], expected float32 \[36, 9\]"),
        ({"token_counts": tensors["token_counts"][:-1]}, "counts do not fit"),
    ):
        write_container(tmp_path / "d", "recurrent", container.metadata, {**tensors, **change})
        with pytest.raises(FormatError, match=message):
            lmkit.load(tmp_path / "d")
    del tensors["rnn.weight_ih_l0"]
    write_container(tmp_path / "d", "recurrent", container.metadata, tensors)
    with pytest.raises(FormatError, match="'rnn.weight_ih_l0' is missing"):
        lmkit.load(tmp_path / "d")
    write_container(tmp_path / "d", "recurrent", {**container.metadata, "architecture": {"cell": "quantum"}}, tensors)
    with pytest.raises(FormatError, match="record of its architecture"):
        lmkit.load(tmp_path / "d")


@pytest.mark.parametrize("change", [{"hidden": 3000}, {"hidden": 10**9}, {"embedding": 300_000}, {"layers": 100, "hidden": 200}], ids=str)
def test_a_file_that_asks_for_a_network_far_larger_than_itself(tmp_path: Path, model: RecurrentLanguageModel, change: dict) -> None:
    model.save(tmp_path / "m")
    refuses_forged(tmp_path / "m", change)


def refuses_forged(path: Path, change: dict) -> None:
    """The model with another architecture in its record is refused before memory is taken for it."""
    import tracemalloc

    from lmkit._container import read_container, write_container

    container = read_container(path)
    record = {**container.metadata, "architecture": {**container.metadata["architecture"], **change}}
    write_container(path, container.kind, record, dict(container))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="far more weights than the file holds"):
            lmkit.load(path)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_characters_and_bytes_of_right_to_left_text(unit: str) -> None:
    verse = "بشنو این نی چون شکایت می‌کند\nاز جدایی‌ها حکایت می‌کند\n"
    reading = TextOptions(tokenizer=unit, sentences="none")
    fitted = RecurrentLanguageModel(
        Architecture(layers=1, hidden=24), Recipe(batch=4, steps=20, epochs=12, learning_rate=0.02), reading=reading
    )
    fitted.fit(verse * 20)
    assert fitted.perplexity(verse) < 2
    text = fitted.generate("بشنو", decoding=lmkit.Decoding(argmax=True), max_tokens=12 if unit == "characters" else 20)
    assert text.startswith("بشنو این نی")
    state = fitted.initial_state(1)
    assert fitted.log_probs(state)[0, fitted.vocabulary.EOS] == -np.inf  # continuous text has no ends


@pytest.mark.peers
@pytest.mark.parametrize(("cell", "module"), [("lstm", "LSTM"), ("gru", "GRU"), ("elman", "RNN"), ("elman-relu", "RNN")])
def test_pytorch_gives_the_same_log_probabilities(tmp_path: Path, cell: str, module: str) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.numpy")
    model = RecurrentLanguageModel(Architecture(cell=cell, layers=2, hidden=9, embedding=5), RECIPE, threads=2).fit(words(80))
    model.save(tmp_path / "m.safetensors")
    tensors = {name: torch.from_numpy(value) for name, value in safetensors.load_file(tmp_path / "m.safetensors").items()}
    rnn = getattr(torch.nn, module)(5, 9, 2, **({"nonlinearity": "relu"} if cell == "elman-relu" else {}))
    rnn.load_state_dict({name.removeprefix("rnn."): value for name, value in tensors.items() if name.startswith("rnn.")})
    events = model.score(words(15, 2), state="carry")
    inputs = torch.from_numpy(np.concatenate([[2], events.token_ids[:-1]])).long()
    hidden = rnn(tensors["encoder.weight"][inputs])[0]
    scores = torch.log_softmax(hidden @ tensors["decoder.weight"].T + tensors["decoder.bias"], -1)
    expected = scores[torch.arange(len(inputs)), torch.from_numpy(events.token_ids).long()].detach().numpy()
    np.testing.assert_allclose(events.log_probabilities, expected, atol=2e-5)


def test_a_file_says_what_the_options_of_its_output_layer_came_to(tmp_path: Path) -> None:
    """Cutoffs that were chosen by the counts: a file must not depend on how they are chosen when it is read."""
    model = RecurrentLanguageModel(Architecture(layers=1, hidden=6, output="adaptive"), RECIPE, threads=1).fit(words(60))
    model.save(tmp_path / "m.lm")
    again = lmkit.load(tmp_path / "m.lm")
    assert again.info()["architecture"]["output"] == {"name": "adaptive", "cutoffs": list(model.network_.output.cutoffs), "division": 4.0}
    np.testing.assert_array_equal(again.score(words(9)).log_probabilities, model.score(words(9)).log_probabilities)
