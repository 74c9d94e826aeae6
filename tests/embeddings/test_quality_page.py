"""docs/embeddings.md holds the table that its script made of the stored results."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import load_script

SCRIPT = Path(__file__).parents[2] / "docs" / "tables" / "embedding_quality.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def test_the_page_shows_the_stored_results(script: ModuleType) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    results = script.stored()
    assert set(results) == set(script.TEXTS)
    assert script.page(text, results) == text, "run `python docs/tables/embedding_quality.py`"
    assert script.quality_table(results) in text


def test_only_a_preset_and_its_original_are_equals(script: ModuleType) -> None:
    def row(ours: str, rival: str, difference: float, p_value: float) -> dict[str, Any]:
        return {"lmkit": ours, "rival": rival, "figure": "MEN", "difference": difference, "p_value": p_value}

    rows = [
        row("lmkit-sg-gensim", "gensim-sg", -0.1, 0.01),
        row("lmkit-sg-gensim", "w2v-sg", 0.2, 0.01),
        row("lmkit-sg", "w2v-sg", 0.2, 0.3),
    ]
    rows.append({**rows[0], "figure": "questions-words total among all"})  # the same as among 30,000 where no more words are known
    found = script.compared({"3m": {"comparisons": rows, "results": {}}}).replace("\n", " ")
    assert "originals in 1 of 1 comparisons at p < .05, 1 below and 0 above" in found
    assert "from others' in 0 of 1 comparisons" in found
