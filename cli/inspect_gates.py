"""`lmkit inspect gates`: what the gates and the state of a recurrent network do over a text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit_cli import inspected, options, output, saving

if TYPE_CHECKING:
    from lmkit.neural.tracing import Trace

_MEASURED = 2000  # tokens over which openness is counted


def command(
    model: inspected.Model,
    text: inspected.Text = None,
    prompt: inspected.Prompt = None,
    layer: inspected.Layer = None,
    units: inspected.Units = None,
    top: Annotated[int, typer.Option(help="Without --units: so many units, those whose state changes most.", min=1)] = 32,
    tokens: Annotated[int, typer.Option(help="Tokens in the picture, from the beginning of the text.", min=1, max=_MEASURED)] = 60,
    out: Annotated[Path, typer.Option("--out", help="Where the picture goes: .png, .svg or .pdf.")] = Path("gates.png"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Draw the gates and the cell state of a network over a text, as heat maps.

    The table tells of each layer's gates how far open they stand, and how often they are nearly wide open or nearly shut, over the first
    2,000 tokens. Elman and Jordan networks have no gates: their output is drawn.
    """
    import dataclasses

    from lmkit import _plots
    from lmkit.neural.tracing import parse_units
    from lmkit.neural.unit_pictures import plot_gates

    _plots.check_format(out)
    saving.check_target(out, model, text)
    found = inspected.recurrent(model)
    number = inspected.chosen_layer(found, layer)
    hidden = found.network_.layers[number].hidden_size
    listed = None if units is None else parse_units(units, hidden)
    whole = inspected.traced(found, text, prompt, max(tokens, _MEASURED))
    shown = dataclasses.replace(
        whole,
        tokens=whole.tokens[:tokens],
        log_probabilities=whole.log_probabilities[:tokens],
        layers=[{name: values[:tokens] for name, values in each.items()} for each in whole.layers],
    )
    state = "c" if "c" in shown.layers[number] else "h"
    listed = shown.liveliest(number, state, top) if listed is None else listed
    plot_gates(shown, out, layer=number, units=listed, title=inspected.title(model, number))
    openness = whole.openness()
    if json:
        output.result_json(
            {
                "out": str(out),
                "layer": number,
                "units": listed,
                "openness": openness,
                "openness_tokens": len(whole.tokens),
                "tokens": shown.tokens,
                "log_probabilities": shown.log_probabilities.tolist(),
                "values": _values(shown, number, listed),
            }
        )
        return
    if not quiet and openness:
        rows = [[str(row["layer"]), row["gate"], f"{row['mean']:.3f}", f"{row['open']:.1%}", f"{row['shut']:.1%}"] for row in openness]
        output.result(output.table(("layer", "gate", "mean", "above 0.9", "below 0.1"), rows, right=(0, 2, 3, 4)))
        output.result(f"(over {len(whole.tokens):,} tokens and all units)")
    output.result(f"Plot: {out}")


def _values(shown: Trace, layer: int, units: list[int]) -> dict[str, list[list[float]]]:
    """By name, a row a token and a column a unit, to six digits."""
    found = shown.layers[layer].items()
    return {name: [[float(f"{value:.6g}") for value in row] for row in values[:, units].tolist()] for name, values in found}
