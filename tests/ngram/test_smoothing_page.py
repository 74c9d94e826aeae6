"""docs/smoothing.md holds the tables that its script made, and the script runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scripts import load_script

from lmkit.text.encoding import as_corpus

SCRIPT = Path(__file__).parents[2] / "docs" / "tables" / "smoothing.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def test_the_page_shows_the_stored_results(script: ModuleType) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    results = json.loads(script.RESULTS.read_text(encoding="utf-8"))
    assert script.page(text, results) == text, "run `python docs/tables/smoothing.py --page`"
    for name in script.tables(results):
        if name != "Penn Treebank without OOV":
            assert f"<!-- table: {name} -->" in text


def test_the_stored_results_are_those_of_the_literature(script: ModuleType) -> None:
    """Mikolov and others 2011: Kneser-Ney 148.3 with 3-grams and 141.2 with 5-grams on Penn Treebank."""
    rows = {row["label"]: row["orders"] for row in json.loads(script.RESULTS.read_text(encoding="utf-8"))["Penn Treebank"]["rows"]}
    best = rows["modified Kneser-Ney, interpolated"]
    assert round(best[2]["perplexity"], 1) == 148.3
    assert round(best[4]["perplexity"], 1) == 141.2


def test_the_script_measures_small_texts(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    parts = [as_corpus([[f"w{rng.zipf(1.6) % 30}" for _ in range(6)] for _ in range(size)]) for size in (80, 20, 20)]
    monkeypatch.setattr(script, "ORDERS", range(1, 3))
    monkeypatch.setattr(script, "ROWS", [row for row in script.ROWS if "back-off, tuned" not in row[0]])
    tables = script.tables({"made": script.measure(*parts)})
    lines = tables["made"].splitlines()
    assert len(lines) == 2 + len(script.ROWS)
    assert lines[2].endswith("| inf |")
    assert "20 ends for testing" in tables["made facts"]
