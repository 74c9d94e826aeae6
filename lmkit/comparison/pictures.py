"""A comparison as one picture for a paper or a slide: bars with intervals, perplexity against costs, learning curves. Needs matplotlib."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from lmkit import _plots
from lmkit.comparison.results import IN_WORDS, Comparison, Row


def draw(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write the picture; its ending names the format.

    Raises
    ------
    MissingDependencyError : without matplotlib.
    UsageError : for an unknown ending, and for a comparison of which no model has a finite perplexity.
    """
    _plots.check_format(path)
    rows = [row for row in comparison.rows if math.isfinite(row.value) and (not row.why_unranked or row.is_bound)]
    panels: list[Callable[[Any], None]] = [lambda axes: _bars(axes, rows)]
    for title, cost in (
        ("size of the file (bytes)", lambda row: row.cost.bytes),
        ("training time (s)", lambda row: row.cost.training_seconds),
        ("scoring time (us a token)", lambda row: row.microseconds),
    ):
        points = [(float(cost(row)), row) for row in rows if cost(row) and not row.is_bound]
        if len(points) > 1:
            panels.append(lambda axes, points=points, title=title: _scatter(axes, points, title))  # type: ignore[misc]
    if any(len(line) > 1 for line in comparison.curves.values()):
        panels.append(lambda axes: _curves(axes, comparison))
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    height = max(3.4, 0.28 * len(rows) + 1)
    figure = _plots.empty(6.2 * columns, height + 4 * (lines - 1))
    grid = figure.add_gridspec(lines, columns, height_ratios=[height, *[4] * (lines - 1)])
    for place, panel in enumerate(panels):
        panel(figure.add_subplot(grid[divmod(place, columns)]))
    figure.suptitle(f"Language models on {comparison.text.get('name', 'events')}")
    _plots.write(figure, path)


def _bars(axes: Any, rows: Sequence[Row]) -> None:
    """The best on top; the source as a line through all."""
    values = [row.value for row in rows]
    errors = [[v - row.low if math.isfinite(row.low) else 0.0 for v, row in zip(values, rows, strict=True)]]
    errors.append([row.high - v if math.isfinite(row.high) else 0.0 for v, row in zip(values, rows, strict=True)])
    axes.barh(range(len(rows)), values, xerr=errors, color=[_colour(row, rows) for row in rows], capsize=2)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{IN_WORDS[rows[0].measure]}, with intervals" if rows else "")
    for row in rows:
        if row.is_bound:
            axes.axvline(row.value, color="black", linestyle="--", linewidth=1)


def _scatter(axes: Any, points: Sequence[tuple[float, Row]], title: str) -> None:
    rows = [row for _, row in points]
    axes.scatter([x for x, _ in points], [row.value for row in rows], c=[_colour(row, rows) for row in rows], zorder=3)
    for x, row in points:
        axes.annotate(row.name, (x, row.value), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plots.plain_numbers(axes)
    axes.grid(visible=True, alpha=0.3)
    axes.margins(x=0.2)
    axes.set_xlabel(title)
    axes.set_ylabel(IN_WORDS[rows[0].measure])


def _curves(axes: Any, comparison: Comparison) -> None:
    unranked = {row.name for row in comparison.rows if row.why_unranked and not row.is_bound}
    for name, line in comparison.curves.items():
        if name in unranked:
            continue
        finite = [(x, y) for x, y in line if math.isfinite(y)]
        if len(finite) > 1:
            axes.loglog([x for x, _ in finite], [y for _, y in finite], marker="o", markersize=3, label=name)
    _plots.plain_numbers(axes)
    axes.grid(visible=True, alpha=0.3)
    axes.set_xlabel("words trained on")
    axes.set_ylabel("perplexity")
    axes.legend(fontsize=6)


def _colour(row: Row, rows: Sequence[Row]) -> str:
    families = list(dict.fromkeys(other.family for other in rows))
    return f"C{families.index(row.family) % 10}"
