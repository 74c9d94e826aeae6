"""One self-contained HTML page of a comparison: no network, no library; sortable, printable, readable on a phone and by a screen reader."""

from __future__ import annotations

import html
import json
import math
import string
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from lmkit.comparison import tables
from lmkit.comparison.comparison import Comparison, Row
from lmkit.evaluation.breakdown import BucketRow

_COLOURS = ("#2f6f9f", "#c26a2d", "#4a8f4a", "#a34a6a", "#6a5aa3", "#8a7a2a", "#3a8a8a", "#777777")

_PAGE = string.Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>$style</style></head><body><main>
<h1>$title</h1><p class="lead">$lead</p>
$notes
<section aria-labelledby="t"><h2 id="t">Models</h2>
<p>Click a column's title to sort. The interval is that of the perplexity by drawing blocks of sentences; <i>worse by</i> is the paired
difference to the best model in bits an event, <i>p</i> its two-sided p-value.</p>
<div class="wide"><table class="sortable"><thead><tr>$titles</tr></thead><tbody>$rows</tbody></table></div></section>
<section aria-labelledby="b"><h2 id="b">Perplexity with intervals</h2>$bars</section>
$pareto
$curves
$buckets
$samples
<section aria-labelledby="m"><h2 id="m">What made it</h2>$made</section>
</main><script>$script</script></body></html>
"""
)

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--back:#fff;--band:#f5f7fa;--accent:#2f6f9f}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a2acba;--line:#38414d;--back:#14181e;--band:#1b2129;--accent:#7ab3dd}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:auto;padding:1.2rem}h1{font-size:1.6rem;margin:.3rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}
.lead,p{color:var(--soft);max-width:75ch}.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2),td.text{text-align:left}thead th{background:var(--band);position:sticky;top:0}
th button{all:unset;cursor:pointer;font-weight:600}th button:focus-visible{outline:2px solid var(--accent)}
tr.unranked td{color:var(--soft)}tr.bound td{font-style:italic}tr.best td{font-weight:600}
svg{width:100%;height:auto;max-width:900px}svg text{fill:var(--ink);font:13px system-ui,sans-serif}.axis{stroke:var(--line)}
.note{border-left:4px solid #c26a2d;padding:.3rem .8rem;background:var(--band)}
pre{white-space:pre-wrap;background:var(--band);padding:.6rem}
details{margin:.4rem 0}@media print{th button{color:#000}thead th{position:static}details{display:block}}
"""

_SCRIPT = """
for (const table of document.querySelectorAll('table.sortable')) {
  table.tHead.querySelectorAll('button').forEach((button, column) => button.addEventListener('click', () => {
    const heading = button.parentElement, up = heading.getAttribute('aria-sort') !== 'ascending';
    table.tHead.querySelectorAll('th').forEach(th => th.removeAttribute('aria-sort'));
    heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const value = row => { const cell = row.cells[column]; return 'value' in cell.dataset ? +cell.dataset.value : cell.textContent; };
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === '' || y === '') return (x === '') - (y === '');
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    });
    table.tBodies[0].append(...rows);
  }));
}
"""


def render(comparison: Comparison) -> str:
    """The page as a string."""
    text = comparison.text
    name = str(text.get("name", "events"))
    lead = f"{text['tokens']:,} words in {text['sentences']:,} sentences of {name}." if text else "Events scored elsewhere."
    best = comparison.best
    lead += f" Best of {len(comparison.rows)}: {best.name}, perplexity {tables.figure(best.accounting.all.perplexity)}."
    columns = tables.columns(comparison)
    titles = "".join(
        f'<th scope="col" title="{html.escape(column.meaning)}"><button type="button">{html.escape(column.title)}</button></th>'
        for column in columns
    )
    return _PAGE.substitute(
        title=html.escape(f"Language models on {name}"),
        lead=html.escape(lead),
        style=_STYLE,
        script=_SCRIPT,
        notes="".join(f'<p class="note">{html.escape(note)}</p>' for note in comparison.notes),
        titles=titles,
        rows="".join(_table_row(row, columns, comparison) for row in comparison.rows),
        bars=_bars(comparison.rows),
        pareto=_pareto(comparison.rows),
        curves=_curves(comparison.curves),
        buckets="".join(_bucket_section(title, rows, comparison.rows) for title, rows in comparison.buckets.values()),
        samples=_samples(comparison.samples),
        made=_made(comparison),
    )


