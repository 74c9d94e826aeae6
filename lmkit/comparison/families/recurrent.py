"""The recurrent nets of a comparison: one small layer each, so that they see the text several times in minutes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmkit.comparison.contestants import Cost
from lmkit.comparison.plan import Entry, Task

if TYPE_CHECKING:
    from lmkit.neural.recipe import Recipe

LABEL = "recurrent"
_SHAPE = {"layers": 1, "hidden": 200, "tied": True}
LAST_STEPS = 0.9
"""Share of its time that a net trains; the rest is for the last validation and the file."""
_WARM_UP = 64
"""Sentences."""

ENTRIES = (
    Entry("Elman net", "recurrent", {"cell": "elman", **_SHAPE}, weight=0.7),
    Entry("GRU", "recurrent", {"cell": "gru", **_SHAPE}, weight=1.0),
    Entry("LSTM", "recurrent", {"cell": "lstm", **_SHAPE}, weight=1.3),
)


def train(entry: Entry, task: Task) -> Cost:
    """Train one net for the time it is given, and save the weights that did best on the validation text."""
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.recipe import Recipe

    # each sentence apart, as the text is scored: n-gram models see no further back either
    recipe = Recipe(text="sentences", batch=32, steps=60, epochs=100, patience=3)
    shape = Architecture(**entry.settings)
    return train_in_time(lambda given: RecurrentLanguageModel(shape, given, seed=task.seed, threads=task.threads), recipe, task)


def train_in_time(make: Callable[[Recipe], Any], recipe: Recipe, task: Task) -> Cost:
    """Train a net until shortly before its deadline and save it.

    A few sentences come first, which compiles all that training, validation and files need: with the clock read only then, what follows
    is the same on a machine that never ran it.
    """
    train, valid = (part.sentence_range(0, min(_WARM_UP, part.n_sentences)) for part in (task.train, task.valid))
    make(dataclasses.replace(recipe, epochs=1)).fit(train, valid=valid, vocabulary=task.vocabulary)
    model = make(dataclasses.replace(recipe, minutes=LAST_STEPS * task.seconds / 60))
    model.fit(task.train, valid=task.valid, vocabulary=task.vocabulary)
    model.save(task.path)
    return cost_of(model.history_)


def cost_of(history: Sequence[Mapping[str, Any]]) -> Cost:
    """Epochs, and whether the last validation was still the best. history : the trainer's records."""
    seen = [record for record in history if record.get("valid_perplexity") is not None]
    if not seen:
        return Cost()
    return Cost(
        epochs=float(seen[-1]["epoch"]), improving=seen[-1]["valid_perplexity"] <= min(record["valid_perplexity"] for record in seen)
    )
