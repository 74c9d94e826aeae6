"""A comparison as a table: for the terminal, Markdown, CSV and LaTeX, all from the same cells."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmkit.comparison.comparison import Comparison, Row


class Column(NamedTuple):
    """One column: its title, the unit or meaning in a few words, and the cell of a row ("" where it does not apply)."""

    title: str
    meaning: str
    cell: Callable[[Row], str]


def columns(comparison: Comparison) -> list[Column]:
    """The columns that this comparison fills; what no row knows is left out."""
    every = [
        Column("model", "name", lambda row: row.name),
        Column("family", "kind of model", lambda row: row.family),
        Column("perplexity", "exp of the mean negative log probability over all events", lambda row: figure(row.accounting.all.perplexity)),
        Column("interval", "of the perplexity, by blocks of sentences", _interval),
        Column("bits/char", "bits a character of the text, ends and spaces included; > where unknown words' spelling is unpaid", _bits),
        Column("worse by", "bits an event more than the best, paired", _worse),
        Column("p", "two-sided p-value of that difference, by flipping signs of blocks", _p),
        Column("parameters", "numbers in the model", lambda row: short(row.cost.parameters)),
        Column("bytes", "size of the file", lambda row: short(row.cost.bytes)),
        Column("epochs", "passes over the training text; + where the last one still helped", _epochs),
        Column("training s", "seconds of training", lambda row: _decimal(row.cost.training_seconds, 1)),
        Column("us/token", "microseconds of scoring a token", lambda row: _decimal(row.microseconds, 2)),
        Column("memory", "bytes that training took at most, text and program left out", lambda row: short(row.cost.peak_memory)),
        Column("not ranked", "why", lambda row: row.why_unranked),
    ]
    return [column for column in every if any(column.cell(row) for row in comparison.rows)]


def cells(comparison: Comparison, chosen: Sequence[str] | None = None) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of text. chosen: titles of the columns that are wanted, all if None."""
    kept = [column for column in columns(comparison) if chosen is None or column.title in chosen]
    return [column.title for column in kept], [[column.cell(row) for column in kept] for row in comparison.rows]


def to_markdown(comparison: Comparison) -> str:
    """A table in GitHub's Markdown; numbers aligned to the right."""
    titles, rows = cells(comparison)
    lines = ["| " + " | ".join(titles) + " |", "|" + "|".join("---" if number < 2 else "---:" for number in range(len(titles))) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def to_csv(comparison: Comparison) -> str:
    """Comma-separated values with a header; figures in full precision, as in the JSON."""
    names = list(dict.fromkeys(name for row in comparison.rows for name, value in row.to_dict().items() if not isinstance(value, dict)))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in comparison.rows:
        writer.writerow({name: "" if value is None else value for name, value in row.to_dict().items()})
    return stream.getvalue()


def to_latex(comparison: Comparison) -> str:
    """A `tabular` that needs the package booktabs."""
    titles, rows = cells(comparison)
    lines = [f"\\begin{{tabular}}{{ll{'r' * (len(titles) - 2)}}}", "\\toprule", " & ".join(map(_escaped, titles)) + " \\\\", "\\midrule"]
    lines += [" & ".join(map(_escaped, row)) + " \\\\" for row in rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def figure(value: float) -> str:
    """A perplexity: four or five significant digits."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "inf"
    return f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"


def short(value: int | None) -> str:
    """A count with a unit of thousands: 1.23 M."""
    if value is None:
        return ""
    scaled = float(value)
    for unit in ("", " k", " M", " G"):
        if scaled < 999.5 or unit == " G":
            break
        scaled /= 1000
    return f"{value}" if not unit else f"{scaled:.3g}{unit}"


def _interval(row: Row) -> str:
    return "" if math.isnan(row.low) else f"{figure(row.low)}-{figure(row.high)}"


def _bits(row: Row) -> str:
    value = row.accounting.bits_per_character
    if not math.isfinite(value):
        return ""
    return (">" if row.accounting.unknown_words.count else "") + f"{value:.4f}"


def _worse(row: Row) -> str:
    return "" if row.versus_best is None else f"{row.versus_best.bits:+.4f}"


def _p(row: Row) -> str:
    return "" if row.versus_best is None else f"{row.versus_best.p_value:.2g}"


def _epochs(row: Row) -> str:
    if row.cost.epochs is None:
        return ""
    return f"{row.cost.epochs:.3g}" + ("+" if row.cost.improving else "")


def _decimal(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _escaped(text: str) -> str:
    for sign in "\\&%$#_{}~^":
        text = (
            text.replace(sign, {"\\": "\\textbackslash "}.get(sign, "\\" + sign))
            if sign not in "~^"
            else text.replace(sign, f"\\{sign}{{}}")
        )
    return text.replace(">", "$>$")
