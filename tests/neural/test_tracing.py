"""What units do over a text: against the cells' equations, and the pictures of it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from neural.test_trainer import words

from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.recipe import Recipe
from lmkit.neural.tracing import END, FEATURES, Trace, parse_units, trace
from lmkit.neural.unit_pictures import in_colour, pieces, write_page
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions


def fitted(cell: str, **reading: str) -> RecurrentLanguageModel:
    shape = Architecture(cell=cell, layers=2, hidden=6, embedding=5, initial_state="learned")
    options = TextOptions(**reading) if reading else None
    return RecurrentLanguageModel(shape, Recipe(batch=3, steps=5, epochs=1, learning_rate=0.05), reading=options, threads=1).fit(words(60))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def by_equations(cell: str, tensors: dict[str, np.ndarray], ids: list[int]) -> list[dict[str, np.ndarray]]:
    """Gates and states of both layers behind each id, float64, as torch.nn's documentation writes them."""
    found: list[dict[str, list[np.ndarray]]] = [{}, {}]
    h = [tensors[f"initial_h_l{layer}"] for layer in range(2)]
    c = [tensors.get(f"initial_c_l{layer}", h[0]) for layer in range(2)]
    for token_id in ids:
        x = tensors["encoder.weight"][token_id]
        for layer in range(2):
            w, u = tensors[f"rnn.weight_ih_l{layer}"], tensors[f"rnn.weight_hh_l{layer}"]
            b, b2 = tensors[f"rnn.bias_ih_l{layer}"], tensors[f"rnn.bias_hh_l{layer}"]
            if cell == "lstm":
                i, f, g, o = np.split(w @ x + b + u @ h[layer] + b2, 4)
                c[layer] = sigmoid(f) * c[layer] + sigmoid(i) * np.tanh(g)
                h[layer] = sigmoid(o) * np.tanh(c[layer])
                values = {"input": sigmoid(i), "forget": sigmoid(f), "candidate": np.tanh(g), "output": sigmoid(o), "c": c[layer]}
            elif cell == "gru":
                (r, z, n), (hr, hz, hn) = np.split(w @ x + b, 3), np.split(u @ h[layer] + b2, 3)
                r, z = sigmoid(r + hr), sigmoid(z + hz)
                n = np.tanh(n + r * hn)
                h[layer] = (1 - z) * n + z * h[layer]
                values = {"reset": r, "update": z, "candidate": n}
            else:
                h[layer] = np.tanh(w @ x + b + u @ h[layer] + b2)
                values = {}
            x = h[layer]
            for name, value in {**values, "h": h[layer]}.items():
                found[layer].setdefault(name, []).append(value)
    return [{name: np.array(values) for name, values in kept.items()} for kept in found]


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
def test_values_are_those_of_the_equations(cell: str) -> None:
    model = fitted(cell)
    corpus = as_corpus("a b zebra\nc a\n" * 3, model.text_options)
    seen = trace(model, corpus)
    tensors = {name: value.astype(np.float64) for name, value in model.network_.to_tensors().items()}
    ids = [2, *model.vocabulary.lookup(seen.tokens).tolist()]  # </s> is read before a text
    for layer, expected in enumerate(by_equations(cell, tensors, ids)):
        assert list(seen.layers[layer]) == list(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(seen.layers[layer][name], values[1:], atol=2e-6, err_msg=name)
    assert seen.tokens[:5] == ["a", "b", "zebra", END, "c"]
    assert np.array_equal(seen.log_probabilities, model.score(corpus, state="carry").log_probabilities)
    assert all(0 <= row["shut"] + row["open"] <= 1 for row in seen.openness())
    assert [row["gate"] for row in seen.openness()] == {"lstm": ["input", "forget", "output"] * 2, "gru": ["reset", "update"] * 2}.get(
        cell, []
    )


def test_long_texts_are_read_in_pieces_and_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("lstm")
    corpus = as_corpus(words(30, 4), model.text_options)
    whole = trace(model, corpus, tokens=50)
    monkeypatch.setattr("lmkit.neural.tracing._STEPS", 7)
    cut = trace(model, corpus, tokens=50)
    assert len(whole.tokens) == len(cut.tokens) == 50
    assert np.array_equal(whole.layers[1]["c"], cut.layers[1]["c"])
    assert np.array_equal(whole.log_probabilities, cut.log_probabilities)


def test_tokens_are_what_the_text_has() -> None:
    corpus = "né a\nb"
    for tokenizer, expected in (("characters", ["n", "é", " ", "a", END, "b", END]), ("bytes", ["n", "<0xC3>", "<0xA9>", " ", "a", END])):
        model = fitted("elman", tokenizer=tokenizer)
        assert trace(model, as_corpus(corpus, model.text_options), tokens=len(expected)).tokens == expected
    with pytest.raises(InputError, match="no token"):
        trace(model, as_corpus(corpus, model.text_options).sentences(0, 0))


def made(tokens: list[str], values: np.ndarray, name: str = "c") -> Trace:
    return Trace(tokens, False, np.full(len(tokens), -1.0), [{name: values.astype(np.float32), "h": values.astype(np.float32)}])


def test_units_that_follow_a_property_are_found() -> None:
    tokens = list('He said "no (not) 7" Well\nThe "end" is near\n')
    rng = np.random.default_rng(0)
    wanted = {"inside quotes": 3, "place in line": 5, "inside brackets": 1}
    values = rng.normal(size=(len(tokens), 8)) / 20
    for feature, unit in wanted.items():
        property_ = FEATURES[feature](tokens, False)
        values[:, unit] += (1 if unit != 1 else -1) * property_ / property_.max()
    found = {row["feature"]: row for row in made(tokens, values).namesakes(0, "h")}
    assert {feature: found[feature]["unit"] for feature in wanted} == wanted
    assert found["inside quotes"]["correlation"] > 0.9
    assert found["inside brackets"]["correlation"] < -0.9
    inside = "".join(token for token, flag in zip(tokens, FEATURES["inside quotes"](tokens, False), strict=True) if flag)
    assert inside == '"no (not) 7"end'
    assert FEATURES["place in word"](list("ab cd"), False).tolist() == [1, 2, 0, 1, 2]
    assert FEATURES["place in line"](["a", END, "b", "c"], True).tolist() == [1, 0, 1, 2]


def test_shades_and_the_liveliest() -> None:
    values = np.array([[0.0, 3.0, 1.0], [0.5, -3.0, 1.0]])
    assert made(["a", "b"], values).liveliest(0, "h", 2) == [0, 1]
    np.testing.assert_allclose(made(["a", "b"], values).shades(0, "c"), np.tanh(values), rtol=1e-6)
    np.testing.assert_allclose(made(["a", "b"], values).shades(0, "h"), values / 3, rtol=1e-6)
    gate = made(["a", "b"], np.array([[0.0], [1.0]]), "forget")
    assert gate.shades(0, "forget").tolist() == [[-1.0], [1.0]]
    with pytest.raises(InvalidParameterError, match="no layer 1"):
        gate.shades(1, "forget")
    with pytest.raises(InvalidParameterError, match="has no 'c'"):
        gate.values(0, "c")


def test_the_page_holds_every_unit_and_no_markup_of_the_text(tmp_path: Path) -> None:
    seen = made(["</script>", "<b>", "\n"], np.array([[0.0, 1.0], [0.5, -1.0], [9.0, 0.0]]))
    write_page(seen, tmp_path / "u.html", layer=0, name="c", first=1, title="a <model>")
    page = (tmp_path / "u.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "a &lt;model&gt;" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["pieces"] == ["</script>", "<b>", "\u21b5\n"]
    shades = np.frombuffer(base64.b64decode(data["shades"]), np.int8).reshape(2, 3)
    np.testing.assert_allclose(shades.T / data["steps"], seen.shades(0, "c"), atol=1 / 250)


def test_terminals_are_not_disturbed() -> None:
    shown = in_colour(made(["a", "\x1b[2J", "\n"], np.array([[0.0], [9.0], [-9.0]])), layer=0, name="c", unit=0)
    assert "\x1b[2J" not in shown
    assert shown.startswith("\x1b[48;2;255;255;255;30ma\x1b[0m\x1b[48;2;31;95;168;97m\\x1b[2J\x1b[0m\x1b[48;2;211;84;0;")
    assert pieces(Trace(["a", END], True, np.zeros(2), [])) == ["a ", "\u21b5\n"]


def test_units_as_typed() -> None:
    assert parse_units("3, 17,5-7,3", 20) == [3, 17, 5, 6, 7]
    for text in ("", "x", "3-", "7-5"):
        with pytest.raises(UsageError, match="such as 3,17,40-45"):
            parse_units(text, 20)
    with pytest.raises(InvalidParameterError, match="no unit 20"):
        parse_units("20", 20)
