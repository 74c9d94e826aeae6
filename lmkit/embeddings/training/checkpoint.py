"""Half-done trainings on disk: written beside their place and renamed, read back to go on to the very bytes of an uninterrupted run."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._container import read_container, write_container
from lmkit.embeddings.training.merging import Plan
from lmkit.embeddings.training.objective import STATS, Parameters
from lmkit.embeddings.training.trainer import State, Trainer
from lmkit.errors import FormatError, InvalidParameterError, UsageError

KIND = "embedding-checkpoint"
_LATER = ("estimator", "held_out", "patience")
"""Parts of an identity that checkpoints of earlier versions lack; these are not asked for them."""


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Where and how often a training is stored.

    Attributes
    ----------
    path : the file. It takes as much as the model, twice that with `patience`.
    minutes : between two checkpoints.
    resume : go on from the file if there is one; it must come from the same text and settings.
    """

    path: str | os.PathLike[str]
    minutes: float = 10.0
    resume: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.minutes, bool) or not isinstance(self.minutes, (int, float)) or not self.minutes >= 0:
            raise InvalidParameterError(
                f"The 'minutes' parameter of Checkpoints must be a finite number of at least 0. Got {self.minutes!r} instead."
            )


def keep_checkpoints(trainer: Trainer, checkpoints: Checkpoints | None, identity: dict[str, Any]) -> None:
    """Let a training that has not begun yet store itself, and go on from what is stored where that is asked for; nothing for None.

    Parameters
    ----------
    identity : JSON-able; what must be equal for a training to go on, beside its held-out text and patience.

    Raises
    ------
    FormatError, UsageError : as `read_checkpoint`.
    """
    if checkpoints is None:
        return
    path = Path(checkpoints.path)
    held_out = trainer.options.held_out
    plan = Plan.of(trainer.settings.threads, trainer.passes.total, trainer.objective.merging)  # of which a state counts the rounds
    identity = {
        **identity,
        "held_out": None if held_out is None else {"sha256": held_out.corpus.sha256, "tokens": len(held_out.corpus)},
        "patience": trainer.options.patience,
        "merging": {"stretch": plan.stretch, "full": plan.full, "tiers": str(plan.tiers), "slopes": list(plan.slopes)},
    }
    if checkpoints.resume and path.exists():
        trainer.state, trainer.best = read_checkpoint(path, identity, trainer.parameters)
    trainer.options.checkpoint = lambda *stored: write_checkpoint(path, identity, *stored)
    trainer.options.checkpoint_seconds = checkpoints.minutes * 60


def write_checkpoint(
    path: str | os.PathLike[str], identity: dict[str, Any], state: State, parameters: Parameters, best: Parameters | None
) -> None:
    """Store a training.

    Parameters
    ----------
    identity : JSON-able; what must be equal for a training to go on from here.

    Raises
    ------
    OutputError : if it can't be written; what stood there before is then untouched.
    """
    record = {
        "epoch": state.epoch,
        "round": state.round,
        "stats": state.stats.tolist(),
        "history": state.history,
        "best": state.best if np.isfinite(state.best) else None,
        "best_epoch": state.best_epoch,
        "dim": parameters.dim,
    }
    tensors = {"input": parameters.input, "output": parameters.output}
    if best is not None:
        tensors |= {"best.input": best.input, "best.output": best.output}
    write_container(path, KIND, {"identity": identity, "state": record}, tensors)


def read_checkpoint(path: str | os.PathLike[str], identity: dict[str, Any], parameters: Parameters) -> tuple[State, Parameters | None]:
    """Read a training back: its matrices into `parameters`.

    Returns
    -------
    The state, and the best parameters so far where the training keeps them.

    Raises
    ------
    FormatError : if the file is no checkpoint, cut or damaged.
    UsageError : if it comes from another text or other settings; the first difference is named.
    """
    container = read_container(path)
    if container.kind != KIND:
        raise FormatError(f"{path}: holds a {container.kind!r}, not a checkpoint of word vectors; name another file.")
    _check_identity(Path(path), container.metadata.get("identity"), identity)
    try:
        record = container.metadata["state"]
        state = State(
            int(record["epoch"]),
            int(record["round"]),
            np.array(record["stats"], np.float64).reshape(STATS),
            list(record["history"]),
            np.inf if record["best"] is None else float(record["best"]),
            int(record["best_epoch"]),
        )
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"{path}: the checkpoint's state can't be read; the file is damaged: delete it and begin anew.") from None
    best = None
    _fill(container.array("input", np.float32, 1), parameters.input, path)
    _fill(container.array("output", np.float32, 1), parameters.output, path)
    if "best.input" in container:
        best = parameters.copy()
        _fill(container.array("best.input", np.float32, 1), best.input, path)
        _fill(container.array("best.output", np.float32, 1), best.output, path)
    return state, best


def _fill(stored: np.ndarray, target: np.ndarray, path: str | os.PathLike[str]) -> None:
    if stored.shape != target.shape:
        raise FormatError(f"{path}: the checkpoint's matrices have another size than its settings say; delete it and begin anew.")
    target[:] = stored


def _check_identity(path: Path, stored: Any, wanted: dict[str, Any]) -> None:
    if isinstance(stored, dict):
        stored = {**{name: wanted.get(name) for name in _LATER}, **stored}
    flat_stored, flat_wanted = dict(_flat(stored)), dict(_flat(wanted))
    for name in sorted(flat_stored.keys() | flat_wanted.keys()):
        if flat_stored.get(name) != flat_wanted.get(name):
            raise UsageError(
                f"{path}: the checkpoint was made with {name} {flat_stored.get(name)!r}, this training has {flat_wanted.get(name)!r}; "
                "take the same text and settings to go on, or begin anew without resuming."
            )


def _flat(record: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(record, dict):
        return [(prefix, record)]
    return [pair for name, value in record.items() for pair in _flat(value, f"{prefix}.{name}" if prefix else str(name))]
