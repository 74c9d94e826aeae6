"""Grids of settings: what is tried, what is kept, and how a sweep goes on after it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmkit.comparison.sweep import Outcome, Point, Sweep, best_first, parse_grid, points_of
from lmkit.errors import FormatError, OutputError, UsageError

SETTING = {"command": "train-ngram", "corpus": "text"}


def test_grids() -> None:
    assert parse_grid(["order=2, 3", "--prune=0,0,1|0,1,1"]) == {"order": ["2", "3"], "prune": ["0,0,1", "0,1,1"]}
    assert points_of({"b": ["1", "2"], "a": ["x", "y"]}) == [
        {"a": "x", "b": "1"},
        {"a": "x", "b": "2"},
        {"a": "y", "b": "1"},
        {"a": "y", "b": "2"},
    ]
    for wrong, message in (
        (["order"], "no option with values"),
        (["order="], "no option with values"),
        (["order=2,,3"], "no option with values"),
        (["order=2,2"], "a value twice"),
        (["order=2", "order=3"], "stands twice"),
        ([], "nothing to try"),
    ):
        with pytest.raises(UsageError, match=message):
            parse_grid(wrong)


def run(path: Path, points: list[dict[str, str]], setting: dict[str, str] = SETTING) -> tuple[list[str], list[dict[str, Any]]]:
    """Points measured in this run, and all records; order 9 fails."""
    asked: list[str] = []

    def measure(point: Point) -> Outcome:
        asked.append(point["order"])
        return Outcome({}, "too long") if point["order"] == "9" else Outcome({"perplexity": 10.0 / int(point["order"])})

    records = Sweep(path, setting).run(points, measure, lambda number, record, known: None)
    return asked, records


def test_what_is_done_is_not_done_again_and_what_failed_is(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "sweep.jsonl"
    points = [{"order": order} for order in ("2", "9", "3")]
    asked, records = run(path, points)
    assert asked == ["2", "9", "3"]
    assert [record.get("error") for record in records] == [None, "too long", None]
    assert run(path, [*points, {"order": "4"}])[0] == ["9", "4"]
    assert run(path, points, {**SETTING, "corpus": "other"})[0] == ["2", "9", "3"]  # the same points of another text
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 3 + 2 + 3
    assert lines[0] == {**SETTING, "options": {"order": "2"}, "perplexity": 5.0}


def test_a_line_that_was_cut_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    points = [{"order": "2"}, {"order": "3"}]
    run(path, points)
    whole = path.read_bytes()
    for cut in (whole[:-1], whole[:-20], whole[: whole.index(b"\n") + 2]):
        path.write_bytes(cut)
        assert run(path, points)[0] == (["3"] if not cut.endswith(b"}") else [])
        assert [json.loads(line)["options"] for line in path.read_text().splitlines()] == points


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("some notes\nand more\n")
    with pytest.raises(FormatError, match="line 1 is no JSON object"):
        Sweep(path, SETTING)
    assert path.read_text() == "some notes\nand more\n"
    with pytest.raises(OutputError, match="can't be read"):
        Sweep(tmp_path, SETTING)


def test_the_best_comes_first() -> None:
    records = [
        {"perplexity": 5.0, "simlex999": 0.1},
        {"perplexity": None},
        {"perplexity": 4.0, "simlex999": 0.3},
        {"perplexity": float("nan")},
    ]
    assert [record.get("perplexity") for record in best_first(records, "perplexity")][:2] == [4.0, 5.0]
    assert best_first(records, "simlex999")[0]["simlex999"] == 0.3
