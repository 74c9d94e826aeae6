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
    made = empty(7, 4.5)
    axes = made.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    return made, axes


def empty(width: float, height: float) -> Any:
    """A figure of so many inches without axes. Raises MissingDependencyError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError("Plots need matplotlib: pip install 'lmkit[plots]'.") from None
    return Figure(figsize=(width, height), layout="constrained")


def panels(count: int, x: str) -> tuple[Any, list[Any]]:
    """A figure with so many axes, two in a row, over one horizontal axis.

    Raises
    ------
    MissingDependencyError : without matplotlib.
    """
    columns = min(count, 2)
    rows = -(-count // columns)
    made = empty(5 * columns, 3.2 * rows + 0.6)
    grid: list[Any] = []
    for place in range(count):
        axes = made.add_subplot(rows, columns, place + 1, sharex=grid[0] if grid else None)
        axes.grid(visible=True, alpha=0.3)
        if place >= count - columns:
            axes.set_xlabel(x)
        grid.append(axes)
    return made, grid


def plain_numbers(axes: Any) -> None:
    """Label a logarithmic vertical axis with numbers as people write them, 120 rather than 1.2 x 10^2."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    is_short = high / low < 30  # one power of ten, if any, lies in such a range: name more places
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if is_short else (1, 2, 5), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def check_format(path: str | os.PathLike[str]) -> str:
    """The format that a picture's name ends with, such as "png". Raises UsageError for any other."""
    form = os.path.splitext(os.fspath(path))[1].lower()
    if form not in FORMATS:
        raise UsageError(f"{path}: a plot is written as {', '.join(FORMATS)}; end its name with one of these.")
    return form[1:]


def save(made: Any, axes: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure with its legend."""
    check_format(path)
    axes.legend()
    write(made, path)


def write(made: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure as it is. Raises UsageError if the name ends with nothing that a plot is written as, OutputError."""
    form = check_format(path)
    with _files.replacing(path) as temporary:
        made.savefig(temporary, format=form, dpi=150)
