"""One self-contained HTML page of a comparison: no network, no library; sortable, printable, readable on a phone and by a screen reader."""

from __future__ import annotations

import html
import json
import math
import string
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from lmkit._json import finite
from lmkit.comparison import charts, tables
from lmkit.comparison.results import IN_WORDS, Comparison, NextWords, Row
from lmkit.evaluation.breakdown import BucketRow

_TEMPLATE = Path(__file__).with_name("page.html")


def render(comparison: Comparison) -> str:
    """The page as a string."""
    name = str(comparison.text.get("name", "events"))
    sections = list(_sections(comparison))
    colours = "".join(f".b{n}{{background:var(--c{n})}}.f{n}{{fill:var(--c{n})}}.s{n}{{stroke:var(--c{n})}}" for n in range(charts.COLOURS))
    return string.Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"Language models on {name}"),
        lead=html.escape(_lead(comparison, name)),
        colours=colours + ".hollow{fill:var(--back)}",
        notes="".join(f'<p class="note">{html.escape(note)}</p>' for note in comparison.notes),
        links=" ".join(f'<a href="#s{number}">{html.escape(title)}</a>' for number, (title, _, _) in enumerate(sections)),
        sections="".join(
            f'<section aria-labelledby="s{number}"><h2 id="s{number}">{html.escape(title)}</h2>{_said(said)}{content}</section>'
            for number, (title, said, content) in enumerate(sections)
        ),
    )


def _lead(comparison: Comparison, name: str) -> str:
    text, best = comparison.text, comparison.best
    lead = f"{text['tokens']:,} words in {text['sentences']:,} sentences of {name}." if text else "Events scored elsewhere."
    return f"{lead} Best of {len(comparison.rows)}: {best.name}, {IN_WORDS[best.measure]} {tables.ranked_figure(best.value, best.measure)}."


def _said(said: str) -> str:
    return f"<p>{html.escape(said)}</p>" if said else ""


