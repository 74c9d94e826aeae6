"""The feed-forward net of a comparison: Bengio's, which sees a window of the last words."""

from __future__ import annotations

from lmkit.comparison.contestants import Cost
from lmkit.comparison.families.recurrent import LAST_STEPS, cost_of
from lmkit.comparison.plan import Entry, Task

LABEL = "fixed window"
ENTRIES = (Entry("fixed-window net", "fixed_window", {"window": 4, "embedding": 100, "hidden": 200}, weight=0.8),)


def train(entry: Entry, task: Task) -> Cost:
    """Train the net for the time it is given, and save the weights that did best on the validation text."""
    from lmkit.neural.recipe import Recipe
    from lmkit.neural.window import WindowArchitecture
    from lmkit.neural.window_model import WindowLanguageModel

    recipe = Recipe(epochs=100, minutes=LAST_STEPS * task.seconds / 60, patience=3)
    model = WindowLanguageModel(WindowArchitecture(**entry.settings), recipe, seed=task.seed, threads=task.threads)
    model.fit(task.train, valid=task.valid, vocabulary=task.vocabulary)
    model.save(task.path)
    return cost_of(model.history_)
