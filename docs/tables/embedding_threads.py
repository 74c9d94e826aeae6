"""The tables of docs/embeddings.md that show what several threads learn, from what benchmarks/embedding_threads.py stored.

python docs/tables/embedding_threads.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent.parent / "benchmarks" / "results"
PAGE = HERE.parent / "embeddings.md"
MODELS = {
    "skipgram": "skip-gram",
    "cbow": "CBOW",
    "skipgram-hs": "skip-gram, tree",
    "cbow-hs": "CBOW, tree",
    "subwords": "subwords",
    "subwords-hs": "subwords, tree",
}
FIGURES = {
    "analogies": "questions-words total among 30,000",
    "MSR": "hyperwords_msr total among 30,000",
    "WordSim-353": "WordSim-353",
    "SimLex-999": "SimLex-999",
    "MEN": "MEN",
    "RareWords": "RareWords",
}
FILES = {"3m": ("embedding_threads_two", "embedding_threads_3m"), "18m": ("embedding_threads_18m", "embedding_threads_18m_sg")}


def stored(files: tuple[str, ...]) -> dict[tuple[str, int], dict[str, Any]]:
    """What each model with each number of threads reached; of what stands in several files, the last."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for file in files:
        path = RESULTS / f"{file}.json"
        results = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else {}
        for name, figures in results.items():
            model, _, threads = name.partition(", threads ")
            found[model, int(threads)] = figures
    return found


def table(files: tuple[str, ...]) -> str:
    """Markdown: means over seeds, in per cent, and the CPU time of the training."""
    found = stored(files)
    lines = [f"| | threads | {' | '.join(FIGURES)} | CPU s |", "|---|--:|" + "--:|" * (len(FIGURES) + 1)]
    for model, shown in MODELS.items():
        for threads in sorted(number for name, number in found if name == model):
            means = {name: entry["mean"] for name, entry in found[model, threads].items()}
            figures = " | ".join(f"{100 * means[name]:.1f}" for name in FIGURES.values())
            lines.append(f"| {shown} | {threads} | {figures} | {means['cpu seconds']:.1f} |")
            shown = ""
    return "\n".join(lines) + "\n"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text, {name: table(files) for name, files in FILES.items()}), encoding="utf-8")


if __name__ == "__main__":
    main()
