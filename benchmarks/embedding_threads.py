"""Do several threads train vectors as good as one thread's? Each number of threads over seeds, compared with one thread by Welch's test.

    python benchmarks/embedding_threads.py TEXT [--tests FOLDER] [--models skipgram,cbow] [--threads 1,2,4,16] [--seeds 1,2,3]
        [--name embedding_threads]

One process; any number of threads can be tried on any machine, since which thread trains what does not depend on the cores. What is trained
is as in embedding_quality.py, which says what --tests may hold, but for subwords, sub-sampled at fastText's own 1e-4. `cpu seconds`
are those of the training, so their ratio to one thread's is what copies and merging cost; wall time on idle cores is measured by
`embedding_training.py --two-threads`.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedding_quality import figures_of, read_tests
from harness import report

from lmkit.embeddings import FastText, Word2Vec
from lmkit.evaluation.paired import Mean, compare_seeds
from lmkit.text import encode, open_source

MODELS: dict[str, Callable[..., Word2Vec]] = {
    "skipgram": functools.partial(Word2Vec, "skipgram", sample=1e-3),
    "cbow": functools.partial(Word2Vec, "cbow", sample=1e-3),
    "skipgram-hs": functools.partial(Word2Vec, "skipgram", loss="hs", sample=1e-3),
    "cbow-hs": functools.partial(Word2Vec, "cbow", loss="hs", sample=1e-3),
    "subwords": functools.partial(FastText, "skipgram", sample=1e-4),
    "subwords-hs": functools.partial(FastText, "skipgram", loss="hs", sample=1e-4),
}
_SHORT = "among all"  # the same questions without the limit of 30,000 words: not asked here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--tests", type=Path, help="folder with more test sets")
    parser.add_argument("--models", default="skipgram,cbow", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--threads", default="1,2,4,16")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--name", default="embedding_threads", help="of the result file")
    options = parser.parse_args()
    corpus = encode(open_source(options.text), cache=True)
    tests = read_tests(options.tests)
    results: dict[str, Any] = {}
    comparisons = []
    for model in options.models.split(","):
        for threads in map(int, options.threads.split(",")):
            runs = []
            for seed in map(int, options.seeds.split(",")):
                start = time.process_time()
                trained = MODELS[model](dim=100, window=5, negative=5, epochs=5, min_count=5, threads=threads, seed=seed).fit(corpus)
                seconds = time.process_time() - start
                figures = {name: value for name, value in figures_of(trained.vectors_, tests).items() if _SHORT not in name}
                runs.append({"cpu seconds": seconds, "loss": trained.history_[-1]["loss"], **figures})
                print(
                    model,
                    threads,
                    seed,
                    json.dumps({name: round(value, 4) for name, value in runs[-1].items() if value is not None}),
                    flush=True,
                )
            found = {name: Mean.of([run[name] for run in runs]).to_dict() for name in runs[0] if runs[0][name] is not None}
            results[f"{model}, threads {threads}"] = found
            one = results[f"{model}, threads 1"]
            if threads > 1 and len(runs) > 1:
                for name in found:
                    if name not in ("cpu seconds", "loss") and "unknown" not in name:
                        paired = compare_seeds(found[name]["values"], one[name]["values"]).to_dict()
                        comparisons.append({"model": model, "threads": threads, "figure": name, **paired})
    report(options.name, results, {"text": options.text.name, "tokens": len(corpus), "comparisons": comparisons})


if __name__ == "__main__":
    main()
