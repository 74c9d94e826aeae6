"""Queries of a 5-gram model: lmkit against KenLM's `query` program and its Python module, in turn, on one thread.

    python benchmarks/ngram_queries.py MODEL.lm MODEL.probing MODEL.trie TEXT [--kenlm BIN_FOLDER] [--rounds 5]

The three models hold the same n-grams: MODEL.lm written by lmkit, the others by `build_binary` from lmplz's ARPA file of the same text.
Measured are whole processes that read and score TEXT (`lmkit perplexity --threads 1` and 2, `query -v summary`), and the sizes of lmkit's
three forms of MODEL.lm. Before that each model is read from the disk once, in order, so that all of them lie in the system's cache in pages
of the same kind, which alone can change times by half.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness import Run, alternate, lmkit_command, report, run_command, settle, summary

CACHE = Path(tempfile.gettempdir()) / "lmkit-benchmark-cache"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("lmkit_model", "probing", "trie", "text"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--kenlm", type=Path, help="folder with query")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    contestants: dict[str, Callable[[], Run]] = {
        "lmkit, 1 thread": lambda: lmkit_run(options, 1),
        "lmkit, 2 threads": lambda: lmkit_run(options, 2),
    }
    if options.kenlm and (options.kenlm / "query").exists():
        contestants["query, probing"] = lambda: query_run(options, options.probing)
        contestants["query, trie"] = lambda: query_run(options, options.trie)
    else:
        print("KenLM's query was not found (--kenlm BIN_FOLDER), so these are lmkit's figures alone.")
    for model in (options.lmkit_model, options.probing, options.trie):
        settle(model)
    processes = summary(alternate(contestants, options.rounds), "lmkit, 1 thread")
    sizes = {name: getattr(options, name).stat().st_size for name in ("lmkit_model", "probing", "trie", "text")}
    report("ngram_queries", {**processes, "bytes an n-gram": forms(options)}, {"bytes": sizes})


def forms(options: argparse.Namespace) -> dict[str, float]:
    """Bytes of lmkit's files for each n-gram, the words and all else included."""
    with tempfile.TemporaryDirectory() as folder:
        ngrams, sizes = None, {}
        for name, arguments in (("fast", []), ("compact", ["--compact"]), ("compact, 8 bits", ["--quantize", "8"])):
            path = Path(folder, "model.lm")
            run_command(lmkit_command("convert", str(options.lmkit_model), str(path), *arguments, "--quiet"))
            if ngrams is None:
                ngrams = sum(json.loads(subprocess.check_output(lmkit_command("info", str(path), "--json")))["ngrams"])
            sizes[name] = round(path.stat().st_size / ngrams, 2)
        return sizes


def lmkit_run(options: argparse.Namespace, threads: int) -> Run:
    shutil.rmtree(CACHE, ignore_errors=True)
    command = lmkit_command("perplexity", str(options.lmkit_model), str(options.text), "--threads", str(threads), "--json", "--quiet")
    kernels = CACHE.with_name("lmkit-benchmark-kernels")  # compiled once, in the warm-up
    return run_command(command, env={"LMKIT_CACHE": str(CACHE), "NUMBA_CACHE_DIR": str(kernels)})


def query_run(options: argparse.Namespace, model: Path) -> Run:
    return run_command([str(options.kenlm / "query"), "-v", "summary", str(model)], stdin=options.text)


if __name__ == "__main__":
    main()