def _table_row(row: Row, columns: Sequence[tables.Column], comparison: Comparison) -> str:
    kind = "bound" if row.is_bound else "unranked" if row.why_unranked else "best" if row is comparison.best else ""
    values = {
        "perplexity": row.accounting.all.perplexity,
        "bits/char": row.accounting.bits_per_character,
        "worse by": 0.0 if row.versus_best is None else row.versus_best.bits,
        "p": None if row.versus_best is None else row.versus_best.p_value,
        "interval": row.low,
        "parameters": row.cost.parameters,
        "bytes": row.cost.bytes,
        "epochs": row.cost.epochs,
        "training s": row.cost.training_seconds,
        "us/token": row.microseconds,
        "memory": row.cost.peak_memory,
    }
    cells = []
    for column in columns:
        value = values.get(column.title)
        known = value is not None and math.isfinite(value)
        data = f' data-value="{value!r}"' if known else ""
        style = ' class="text"' if column.title == "not ranked" else ""
        cells.append(f"<td{data}{style}>{html.escape(column.cell(row))}</td>")
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _bars(rows: Sequence[Row]) -> str:
    """Horizontal bars from the best perplexity's side, with whiskers for the intervals."""
    shown = [row for row in rows if math.isfinite(row.accounting.all.perplexity) and (not row.why_unranked or row.is_bound)]
    if not shown:
        return "<p>No model has a finite perplexity.</p>"
    widest = max(row.high if math.isfinite(row.high) else row.accounting.all.perplexity for row in shown)
    left, width, height = 230, 560, 26
    parts = []
    for number, row in enumerate(shown):
        y = number * height + 4
        value = row.accounting.all.perplexity
        colour = "#999" if row.is_bound else _COLOURS[0]
        length = width * value / widest
        label = html.escape(row.name if len(row.name) < 32 else row.name[:30] + "...")
        parts.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{label}</text>')
        parts.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="14" fill="{colour}"/>')
        if math.isfinite(row.low):
            low, high = left + width * row.low / widest, left + width * row.high / widest
            parts.append(
                f'<path d="M{low:.1f} {y + 10}H{high:.1f}M{low:.1f} {y + 5}v10M{high:.1f} {y + 5}v10" stroke="currentColor" fill="none"/>'
            )
        parts.append(f'<text x="{left + width + 14}" y="{y + 14}">{tables.figure(value)}</text>')
    total = len(shown) * height + 10
    label = "Bars of perplexity, lowest first, with intervals"
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {left + width + 90} {total}">{"".join(parts)}</svg>'


def _pareto(rows: Sequence[Row]) -> str:
    """Perplexity against what a model costs: its size and, where known, its training time."""
    charts = []
    for title, value in (
        ("size of the file (bytes)", lambda row: row.cost.bytes),
        ("training time (s)", lambda row: row.cost.training_seconds),
        ("scoring time (us a token)", lambda row: row.microseconds),
    ):
        points = [
            (float(value(row)), row.accounting.all.perplexity, row)
            for row in rows
            if value(row) and math.isfinite(row.accounting.all.perplexity) and not row.why_unranked
        ]
        if len(points) > 1:
            charts.append(f"<h3>Perplexity against {title}</h3>{_scatter(points, title)}")
    if not charts:
        return ""
    heading = '<h2 id="c">Quality against cost</h2><p>A filled point is beaten by none in both.</p>'
    return f'<section aria-labelledby="c">{heading}{"".join(charts)}</section>'


def _scatter(points: Sequence[tuple[float, float, Row]], title: str) -> str:
    left, top, width, height = 70, 26, 620, 260
    xs, ys = [math.log10(x) for x, _, _ in points], [math.log10(y) for _, y, _ in points]
    x_low, x_high, y_low, y_high = min(xs), max(xs), min(ys), max(ys)
    x_high, y_high = max(x_high, x_low + 0.1), max(y_high, y_low + 0.02)
    parts = [f'<path class="axis" d="M{left} {top}V{top + height}H{left + width}" fill="none"/>']
    for value, at in ((10**y_low, top + height), (10**y_high, top)):
        parts.append(f'<text x="{left - 6}" y="{at + 4}" text-anchor="end">{tables.figure(value)}</text>')
    for value, at, anchor in ((10**x_low, left, "start"), (10**x_high, left + width, "end")):
        parts.append(f'<text x="{at}" y="{top + height + 18}" text-anchor="{anchor}">{value:.3g}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 18}" text-anchor="middle">{html.escape(title)}, log scale</text>')
    for (x_value, y_value, row), x, y in zip(points, xs, ys, strict=True):
        beaten = any(a <= x_value and b <= y_value and other is not row for a, b, other in points)
        px = left + 10 + (width - 20) * (x - x_low) / (x_high - x_low)
        py = top + (height - 6) * (1 - (y - y_low) / (y_high - y_low))
        fill = "none" if beaten else _COLOURS[0]
        near_right = px > left + width - 140
        name = html.escape(row.name)
        parts.append(
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5" fill="{fill}" stroke="{_COLOURS[0]}"><title>{name}: perplexity '
            f"{tables.figure(y_value)}, {x_value:.4g}</title></circle>"
        )
        anchor, shift = ("end", -8) if near_right else ("start", 8)
        parts.append(f'<text x="{px + shift:.1f}" y="{py - 6:.1f}" text-anchor="{anchor}">{name}</text>')
    label = f"Perplexity against {title}"
    return f'<svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {left + width + 20} {top + height + 30}">{"".join(parts)}</svg>'


