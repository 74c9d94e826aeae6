"""A comparison as a table: for the terminal, Markdown, CSV and LaTeX, all from the same cells."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lmkit.comparison.results import IN_WORDS, Comparison, Measure, Row
from lmkit.evaluation.ranks import DEPTHS


class Column(NamedTuple):
    """One column: its title, the unit or meaning in a few words, the cell of a row ("" where it does not apply), and the number by which
    rows are sorted (None for a column of words)."""

    title: str
    meaning: str
    cell: Callable[[Row], str]
    value: Callable[[Row], float | None] | None = None


def columns(comparison: Comparison) -> list[Column]:
    """The columns that this comparison fills; what no row knows is left out."""
    by_perplexity = comparison.measure == "perplexity"
    event = "an event" if by_perplexity else "a character"
    perplexity = Column(
        "perplexity",
        "exp of the mean negative log probability over all events",
        lambda row: figure(row.accounting.all.perplexity),
        lambda row: row.accounting.all.perplexity,
    )
    bits = Column(
        "bits/char",
        "bits a character of the text, ends and spaces included; > where unknown words' spelling is unpaid",
        _bits,
        lambda row: row.accounting.bits_per_character,
    )
    what = IN_WORDS[comparison.measure]
    interval = Column("interval", f"of the {what}, by drawing blocks of sentences again", _interval, lambda row: row.low)
    every = [
        Column("model", "name", lambda row: row.name),
        Column("family", "kind of model", lambda row: row.family),
        *((perplexity, interval, bits) if by_perplexity else (bits, interval)),  # perplexities over other units say nothing
        Column(
            "worse by",
            f"bits {event} more than the best, paired",
            _worse,
            lambda row: 0.0 if row.versus_best is None else row.versus_best.bits,
        ),
        Column(
            "p",
            "two-sided p-value of that difference, by flipping signs of blocks",
            _p,
            lambda row: None if row.versus_best is None else row.versus_best.p_value,
        ),
        *(_accuracy(place, depth) for place, depth in enumerate(DEPTHS)),
        Column(
            "MRR",
            "mean reciprocal rank of the token that followed, 1 at best",
            lambda row: "" if row.ranks is None else f"{row.ranks.mean_reciprocal_rank:.4f}",
            lambda row: None if row.ranks is None else row.ranks.mean_reciprocal_rank,
        ),
        Column(
            "median rank",
            "of the token that followed",
            lambda row: "" if row.ranks is None else f"{row.ranks.median_rank:,.0f}",
            lambda row: None if row.ranks is None else row.ranks.median_rank,
        ),
        Column(
            "history",
            "carried: the model's state goes on from sentence to sentence; all others begin each anew",
            lambda row: "carried" if row.state == "carry" else "",
        ),
        Column("parameters", "numbers in the model", lambda row: short(row.cost.parameters), lambda row: row.cost.parameters),
        Column("bytes", "size of the file", lambda row: short(row.cost.bytes), lambda row: row.cost.bytes),
        Column("epochs", "passes over the training text; + where the last one still helped", _epochs, lambda row: row.cost.epochs),
        Column(
            "training s", "seconds of training", lambda row: _decimal(row.cost.training_seconds, 1), lambda row: row.cost.training_seconds
        ),
        Column("us/token", "microseconds of scoring a token", lambda row: _decimal(row.microseconds, 2), lambda row: row.microseconds),
        Column(
            "memory",
            "bytes that training took at most, text and program left out",
            lambda row: short(row.cost.peak_memory),
            lambda row: row.cost.peak_memory,
        ),
        Column("not ranked", "why", lambda row: row.why_unranked),
    ]
    return [column for column in every if any(column.cell(row) for row in comparison.rows)]


def cells(comparison: Comparison, chosen: Sequence[str] | None = None, leave_out: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of text. chosen: titles of the columns that are wanted, all if None, but for those that are left out."""
    kept = [column for column in columns(comparison) if (chosen is None or column.title in chosen) and column.title not in leave_out]
    return [column.title for column in kept], [[column.cell(row) for column in kept] for row in comparison.rows]


def to_markdown(comparison: Comparison) -> str:
    """Tables in GitHub's Markdown, numbers aligned to the right: the models, and their word vectors where these were scored."""
    parts = [_markdown(*cells(comparison))]
    if comparison.vectors:
        parts.append(_markdown(*vector_cells(comparison)))
    return "\n".join(parts)


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(titles) + " |", "|" + "|".join("---" if number < 2 else "---:" for number in range(len(titles))) + "|"]
    lines += ["| " + " | ".join(cell.translate(_MARKDOWN) for cell in row) + " |" for row in rows]
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


def _accuracy(place: int, depth: int) -> Column:
    return Column(
        f"top {depth}",
        f"share of events whose token was among the first {depth} guesses",
        lambda row: "" if row.ranks is None else f"{100 * row.ranks.accuracy[place]:.1f} %",
        lambda row: None if row.ranks is None else row.ranks.accuracy[place],
    )


def vector_cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of the table of word vectors; no rows where nobody asked for it."""
    tests = list(dict.fromkeys(test for row in comparison.vectors for test in row.scores))
    titles = ["model", "vectors", "words", "numbers", *(heading for test in tests for heading in (test, "asked"))]
    rows = []
    for row in comparison.vectors:
        cells = [row.model, row.vectors, f"{row.words:,}", str(row.dim)]
        for test in tests:
            score = row.scores[test]
            cells += ["" if math.isnan(score.value) else f"{score.value:.3f}", f"{score.asked:,} of {score.total:,}"]
        rows.append(cells)
    return titles, rows


def ranked_figure(value: float, measure: Measure) -> str:
    """What models are ranked by, as a cell shows it."""
    return figure(value) if measure == "perplexity" else f"{value:.4f}"


def _interval(row: Row) -> str:
    return "" if math.isnan(row.low) else f"{ranked_figure(row.low, row.measure)}-{ranked_figure(row.high, row.measure)}"


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


_LATEX = str.maketrans(
    {sign: "\\" + sign for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    | {"\n": " "}
)
_MARKDOWN = str.maketrans({sign: "\\" + sign for sign in "\\|*`<"} | {"\n": " "})


def _escaped(text: str) -> str:
    """For LaTeX, with nothing but its kernel."""
    return text.translate(_LATEX)
