"""An n-gram model asked from Python: lmkit against the PyPI module `kenlm`, in one process, in turn, CPU seconds of one thread.

    python benchmarks/ngram_api.py MODEL.lm MODEL.probing TEXT [--unseen TEXT] [--sentences 20000] [--rounds 7]

Both models hold the same n-grams. Measured are: scoring sentences (lmkit in one batch call, for the sentences' sums or for every event,
and through its kenlm-like class one by one; kenlm one by one, which is all it has), opening the model, the ten most probable next words
after random contexts, and words drawn in batches. The last two have no counterpart in kenlm. With --unseen the sentences of another text
are scored, too, and the models are read from the disk first as `ngram_queries.py` does it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import report, settle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lmkit_model", type=Path)
    parser.add_argument("probing", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--unseen", type=Path, help="a text that the models were not trained on, a sentence a line")
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    import lmkit

    with open(options.text, encoding="utf-8") as file:
        lines = [line.strip() for line, _ in zip(file, range(options.sentences), strict=False)]
    for path in (options.lmkit_model, options.probing):
        settle(path)
    model = lmkit.load(options.lmkit_model)
    results: dict[str, Any] = {"opening, milliseconds": opening(options.lmkit_model, options.rounds)}
    results["scoring, microseconds of CPU an event"] = scoring(model, options, lines)
    if options.unseen:
        with open(options.unseen, encoding="utf-8") as file:
            others = [line.strip() for line, _ in zip(file, range(options.sentences), strict=False)]
        results["scoring unseen text, microseconds of CPU an event"] = scoring(model, options, others)
    results["next ten words, microseconds"] = next_words(options.lmkit_model, lines, options.rounds)
    results["words drawn in a CPU second"] = drawn(model, options.rounds)
    report("ngram_api", results, {})


def scoring(model: Any, options: argparse.Namespace, lines: list[str]) -> dict[str, float]:
    """Each way of scoring the same sentences."""
    events = sum(len(line.split()) + 1 for line in lines)
    contestants: dict[str, Callable[[], object]] = {
        "lmkit, sentences in a batch": lambda: model.score_sentences(lines),
        "lmkit, every event in a batch": lambda: model.score(lines, threads=1),
    }
    add_one_by_one(contestants, options, lines)
    return {name: round(seconds / events * 1e6, 3) for name, seconds in medians(contestants, options.rounds).items()} | {"events": events}


def add_one_by_one(contestants: dict[str, Callable[[], object]], options: argparse.Namespace, lines: list[str]) -> None:
    """The two classes with kenlm's interface."""
    from lmkit.compat import kenlm as own

    similar = own.Model(str(options.lmkit_model))
    contestants["lmkit.compat.kenlm, one by one"] = lambda: [similar.score(line) for line in lines]
    try:
        import kenlm
    except ImportError:
        print("The module kenlm is not installed (pip install 'lmkit[peers]'), so these are lmkit's figures alone.")
        return
    peer = kenlm.Model(str(options.probing))
    contestants["kenlm, one by one"] = lambda: [peer.score(line) for line in lines]


def medians(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, called in turn after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, call in contestants.items():
            start = time.process_time()
            call()
            if turn:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(own) for name, own in times.items()}


def opening(path: Path, rounds: int) -> dict[str, float]:
    """Median milliseconds of lmkit.load, the file in the system's cache."""
    import lmkit

    wall, cpu = [], []
    for _ in range(rounds):
        start, used = time.perf_counter(), time.process_time()
        lmkit.load(path)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return {name: round(statistics.median(own) * 1000, 2) for name, own in (("wall", wall), ("CPU", cpu))}


def next_words(path: Path, lines: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds of CPU for the ten most probable words after contexts drawn at random from the text: at the first touch of each after
    the model was opened, and later. Of each context the least of the rounds, each of which opens the model anew."""
    import numpy as np

    import lmkit

    rng = np.random.default_rng(0)
    chosen = rng.choice(np.array(lines, object), 2000)
    contexts = [line.split()[: rng.integers(0, len(line.split()) + 1)] for line in chosen]
    found: dict[str, list[list[float]]] = {"first": [], "again": []}
    for _ in range(rounds):
        model = lmkit.load(path)  # a new mapping: its pages are still to be touched
        other = lmkit.load(path)  # the states are found in another, so that they don't
        states = [other.trie_.state_of([other.vocabulary.BOS, *other.vocabulary.lookup(words)]) for words in contexts]
        for own in found.values():
            own.append([])
            for state in states:
                start = time.process_time_ns()
                model.successors_.top(state, 10)
                own[-1].append((time.process_time_ns() - start) / 1000)
    return {name: spread(np.min(own, axis=0)) for name, own in found.items()}


def spread(times: Any) -> dict[str, float]:
    """Median, mean, 99th percentile and maximum, and how many are above 200."""
    import numpy as np

    figures = {"median": np.median(times), "mean": times.mean(), "99 %": np.quantile(times, 0.99), "max": times.max()}
    return {name: round(float(value), 1) for name, value in figures.items()} | {"above 200": int((times > 200).sum())}


def drawn(model: Any, rounds: int) -> dict[str, int]:
    """Words drawn in a CPU second, as ids and as text."""
    import numpy as np

    def as_ids() -> int:
        states = model.initial_state(2000)
        _, lengths = model.successors_.draw(states, 60, np.random.default_rng(1), end_id=2, refused_id=0)
        return int(lengths.sum())

    words = as_ids()
    seconds = medians({"as ids": as_ids, "as text": lambda: model.sample(2000, max_tokens=60, rng=1)}, rounds)
    return {name: round(words / own) for name, own in seconds.items()}


if __name__ == "__main__":
    main()
