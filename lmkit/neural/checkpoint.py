"""Trainings that can be interrupted: everything that the next step depends on, in one file, written beside itself and renamed.

A training that goes on from a checkpoint ends with the same weights, to the bit, as one that was never interrupted, with the same threads
on the same machine; unless its schedule runs by the clock (`Recipe.minutes`).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._container import read_container, writing_container
from lmkit._memory import let_go
from lmkit.errors import FormatError, UsageError
from lmkit.neural.best_weights import BestWeights

KIND = "training checkpoint"
# May change between the pieces of a training: how long it goes on, and what one lowers after it has diverged.
_FREE = ("recipe.minutes", "recipe.patience", "recipe.epochs", "recipe.learning_rate", "recipe.clip")


@dataclasses.dataclass
class TrainingState:
    """Where a training stands.

    Attributes
    ----------
    step : updates so far.
    epoch, batch : the next batch.
    seconds : spent so far, in all pieces.
    loss_sum, loss_tokens : training loss of this epoch so far, nats, and tokens.
    best : best validation perplexity, None before the first.
    since_best : validations since.
    history : one record a validation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_tokens: int = 0
    best: float | None = None
    since_best: int = 0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


class Checkpoint:
    """The file of a training.

    Parameters
    ----------
    path : of the file.
    identity : JSON-able, what a training must share with its checkpoint: architecture, recipe, seed, vocabulary, texts.

    Attributes
    ----------
    changes : what differs from the piece before in what may differ, by name: before and now; known when it is loaded.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self.path, self._identity = Path(path), _flat(identity)
        self.changes: dict[str, tuple[Any, Any]] = {}

    def save(
        self, state: TrainingState, groups: Mapping[str, Mapping[str, np.ndarray]], best: BestWeights, records: Mapping[str, Any]
    ) -> None:
        """Write everything. groups : arrays by group and name, "parameters" among them. records : JSON-able. Raises OutputError."""
        tensors = {f"{group}/{name}": array for group, arrays in groups.items() for name, array in arrays.items()}
        shapes = {name: (array.dtype, array.shape) for name, array in tensors.items()}
        if best.is_there:
            shapes |= {f"best/{name}": (array.dtype, array.shape) for name, array in groups["parameters"].items()}
        metadata = {"identity": self._identity, "state": state.to_dict(), "records": dict(records)}
        with writing_container(self.path, KIND, metadata, shapes) as writer:
            for name, array in tensors.items():
                writer.write(name, 0, array)
            for name, start, piece in best.pieces():
                writer.write(f"best/{name}", start, piece)

    def load(self) -> tuple[TrainingState, dict[str, dict[str, np.ndarray]], dict[str, Any]]:
        """What `save` was given, arrays mapped from the file; the best weights are the group "best" if there were any.

        Raises
        ------
        InputError : if there is no such file.
        FormatError : if it is no checkpoint.
        UsageError : if it is one of another training, with what differs.
        """
        container = read_container(self.path)
        if container.kind != KIND:
            raise FormatError(f"{self.path}: holds a {container.kind!r}, not a training checkpoint; name another file.")
        self._compare(container.metadata.get("identity", {}))
        groups: dict[str, dict[str, np.ndarray]] = {}
        for name in container:
            group, _, rest = name.partition("/")
            groups.setdefault(group, {})[rest] = container[name]
        try:
            return TrainingState(**container.metadata["state"]), groups, container.metadata["records"]
        except (KeyError, TypeError) as error:
            raise FormatError(f"{self.path}: the checkpoint's record can't be read ({error}); the file is damaged.") from error

    def _compare(self, found: Mapping[str, Any]) -> None:
        for key in sorted({*self._identity, *found}):
            before, now = found.get(key), self._identity.get(key)
            if before == now or (key == "valid" and key not in found):  # written by an lmkit that didn't keep it
                continue
            name = key.removeprefix("recipe.").replace("_", " ").replace(".", " ")
            if key in _FREE:
                self.changes[name] = (before, now)
                continue
            valid = "had no valid text" if before is None else "had a valid text" if now is None else "was validated on another text"
            what = {"corpus.sha256": "was of another text", "vocabulary": "was over other words", "valid": valid}.get(
                key, f"is of another training: its {name} is {before!r}, here it is {now!r}"
            )
            raise UsageError(
                f"{self.path}: the checkpoint {what}. Resume with the same texts and options, or leave out --resume to begin anew."
            )


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested records as one level with dotted names, as JSON gives them back."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def take_over(parameters: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Copy arrays into those of the same names. Raises FormatError if names or shapes differ."""
    check_shapes(parameters, arrays, path)
    for name, target in parameters.items():
        target[...] = arrays[name]
        let_go(arrays[name])


def check_shapes(parameters: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise FormatError unless there is an array of the same name, shape and dtype for each parameter."""
    for name, target in parameters.items():
        if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
            raise FormatError(f"{path}: the checkpoint has no {name!r} of shape {target.shape}; it is of another network or damaged.")
