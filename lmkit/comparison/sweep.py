"""A grid of settings gone through: which are done is read from the results themselves, so that a sweep goes on where it was stopped.

Results are JSON lines, one a point of the grid, appended and forced to the disk as each is done: the file may be read, joined and plotted
by other programs while the sweep runs, and a last line that was cut short by a power failure is written again.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmkit.errors import FormatError, OutputError, UsageError

Point = Mapping[str, str]
"""One point of a grid: option -> value, as they are typed."""


def parse_grid(texts: Sequence[str]) -> dict[str, list[str]]:
    """`order=2,3,5` and the like as option -> values. Values that hold commas are parted by `|`: `prune=0,0,1|0,1,1`.

    Raises
    ------
    UsageError : for what has no such form, an option or a value that stands there twice.
    """
    grid: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().lstrip("-")
        parts = [part.strip() for part in values.split("|" if "|" in values else ",")]
        if not equals or not name or not all(parts):
            raise UsageError(f"{text!r} names no option with values; write it as order=2,3,5.")
        if name in grid:
            raise UsageError(f"The option {name!r} stands twice in the grid; write all its values behind one another: {name}=...,....")
        if len(set(parts)) < len(parts):
            raise UsageError(f"{text!r} names a value twice; write each once.")
        grid[name] = parts
    if not grid:
        raise UsageError("There is nothing to try: give options with several values, such as --try order=2,3,5.")
    return grid


def points_of(grid: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of values, in scikit-learn's order (`ParameterGrid`): options by name, the last one's values turning fastest."""
    from sklearn.model_selection import ParameterGrid

    return [dict(point) for point in ParameterGrid(dict(grid))]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a point: `figures` of a model that was trained and measured, or the `error` that kept it from that."""

    figures: Mapping[str, Any]
    error: str = ""


class Sweep:
    """The results of a grid in a file.

    Parameters
    ----------
    path : of the JSON lines.
    setting : what all points share (command, texts, further options); lines of another setting are kept and not counted.

    Raises
    ------
    FormatError : for a file with a line that is no result, but for a last one that was cut.
    """

    def __init__(self, path: str | os.PathLike[str], setting: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.setting = dict(setting)
        self._records = self._read()

    def done(self, point: Point) -> dict[str, Any] | None:
        """The record of a point that was measured, the last one if there are several; None if it is still to do, or failed."""
        wanted = {**self.setting, "options": dict(point)}
        found = [
            record for record in self._records if not record.get("error") and all(record.get(key) == value for key, value in wanted.items())
        ]
        return found[-1] if found else None

    def run(
        self, points: Sequence[Point], measure: Callable[[Point], Outcome], tell: Callable[[int, dict[str, Any], bool], None]
    ) -> list[dict[str, Any]]:
        """Measure the points that are not done.

        Parameters
        ----------
        measure : trains and measures one.
        tell : gets the number of the point, its record, and whether it was there already.

        Returns
        -------
        The record of every point, in their order; those that failed have an "error".

        Raises
        ------
        OutputError : if a result can't be written.
        """
        records = []
        for number, point in enumerate(points):
            record = self.done(point)
            known = record is not None
            if record is None:
                outcome = measure(point)
                record = {**self.setting, "options": dict(point), **outcome.figures}
                if outcome.error:
                    record["error"] = outcome.error
                self._append(record)
            tell(number, record, known)
            records.append(record)
        return records

    def _read(self) -> list[dict[str, Any]]:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(f"{self.path}: can't be read ({error.strerror}); name another file for the results.") from None
        lines = raw.splitlines(keepends=True)
        records = []
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError
            except ValueError:
                if number == len(lines) and not line.endswith(b"\n"):
                    self._cut(len(raw) - len(line))
                    break
                raise FormatError(f"{self.path}: line {number} is no JSON object, so this is no file of results; name another.") from None
            records.append(record)
        return records

    def _cut(self, size: int) -> None:
        """Drop a last line that never got its end."""
        with open(self.path, "r+b") as file:
            file.truncate(size)

    def _append(self, record: dict[str, Any]) -> None:
        from lmkit._json import finite

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(finite(record), ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path}: the result can't be written ({error.strerror}); name another file with --results.") from None
        self._records.append(record)


RISING = ("perplexity", "bits_per_character", "seconds", "bytes", "parameters")
"""Figures of which the least is the best; of all others the greatest is."""


def best_first(records: Sequence[Mapping[str, Any]], by: str) -> list[Mapping[str, Any]]:
    """Records sorted by a figure; those that lack it stand last."""
    sign = 1 if by in RISING else -1

    def key(record: Mapping[str, Any]) -> tuple[bool, float]:
        value = record.get(by)
        known = isinstance(value, (int, float)) and math.isfinite(value)
        return (not known, sign * float(value) if known and value is not None else 0.0)

    return sorted(records, key=key)
