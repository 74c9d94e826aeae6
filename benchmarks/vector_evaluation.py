"""Asking all 19,544 questions of questions-words: lmkit against gensim's evaluate_word_analogies, on the same generated vectors.

    python benchmarks/vector_evaluation.py [--words 30000] [--dimensions 100,300] [--rounds 3] [--without-gensim]

The vectors are random and know every word of the test, so that every question is asked; what is answered costs the same as on real ones.
CPU seconds of the call, kernels compiled before; both must count the same number of right answers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import report

from lmkit.embeddings.vectors import WordVectors
from lmkit.evaluation.analogy import PRESETS, QUESTION_METHODS, AnalogyOptions, evaluate_analogies
from lmkit.evaluation.analogy_sets import INSTALLED, installed_test_set, read_analogies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=30_000)
    parser.add_argument("--dimensions", default="100,300")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-gensim", action="store_true")
    options = parser.parse_args()
    test = read_analogies("questions-words")
    asked = dict.fromkeys(word.lower() for section in test.sections for source, targets in section.pairs for word in (source, *targets))
    words = [*asked, *(f"w{number}" for number in range(options.words))][: options.words]
    results: dict[str, Any] = {}
    for dimensions in map(int, options.dimensions.split(",")):
        matrix = np.random.default_rng(0).normal(size=(len(words), dimensions)).astype(np.float32)
        vectors = WordVectors(words, matrix)
        for method in QUESTION_METHODS:
            call = lambda vectors=vectors, method=method: evaluate_analogies(vectors, test, AnalogyOptions(method=method))  # noqa: E731
            call()
            results[f"lmkit {method} d={dimensions}"] = timed(call, options.rounds)
        if not options.without_gensim:
            from gensim.models import KeyedVectors

            keyed = KeyedVectors(dimensions)
            keyed.add_vectors(words, matrix)
            path = str(installed_test_set("questions-words", INSTALLED))
            counts: list[int] = []
            results[f"gensim d={dimensions}"] = timed(lambda: counts.append(right_in(keyed.evaluate_word_analogies(path))), 1)  # noqa: B023
            own = evaluate_analogies(vectors, test, PRESETS["gensim"]).total().correct
            assert counts == [own], (counts, own)
    report("vector_evaluation", results, {"words": len(words), "questions": len(test)})


def timed(call: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Median CPU and wall seconds."""
    cpu, wall = [], []
    for _ in range(rounds):
        before = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return {"cpu": round(statistics.median(cpu), 3), "wall": round(statistics.median(wall), 3)}


def right_in(answer: Any) -> int:
    """How many questions gensim counted as right."""
    return len(answer[1][-1]["correct"])


if __name__ == "__main__":
    main()
