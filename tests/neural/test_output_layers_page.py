"""docs/output-layers.md holds the tables that its script made, names every output layer, optimiser and schedule, and the script runs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scripts import load_script

from lmkit.neural.losses import OUTPUTS
from lmkit.neural.optimizers import OPTIMIZERS
from lmkit.neural.schedules import SCHEDULES
from lmkit.text.encoding import as_corpus

SCRIPT = Path(__file__).parents[2] / "docs" / "tables" / "output_layers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def test_the_page_shows_the_stored_results(script: ModuleType) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    results, costs = script.stored(script.RESULTS), script.stored(script.COSTS)
    assert script.page(text, results, costs) == text, "run `python docs/tables/output_layers.py --page`"
    for name in script.tables(results, costs):
        assert f"<!-- table: {name} -->" in text


def test_the_page_names_all_there_are(script: ModuleType) -> None:
    text = script.PAGE.read_text(encoding="utf-8")
    assert list(script.OUTPUTS) == list(script.LABELS)
    assert set(script.OUTPUTS) == set(OUTPUTS)
    for name in [*OUTPUTS, *OPTIMIZERS, *SCHEDULES]:
        assert f"`{name}`" in text


def test_the_script_measures_small_texts(script: ModuleType) -> None:
    rng = np.random.default_rng(1)
    parts = [as_corpus([[f"w{rng.zipf(1.6) % 30}" for _ in range(6)] for _ in range(size)]) for size in (120, 20, 20)]
    rows = {name: script.measure(name, *parts, hidden=8, epochs=1) for name in ("full", "huffman")}
    assert all(1 < row["test"] < 40 for row in rows.values())
    table = script.tables({"made": {"train_tokens": 840, "vocabulary": 30, "outputs": rows}}, {})["made"]
    assert table.splitlines()[2].startswith("| full softmax |")
    assert table.splitlines()[-1].startswith("1 LSTM layer of 8 units, 1 epochs of 840 tokens")
    costs = script.cost_table({"results": {"1000": {"full": 1.0, "torch full": 2.0}}})
    assert costs.splitlines()[0] == "| output layer | V = 1,000 |"
    assert costs.splitlines()[-1] == "| *full softmax in PyTorch* | 2.0 |"