def _curves(curves: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Perplexity against the size of the training text, both on log scales, a line a model."""
    finite = {name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in curves.items()}
    drawn = {name: points for name, points in finite.items() if len(points) > 1}
    if not drawn:
        return ""
    left, top, width, height = 70, 20, 560, 320
    xs = [math.log10(x) for points in drawn.values() for x, _ in points]
    ys = [math.log10(y) for points in drawn.values() for _, y in points]
    x_low, x_high, y_low, y_high = min(xs), max(xs), min(ys), max(max(ys), min(ys) + 0.02)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + width * (math.log10(x) - x_low) / (x_high - x_low),
            top + height * (1 - (math.log10(y) - y_low) / (y_high - y_low)),
        )

    parts = [f'<path class="axis" d="M{left} {top}V{top + height}H{left + width}" fill="none"/>']
    for value, at in ((10**y_low, top + height), (10**y_high, top)):
        parts.append(f'<text x="{left - 6}" y="{at + 4}" text-anchor="end">{tables.figure(value)}</text>')
    for words in sorted({x for points in drawn.values() for x, _ in points}):
        parts.append(
            f'<text x="{place(words, 10**y_low)[0]:.1f}" y="{top + height + 18}" text-anchor="middle">{tables.short(words)}</text>'
        )
    ends = sorted((place(*points[-1])[1], name) for name, points in drawn.items())
    free = -math.inf
    for number, (end, name) in enumerate(ends):
        points = drawn[name]
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"><title>{html.escape(name)}</title></polyline>'
        )
        free = max(end, free + 15)  # labels that would lie on each other move down
        parts.append(f'<text x="{left + width + 8}" y="{free + 4:.1f}" style="fill:{colour}">{html.escape(name)}</text>')
    bottom = max(float(top + height + 30), free + 12)
    box = f"0 0 {left + width + 230} {bottom:.0f}"
    picture = f'<svg role="img" aria-label="Perplexity by words trained on" viewBox="{box}">{"".join(parts)}</svg>'
    return f'<section aria-labelledby="l"><h2 id="l">Perplexity by words trained on</h2>{picture}</section>'


def _bucket_section(title: str, rows: Sequence[BucketRow], models: Sequence[Row]) -> str:
    """A table of perplexities by bucket, the models in the order of the main table."""
    kept = [number for number, row in enumerate(models) if math.isfinite(row.accounting.all.perplexity)]
    heads = "".join(f'<th scope="col">{html.escape(models[number].name)}</th>' for number in kept)
    body = []
    for row in rows:
        best = min((row.perplexity[number] for number in kept if not models[number].why_unranked), default=math.nan)
        cells = "".join(f"<td>{_bold(tables.figure(row.perplexity[number]), row.perplexity[number] == best)}</td>" for number in kept)
        body.append(f"<tr><td>{html.escape(row.label)}</td><td>{row.events:,}</td>{cells}</tr>")
    return (
        f"<section><h2>Perplexity by {html.escape(title)}</h2><div class='wide'><table><thead><tr><th scope='col'>{html.escape(title)}</th>"
        f"<th scope='col'>events</th>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table></div></section>"
    )


def _samples(samples: Sequence[tuple[str, str]]) -> str:
    if not samples:
        return ""
    items = "".join(
        f"<tr><td>{html.escape(name)}</td><td class='text' style='white-space:normal'>{html.escape(text)}</td></tr>"
        for name, text in samples
    )
    heads = "<thead><tr><th scope='col'>model</th><th scope='col'>text</th></tr></thead>"
    return f"<section><h2>What they write</h2><table>{heads}<tbody>{items}</tbody></table></section>"


def _bold(text: str, bold: bool) -> str:
    return f"<b>{text}</b>" if bold else text


def _made(comparison: Comparison) -> str:
    about = json.dumps(comparison.text, ensure_ascii=False, indent=2)
    parts = [f"<p>lmkit {html.escape(version('lmkit'))}.</p><details><summary>The text</summary><pre>{html.escape(about)}</pre></details>"]
    for row in comparison.rows:
        audit = "" if row.audit is None else f" Probabilities: {row.audit.render()}."
        origin = json.dumps(row.origin, ensure_ascii=False, indent=2, default=str)
        parts.append(f"<details><summary>{html.escape(row.name)}.{html.escape(audit)}</summary><pre>{html.escape(origin)}</pre></details>")
    return "".join(parts)
