"""What it costs to evaluate a million events beyond the model that scores them: records, accounting, hash, breakdown, file, intervals.

    python benchmarks/evaluation.py [--tokens 1000000] [--rounds 5]

The text is generated (words by Zipf's law, sentences of about 20), the model a bigram, so that nothing needs to be downloaded. CPU and wall
seconds of one process, kernels compiled before, one thread. `overhead` is what `lmkit perplexity` and each model of `lmkit compare` pay on
top of the model; the limits are 2 s for it and 5 s for 1,000 resamples of the paired bootstrap with its permutation test.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import report

from lmkit import NgramLanguageModel
from lmkit.evaluation.breakdown import all_buckets, bucket_rows
from lmkit.evaluation.events_file import events_hash, load_events, save_events
from lmkit.evaluation.perplexity import Accounting
from lmkit.evaluation.ranks import RankFigures, with_ranks
from lmkit.evaluation.significance import difference
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

LIMITS = {"overhead": 2.0, "1,000 resamples": 5.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    corpus = as_corpus(text_of(options.tokens), TextOptions())
    models = [NgramLanguageModel(order=n, threads=1).fit(corpus) for n in (1, 2)]
    events = [model.score(corpus, threads=1) for model in models]
    trie, begin, ids = models[1].trie_, models[1]._begin_state, corpus.ids_in(models[1].vocabulary)
    counts = models[1].vocabulary.counts
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.events"
        steps: dict[str, Callable[[], Any]] = {
            "model alone": lambda: trie.log_probabilities(ids, corpus.sentence_offsets, begin, ends=True),
            "model and records": lambda: models[1].score(corpus, threads=1),
            "accounting": lambda: Accounting.from_events(events[1]),
            "hash": lambda: events_hash(events[1]),
            "breakdown of two models": lambda: [bucket_rows(b, events) for b in all_buckets(events[1], corpus, counts).values()],
            "write": lambda: save_events(path, events[1]),
            "read": lambda: load_events(path),
            "1,000 resamples": lambda: difference(events[0], events[1], resamples=1_000),
            "ranks of 10,000 events": lambda: RankFigures.of(with_ranks(models[1], events[1], count=10_000)),
        }
        results: dict[str, Any] = {}
        for name, step in steps.items():
            step()
            results[name] = timed(step, options.rounds)
            print(f"{name}: {results[name]}", flush=True)
    results["overhead"] = {
        clock: round(
            results["model and records"][clock] - results["model alone"][clock] + results["accounting"][clock] + results["hash"][clock], 3
        )
        for clock in ("cpu", "wall")
    }
    for name, limit in LIMITS.items():
        print(f"{name}: {results[name]['cpu']:.3f} s of CPU, limit {limit} s")
    report(
        "evaluation", results, {"tokens": len(corpus), "events": len(events[1]), "vocabulary": len(models[1].vocabulary), "limits": LIMITS}
    )


def text_of(tokens: int) -> str:
    """Words by Zipf's law, 30,000 types at most, in sentences of 1 to 40 words."""
    rng = np.random.default_rng(0)
    words = np.minimum(rng.zipf(1.2, tokens), 30_000)
    ends = np.cumsum(rng.integers(1, 41, tokens // 10))
    parts = np.split(words, ends[ends < tokens])
    return "\n".join(" ".join(f"w{word}" for word in part) for part in parts)


def timed(call: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Median CPU and wall seconds."""
    cpu, wall = [], []
    for _ in range(rounds):
        before = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return {"cpu": round(statistics.median(cpu), 3), "wall": round(statistics.median(wall), 3)}


if __name__ == "__main__":
    main()
