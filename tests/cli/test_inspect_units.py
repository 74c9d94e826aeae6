"""`lmkit inspect gates` and `lmkit inspect units`."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def network(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lmkit_cli import app

    path = tmp_path_factory.mktemp("units") / "characters.lm"
    words = ["train-rnn", text, "--unit", "char", "--layers", 2, "--hidden", 8, "--epochs", 1, "--threads", 1, "--out", path, "--quiet"]
    assert app.run([str(word) for word in words]) == 0
    return path


def test_gates(run, network: Path, text: Path, tmp_path: Path) -> None:
    result = run("inspect", "gates", network, "--text", text, "--tokens", 20, "--top", 3, "--out", tmp_path / "g.png", "--json").json
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")
    assert result["layer"] == 1
    assert len(result["units"]) == 3
    assert {name: (len(values), len(values[0])) for name, values in result["values"].items()} == dict.fromkeys(
        ("input", "forget", "candidate", "output", "c", "h"), (20, 3)
    )
    assert result["openness_tokens"] == 2000
    assert all(0 < row["mean"] < 1 for row in result["openness"])
    outcome = run("inspect", "gates", network, "--prompt", "the cat", "--layer", 0, "--units", "0-2", "--out", tmp_path / "g.svg")
    assert [line.split()[:2] for line in outcome.out.splitlines()[1:3]] == [["0", "input"], ["0", "forget"]]
    assert "forget gate" in (tmp_path / "g.svg").read_text(encoding="utf-8")


def test_units(run, network: Path, text: Path, tmp_path: Path) -> None:
    outcome = run("inspect", "units", network, "--text", text, "--out", tmp_path / "u.html")
    assert outcome.out.splitlines()[-1] == f"Page: {tmp_path / 'u.html'}"
    assert "place in line" in outcome.out
    record = run("inspect", "units", network, "--prompt", "the dog", "--units", "2,5", "--value", "forget", "--json").json
    assert "".join(record["tokens"][:-1]) == "the dog"
    assert list(record["units"]) == ["2", "5"]
    assert all(0 < value < 1 for value in record["units"]["5"])
    coloured = run("inspect", "units", network, "--prompt", "ab", "--units", 1, "--color").out
    assert "\nUnit 1:\n\x1b[48;2;" in coloured
    plain = run("inspect", "units", network, "--prompt", "ab", "--units", 1)
    assert "\x1b" not in plain.out
    assert "--color" in plain.err


@pytest.mark.parametrize(
    ("command", "words", "sentence"),
    [
        ("gates", ["--layer", 2], "there is no --layer 2"),
        ("gates", ["--units", "8"], "no unit 8"),
        ("gates", ["--out", "g.txt"], ".png"),
        ("gates", ["--prompt", "a", "--text", "b"], "exclude each other"),
        ("gates", ["--text", "the cat sat"], "--prompt"),
        ("units", ["--prompt", ""], "--prompt is empty; give the text"),
        ("units", ["--out", "u.png"], ".html"),
        ("units", ["--value", "reset"], "input, forget, candidate, output, c, h"),
    ],
)
def test_wrong_calls(fails, network: Path, command: str, words: list[object], sentence: str) -> None:
    assert sentence in fails("inspect", command, network, *words, code=2)


def test_other_models(fails, model: Path, tmp_path: Path) -> None:
    assert "no recurrent network" in fails("inspect", "units", model, code=2)
    assert "no recurrent network" in fails("inspect", "gates", model, "--out", tmp_path / "g.png", code=2)
