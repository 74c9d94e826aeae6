"""What a comparison trains by itself: one file a family, each with its default models and how one of them is trained.

A module of this package offers `ENTRIES`, the family's default models, and `train(entry, task)`, which trains one and saves it. A new
family is a new file and a line here.
"""

from __future__ import annotations

import importlib
from typing import Any

FAMILIES = ("ngram", "embedding", "fixed_window", "recurrent")


def module(family: str) -> Any:
    """The module of a family."""
    return importlib.import_module(f"lmkit.comparison.families.{family}")
