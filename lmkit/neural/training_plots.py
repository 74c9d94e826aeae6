"""Logs of trainings, as `JsonLinesLog` writes them, read back and drawn: perplexity, loss, norm of the gradient, learning rate."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmkit.errors import FormatError, InputError

PANELS = ("perplexity", "loss", "gradient-norm", "learning-rate")
AXES = {"epochs": ("epoch", 1.0), "steps": ("step", 1.0), "tokens": ("tokens", 1.0), "minutes": ("seconds", 1 / 60)}  # record's key, unit

Points = tuple[list[float], list[float]]


@dataclasses.dataclass(frozen=True)
class TrainingLog:
    """What happened in a training.

    Attributes
    ----------
    label : the file's name without its ending.
    steps : records of training, every 50 steps.
    validations : records of validations.
    """

    label: str
    steps: list[dict[str, Any]]
    validations: list[dict[str, Any]]

    @property
    def best(self) -> dict[str, Any] | None:
        """The validation with the lowest perplexity, None without validation."""
        measured = [record for record in self.validations if record.get("valid_perplexity") is not None]
        return min(measured, key=lambda record: record["valid_perplexity"], default=None)

    def curve(self, key: str, against: str, *, of_validations: bool = False) -> Points:
        """The values of a key, and where they stand on an axis of AXES; records without a number are left out."""
        place, unit = AXES[against]
        kept = [record for record in (self.validations if of_validations else self.steps) if record.get(key) is not None]
        return [record[place] * unit for record in kept], [record[key] for record in kept]

    def summary(self) -> dict[str, Any]:
        """JSON-able: how far it went, and its best validation."""
        last = max([*self.steps[-1:], *self.validations[-1:]], key=lambda record: record["step"])
        best = self.best
        return {
            "log": self.label,
            "steps": last["step"],
            "epochs": last["epoch"],
            "minutes": last["seconds"] / 60,
            "best_valid_perplexity": None if best is None else best["valid_perplexity"],
            "best_epoch": None if best is None else best["epoch"],
        }


def read_log(path: str | os.PathLike[str]) -> TrainingLog:
    """Read the log of a training, also of one that is still running: a last line without its end is left out.

    Raises
    ------
    InputError : if the file can't be read or tells of nothing yet.
    FormatError : if a line is no record, with its number.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        raise FormatError(f"{path}: is no log of a training; `lmkit train-rnn --log FILE` writes one.") from None
    except OSError as error:
        raise InputError(f"{path}: the log can't be read ({error.strerror}); `lmkit train-rnn --log FILE` writes one.") from None
    records: dict[str, list[dict[str, Any]]] = {"step": [], "validation": []}
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            break  # just being written
        try:
            record = json.loads(line)
            records[record["event"]].append({**record, **{key: float(record[key]) for key, _ in AXES.values()}})
        except (ValueError, KeyError, TypeError):
            raise FormatError(f"{path}: line {number} is no record of a training; `lmkit train-rnn --log FILE` writes such logs.") from None
    if not records["step"] and not records["validation"]:
        raise InputError(f"{path}: holds no record yet; the first comes after 50 steps or one epoch.")
    return TrainingLog(path.stem, records["step"], records["validation"])


def read_logs(paths: Sequence[str | os.PathLike[str]]) -> list[TrainingLog]:
    """Read several logs as `read_log`; those whose names are alike bear their paths."""
    logs = [read_log(path) for path in paths]
    names = [log.label for log in logs]
    return [
        log if names.count(log.label) == 1 else dataclasses.replace(log, label=os.fspath(path))
        for path, log in zip(paths, logs, strict=True)
    ]


def plot_logs(
    logs: Sequence[TrainingLog], path: str | os.PathLike[str], *, against: str = "epochs", panels: Sequence[str] = PANELS
) -> None:
    """Draw logs into one picture, a colour each, a panel for each of `panels`.

    Parameters
    ----------
    path : ends in .png, .svg or .pdf.
    against : the horizontal axis, one of AXES.

    Raises
    ------
    MissingDependencyError : without matplotlib. UsageError : if the name ends with nothing that a plot is written as.
    """
    from lmkit import _plots

    figure, grid = _plots.panels(len(panels), against)
    for panel, axes in zip(panels, grid, strict=True):
        for number, log in enumerate(logs):
            _draw(axes, panel, log, against, f"C{number}")
        axes.set_title(_TITLES[panel], fontsize="medium")
        if panel in ("perplexity", "gradient-norm"):
            axes.set_yscale("log")
            _plots.plain_numbers(axes)
    handles = [_handle(f"C{number}", log.label) for number, log in enumerate(logs)] if len(logs) > 1 else []
    handles += [_handle("0.3", "training, mean of 100 steps", alpha=0.6), _handle("0.3", "validation", marker="o")]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize="small")
    _plots.write(figure, path)


_TITLES = {
    "perplexity": "perplexity",
    "loss": "loss, nats a token",
    "gradient-norm": "norm of the gradient, before clipping",
    "learning-rate": "learning rate",
}


def _draw(axes: Any, panel: str, log: TrainingLog, against: str, color: str) -> None:
    """One log in one panel: training thin, validation with dots; losses of validation are logarithms of perplexities."""
    import math

    axes.plot(*log.curve(panel.replace("-", "_"), against), color=color, linewidth=1, alpha=0.6)
    if panel in ("perplexity", "loss"):
        x, y = log.curve("valid_perplexity", against, of_validations=True)
        axes.plot(x, y if panel == "perplexity" else [math.log(value) for value in y], color=color, marker="o", markersize=3)


def _handle(color: str, label: str, alpha: float = 1.0, marker: str = "") -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, label=label, alpha=alpha, marker=marker, markersize=4)
