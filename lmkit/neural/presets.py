"""Recipes by name, with where they come from. What each reached is in docs/neural-models.md.

Learning rate and clipping are stated for the mean loss of a token. Papers that sum the loss over T steps, as Zaremba, Sutskever and
Vinyals (2014) do, state a rate T times smaller and a norm T times larger for the same updates.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lmkit._validation import check_choice
from lmkit.neural.architecture import Architecture
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Preset:
    """A shape, a training, and how text is read.

    Attributes
    ----------
    source : where the recipe comes from.
    unit : "word", "char" or "byte", what it was made for.
    is_continuous : whether it was made for one text without sentence ends.
    """

    source: str
    architecture: Architecture
    recipe: Recipe
    unit: str = "word"
    is_continuous: bool = False


def _zaremba(hidden: int, scale: float, steps: int, clip: float, epochs: int, hold: int, decay: float, dropout: float) -> Preset:
    return Preset(
        "Zaremba, Sutskever and Vinyals 2014: 2 layers, SGD at rate 1 of the summed loss, lowered after some epochs",
        Architecture(hidden=hidden, scale=scale, forget_bias=0.0, dropout=Dropout(input=dropout, between=dropout, output=dropout)),
        Recipe(
            optimizer="sgd",
            learning_rate=1.0 * steps,
            schedule={"name": "stairs", "hold": hold, "decay": decay},
            batch=20,
            steps=steps,
            epochs=epochs,
            clip=clip / steps,
        ),
    )


PRESETS: dict[str, Preset] = {
    "zaremba-small": _zaremba(200, 0.1, 20, 5, 13, 4, 1 / 2, 0.0),
    "zaremba-medium": _zaremba(650, 0.05, 35, 5, 39, 6, 1 / 1.2, 0.5),
    "zaremba-large": _zaremba(1500, 0.04, 35, 10, 55, 14, 1 / 1.15, 0.65),
    "tied-512": Preset(
        "2x512 tied, Adam at 0.01, rate quartered on plateau",
        Architecture(hidden=512, tied=True, dropout=Dropout(between=0.5, output=0.5)),
        Recipe(
            optimizer={"name": "adam", "weight_decay": 1e-4},
            learning_rate=0.01,
            schedule={"name": "plateau", "decay": 0.25, "patience": 1, "threshold": 1e-3},
            batch=128,
            steps=32,
            epochs=30,
            clip=2.0,
        ),
    ),
    "tied-200": Preset(
        "the word language model of PyTorch's examples: 2x200 tied, SGD at rate 20, quartered on plateau",
        Architecture(hidden=200, tied=True, scale=None, forget_bias=0.0, dropout=Dropout(input=0.2, between=0.2, output=0.2)),
        Recipe(optimizer="sgd", learning_rate=20.0, schedule="plateau", batch=20, steps=35, epochs=40, clip=0.25),
    ),
    "fast-cpu": Preset(
        "lmkit's own, for twenty minutes of one core: tied 1x400, sampled softmax, AdamW, warm-up, then cosine",
        Architecture(
            layers=1,
            hidden=400,
            tied=True,
            output={"name": "sampled", "samples": 1024},
            dropout=Dropout(input=0.2, output=0.35, variational=True),
        ),
        Recipe(batch=20, steps=35, epochs=8),
    ),
    "regularised-512": Preset(
        "lmkit's own, for an hour and a half of one core: tied 1x512, sampled softmax, one mask for all steps, weight drop, AdamW, cosine",
        Architecture(
            layers=1,
            hidden=512,
            tied=True,
            output={"name": "sampled", "samples": 1024},
            dropout=Dropout(input=0.35, output=0.5, recurrent=0.25, variational=True),
        ),
        Recipe(batch=20, steps=35, epochs=24),
    ),
    "regularised-2x512": Preset(
        "lmkit's own, for four hours of one core: tied 2x512, sampled softmax, every kind of dropout, one mask for all steps, SGD, cosine",
        Architecture(
            layers=2,
            hidden=512,
            tied=True,
            output={"name": "sampled", "samples": 1024},
            dropout=Dropout(words=0.1, input=0.4, between=0.3, output=0.5, recurrent=0.3, variational=True),
        ),
        Recipe(optimizer="sgd", learning_rate=20.0, clip=0.25, batch=20, steps=35, epochs=40),
    ),
    "char-shakespeare": Preset(
        "lmkit's own, for a million characters and twenty minutes of one core: 1x512, one mask for all steps, weight drop, AdamW, cosine",
        Architecture(layers=1, hidden=512, embedding=64, dropout=Dropout(output=0.4, recurrent=0.35, variational=True)),
        Recipe(batch=16, steps=64, epochs=14),
        unit="char",
        is_continuous=True,
    ),
}


def get_preset(name: str) -> Preset:
    """A preset by name. Raises InvalidParameterError that lists them."""
    return PRESETS[check_choice("get_preset", "preset", name, PRESETS)]


def changed(value: Any, **given: Any) -> Any:
    """A dataclass with the given fields changed, None meaning left as it is."""
    typed = {name: entry for name, entry in given.items() if entry is not None}
    return dataclasses.replace(value, **typed) if typed else value
