"""`lmkit plot training`: the logs of trainings as curves."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, saving


class Against(enum.StrEnum):
    epochs = "epochs"
    steps = "steps"
    tokens = "tokens"
    minutes = "minutes"


def command(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Logs that `lmkit train-rnn` or `train-nnlm` wrote with --log.")],
    against: Annotated[Against, typer.Option(help="The horizontal axis.")] = Against.epochs,
    only: Annotated[
        str | None,
        typer.Option(help="What to draw, separated by commas: perplexity, loss, gradient-norm, learning-rate.", show_default="all four"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Where the picture goes: .png, .svg or .pdf.")] = Path("training.png"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Draw perplexity, loss, norm of the gradient and learning rate of trainings, several in one picture.

    A log may be of a training that is still running.
    """
    from lmkit import _plots
    from lmkit.neural import training_plots

    _plots.check_format(out)
    saving.check_target(out, *logs)
    panels = training_plots.PANELS if only is None else tuple(dict.fromkeys(name.strip() for name in only.split(",")))
    unknown = [name for name in panels if name not in training_plots.PANELS]
    if unknown:
        raise UsageError(f"--only {unknown[0]!r} is nothing that a log holds: choose from {', '.join(training_plots.PANELS)}.")
    found = training_plots.read_logs(logs)
    training_plots.plot_logs(found, out, against=against.value, panels=panels)
    summaries = [log.summary() for log in found]
    if json:
        output.result_json({"out": str(out), "against": against.value, "panels": list(panels), "logs": summaries})
        return
    if not quiet:
        output.result(output.table(_HEADERS, [_row(summary) for summary in summaries], right=(1, 2, 3, 4, 5)))
    output.result(f"Plot: {out}")


_HEADERS = ("log", "steps", "epochs", "minutes", "best valid ppl", "at epoch")


def _row(summary: dict[str, float]) -> list[str]:
    best = summary["best_valid_perplexity"]
    told = ["", ""] if best is None else [f"{best:,.2f}", f"{summary['best_epoch']:.2f}"]
    return [str(summary["log"]), f"{summary['steps']:,.0f}", f"{summary['epochs']:.2f}", f"{summary['minutes']:.1f}", *told]
