"""Start-up: `lmkit --help`, and train-ngram on a million words, once with nothing compiled yet and then again.

    python benchmarks/startup.py [TEXT] [--rounds 5]

TEXT is cut to its first million words; without one, the default corpus is taken.
"""

from __future__ import annotations

import argparse
import shutil
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
    report("startup", summary(runs, "lmkit --help"), {"words": words})


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


if __name__ == "__main__":
    main()
