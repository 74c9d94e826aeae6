"""The feed-forward net of a comparison: Bengio's, which sees a window of the last words."""

from __future__ import annotations

from lmkit.comparison.contestants import Cost
from lmkit.comparison.families.recurrent import train_in_time
from lmkit.comparison.plan import Entry, Task

LABEL = "fixed window"
ENTRIES = (Entry("fixed-window net", "fixed_window", {"window": 4, "embedding": 100, "hidden": 200}, weight=0.8),)


def train(entry: Entry, task: Task) -> Cost:
    """Train the net for the time it is given, and save the weights that did best on the validation text."""
    from lmkit.neural.recipe import Recipe
    from lmkit.neural.window import WindowArchitecture
    from lmkit.neural.window_model import WindowLanguageModel

    shape, recipe = WindowArchitecture(**entry.settings), Recipe(epochs=100, patience=3)
    return train_in_time(lambda given: WindowLanguageModel(shape, given, seed=task.seed, threads=task.threads), recipe, task)
