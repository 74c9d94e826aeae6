"""Pictures with matplotlib, from the extra [plots]: an empty figure, and writing it."""

from __future__ import annotations

import os
from typing import Any

from lmkit import _files
from lmkit.errors import MissingDependencyError, UsageError

FORMATS = (".png", ".svg", ".pdf")


def figure(x: str, y: str) -> tuple[Any, Any]:
    """A figure and its axes, with these labels.

    Raises
    ------
    MissingDependencyError : without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError("Plots need matplotlib: pip install 'lmkit[plots]'.") from None
    made = Figure(figsize=(7, 4.5), layout="constrained")
    axes = made.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    return made, axes


def check_format(path: str | os.PathLike[str]) -> str:
    """The format that a picture's name ends with, such as "png". Raises UsageError for any other."""
    form = os.path.splitext(os.fspath(path))[1].lower()
    if form not in FORMATS:
        raise UsageError(f"{path}: a plot is written as {', '.join(FORMATS)}; end its name with one of these.")
    return form[1:]


def save(made: Any, axes: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure with its legend."""
    form = check_format(path)
    axes.legend()
    with _files.replacing(path) as temporary:
        made.savefig(temporary, format=form, dpi=150)
