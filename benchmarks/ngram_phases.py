"""Where the CPU time of estimating an n-gram model goes: `fit_to_file` or `fit_to_arpa` in this process, phase by phase.

    python benchmarks/ngram_phases.py TEXT... [--order 5] [--arpa] [--rounds 3] [--name ngram_phases]

Each phase is a kernel or a function; its seconds are those of the thread that runs it, user and system, added up over threads. Kernels are
compiled beforehand on the text's beginning; the text is read anew, past the cache of encoded texts. What no phase names is Python between.
Of several texts it tells how the cost of a token grows with them. Figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import collections
import resource
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from harness import report

from lmkit import NgramLanguageModel
from lmkit.ngram.counting import counts, partitions
from lmkit.ngram.formats import arpa_writing, native
from lmkit.ngram.querying import layout
from lmkit.ngram.smoothing import discounting, discounts
from lmkit.text import _numbering, _reading

PHASES: list[tuple[Any, str, str]] = [
    (_reading, "_check", "read: check UTF-8"),
    (_numbering.WordNumberer, "feed", "read: number the words"),
    (partitions.kernels, "count_records", "count: sizes of partitions"),
    (partitions.kernels, "place_records", "count: make records"),
    (partitions.kernels, "sort_records", "count: sort records"),
    (partitions.kernels, "compare_neighbours", "count: compare neighbours"),
    (partitions.kernels, "read_level", "count: read levels off"),
    (counts._Builder, "append", "count: join levels"),
    (counts, "_path_of_last", "count: last n-gram in suffix order"),
    (counts.kernels, "group_by_suffix", "suffixes: group contexts"),
    (counts.kernels, "link_groups", "suffixes: in groups"),
    (counts.kernels, "link_children", "suffixes: one by one"),
    (counts.kernels, "count_extensions", "smooth: left neighbours"),
    (discounts.kernels, "count_of_counts", "smooth: counts of counts"),
    (discounting.kernels, "discount_level", "smooth: probabilities"),
    (discounting, "log10_of", "smooth: logarithms"),
    (layout.kernels, "fill_nodes", "write: fill records"),
    (layout.kernels, "fill_leaves", "write: fill records"),
    (layout.kernels, "fill_links", "write: fill records"),
    (native.NativeWriter, "put", "write: to the file"),
    (arpa_writing.kernels, "find_contexts", "write: words of n-grams"),
    (arpa_writing.kernels, "take_words", "write: words of n-grams"),
    (arpa_writing.kernels, "write_lines", "write: print lines"),
]


class Clock:
    """Seconds of CPU by phase: user and system together, and system alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
        self._lock = threading.Lock()

    def timed(self, function: Any, phase: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            before, start = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                spent, after = time.thread_time() - start, resource.getrusage(resource.RUSAGE_THREAD)
                with self._lock:
                    self.seconds[phase][0] += spent
                    self.seconds[phase][1] += after.ru_stime - before.ru_stime

        return call


def estimate(text: Path, order: int, as_text: bool) -> int:
    """Tokens of the text."""
    with tempfile.TemporaryDirectory() as folder:
        model = NgramLanguageModel(order=order)
        if as_text:
            model.fit_to_arpa(text, Path(folder) / "m.arpa")
        else:
            model.fit_to_file(text, Path(folder) / "m.lm")
    return int(model.metadata_["corpus"]["tokens"])


def take_times(clock: Clock, text: Path, order: int, as_text: bool) -> tuple[int, dict[str, list[float]]]:
    """Tokens; CPU seconds of each phase and of all, user and system together, and system alone."""
    clock.seconds.clear()
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF)
    tokens = estimate(text, order, as_text)
    system = resource.getrusage(resource.RUSAGE_SELF).ru_stime - before.ru_stime
    return tokens, {**clock.seconds, "all": [time.process_time() - started, system]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="+", metavar="TEXT")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--arpa", action="store_true", help="write ARPA instead of lmkit's own file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--name", default="ngram_phases", help="of the result file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        beginning = Path(folder) / "beginning.txt"
        with open(options.texts[0], "rb") as source:
            beginning.write_bytes(source.read(10_000_000))
        estimate(beginning, options.order, options.arpa)
    clock = Clock()
    for owner, name, phase in PHASES:
        setattr(owner, name, clock.timed(getattr(owner, name), phase))
    results = {}
    for text in options.texts:
        runs = [take_times(clock, text, options.order, options.arpa) for _ in range(options.rounds)]
        tokens = runs[0][0]
        rows = {}
        for phase in runs[0][1]:
            cpu, system = (statistics.median(run[phase][column] for _, run in runs) for column in (0, 1))
            rows[phase] = {"cpu": round(cpu, 3), "system": round(system, 3), "nanoseconds a token": round(1e9 * cpu / tokens, 1)}
        results[text.name] = {"tokens": tokens, "text_bytes": text.stat().st_size, "phases": rows}
    report(options.name, results, {"order": options.order, "rounds": options.rounds})


if __name__ == "__main__":
    main()
