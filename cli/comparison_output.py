"""A comparison on the terminal: the table of models, and what was asked for beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lmkit_cli import output

if TYPE_CHECKING:
    from lmkit.comparison.results import Comparison, NextWords

_RANKS = ("top 1", "top 5", "top 10", "MRR", "median rank")


def show(comparison: Comparison) -> None:
    """Print it, notes last."""
    from lmkit.comparison.tables import cells, vector_cells

    text = comparison.text
    if text:
        output.result(f"{text['name']}: {text['tokens']:,} words in {text['sentences']:,} sentences\n")
    titles, rows = cells(comparison, leave_out=_RANKS)
    output.result(output.table(titles, rows, right=range(2, len(titles) - (titles[-1] == "not ranked"))))
    for row in comparison.rows:
        if "weights" in row.origin:
            heavy = [pair for pair in sorted(row.origin["weights"].items(), key=lambda one: -one[1]) if pair[1] >= 0.005]
            output.note(f"{row.name}: {', '.join(f'{name} {weight:.2f}' for name, weight in heavy)}")
        if "exponents" in row.origin:
            output.note(f"{row.name}: {', '.join(f'{name} to the {weight:.2f}' for name, weight in row.origin['exponents'].items())}")
    titles, rows = cells(comparison, ["model", *_RANKS])
    asked = next((row.ranks.events for row in comparison.rows if row.ranks is not None), 0)
    if asked:
        kept = [row for row in rows if any(row[1:])]
        output.result(f"\nThe word that followed, on {asked:,} events:\n{output.table(titles, kept, right=range(1, len(titles)))}")
    for table in comparison.next_words:
        output.result(f"\n{_next_words(table)}")
    if comparison.vectors:
        titles, rows = vector_cells(comparison)
        output.result("\nWord vectors (share of analogies answered; Spearman's coefficient of similarities):")
        output.result(output.table(titles, rows, right=range(2, len(titles))))
    if comparison.curves:
        output.result("\n" + _curves(comparison))
    for entry in comparison.notes:
        output.note(f"Note: {entry}")


def _next_words(table: NextWords) -> str:
    """A row a model: its next words after a prompt, with their probabilities."""
    rows = [[name, *(f"{output.clipped(token, 20)} {100 * p:.1f} %" for token, p in words)] for name, words in table.models]
    wide = max((len(row) for row in rows), default=1)
    filled = [[*row, *[""] * (wide - len(row))] for row in rows]
    return output.table([f"after {table.prompt!r}", *(str(place) for place in range(1, wide))], filled)


def _curves(comparison: Comparison) -> str:
    """Perplexities by the words trained on: a row a model, a column a size."""
    from lmkit.comparison.tables import figure, short

    sizes = sorted({words for points in comparison.curves.values() for words, _ in points})
    rows = [[name, *(figure(dict(points).get(words, math.nan)) for words in sizes)] for name, points in comparison.curves.items()]
    return output.table(["perplexity after", *(f"{short(words)} words" for words in sizes)], rows, right=range(1, len(sizes) + 1))
