"""Training the models of a plan, each in a process of its own: its memory can be measured, and its time is kept whatever happens."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lmkit.comparison.contestants import Contestant, Cost, parameters_of
from lmkit.comparison.families import module
from lmkit.comparison.plan import Budget, Entry, Task, Texts

_GRACE = 1.15
"""How much longer than its share a process may live before it is ended: it should have stopped by itself."""
_START = 6.0
"""Seconds that a process may take to start and to compile kernels, beside its share."""
_OVERTIME = 0.05
"""Share of the whole budget that the last may take from what is kept for scoring."""
_LEAST_SHARE = 2.0
"""Seconds below which a net learns nothing."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """A model that was not trained, and why."""

    name: str
    reason: str


def train_all(
    entries: Sequence[Entry],
    texts: Texts,
    folder: Path,
    budget: Budget,
    *,
    seed: int = 0,
    threads: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[Contestant], list[Failure]]:
    """Train the entries one after the other and open the models.

    Parameters
    ----------
    folder : where the models go.
    tell : gets a line as each model is done.

    Returns
    -------
    contestants : those that were trained, with what they cost.
    failures : the others.
    """
    context = multiprocessing.get_context("spawn")
    contestants: list[Contestant] = []
    failures: list[Failure] = []
    jobs = _jobs(entries)
    for number, job in enumerate(jobs):
        ahead = [entry for later in jobs[number:] for entry in later]
        seconds = budget.share(job[0], ahead)
        if job[0].weight and seconds < _LEAST_SHARE:
            failures += [Failure(entry.name, "the time was spent before its turn") for entry in job]
            continue
        paths = [folder / f"{number:02d}-{''.join(char if char.isalnum() else '-' for char in entry.name)}.lm" for entry in job]
        tasks = [Task(texts.train, texts.valid, texts.vocabulary, path, time.time() + seconds, seed, threads) for path in paths]
        process = context.Process(target=_work, args=(job, tasks), daemon=True)
        process.start()
        most = budget.left_for_training + _OVERTIME * budget.seconds
        process.join(min(seconds * _GRACE + _START, most) if job[0].weight else max(budget.left_for_training, 1.0))
        if process.is_alive():
            process.kill()
            process.join()
        for entry, path in zip(job, paths, strict=True):
            outcome = _outcome(path)
            if outcome is None or "error" in outcome:
                failures.append(Failure(entry.name, "it did not end in its time" if outcome is None else str(outcome["error"])))
                tell(f"{entry.name}: not trained, {failures[-1].reason}")
                continue
            contestants.append(_contestant(entry, path, outcome, seed))
            tell(f"{entry.name}: trained in {outcome['seconds']:.1f} s")
    return contestants, failures


def _jobs(entries: Sequence[Entry]) -> list[list[Entry]]:
    """What one process trains: all models of a family that need no time limit together, every other alone."""
    quick: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry.weight:
            quick.setdefault(entry.family, []).append(entry)
    return [*quick.values(), *([entry] for entry in entries if entry.weight)]


def _contestant(entry: Entry, path: Path, outcome: dict[str, Any], seed: int) -> Contestant:
    """Open a trained model, with what it cost."""
    import lmkit

    model = lmkit.load(path)
    card = model.info()
    cost = Cost(**outcome["cost"])
    cost = dataclasses.replace(
        cost,
        training_seconds=outcome["seconds"],
        parameters=cost.parameters or parameters_of(card),
        bytes=path.stat().st_size,
        peak_memory=outcome["peak_memory"],
    )
    origin = {"settings": dict(entry.settings), "seed": seed, "card": card}
    return Contestant(entry.name, module(entry.family).LABEL, model, cost=cost, origin=origin)


def _work(job: Sequence[Entry], tasks: Sequence[Task]) -> None:
    """In the new process: train, and leave beside each model what it took."""
    for entry, task in zip(job, tasks, strict=True):
        base = _restart_peak()
        started = time.monotonic()
        document: dict[str, object]
        try:
            cost = module(entry.family).train(entry, task)
            seconds = time.monotonic() - started
            peak = _peak_memory()
            took = None if peak is None or base is None else max(0, peak - base)
            document = {"cost": cost.to_dict(), "seconds": seconds, "peak_memory": took}
        except Exception as error:  # whatever it is, the other models go on, and the table says why this one is missing
            document = {"error": str(error) or type(error).__name__}
        temporary = _record(task.path).with_suffix(".part")
        temporary.write_text(json.dumps(document), encoding="utf-8")
        temporary.replace(_record(task.path))


def _restart_peak() -> int | None:
    """Forget the greatest memory so far and return what is taken now; None where the system can't."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _peak_memory()


def _peak_memory() -> int | None:
    """Bytes of memory that this process took at most since `_restart_peak`; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _outcome(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(_record(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document
