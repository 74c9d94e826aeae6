"""Start-up: `lmkit --help`; train-ngram on a million words, once with nothing compiled yet and then again; and how long it takes to the
first words that Word2Vec has trained, of a text that was encoded before.

    python benchmarks/startup.py [TEXT] [--rounds 5]

TEXT is cut to its first million words for train-ngram, and whole for Word2Vec; without one, the default corpus is taken. A training's
reports come half a second apart, and the process ends with the first: up to so much of its wall time may lie behind the first words.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import Run, alternate, lmkit_command, report, run_command, summary

WORDS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        words = write_words(options.text, work / "million.txt")
        runs = alternate(
            {
                "lmkit --help": lambda: run_command(lmkit_command("--help")),
                "train-ngram, nothing compiled": lambda: train(work, fresh=True),
                "train-ngram, compiled": lambda: train(work, fresh=False),
            },
            options.rounds,
            warm_ups=0,
        )
        text = work / "million.txt" if options.text is None else options.text.absolute()
        runs |= alternate({"Word2Vec, to its first trained words": lambda: first_words(work, text)}, options.rounds, warm_ups=1)
        details = {"words": words, "bytes of Word2Vec's text": text.stat().st_size}
    report("startup", summary(runs, "lmkit --help"), details)


def write_words(text: Path | None, target: Path) -> int:
    """Write the first million words, a line a line; return how many there are."""
    count = 0
    with open(target, "wb") as sink:
        for line in default_lines() if text is None else lines_of(text):
            words = line.split()[: WORDS - count]
            sink.write(b" ".join(words) + b"\n")
            count += len(words)
            if count == WORDS:
                break
    return count


def lines_of(text: Path) -> Iterator[bytes]:
    """Lines of a file."""
    with open(text, "rb") as file:
        yield from file


def default_lines() -> Iterator[bytes]:
    """Lines of the default corpus."""
    from lmkit_corpora import default_corpus, open_corpus

    source, _ = open_corpus(default_corpus())
    for document in source.documents():
        yield from b"".join(bytes(block) for block in document.blocks()).splitlines()


def train(work: Path, *, fresh: bool) -> Run:
    if fresh:
        shutil.rmtree(work / "kernels", ignore_errors=True)
    shutil.rmtree(work / "cache", ignore_errors=True)
    command = lmkit_command("train-ngram", str(work / "million.txt"), "--out", str(work / "m.lm"), "--quiet")
    return run_command(command, env={"LMKIT_CACHE": str(work / "cache"), "NUMBA_CACHE_DIR": str(work / "kernels")})


def first_words(work: Path, text: Path) -> Run:
    """The first call compiles and encodes."""
    program = (
        "import os, sys; from pathlib import Path; from lmkit.embeddings import Word2Vec\n"
        "def told(report):\n"
        "    if report.tokens:\n"
        "        os._exit(0)\n"
        "Word2Vec(threads=1, seed=1).fit(Path(sys.argv[1]), report=told)\n"
    )
    folders = {"LMKIT_CACHE": str(work / "cache"), "NUMBA_CACHE_DIR": str(work / "kernels")}
    return run_command([sys.executable, "-c", program, str(text)], env=folders)


if __name__ == "__main__":
    main()
