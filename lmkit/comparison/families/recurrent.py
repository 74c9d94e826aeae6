"""The recurrent nets of a comparison: one small layer each, so that they see the text several times in minutes."""

from __future__ import annotations

from lmkit.comparison.contestants import Cost
from lmkit.comparison.plan import Entry, Task

LABEL = "recurrent"
ENTRIES = (Entry("LSTM", "recurrent", {"cell": "lstm", "layers": 1, "hidden": 200, "tied": True}, weight=1.0),)


def train(entry: Entry, task: Task) -> Cost:
    """Train one net for the time it is given, and save the weights that did best on the validation text."""
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.recipe import Recipe
    from lmkit.neural.recurrent import Architecture

    recipe = Recipe(epochs=100, minutes=task.seconds / 60, patience=3)
    model = RecurrentLanguageModel(Architecture(**entry.settings), recipe, seed=task.seed, threads=task.threads)
    model.fit(task.train, valid=task.valid, vocabulary=task.vocabulary)
    model.save(task.path)
    return _cost(model.history_)


def _cost(history: list[dict[str, float]]) -> Cost:
    """Epochs, and whether the last validation was still the best."""
    if not history:
        return Cost()
    return Cost(
        epochs=float(history[-1]["epoch"]),
        improving=len(history) == 1 or history[-1]["valid_perplexity"] <= min(record["valid_perplexity"] for record in history),
    )
