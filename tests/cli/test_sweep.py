"""`lmkit sweep` as people call it: real trainings in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_sweep_goes_on_where_it_was(run: Callable, text: Path, other_text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    results, models = tmp_path / "results.jsonl", tmp_path / "models"
    words = ("sweep", "train-ngram", text, "--valid", other_text, "--results", results, "--keep", models)
    found = run(*words, "--try", "order=1,2", "--json", "--", "--smoothing", "witten-bell").json
    assert found["best"]["options"] == {"order": "2"}
    assert len(results.read_text().splitlines()) == 2
    alone = run("perplexity", models / "order-2.lm", other_text, "--json").json
    assert found["best"]["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-9)
    assert run("info", models / "order-2.lm", "--json").json["estimation"]["smoothing"]["name"] == "witten-bell"
    outcome = run(*words, "--try", "order=1,2", "--", "--smoothing", "witten-bell")
    assert "2 points, 2 of them done" in outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    assert rows[0][:2] == ["order", "perplexity"]
    assert [row[0] for row in rows[1:]] == ["2", "1"]
    assert len(results.read_text().splitlines()) == 2


def test_word_vectors_and_failures(run: Callable, text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    results = tmp_path / "results.jsonl"
    shared = ("--", "--epochs", "1", "--min-count", "1", "--threads", "1")
    outcome = run("sweep", "train-w2v", f"{text}:all", "--results", results, "--try", "dim=4,none", *shared)
    assert outcome.code == 0, outcome.err
    assert "1 of 2 trainings failed" in outcome.err
    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert records[0]["asked"]["wordsim353"] >= 0
    assert "none" in records[1]["error"]


def test_wrong_calls(fails: Callable, text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    results = ("--results", tmp_path / "results.jsonl")
    assert "nothing to try" in fails("sweep", "train-ngram", text, *results, code=2)
    assert "no training command" in fails("sweep", "compare", text, *results, "--try", "order=1", code=2)
    assert "--valid" in fails("sweep", "train-ngram", f"{text}:all", *results, "--try", "order=1", code=2)
    assert "leave it out" in fails("sweep", "train-ngram", text, *results, "--try", "out=a,b", code=2)
    failed = fails("sweep", "train-ngram", text, *results, "--try", "smoothing=nonsense", code=2)
    assert "None of the 1 trainings succeeded" in failed
