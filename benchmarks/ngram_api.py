"""An n-gram model asked from Python: lmkit against the PyPI module `kenlm`, in one process, in turn, CPU seconds of one thread.

    python benchmarks/ngram_api.py MODEL.lm MODEL.probing TEXT [--sentences 20000] [--rounds 7]

Both models hold the same n-grams. Measured are: scoring sentences (lmkit in one batch call, for the sentences' sums or for every event,
and through its kenlm-like class one by one; kenlm one by one, which is all it has), opening the model, the ten most probable next words
after random contexts, and words drawn in batches. The last two have no counterpart in kenlm.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lmkit_model", type=Path)
    parser.add_argument("probing", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    import lmkit

    with open(options.text, encoding="utf-8") as file:
        lines = [line.strip() for line, _ in zip(file, range(options.sentences), strict=False)]
    events = sum(len(line.split()) + 1 for line in lines)
    model = lmkit.load(options.lmkit_model)
    results: dict[str, Any] = {"events": events, "opening, wall milliseconds": opening(options.lmkit_model, options.rounds)}
    contestants: dict[str, Callable[[], object]] = {
        "lmkit, sentences in a batch": lambda: model.score_sentences(lines),
        "lmkit, every event in a batch": lambda: model.score(lines, threads=1),
    }
    add_one_by_one(contestants, options, lines)
    results["scoring, microseconds of CPU an event"] = {
        name: round(seconds / events * 1e6, 3) for name, seconds in medians(contestants, options.rounds).items()
    }
    results["next ten words, microseconds"] = next_words(model, lines)
    results["words drawn in a CPU second"] = drawn(model, options.rounds)
    report("ngram_api", results, {})


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


def opening(path: Path, rounds: int) -> float:
    """Median wall milliseconds of lmkit.load, the file in the system's cache."""
    import lmkit

    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        lmkit.load(path)
        times.append(time.perf_counter() - start)
    return round(statistics.median(times) * 1000, 2)


def next_words(model: Any, lines: list[str]) -> dict[str, float]:
    """Microseconds of CPU for the ten most probable words after contexts drawn at random from the text."""
    import numpy as np

    rng = np.random.default_rng(0)
    states = []
    for line in rng.choice(np.array(lines, object), 2000):
        words = line.split()
        ids = model.vocabulary.lookup(words[: rng.integers(0, len(words) + 1)])
        states.append(model.trie_.state_of([model.vocabulary.BOS, *ids]))
    model.successors_.top(states[0], 10)
    times = []
    for state in states:
        start = time.process_time_ns()
        model.successors_.top(state, 10)
        times.append((time.process_time_ns() - start) / 1000)
    return {"median": round(statistics.median(times), 1), "mean": round(statistics.mean(times), 1), "max": round(max(times), 1)}


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
