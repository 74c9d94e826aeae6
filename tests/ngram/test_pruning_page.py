"""docs/pruning.md and docs/mixing.md hold the tables that their script made, the script runs, and the figures say what the pages say."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from scripts import load_script

SCRIPT = Path(__file__).parents[2] / "docs" / "tables" / "pruning.py"
DATA = Path(__file__).parents[1] / "golden" / "data"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def test_the_pages_show_the_stored_results(script: ModuleType) -> None:
    results = json.loads(script.RESULTS.read_text(encoding="utf-8"))
    texts = [path.read_text(encoding="utf-8") for path in script.PAGES]
    for text in texts:
        assert script.page(text, results) == text, "run `python docs/tables/pruning.py --page`"
    for name in script.tables(results):
        assert any(f"<!-- table: {name} -->" in text for text in texts)


def test_entropy_pruned_kneser_ney_falls_behind_and_revised_pruning_does_not(script: ModuleType) -> None:
    results = json.loads(script.RESULTS.read_text(encoding="utf-8"))["pruning"]["WikiText-2"]
    rows = {row["label"]: [cell["perplexity"] for cell in row["cells"]] for row in results["rows"]}
    entropy, revised, katz = rows["Kneser-Ney, entropy"], rows["Kneser-Ney, revised"], rows["Katz, entropy"]
    assert entropy[0] < katz[0]
    assert entropy[-1] > katz[-1]
    assert all(ours < theirs for ours, theirs in zip(revised, katz, strict=True))


def test_the_script_measures(script: ModuleType) -> None:
    text, held_out = DATA / "generated.txt", DATA / "held-out.txt"
    results = {
        "pruning": {"x": script.measure_pruning(text, held_out)},
        "mixing": {"y": script.measure_mixing(text, held_out, held_out, held_out)},
    }
    made = script.tables(results)
    assert set(made) == {"x pruned", "x cut off", "y mixed"}
    assert made["x pruned"].count("\n") == 1 + len(script.ROWS)
