"""`lmkit plot training`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")


def line(event: str, step: int, **more: object) -> str:
    place = {"epoch": step / 100, "tokens": 700 * step, "seconds": 3.0 * step, "seconds_left": 1.0}
    return json.dumps({"event": event, "step": step, **place, **more}) + "\n"


def write_log(path: Path, best: float, *, end: str = "") -> Path:
    lines = [
        line("step", step, loss=6 - step / 100, perplexity=math.exp(6 - step / 100), gradient_norm=0.5, learning_rate=0.01)
        for step in (50, 100, 150)
    ]
    lines[2:2] = [line("validation", 100, train_loss=5.0, train_perplexity=148.0, valid_perplexity=best + 20)]
    lines.append(line("validation", 200, train_loss=4.0, train_perplexity=55.0, valid_perplexity=best))
    lines.append(line("validation", 300, train_loss=4.0, train_perplexity=55.0, valid_perplexity=best + 1))
    path.write_text("".join(lines) + end, encoding="utf-8")
    return path


def test_logs_are_summed_up_and_drawn(run, tmp_path: Path) -> None:
    logs = [write_log(tmp_path / "a.jsonl", 120.5), write_log(tmp_path / "b.jsonl", 99.25, end='{"event": "st')]
    result = run("plot", "training", *logs, "--out", tmp_path / "t.png", "--json").json
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    assert [log["log"] for log in result["logs"]] == ["a", "b"]
    second = result["logs"][1]
    assert (second["best_valid_perplexity"], second["best_epoch"], second["steps"], second["minutes"]) == (99.25, 2.0, 300, 15.0)
    lines = run("plot", "training", *logs, "--only", "loss,learning-rate", "--against", "tokens", "--out", tmp_path / "t.svg").out
    assert lines.splitlines()[1].split() == ["a", "300", "3.00", "15.0", "120.50", "2.00"]
    picture = (tmp_path / "t.svg").read_text(encoding="utf-8")
    assert "learning rate" in picture
    assert "norm of the gradient" not in picture


def test_the_curves_hold_what_the_log_says(tmp_path: Path) -> None:
    from lmkit.neural.training_plots import read_log, read_logs

    log = read_log(write_log(tmp_path / "a.jsonl", 10.0))
    assert log.curve("loss", "tokens") == ([35000.0, 70000.0, 105000.0], [5.5, 5.0, 4.5])
    assert log.curve("valid_perplexity", "minutes", of_validations=True) == ([5.0, 10.0, 15.0], [30.0, 10.0, 11.0])
    (tmp_path / "other").mkdir()
    both = [tmp_path / "a.jsonl", write_log(tmp_path / "other" / "a.jsonl", 9.0)]
    assert [log.label for log in read_logs(both)] == [str(path) for path in both]


def test_a_sampled_output_layer_has_a_loss_and_no_perplexity(tmp_path: Path) -> None:
    from lmkit.neural.training_plots import plot_logs, read_log

    (tmp_path / "s.jsonl").write_text(line("step", 50, loss=2.0, perplexity=None, gradient_norm=None, learning_rate=0.1))
    log = read_log(tmp_path / "s.jsonl")
    assert log.curve("perplexity", "steps") == ([], [])
    plot_logs([log], tmp_path / "s.png")
    assert log.summary()["best_valid_perplexity"] is None


@pytest.mark.parametrize(
    ("content", "words", "code"),
    [
        (None, "can't be read", 1),
        ("", "holds no record yet", 1),
        (line("step", 50) + "the cat sat\n", "line 2 is no record", 1),
        ('{"event": "epoch"}\n', "line 1 is no record", 1),
    ],
)
def test_files_that_are_no_logs(fails, tmp_path: Path, content: str | None, words: str, code: int) -> None:
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert words in fails("plot", "training", path, "--out", tmp_path / "t.png", code=code)


def test_wrong_calls(fails, tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.jsonl", 9.0)
    assert "'los' is nothing that a log holds" in fails("plot", "training", log, "--only", "los", "--out", tmp_path / "t.png", code=2)
    assert ".png" in fails("plot", "training", log, "--out", tmp_path / "t.txt", code=2)
