"""How long a search for the nearest words takes: lmkit, gensim and plain NumPy, on the same random vectors and the same machine.

    python benchmarks/vector_search.py [--words 400000] [--dimensions 300] [--rounds 15]

Wall and CPU milliseconds for a query, the median and the least of the rounds, after one warm-up. One word at a time, as people ask; then
256 words in one call. The contestants take turns, so that a busy moment hits all of them. The answers are compared: each must give the same
ten words. Where others use the machine (`load` in the results, against the number of cores), CPU times still mean something. Writes
benchmarks/results/vector_search.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import report

import lmkit
from lmkit import WordVectors

TOP = 10
BATCH = 256


def made(words: int, dimensions: int) -> WordVectors:
    """Random vectors around some hundred centres, so that a word has neighbours that stand out, as in real ones."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((500, dimensions)).astype(np.float32)
    matrix = rng.standard_normal((words, dimensions), dtype=np.float32)
    matrix += 0.8 * centres[rng.integers(0, 500, words)]
    return WordVectors([f"w{row}" for row in range(words)], matrix, counts=np.arange(words, 0, -1))


def plain(vectors: WordVectors) -> Callable[[list[str]], list[list[str]]]:
    """NumPy as people write it: one product with the matrix at length 1, one argpartition."""
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    rows = {word: row for row, word in enumerate(vectors.words)}
    names = vectors.words.strings()

    def ask(words: list[str]) -> list[list[str]]:
        answers = []
        for word in words:
            scores = unit @ unit[rows[word]]
            scores[rows[word]] = -1
            found = np.argpartition(-scores, TOP)[:TOP]
            answers.append([names[row] for row in found[np.argsort(-scores[found])]])
        return answers

    return ask


def gensims(vectors: WordVectors) -> Callable[[list[str]], list[list[str]]]:
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.dimensions)
    keyed.add_vectors(vectors.words.strings(), vectors.matrix)
    keyed.fill_norms()
    return lambda words: [[name for name, _ in keyed.most_similar(word, topn=TOP)] for word in words]


def lmkits(vectors: WordVectors) -> Callable[[list[str]], list[list[str]]]:
    def ask(words: list[str]) -> list[list[str]]:
        found = vectors.neighbours(words, TOP) if len(words) > 1 else [vectors.most_similar(words[0], top=TOP)]
        return [[neighbour.word for neighbour in answers] for answers in found]

    return ask


def measure(contestants: dict[str, Callable[..., Any]], asked: list[list[str]]) -> dict[str, Any]:
    """Milliseconds a query for each contestant; all answer the same questions in turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn, words in enumerate([asked[0], *asked]):
        answers = {}
        for name, ask in contestants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            answers[name] = ask(words)
            if turn:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        first = next(iter(answers.values()))
        assert all(answer == first for answer in answers.values()), "the contestants answer differently"
    return {
        name: {
            f"{figure} ms a query, {kind}": round(1000 * choose(run[place] for run in runs) / len(asked[0]), 3)
            for place, figure in enumerate(("wall", "CPU"))
            for kind, choose in (("median", statistics.median), ("least", min))
        }
        for name, runs in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--dimensions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    vectors = made(arguments.words, arguments.dimensions)
    contestants = {
        "lmkit float32": lmkits(vectors),
        "lmkit float32 behind an 8-bit screen": lmkits(vectors.screened()),
        "gensim KeyedVectors": gensims(vectors),
        "NumPy": plain(vectors),
    }
    rng = np.random.default_rng(2)
    single = [[f"w{row}"] for row in rng.integers(0, len(vectors), arguments.rounds)]
    batches = [[f"w{row}" for row in rng.choice(len(vectors), BATCH, replace=False)]]
    results: dict[str, Any] = {"one word": measure(contestants, single)}
    together = {name: ask for name, ask in contestants.items() if name in ("lmkit float32", "NumPy")}
    results[f"{BATCH} words at once"] = measure(together, batches)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.vectors"
        vectors.save(path)
        start = time.perf_counter()
        lmkit.load(path)
        results["opening the file, ms"] = round(1000 * (time.perf_counter() - start), 2)
    report("vector_search", results, {"words": arguments.words, "dimensions": arguments.dimensions, "top": TOP, "load": os.getloadavg()[0]})


if __name__ == "__main__":
    main()
