"""State dicts of PyTorch: the same log-probabilities here and there; what is no state dict is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmkit
from lmkit.errors import FormatError, InputError, MissingDependencyError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.recipe import Recipe
from lmkit.neural.torch_files import is_torch_file, model_of_state_dict, read_state_dict, write_state_dict
from lmkit_cli import app

WORDS = ["the", "<eos>", "cat", "<unk>", "sat", "dog", "ran"]


def test_without_torch_the_message_tells_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install torch, or keep to \.lm"):
        read_state_dict(tmp_path / "m.pt")


def tensors_of(cell: int = 4, hidden: int = 3, **more: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = {
        "embed.weight": (7, 2), "lstm.weight_ih_l0": (cell * hidden, 2), "lstm.weight_hh_l0": (cell * hidden, hidden),
        "lstm.bias_ih_l0": (cell * hidden,), "lstm.bias_hh_l0": (cell * hidden,), "out.weight": (7, hidden), "out.bias": (7,),
    }  # fmt: skip
    return {**{name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}, **more}


def test_words_find_their_places() -> None:
    tensors = tensors_of()
    model = model_of_state_dict(tensors, WORDS)
    for word, row in (("cat", 2), ("</s>", 1), ("<unk>", 3), ("ran", 6)):
        assert np.array_equal(model.network_.embedding.weight.value[model.vocabulary.id(word)], tensors["embed.weight"][row])
    assert np.exp(model.log_probs(model.initial_state(1))).sum() == pytest.approx(1)
    assert model.log_probs(model.initial_state(1))[0, model.vocabulary.BOS] == -np.inf  # there is no <s> among the words
    continuous = model_of_state_dict(tensors, ["a", "b", "c", "d", "e", "f", "g"])
    assert not continuous.text_options.sentence_boundaries
    assert any("no <unk>" in note for note in continuous.notes_)


def test_a_state_dict_is_a_beginning_to_train_from(tmp_path: Path) -> None:
    source = model_of_state_dict(tensors_of(), WORDS)
    recipe = Recipe(learning_rate=0.01, batch=2, steps=5, epochs=1)
    begun = lmkit.RecurrentLanguageModel(source.architecture, recipe, threads=1).fit(
        "the cat sat\nthe dog ran\n" * 20, start_from=source, checkpoint=tmp_path / "c", checkpoint_minutes=0
    )
    assert (tmp_path / "c").exists()
    assert all(np.abs(parameter.value).max() < 100 for parameter in begun.network_.parameters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lstm.weight_ih_l0_reverse": np.zeros((12, 2), np.float32)}, "reads from both ends"),
        ({"lstm.weight_hr_l0": np.zeros((2, 3), np.float32)}, "projects its state"),
        ({"more.weight": np.zeros((7, 3), np.float32)}, "embed.weight, out.weight, out.bias, more.weight"),
        ({"lstm.bias_ih_l0": np.zeros(5, np.float32)}, r"'bias_ih_l0' is of shape \(5,\), expected \(12,\)"),
        ({"lstm.weight_hh_l0": np.zeros((6, 3), np.float32)}, "none of torch.nn's LSTM, GRU and RNN"),
        ({"out.bias": np.zeros(8, np.float32)}, "over 7 ids, but there are 7 words"),
    ],
)
def test_state_dicts_of_other_networks(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        model_of_state_dict(tensors_of(**change), WORDS)


def test_too_few_words_and_no_recurrence() -> None:
    with pytest.raises(FormatError, match="over 7 ids, but there are 6 words"):
        model_of_state_dict(tensors_of(), WORDS[:-1])
    with pytest.raises(FormatError, match="no recurrent layer"):
        model_of_state_dict({"out.weight": np.zeros((7, 3), np.float32)}, WORDS)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"cell": "jordan"}, "'jordan' cells"),
        ({"cell": "gru-reset-before"}, "'gru-reset-before' cells"),
        ({"cell": "lstm-peephole"}, "'lstm-peephole' cells"),
        ({"cell": "qrnn"}, "'qrnn' cells"),
        ({"output": "adaptive"}, "the output layer 'adaptive'"),
        ({"output": {"name": "huffman"}}, "the output layer 'huffman'"),
        ({"initial_state": "learned"}, "learned initial states"),
        ({"layers": 2, "embedding": 4, "tied": True}, "a last layer as wide as the embedding"),
    ],
)
def test_what_torch_has_no_place_for_is_not_written(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    """Read back it would be another model, or none."""
    shape = Architecture(**{"layers": 1, "hidden": 3, **change})
    model = lmkit.RecurrentLanguageModel(shape, Recipe(batch=2, steps=5, epochs=1), threads=1).fit("the cat sat\nthe dog ran\n" * 20)
    with pytest.raises(UsageError, match=rf"The model has {what}.*keep to the \.lm file, a safetensors file that holds the same tensors"):
        write_state_dict(model, tmp_path / "m.pt")
    assert not [*tmp_path.iterdir()]


@pytest.mark.peers
@pytest.mark.parametrize(
    "change", [{"cell": "gru"}, {"output": "sampled"}, {"output": "nce"}, {"output": "blackout"}, {"tied": True}], ids=str
)
def test_what_is_written_is_read_back_as_the_same_model(tmp_path: Path, change: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    shape, text = Architecture(**{"layers": 2, "hidden": 3, **change}), "the cat sat\nthe dog ran\n" * 20
    model = lmkit.RecurrentLanguageModel(shape, Recipe(batch=2, steps=5, epochs=1), threads=1).fit(text)
    words = write_state_dict(model, tmp_path / "m.pt")
    again = model_of_state_dict(read_state_dict(tmp_path / "m.pt"), words)
    assert np.array_equal(again.score(text).log_probabilities, model.score(text).log_probabilities)


@pytest.mark.peers
def test_a_rectified_network_is_written_with_a_word_of_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    model = lmkit.RecurrentLanguageModel(Architecture(cell="elman-relu", layers=1, hidden=3), Recipe(batch=2, steps=5, epochs=1), threads=1)
    model.fit("the cat sat\nthe dog ran\n" * 20).save(tmp_path / "m.lm")
    assert app.run(["convert", str(tmp_path / "m.lm"), str(tmp_path / "m.pt")]) == 0
    assert "give torch.nn.RNN nonlinearity='relu'" in capsys.readouterr().err


@pytest.mark.peers
@pytest.mark.parametrize(("name", "tied"), [("LSTM", True), ("GRU", False), ("RNN", False)])
def test_pytorch_gives_the_same_log_probabilities(tmp_path: Path, name: str, tied: bool) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    module = torch.nn.ModuleDict(
        {"encoder": torch.nn.Embedding(7, 4), "rnn": getattr(torch.nn, name)(4, 4, 2), "decoder": torch.nn.Linear(4, 7)}
    )
    if tied:
        module["decoder"].weight = module["encoder"].weight
    torch.save({"model": module.state_dict(), "epoch": 3}, tmp_path / "m.pt")
    (tmp_path / "words.txt").write_text("".join(f"{word}\n" for word in WORDS))
    assert is_torch_file(tmp_path / "m.pt")
    assert app.run(["convert", str(tmp_path / "m.pt"), str(tmp_path / "m.lm"), "--words", str(tmp_path / "words.txt")]) == 0
    model = lmkit.load(tmp_path / "m.lm")
    assert model.info()["architecture"]["tied"] is tied
    events = model.score("the cat sat\nthe zebra ran\n", state="carry")
    ids = torch.tensor([1, 0, 2, 4, 1, 0, 3, 6, 1])
    scores = torch.log_softmax(module["decoder"](module["rnn"](module["encoder"](ids[:-1]))[0]), -1)
    expected = scores[torch.arange(8), ids[1:]].detach().numpy()
    np.testing.assert_allclose(events.log_probabilities, expected, atol=2e-6)
    words = write_state_dict(model, tmp_path / "back.pt")
    again = model_of_state_dict(read_state_dict(tmp_path / "back.pt"), words)
    assert np.array_equal(again.score("the cat sat\nthe zebra ran\n", state="carry").log_probabilities, events.log_probabilities)
    assert again.excluded_ == model.excluded_


@pytest.mark.peers
def test_files_that_hold_more_than_tensors_are_not_unpickled(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.LSTM(2, 3), tmp_path / "whole.pt")
    with pytest.raises(FormatError, match=r"torch.save\(model.state_dict\(\), path\)"):
        read_state_dict(tmp_path / "whole.pt")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(FormatError, match="no tensors by name"):
        read_state_dict(tmp_path / "empty.pt")
    (tmp_path / "text.pt").write_text("the cat sat")
    with pytest.raises(FormatError, match="can't be read as a state dict"):
        read_state_dict(tmp_path / "text.pt")
    with pytest.raises(InputError, match="no such file"):
        read_state_dict(tmp_path / "none.pt")
    with pytest.raises(FormatError, match="lmkit convert"):
        lmkit.load(tmp_path / "empty.pt")


def test_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.pt").write_bytes(b"")
    for words, sentence in (
        (["m.pt", "m.arpa"], "end OUT in .lm"),
        (["m.pt", "m.lm"], "give them with --words FILE"),
        (["m.lm", "m.arpa", "--words", "w.txt"], "PyTorch state dict"),
    ):
        arguments = [str(tmp_path / word) if "." in word else word for word in words]
        assert app.run(["convert", *arguments]) == UsageError.exit_code
        assert sentence in capsys.readouterr().err
