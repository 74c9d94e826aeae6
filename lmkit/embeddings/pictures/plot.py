"""A map of words as a picture: PNG, SVG or PDF. Needs matplotlib, from the extra [plots]."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lmkit import _files
from lmkit.embeddings.pictures.labels import place_labels
from lmkit.embeddings.pictures.word_map import WordMap
from lmkit.errors import MissingDependencyError, UsageError

FORMATS = (".png", ".svg", ".pdf")
_DPI = 150
_ALL_LABELLED = 80  # up to so many words, each keeps its label even where it must cover another
_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c2550a", "#8a8a8a"  # told apart also by colour-blind readers, and in grey


def vectors_plot(shown: WordMap, path: str | os.PathLike[str], title: str = "") -> int:
    """Draw a map of words, arrows between its pairs included; returns how many words found no room for their label.

    Raises
    ------
    MissingDependencyError : without matplotlib.
    UsageError : for another ending than .png, .svg or .pdf.
    OutputError : if the file can't be written.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in FORMATS:
        raise UsageError(f"{path}: a plot is written as {', '.join(FORMATS)} or .html; end its name with one of these.")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError("Plots need matplotlib: pip install 'lmkit[plots]'; a page (--out x.html) does without.") from None
    size = 7.0 if len(shown.words) <= _ALL_LABELLED else min(16.0, 7.0 + len(shown.words) / 100)
    figure = Figure(figsize=(size, 0.75 * size), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(_caption(shown), fontsize=8, color="#555555")
    axes.margins(0.12 if len(shown.words) <= _ALL_LABELLED else 0.04)
    _draw_points(axes, shown)
    figure.draw_without_rendering()  # fixes the scale, which labels and arrows are placed in
    left_out = _draw_labels(axes, shown, canvas.get_renderer())
    with _files.replacing(path) as temporary:
        figure.savefig(temporary, format=ending[1:], dpi=_DPI)
    return left_out


def _caption(shown: WordMap) -> str:
    if shown.explained is None:
        return "t-SNE: near words are alike; distances between groups mean little"
    of = "the pairs" if len(shown.pairs) > 1 else "the words"
    return f"first two principal components of {of}: {shown.explained:.0%} of the variance"


def _draw_points(axes: Any, shown: WordMap) -> None:
    """Sources of arrows, their ends, and all others."""
    colours = np.full(len(shown.words), _GREY if len(shown.pairs) else _BLUE, dtype=object)
    for first, second in shown.pairs:
        colours[first], colours[second] = _BLUE, _ORANGE
    size = 14 if len(shown.words) <= _ALL_LABELLED else 6
    axes.scatter(shown.points[:, 0], shown.points[:, 1], s=size, c=list(colours), zorder=3, linewidths=0)
    for first, second in shown.pairs:
        style = {"arrowstyle": "-|>", "color": _GREY, "lw": 0.9, "shrinkA": 3, "shrinkB": 3, "linestyle": "--"}
        axes.annotate("", shown.points[second], shown.points[first], arrowprops=style, zorder=2)


def _draw_labels(axes: Any, shown: WordMap, renderer: Any) -> int:
    """Labels where there is room, in the order of the words; the number of those without."""
    font = 9 if len(shown.words) <= _ALL_LABELLED else 6
    pixels = axes.transData.transform(shown.points)
    scale = _DPI / 72  # pixels in a typographic point
    texts = [
        axes.text(*point, word, fontsize=font, ha="center", va="center") for point, word in zip(shown.points, shown.words, strict=True)
    ]
    widths = np.array([text.get_window_extent(renderer).width for text in texts])
    keep = len(shown.words) if len(shown.words) <= _ALL_LABELLED else 0
    centres = place_labels(pixels, widths + 2 * scale, font * scale * 1.25, 3 * scale, keep, _along_arrows(shown, pixels))
    left_out = 0
    to_data = axes.transData.inverted()
    for text, centre in zip(texts, centres, strict=True):
        if np.isnan(centre[0]):
            text.remove()
            left_out += 1
        else:
            text.set_position(to_data.transform(centre))
    return left_out


def _along_arrows(shown: WordMap, pixels: np.ndarray) -> np.ndarray:
    """For each word the direction, of length 1, in which its label is out of the way of its arrows; zeros for words without."""
    away = np.zeros_like(pixels)
    for first, second in shown.pairs:
        offset = pixels[second] - pixels[first]
        offset = offset / max(float(np.hypot(*offset)), 1e-9)
        away[first] -= offset
        away[second] += offset
    return away
