"""What all benchmarks share: commands as whole processes, run in turn, with their wall time, CPU time and peak memory; ratios of
medians."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of one or more commands, one after the other: seconds of wall and CPU (user and system), peak memory in MB of the largest."""

    wall: float
    cpu: float
    memory: float

    def __add__(self, other: Run) -> Run:
        return Run(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


def run_command(
    command: Sequence[str], *, stdin: Path | None = None, stdout: Path | None = None, env: Mapping[str, str] | None = None
) -> Run:
    """Run a command to its end; keep this process small, since its memory is the least that is measured. Raises RuntimeError with its
    last words if it fails."""
    with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as sink:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=sink, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        assert process.stderr is not None
        words = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {words.decode(errors='replace')[-500:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def settle(path: Path) -> None:
    """Have the system forget its copy of a file and read it again, in order, so that all models lie in the system's cache in pages of one
    kind: which it chooses can change the time of look-ups by half. In a process of its own, since memory that is mapped once counts as that
    of all children."""
    program = (
        "import mmap, os, sys\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    os.fsync(file.fileno())\n"
        "    if hasattr(os, 'posix_fadvise'):\n"
        "        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)\n"
        "    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:\n"
        "        mapped[:: mmap.PAGESIZE]\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def run_all(*commands: tuple[Sequence[str], Path | None, Path | None]) -> Run:
    """Run (command, stdin, stdout) one after the other and add them up."""
    total = Run(0, 0, 0)
    for command, stdin, stdout in commands:
        total += run_command(command, stdin=stdin, stdout=stdout)
    return total


def alternate(contestants: Mapping[str, Any], rounds: int, warm_ups: int = 1) -> dict[str, list[Run]]:
    """Call each contestant in turn, `rounds` times after the warm-ups, and print each run."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for turn in range(-warm_ups, rounds):
        for name, contestant in contestants.items():
            run = contestant()
            turn_name = "warm-up" if turn < 0 else f"round {turn + 1}"
            print(
                f"{turn_name:8} {name:32} wall {run.wall:8.2f} s  CPU {run.cpu:8.2f} s  {run.memory:8.0f} MB",
                flush=True,
            )
            if turn >= 0:
                runs[name].append(run)
    return runs


def summary(runs: Mapping[str, Sequence[Run]], reference: str) -> dict[str, Any]:
    """Medians of each contestant, and the ratios of medians: how many times the reference each of the others takes."""
    result: dict[str, Any] = {}
    for name, own in runs.items():
        result[name] = {
            figure: {
                "median": round(statistics.median(getattr(run, figure) for run in own), 3),
                "min": round(min(getattr(run, figure) for run in own), 3),
                "max": round(max(getattr(run, figure) for run in own), 3),
            }
            for figure in ("wall", "cpu", "memory")
        }
    for name, figures in result.items():
        if name != reference:
            figures[f"times {reference}"] = {
                figure: round(figures[figure]["median"] / result[reference][figure]["median"], 2) for figure in ("wall", "cpu", "memory")
            }
    return result


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    import numba  # not at the top: a child's peak memory counts from what its parent holds when it starts it
    import numpy as np

    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def report(name: str, results: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """Print the results and write them to benchmarks/results/NAME.json."""
    import lmkit

    document = {
        "lmkit": lmkit.__version__,
        "command": " ".join(Path(part).name if os.sep in part else part for part in sys.argv),
        "machine": machine(),
        **details,
        "results": results,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    print(f"written to {path}")


def lmkit_command(*arguments: str) -> list[str]:
    """The lmkit of this Python, as a command."""
    return [sys.executable, "-m", "lmkit_cli", *arguments]
