"""The table of docs/embeddings.md: what vectors know, trained by lmkit in its own way and in others' ways, and by those others, over seeds.

    python docs/tables/embedding_quality.py        write the page anew from benchmarks/results/embedding_quality_*.json

`benchmarks/embedding_quality.py` makes the results. The table and the sentence behind it go between the page's comments
`<!-- table: quality -->` and `<!-- table: quality compared -->`.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent.parent / "benchmarks" / "results"
PAGE = HERE.parent / "embeddings.md"

TEXTS = {"18m": "18M", "3m": "3.0M", "1500k": "1.5M", "750k": "0.75M"}
"""Result files by the end of their names, and the words of their texts."""
KINDS = {
    "skip-gram": ("lmkit-sg", "lmkit-sg-word2vec", "w2v-sg", "lmkit-sg-gensim", "gensim-sg", "lmkit-sg-fasttext", "ft-sg0"),
    "CBOW": ("lmkit-cbow", "lmkit-cbow-word2vec", "w2v-cbow", "lmkit-cbow-gensim", "gensim-cbow", "lmkit-cbow-fasttext", "ft-cbow0"),
    "subwords": ("lmkit-ftsg", "lmkit-ftsg-fasttext", "ft-sg", "gensim-ftsg"),
    "skip-gram along a tree": ("lmkit-sghs", "lmkit-sghs-word2vec", "w2v-sghs", "lmkit-sghs-gensim", "gensim-sghs"),
    "CBOW along a tree": ("lmkit-cbowhs", "lmkit-cbowhs-word2vec", "w2v-cbowhs", "lmkit-cbowhs-gensim", "gensim-cbowhs"),
}
TOOLS = {"w2v": "word2vec.c", "gensim": "gensim 4.4", "ft": "fastText"}
ORIGINALS = {"word2vec": "w2v", "gensim": "gensim", "fasttext": "ft"}
"""The tool that a preset of lmkit follows."""
FIGURES = {
    "questions-words total among 30,000": "analogies",
    "hyperwords_msr total among 30,000": "MSR",
    "WordSim-353": "WordSim",
    "SimLex-999": "SimLex",
    "MEN": "MEN",
    "RareWords": "RareWords",
}
SIGNIFICANT = 0.05


def stored() -> dict[str, dict[str, Any]]:
    """Result files that are there, by text."""
    paths = {text: RESULTS / f"embedding_quality_{text}.json" for text in TEXTS}
    return {text: json.loads(path.read_text(encoding="utf-8")) for text, path in paths.items() if path.is_file()}


def label(pipeline: str) -> str:
    """How a pipeline is called in the table."""
    tool, _, *preset = pipeline.split("-")
    if tool != "lmkit":
        return TOOLS[tool]
    return f"lmkit, `--compat {preset[0]}`" if preset else "lmkit"


def quality_table(results: dict[str, dict[str, Any]]) -> str:
    """A row a pipeline, by kind and text."""
    lines = [f"| | seeds | {' | '.join(FIGURES.values())} | CPU s |", f"|---|---:|{'---:|' * (len(FIGURES) + 1)}"]
    for text, words in TEXTS.items():
        found = results.get(text, {}).get("results", {})
        for kind, pipelines in KINDS.items():
            rows = [(name, found[name]) for name in pipelines if name in found]
            if rows:
                lines.append(f"| **{kind}, {words} words** |{' |' * (len(FIGURES) + 2)}")
            for name, row in rows:
                cells = [_cell(row.get(figure)) for figure in FIGURES]
                seconds = row["cpu seconds"]
                lines.append(f"| {label(name)} | {len(seconds['values'])} | {' | '.join(cells)} | {seconds['mean']:.1f} |")
    return "\n".join(lines)


def _cell(figure: dict[str, Any] | None) -> str:
    return "-" if figure is None else f"{100 * figure['mean']:.1f} ± {100 * (figure['high'] - figure['mean']):.1f}"


def compared(results: dict[str, dict[str, Any]]) -> str:
    """How often lmkit's presets, and its own ways, differ from others."""
    rows = [row for text in results.values() for row in text["comparisons"] if not row["figure"].endswith("among all")]
    presets = [row for row in rows if _follows(row["lmkit"], row["rival"])]
    own = [row for row in rows if row["lmkit"].count("-") == 1]
    return textwrap.fill(
        f"By Welch's test the presets differ from their originals in {_differing(presets)}, lmkit's own ways from others' in "
        f"{_differing(own)}. Chance alone gives one in twenty.",
        width=145,
    )


def _follows(pipeline: str, rival: str) -> bool:
    preset = pipeline.split("-")[2:]
    return bool(preset) and ORIGINALS[preset[0]] == rival.split("-")[0]


def _differing(rows: list[dict[str, Any]]) -> str:
    found = [row["difference"] for row in rows if row["p_value"] is not None and row["p_value"] < SIGNIFICANT]
    below = sum(difference < 0 for difference in found)
    return f"{len(found)} of {len(rows)} comparisons at p < .05, {below} below and {len(found) - below} above"


def page(text: str, results: dict[str, dict[str, Any]]) -> str:
    """The page with the tables of the results."""
    return with_tables(text, {"quality": quality_table(results), "quality compared": compared(results)})


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), stored()), encoding="utf-8")
    print(f"written to {PAGE}")