def _sections(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """(title, a sentence, content) of every section that has content."""
    rows, palette = comparison.rows, charts.Palette(comparison.rows)
    yield "Models", "Click a column's title to sort by it.", _main_table(comparison)
    what = IN_WORDS[comparison.measure]
    yield (
        f"{what.capitalize()} with intervals",
        "Whiskers show the interval by drawing blocks of sentences again.",
        charts.bars(rows, palette),
    )
    cost = charts.pareto(rows, palette)
    if cost:
        said = f"{what.capitalize()} against what a model costs. Filled points are beaten by none in both; the dashed line joins them."
        yield "Quality against cost", said, cost
    curves = charts.curves(comparison.curves, rows, palette)
    if curves:
        yield "Perplexity by words trained on", "One vocabulary and one test text for all sizes.", curves
    if comparison.next_words:
        said = "The most probable next words of each model after the same words, with their probabilities."
        yield "Next words", said, "".join(map(_next_words, comparison.next_words))
    if comparison.samples:
        yield "What they write", "Sentences drawn from each model's own distribution, with the same seeds.", _samples(comparison.samples)
    if comparison.vectors:
        said = (
            "Vectors that the models have, whatever they were made for: the share of analogies answered (3CosAdd) among those whose words "
            "are known, and Spearman's coefficient of cosines and people's judgements of similarity."
        )
        titles, cells = tables.vector_cells(comparison)
        yield "Word vectors", said, _table("Word vectors", titles, cells)
    if comparison.buckets:
        parts = "".join(_bucket_table(title, bucket, rows) for title, bucket in comparison.buckets.values())
        yield "Where the perplexity comes from", "The same events sorted in several ways; the best figure of each row is bold.", parts
    yield "What made it", "", _made(comparison)


def _main_table(comparison: Comparison) -> str:
    columns = tables.columns(comparison)
    titles = "".join(
        f'<th scope="col"{_words(column)}><button type="button">{html.escape(column.title)}</button></th>' for column in columns
    )
    body = "".join(_table_row(row, columns, comparison) for row in comparison.rows)
    meanings = "".join(f"<dt>{html.escape(column.title)}</dt><dd>{html.escape(column.meaning)}</dd>" for column in columns)
    table = f'<table class="sortable"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
    return f'{_scrolled("Models", table)}<details class="print"><summary>What the columns mean</summary><dl>{meanings}</dl></details>'


def _scrolled(label: str, table: str) -> str:
    """A table wider than a phone scrolls in its own frame, with the keyboard too."""
    return f'<div class="wide" role="region" aria-label="{html.escape(label)}" tabindex="0">{table}</div>'


def _table(label: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text, the first two columns words."""
    heads = "".join(f'<th scope="col"{_text(place)}>{html.escape(title)}</th>' for place, title in enumerate(titles))
    lines = (
        _header(row[0]) + "".join(f"<td{_text(place)}>{html.escape(cell)}</td>" for place, cell in enumerate(row[1:], 1)) for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return _scrolled(label, f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")


def _header(name: str) -> str:
    """The first cell of a row, which names what the others are of."""
    return f'<th scope="row">{html.escape(name)}</th>'


def _text(place: int) -> str:
    return ' class="text"' if place < 2 else ""


def _table_row(row: Row, columns: Sequence[tables.Column], comparison: Comparison) -> str:
    kind = "bound" if row.is_bound else "unranked" if row.why_unranked else "best" if row is comparison.best else ""
    cells: list[str] = []
    for column in columns:
        value = None if column.value is None else column.value(row)
        data = f' data-value="{value!r}"' if value is not None and math.isfinite(value) else ""
        cells.append(f"<td{data}{_words(column)}>{html.escape(column.cell(row))}</td>" if cells else _header(row.name))
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _words(column: tables.Column) -> str:
    """Words stand at the left of their column, below its title, numbers at the right."""
    return ' class="text"' if column.value is None else ""


def _next_words(table: NextWords) -> str:
    """A row a model, its next words from the most probable on."""
    places = max((len(words) for _, words in table.models), default=0)
    heads = "".join(f'<th scope="col" class="text">{place}</th>' for place in range(1, places + 1))
    rows = []
    for name, words in table.models:
        cells = "".join(f'<td class="text">{html.escape(token)} <span class="p">{100 * p:.1f} %</span></td>' for token, p in words)
        rows.append(f"<tr>{_header(name)}{cells}{'<td></td>' * (places - len(words))}</tr>")
    table_ = f'<table><thead><tr><th scope="col">model</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    prompt = html.escape(table.prompt) or "(the start of a sentence)"
    return f"<h3>{prompt} ...</h3>{_scrolled(f'Next words after {table.prompt}', table_)}"


def _samples(samples: Sequence[tuple[str, Sequence[str]]]) -> str:
    cards = []
    for name, texts in samples:
        paragraphs = "".join(f"<p>{html.escape(text) or '(an empty sentence)'}</p>" for text in texts)
        cards.append(f'<div class="card"><h3>{html.escape(name)}</h3>{paragraphs}</div>')
    return f'<div class="cards">{"".join(cards)}</div>'


def _bucket_table(title: str, rows: Sequence[BucketRow], models: Sequence[Row]) -> str:
    """Perplexities by bucket, the models in the order of the main table."""
    kept = [number for number, row in enumerate(models) if math.isfinite(row.accounting.all.perplexity)]
    heads = "".join(f'<th scope="col">{html.escape(models[number].name)}</th>' for number in kept)
    body = []
    for row in rows:
        best = min((row.perplexity[number] for number in kept if not models[number].why_unranked), default=math.nan)
        cells = "".join(f"<td>{_bold(tables.figure(row.perplexity[number]), row.perplexity[number] == best)}</td>" for number in kept)
        body.append(f"<tr>{_header(row.label)}<td>{row.events:,}</td>{cells}</tr>")
    first = f'<th scope="col">{html.escape(title)}</th><th scope="col">events</th>'
    table = f"<table><thead><tr>{first}{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f"<h3>By {html.escape(title)}</h3>{_scrolled(f'Perplexity by {title}', table)}"


def _bold(text: str, bold: bool) -> str:
    return f"<b>{text}</b>" if bold else text


def _made(comparison: Comparison) -> str:
    """Command, seeds, versions, hashes; then each model's own record."""
    command = comparison.made.get("command")
    parts = [f"<p>lmkit {html.escape(version('lmkit'))}.</p>"]
    if command:
        parts.append(f"<pre>{html.escape(str(command))}</pre>")
    if comparison.made:
        parts.append(_details("Seeds, statistics, versions, machine", comparison.made))
    parts.append(_details("The text", comparison.text))
    for row in comparison.rows:
        audit = "" if row.audit is None else f" Probabilities: {row.audit.render()}."
        parts.append(_details(f"{row.name}.{audit}", row.origin))
    return "".join(parts)


def _details(summary: str, record: object) -> str:
    document = json.dumps(finite(record), ensure_ascii=False, indent=1, default=str)
    return f"<details><summary>{html.escape(summary)}</summary><pre>{html.escape(document)}</pre></details>"
