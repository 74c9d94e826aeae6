"""`lmkit inspect units`: a text coloured by what units of a recurrent network do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import inspected, options, output, saving

if TYPE_CHECKING:
    from lmkit.neural.tracing import Trace

_ON_PAGE, _IN_TERMINAL, _UNITS = 2000, 500, 4


def command(
    model: inspected.Model,
    text: inspected.Text = None,
    prompt: inspected.Prompt = None,
    layer: inspected.Layer = None,
    units: inspected.Units = None,
    value: Annotated[
        str | None,
        typer.Option(help="What to show: c, h, or a gate such as forget.", show_default="c, the cell state, of LSTMs; else h, the output"),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Tokens, from the beginning of the text.", min=2, max=100_000, show_default="500; on a page 2000")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a page (.html) on which any unit can be chosen.", show_default="the terminal")
    ] = None,
    color: Annotated[bool, typer.Option("--color", help="Colours also where the output is no terminal.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Colour a text by what a unit does: blue where it is above zero, orange where it is below.

    The table names, for properties of the text such as the place in the line or being inside quotes, the unit that follows it most
    closely (Karpathy, Johnson and Li 2016), with the correlation. Shown are those units, or the ones that are named with --units.
    """
    from lmkit.neural import unit_pictures
    from lmkit.neural.tracing import parse_units

    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"{out}: the text is written as a page; end its name with .html.")
        saving.check_target(out, model, text)
    found = inspected.recurrent(model)
    number = inspected.chosen_layer(found, layer)
    listed = None if units is None else parse_units(units, found.network_.layers[number].hidden_size)
    trace = inspected.traced(found, text, prompt, tokens or (_IN_TERMINAL if out is None else _ON_PAGE))
    name = value if value is not None else "c" if "c" in trace.layers[number] else "h"
    if name not in trace.layers[number]:
        raise UsageError(f"--value {name!r}: a cell of {found.network_.architecture.cell!r} has {', '.join(trace.layers[number])}.")
    namesakes = trace.namesakes(number, name)
    if listed is None:
        listed = _telling(namesakes) or trace.liveliest(number, name, _UNITS)
    if out is not None:
        unit_pictures.write_page(trace, out, layer=number, name=name, first=listed[0], title=inspected.title(model, number))
    if json:
        output.result_json(_record(trace, number, name, listed, namesakes, out))
        return
    if not quiet and namesakes:
        rows = [[row["feature"], str(row["unit"]), f"{row['correlation']:+.2f}"] for row in namesakes]
        output.result(output.table(("property", "unit", "correlation"), rows, right=(1, 2)))
    if out is not None:
        output.result(f"Page: {out}")
    elif color or (sys.stdout.isatty() and "NO_COLOR" not in os.environ):
        for unit in listed:
            output.result(f"\nUnit {unit}:\n{unit_pictures.in_colour(trace, layer=number, name=name, unit=unit)}")
    else:
        output.note("This output has no colours: take --out units.html, or --color for `less -R`.")


def _telling(namesakes: list[dict[str, Any]]) -> list[int]:
    """The units that follow some property most closely, each once."""
    ranked = sorted(namesakes, key=lambda row: -abs(row["correlation"]))
    return list(dict.fromkeys(row["unit"] for row in ranked))[:_UNITS]


def _record(trace: Trace, layer: int, name: str, units: list[int], namesakes: list[dict[str, Any]], out: Path | None) -> dict[str, Any]:
    return {
        "out": None if out is None else str(out),
        "layer": layer,
        "value": name,
        "namesakes": namesakes,
        "tokens": trace.tokens,
        "log_probabilities": trace.log_probabilities.tolist(),
        "units": {str(unit): [float(f"{value:.6g}") for value in trace.values(layer, name)[:, unit].tolist()] for unit in units},
    }
