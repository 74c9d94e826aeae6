"""`lmkit inspect gradients`."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")


def test_through_time(run, tmp_path) -> None:
    out = tmp_path / "g.png"
    result = run(
        "inspect", "gradients", "--cells", "elman,elman:3", "--steps", 12, "--hidden", 16, "--texts", 4, "--out", out, "--json"
    ).json
    assert out.read_bytes().startswith(b"\x89PNG")
    assert [curve["label"] for curve in result["curves"]] == ["elman", "elman:3"]
    vanishing, exploding = result["curves"]
    assert vanishing["distances"][-1] == 12
    assert vanishing["factor_a_step"] < 0.8 < exploding["factor_a_step"]


def test_through_depth(run, tmp_path) -> None:
    out = tmp_path / "g.svg"
    lines = run("inspect", "gradients", "--across", "depth", "--steps", 10, "--out", out).out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["sigmoid", "relu", "leaky-relu"]
    assert lines[-1] == f"Plot: {out}"
    assert out.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "g.txt"], ".png"),
        (["--cells", "rnn"], "--cells must be one of 'lstm'"),
        (["--cells", "elman:-1"], "--cells: the radius must be a finite number above 0, not -1.0."),
        (["--cells", ","], "nothing to draw"),
        (["--cells", "elman:much"], "spectral radius"),
        (["m.lm", "--across", "depth"], "leave out the models"),
        (["--across", "depth", "--activations", "step"], "--activations must be one of 'sigmoid'"),
    ],
)
def test_bad_calls(fails, arguments, words) -> None:
    assert words in fails("inspect", "gradients", *arguments, code=2)


def test_a_trained_model(run, fails, text, model, tmp_path) -> None:
    network = tmp_path / "elman.lm"
    shape = ["--cell", "elman", "--layers", 1, "--hidden", 8, "--epochs", 1, "--threads", 1]
    assert run("train-rnn", text, *shape, "--out", network, "--quiet").code == 0
    result = run("inspect", "gradients", network, "--text", text, "--steps", 5, "--texts", 3, "--out", tmp_path / "m.png", "--json").json
    (curve,) = result["curves"]
    assert curve["label"] == "elman"
    assert len(curve["norms"]) == 5
    assert min(curve["norms"]) > 0
    assert "no recurrent network" in fails("inspect", "gradients", model, "--text", text, "--out", tmp_path / "m.png", code=2)
    short = tmp_path / "short.txt"
    short.write_text("the cat\n", encoding="utf-8")
    assert "need 16" in fails("inspect", "gradients", network, "--text", short, "--steps", 5, "--out", tmp_path / "m.png")


def test_options_behind_names() -> None:
    from lmkit.errors import UsageError
    from lmkit_cli.neural_training import parse_choice

    assert parse_choice("full") == {"name": "full"}
    assert parse_choice("sgd:momentum=0.9,nesterov=true") == {"name": "sgd", "momentum": 0.9, "nesterov": True}
    assert parse_choice("adaptive:cutoffs=20+100") == {"name": "adaptive", "cutoffs": [20, 100]}
    assert parse_choice("cosine:warm-up=1e-2,final=0") == {"name": "cosine", "warm_up": 0.01, "final": 0}
    assert parse_choice("sampled:proposal=unigram") == {"name": "sampled", "proposal": "unigram"}
    with pytest.raises(UsageError, match="OPTION=VALUE"):
        parse_choice("sgd:momentum")
