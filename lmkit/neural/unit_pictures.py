"""Pictures of what units do over a text: heat maps of gates, and the text itself coloured by a unit, on a page or in a terminal."""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from lmkit import _files
from lmkit.neural.tracing import END, Trace

_STEPS = 127  # shades on a page are whole numbers up to this
_BREAK = "\u21b5"  # stands at the end of a line, so that its colour is seen
_COLORS = {-1: (211, 84, 0), 1: (31, 95, 168)}  # orange below zero, blue above: told apart by colour-blind people as well


def plot_gates(trace: Trace, path: str | os.PathLike[str], *, layer: int, units: Sequence[int], title: str) -> None:
    """Draw a heat map for each gate of a layer and for its state: tokens from left to right, units from top to bottom.

    Raises
    ------
    MissingDependencyError : without matplotlib. UsageError : if the name ends with nothing that a plot is written as.
    """
    from lmkit import _plots

    names = [*trace.gates(layer), "c" if "c" in trace.layers[layer] else "h"]
    tokens = [_on_axis(token) for token in trace.tokens]
    upright = all(len(token) <= 2 for token in tokens)
    height = min(max(0.09 * len(units), 1.2), 4.0)
    figure = _plots.empty(min(max(0.17 * len(tokens) + 2, 6), 40), (height + 0.3) * len(names) + (0.8 if upright else 1.4))
    first: Any = None
    for place, name in enumerate(names):
        first = axes = figure.add_subplot(len(names), 1, place + 1, sharex=first)
        values = trace.values(layer, name)[:, list(units)].T
        is_gate = name in trace.gates(layer)
        limit = max(float(np.abs(values).max()), 1e-9)
        image = axes.imshow(
            values, aspect="auto", interpolation="nearest", cmap="viridis" if is_gate else "RdBu",
            vmin=0 if is_gate else -limit, vmax=1 if is_gate else limit,
        )  # fmt: skip
        axes.set_title(f"{name} gate" if is_gate else {"c": "cell state c", "h": "output h"}[name], fontsize="medium", loc="left")
        axes.set_ylabel("unit")
        shown = np.unique(np.linspace(0, len(units) - 1, min(len(units), 8)).astype(int))
        axes.set_yticks(shown, [str(units[row]) for row in shown], fontsize="x-small")
        axes.tick_params(axis="x", labelbottom=place == len(names) - 1)
        figure.colorbar(image, ax=axes, pad=0.01)
    axes.set_xticks(range(len(tokens)), tokens, rotation=0 if upright else 90, fontsize="small")
    figure.suptitle(title, fontsize="medium")
    _plots.write(figure, path)


def _on_axis(token: str) -> str:
    shown = {" ": "\u2423", "\n": _BREAK, END: _BREAK}.get(token, token)
    return shown.replace("$", r"\$") if len(shown) <= 20 else shown[:19] + "\u2026"


def pieces(trace: Trace) -> list[str]:
    """The text in pieces to be coloured, one a token, line breaks and the spaces between words among them."""
    return [_piece(token, trace.is_word_level) for token in trace.tokens]


def _piece(token: str, is_word_level: bool) -> str:
    if token in (END, "\n"):
        return _BREAK + "\n"
    return token + " " if is_word_level else token


def write_page(trace: Trace, path: str | os.PathLike[str], *, layer: int, name: str, first: int, title: str) -> None:
    """Write one HTML page with the text coloured by any unit of a layer; it holds everything itself and asks nothing of the network.

    name : the value that is shown, as in `Trace.layers`. first : the unit to begin with.

    Raises
    ------
    OutputError : if the file can't be written.
    """
    shades = np.round(trace.shades(layer, name) * _STEPS).astype(np.int8)
    data = {
        "pieces": pieces(trace),
        "units": shades.shape[1],
        "first": first,
        "steps": _STEPS,
        "colors": {"low": _COLORS[-1], "high": _COLORS[1]},
        "shades": base64.b64encode(np.ascontiguousarray(shades.T).tobytes()).decode(),
        "namesakes": [{**row, "correlation": round(row["correlation"], 2)} for row in trace.namesakes(layer, name)],
        "surprise": [round(float(-score), 2) if np.isfinite(score) else None for score in trace.log_probabilities],
        "about": f"layer {layer}, {_meaning(name)}",
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")  # it can't end its script element
    template = files("lmkit.neural").joinpath("units.html").read_text(encoding="utf-8")
    page = template.replace("{{title}}", html.escape(title)).replace("{{data}}", text)
    with _files.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _meaning(name: str) -> str:
    return {"c": "tanh of the cell state", "h": "output", "candidate": "candidate"}.get(name, f"{name} gate")


def in_colour(trace: Trace, *, layer: int, name: str, unit: int) -> str:
    """The text with a background in each token's shade, as terminals with 24-bit colours show it."""
    lines: list[str] = []
    for piece, shade in zip(pieces(trace), trace.shades(layer, name)[:, unit].tolist(), strict=True):
        red, green, blue = (round(255 + (end - 255) * abs(shade)) for end in _COLORS[1 if shade >= 0 else -1])
        ink = "30" if red * 0.3 + green * 0.6 + blue * 0.1 > 110 else "97"
        body = _escaped(piece.removesuffix("\n"))
        lines.append(f"\x1b[48;2;{red};{green};{blue};{ink}m{body}\x1b[0m" + ("\n" if piece.endswith("\n") else ""))
    return "".join(lines).removesuffix("\n")


def _escaped(text: str) -> str:
    """Text that can't disturb a terminal."""
    return "".join(char if char.isprintable() or char == "\u200c" else repr(char)[1:-1] for char in text)
