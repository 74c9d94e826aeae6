"""`lmkit inspect gradients`: vanishing and exploding gradients, through time and through depth."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import inspected, options, output, saving

if TYPE_CHECKING:
    from lmkit.neural.inspection import Curve

_CELLS = "elman,elman-relu:2,gru,lstm"


class Across(enum.StrEnum):
    time = "time"
    depth = "depth"


class Initial(enum.StrEnum):
    glorot = "glorot"
    he = "he"


def command(
    models: Annotated[
        list[str] | None, typer.Argument(help="Trained recurrent models; none: fresh networks of --cells.", show_default="none")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Text that trained models read: a corpus or a file.", show_default="the default corpus")
    ] = None,
    across: Annotated[Across, typer.Option(help="Back through time, or down through a stack of layers.")] = Across.time,
    cells: Annotated[
        str, typer.Option(help="Cells of fresh networks; a number behind a colon is the spectral radius of the recurrent matrix.")
    ] = _CELLS,
    activations: Annotated[str, typer.Option(help="With --across depth: sigmoid, tanh, relu, leaky-relu.")] = "sigmoid,relu,leaky-relu",
    initial: Annotated[Initial, typer.Option(help="With --across depth: how weights begin.")] = Initial.glorot,
    steps: Annotated[int, typer.Option(help="Steps back in time, or layers.", min=2, max=1000)] = 50,
    hidden: Annotated[int, typer.Option(help="Units of a layer in fresh networks.", min=1)] = 64,
    texts: Annotated[int, typer.Option(help="Texts to average over.", min=1)] = 16,
    clip: Annotated[float, typer.Option(help="Show also what clipping the whole gradient to this norm leaves; 0: don't.", min=0)] = 1.0,
    out: Annotated[Path, typer.Option("--out", help="Where the picture goes: .png, .svg or .pdf.")] = Path("gradients.png"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
) -> None:
    """Draw the norm of the gradient against the distance in time, or against depth.

    A line that falls on its logarithmic axis is a gradient that vanishes; one that rises explodes. Dashed is what clipping leaves.
    """
    from lmkit import _plots
    from lmkit.neural import inspection

    _plots.check_format(out)
    saving.check_target(out, *(models or ()), text)
    if across is Across.depth:
        if models:
            raise UsageError("--across depth looks at fresh stacks of layers; leave out the models, or take --across time.")
        names = _listed(activations)
        curves = [inspection.gradients_through_depth(name, steps, hidden, initial.value, texts, seed or 0) for name in names]
        title, distance = "Gradients through depth", "layers below the top"
    else:
        curves = _through_time(models or [], text, _listed(cells), steps, hidden, texts, clip or None, seed or 0)
        title, distance = "Gradients through time", "steps back in time"
    inspection.plot_curves(curves, out, title=title, distance=distance)
    if json:
        output.result_json({"out": str(out), "across": across.value, "curves": [curve.to_dict() for curve in curves]})
        return
    if not quiet:
        _print(curves, distance)
    output.result(f"Plot: {out}")


def _listed(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("There is nothing to draw: name one or more, separated by commas.")
    return names


def _through_time(
    models: list[str], text: str | None, cells: list[str], steps: int, hidden: int, texts: int, clip: float | None, seed: int
) -> list[Curve]:
    from lmkit.neural import inspection
    from lmkit.neural.batching import TrainingText

    length = inspection.window_length(steps)
    if not models:
        found = []
        for entry in cells:
            cell, radius = inspection.parse_cell(entry)
            network = inspection.fresh_network(cell, hidden, radius=radius, seed=seed)
            found += inspection.gradients_through_time(network, inspection.random_texts(network, texts, length, seed), entry, clip)
        return found
    found = []
    for path in models:
        model = inspected.recurrent(path)
        stream = TrainingText.of(inspected.text_of(model, text), model.vocabulary).stream
        windows = inspection.windows_of(stream, texts, length, seed)
        found += inspection.gradients_through_time(model.network_, windows, Path(path).stem, clip)
    return found


def _print(curves: list[Curve], distance: str) -> None:
    width = max(len(curve.label) for curve in curves)
    output.result(f"{'':{width}}  {'nearest':>10}  {'farthest':>10}  factor a step")
    for curve in curves:
        clipped = f"   whole gradient {curve.gradient_norm:.3g}, clipped by {curve.clip_factor:.2g}" if curve.clip_factor < 1 else ""
        output.result(f"{curve.label:{width}}  {curve.norms[0]:>10.2g}  {curve.norms[-1]:>10.2g}  {curve.factor_a_step:.3f}{clipped}")
    output.result(f"({curves[0].distances[0]} to {curves[0].distances[-1]} {distance})")
