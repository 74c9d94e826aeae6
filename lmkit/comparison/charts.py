"""The pictures of a comparison's page: bars as HTML that folds on a phone, scatter and curves as small SVGs with numbered points."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence

from lmkit.comparison import tables
from lmkit.comparison.results import IN_WORDS, Row

COLOURS = 8
_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT = 46, 14, 340, 250, 36
"""The plot inside its frame: the whole is about as wide as a phone, so that its text stays legible there."""


class Palette:
    """A colour a family, in the order of first appearance; the eighth is for all that follow."""

    def __init__(self, rows: Sequence[Row]) -> None:
        families = list(dict.fromkeys(row.family for row in rows))
        self._place = {family: min(number, COLOURS - 1) for number, family in enumerate(families)}

    def of(self, family: str) -> int:
        return self._place.get(family, COLOURS - 1)

    def legend(self) -> str:
        """The families with their colours, a line."""
        parts = (f'<span><span class="dot b{place}"></span>{html.escape(name)}</span>' for name, place in self._place.items())
        return f"<p>{' &ensp; '.join(parts)}</p>"


def bars(rows: Sequence[Row], palette: Palette) -> str:
    """A bar of perplexity a model, with its interval; the source's perplexity as a line through all, which none crosses."""
    shown = [row for row in rows if math.isfinite(row.value) and (not row.why_unranked or row.is_bound)]
    if not shown:
        return "<p>No model can be ranked.</p>"
    widest = max(row.high if math.isfinite(row.high) else row.value for row in shown)
    bound = next((row.value for row in shown if row.is_bound), None)
    line = "" if bound is None else f'<span class="oracle" style="left:{100 * bound / widest:.2f}%"></span>'
    items = []
    for row in shown:
        value = row.value
        whisker = ""
        if math.isfinite(row.low):
            left, right = 100 * row.low / widest, 100 * row.high / widest
            whisker = f'<span class="whisker" style="left:{left:.2f}%;width:{right - left:.2f}%"></span>'
        fill = f'<span class="fill b{palette.of(row.family)}" style="width:{100 * value / widest:.2f}%"></span>'
        items.append(
            f'<li><span class="name">{html.escape(row.name)}</span><span class="track" aria-hidden="true">{fill}{whisker}{line}</span>'
            f'<span class="value">{tables.ranked_figure(value, row.measure)}</span></li>'
        )
    said = "" if bound is None else "<p>The dashed line is the source of the text itself: no model crosses it in the long run.</p>"
    return f'<ul class="bars">{"".join(items)}</ul>{palette.legend()}{said}'


def pareto(rows: Sequence[Row], palette: Palette) -> str:
    """Perplexity against what a model costs: its size, its training time, its scoring time, each where it is known of two or more."""
    numbered = {row.name: number for number, row in enumerate(rows, 1)}
    charts, used = [], set()
    costs: tuple[tuple[str, Callable[[Row], float | None]], ...] = (
        ("size, bytes", lambda row: row.cost.bytes),
        ("training, seconds", lambda row: row.cost.training_seconds),
        ("scoring, microseconds a token", lambda row: row.microseconds),
        ("memory of training, bytes", lambda row: row.cost.peak_memory),
    )
    for title, cost in costs:
        points = []
        for row in rows:
            value, ranked = cost(row), row.value
            if value and math.isfinite(ranked) and not row.why_unranked:
                points.append((float(value), ranked, row))
        if len(points) > 1:
            used |= {row.name for _, _, row in points}
            picture = _scatter(points, title, numbered, palette)
            charts.append(f"<figure style='margin:0'><figcaption>{html.escape(title)}</figcaption>{picture}</figure>")
    if not charts:
        return ""
    return f'<div class="charts">{"".join(charts)}</div>{legend(numbered, used)}'


def legend(numbered: Mapping[str, int], used: set[str]) -> str:
    """The models of numbered points."""
    items = (f'<li value="{number}">{html.escape(name)}</li>' for name, number in numbered.items() if name in used)
    return f'<ol class="legend">{"".join(items)}</ol>'


def curves(points: Mapping[str, Sequence[tuple[int, float]]], rows: Sequence[Row], palette: Palette) -> str:
    """Perplexity against the size of the training text, both on log scales, a line a model; empty for fewer than two sizes."""
    finite = {name: [(x, y) for x, y in line if math.isfinite(y)] for name, line in points.items()}
    unranked = {row.name for row in rows if row.why_unranked and not row.is_bound}
    drawn = {name: line for name, line in finite.items() if len(line) > 1 and name not in unranked}
    if not drawn:
        return ""
    scale = _Scale([float(x) for line in drawn.values() for x, _ in line], [y for line in drawn.values() for _, y in line])
    families = {row.name: row.family for row in rows}
    numbered = {name: number for number, name in enumerate(drawn, 1)}
    ticks = sorted({x for line in drawn.values() for x, _ in line})
    parts = [scale.frame("words trained on", [(float(x), tables.short(x)) for x in ticks])]
    ends = {}
    for name, line in drawn.items():
        colour = palette.of(families.get(name, ""))
        placed = [scale.place(float(x), y) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        attributes = f'class="s{colour}" points="{path}" fill="none" stroke-width="2"'
        parts.append(f"<polyline {attributes}><title>{html.escape(name)}</title></polyline>")
        ends[str(numbered[name])] = placed[-1]
    parts.append(_end_labels(ends))
    return f"{_svg('Perplexity by words trained on', parts)}{legend(numbered, set(drawn))}"


def _scatter(points: Sequence[tuple[float, float, Row]], title: str, numbered: Mapping[str, int], palette: Palette) -> str:
    scale = _Scale([x for x, _, _ in points], [y for _, y, _ in points])
    what = IN_WORDS[points[0][2].measure]
    low, high = min(x for x, _, _ in points), max(x for x, _, _ in points)
    ends = [(x, tables.short(round(x)) if x >= 10 else f"{x:.2g}") for x in (low, high)]
    parts = [scale.frame(f"{title}, log scale", ends)]
    best = [(x, y) for x, y, row in points if not any(a <= x and b <= y and (a, b) != (x, y) for a, b, other in points if other is not row)]
    corners: list[str] = []
    for x, y in sorted(best):
        px, py = scale.place(x, y)
        corners.append(f"H{px:.1f}V{py:.1f}" if corners else f"M{px:.1f} {py:.1f}")
    parts.append(f'<path class="frontier" d="{"".join(corners)}"/>')
    labels = _Labels()
    placed = [(scale.place(x, y), (x, y), row) for x, y, row in points]
    for (px, py), _, _ in placed:
        labels.take(px, py)
    for (px, py), (x, y), row in placed:
        fill = f'class="s{palette.of(row.family)} ' + (f'f{palette.of(row.family)}"' if (x, y) in best else 'hollow"')
        said = f"{html.escape(row.name)}: {what} {tables.ranked_figure(y, row.measure)}, {title} {x:.4g}"
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4.5" stroke-width="2" {fill}><title>{said}</title></circle>')
        parts.append(labels.beside(px, py, str(numbered[row.name])))
    return _svg(f"{what.capitalize()} against {title}", parts)


class _Scale:
    """Both axes logarithmic, the plot's frame."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self._x = math.log10(min(xs)), max(math.log10(max(xs)), math.log10(min(xs)) + 0.1)
        self._y = math.log10(min(ys)), max(math.log10(max(ys)), math.log10(min(ys)) + 0.02)

    def place(self, x: float, y: float) -> tuple[float, float]:
        (x_low, x_high), (y_low, y_high) = self._x, self._y
        inner = _WIDTH - 24
        return (
            _LEFT + 12 + inner * (math.log10(x) - x_low) / (x_high - x_low),
            _TOP + 8 + (_HEIGHT - 16) * (1 - (math.log10(y) - y_low) / (y_high - y_low)),
        )

    def frame(self, title: str, ticks: Sequence[tuple[float, str]]) -> str:
        """Axes, the perplexities at a few heights, the ticks below. ticks : (x, label); those that would overlap are left out."""
        bottom = _TOP + _HEIGHT
        parts = []
        for share in (0.0, 1 / 3, 2 / 3, 1.0):
            value = 10 ** (self._y[0] + share * (self._y[1] - self._y[0]))
            at = self.place(10 ** self._x[0], value)[1]
            parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}h{_WIDTH}"/>')
            label = f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
            parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
        free = -math.inf
        for x, label in ticks:
            at = self.place(x, 10 ** self._y[0])[0]
            if at - 22 > free:
                parts.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
                free = at + 22
        parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{_LEFT + _WIDTH}"/>')
        parts.append(f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom + 33}" text-anchor="middle">{html.escape(title)}</text>')
        return "".join(parts)


class _Labels:
    """Places numbers beside points so that none lies on another, as far as there is room."""

    _AROUND = ((10, -6), (10, 12), (-10, -6), (-10, 12), (0, -10), (0, 19), (20, 4), (-20, 4), (22, -14), (-22, -14), (22, 20), (-22, 20))

    def __init__(self) -> None:
        self._taken: list[tuple[float, float]] = []

    def take(self, x: float, y: float) -> None:
        self._taken.append((x, y))

    def beside(self, x: float, y: float, text: str) -> str:
        def room(shift: tuple[int, int]) -> float:
            at = (x + shift[0], y + shift[1] - 4)
            return min((math.hypot(at[0] - a, at[1] - b) for a, b in self._taken if (a, b) != (x, y)), default=99.0)

        best = next((shift for shift in self._AROUND if room(shift) > 11), max(self._AROUND, key=room))
        self._taken.append((x + best[0], y + best[1] - 4))
        return f'<text x="{x + best[0]:.1f}" y="{y + best[1]:.1f}" text-anchor="middle">{text}</text>'


def _end_labels(ends: Mapping[str, tuple[float, float]]) -> str:
    """Numbers right of the ends of lines, moved apart where they would lie on each other, each with a stroke to its line's end."""
    gap = min(12.0, (_HEIGHT + 20) / max(len(ends), 1))
    order = sorted(ends, key=lambda label: ends[label][1])
    heights: list[float] = []
    for label in order:
        heights.append(max(ends[label][1], heights[-1] + gap if heights else -math.inf))
    below = max(heights[-1] - (_TOP + _HEIGHT + 6), 0.0) if heights else 0.0
    for place in range(len(heights) - 1, -1, -1):  # back up from the bottom edge
        after = heights[place + 1] - gap if place + 1 < len(heights) else heights[place] - below
        heights[place] = min(heights[place], after)
    parts = []
    for label, height in zip(order, heights, strict=True):
        x, y = ends[label]
        parts.append(f'<path class="grid" d="M{x + 3:.1f} {y:.1f}L{x + 16:.1f} {height:.1f}"/>')
        parts.append(f'<text x="{x + 26:.1f}" y="{height + 4:.1f}" text-anchor="middle">{label}</text>')
    return "".join(parts)


def _svg(label: str, parts: Sequence[str]) -> str:
    box = f"0 0 {_LEFT + _WIDTH + _RIGHT} {_TOP + _HEIGHT + 40}"
    return f'<svg role="img" aria-label="{html.escape(label)}" viewBox="{box}">{"".join(parts)}</svg>'
