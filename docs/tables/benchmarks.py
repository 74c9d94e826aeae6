"""The tables of docs/benchmarks.md, from the results that the scripts in benchmarks/ stored.

    python docs/tables/benchmarks.py

A row is a figure of lmkit, the same of the other tool, and how many times as fast lmkit is. Rows whose results are not there are left out.
The tables go into the page between its comments `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent.parent / "benchmarks" / "results"
PAGE = HERE.parent / "benchmarks.md"


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    what, other : the first two columns.
    file : results/FILE.json.
    ours, theirs : the way to the two figures below "results", keys joined by ` > `.
    faster : the figures are rates, so that ours is the dividend.
    """

    what: str
    other: str
    file: str
    ours: str
    theirs: str
    faster: bool = False


def _embedding(kind: str, what: str, *others: str) -> list[Row]:
    return [Row(what, other, "embedding_training", f"{kind} > lmkit > train cpu", f"{kind} > {other} > train cpu") for other in others]


def _net(name: str, what: str) -> Row:
    rate = f"{name} > tokens a CPU second > "
    return Row(what, "PyTorch", "neural_training", rate + "lmkit", rate + "torch", faster=True)


CPU = " > cpu > median"
TABLES: dict[str, tuple[str, list[Row]]] = {
    "n-grams": (
        "CPU seconds",
        [
            Row("estimate, order 5, 18 M tokens", "lmplz to ARPA", "ngram_estimation_18m", "lmkit" + CPU, "lmplz" + CPU),
            Row("the same to ARPA", "lmplz to ARPA", "ngram_estimation_18m", "lmkit, ARPA" + CPU, "lmplz" + CPU),
            Row("estimate, order 5, 67 M tokens", "lmplz to ARPA", "ngram_estimation_67m", "lmkit" + CPU, "lmplz" + CPU),
            *(
                Row(f"text to queryable file, {size}", "lmplz, build_binary", file, "lmkit" + CPU, "lmplz + build_binary probing" + CPU)
                for size, file in (("18 M tokens", "ngram_estimation_18m"), ("67 M tokens", "ngram_estimation_67m"))
            ),
            Row(
                "score 18 M tokens, one thread",
                "query, probing",
                "ngram_queries",
                "lmkit, 1 thread" + CPU,
                "query, probing" + CPU,
            ),
            Row(
                "score 18 M tokens, one thread",
                "query, trie",
                "ngram_queries",
                "lmkit, 1 thread" + CPU,
                "query, trie" + CPU,
            ),
        ],
    ),
    "word vectors": (
        "CPU seconds of training",
        [
            *_embedding("skipgram", "skip-gram, negative sampling", "gensim", "word2vec.c", "fastText"),
            *_embedding("cbow", "CBOW, negative sampling", "gensim", "word2vec.c", "fastText"),
            *_embedding("skipgram-hs", "skip-gram, hierarchical softmax", "gensim", "word2vec.c", "fastText"),
            *_embedding("cbow-hs", "CBOW, hierarchical softmax", "gensim", "word2vec.c"),
            *_embedding("subwords", "skip-gram with subwords", "gensim", "fastText"),
        ],
    ),
    "networks": (
        "tokens a CPU second",
        [
            _net("lstm-2x200", "LSTM 2x200"),
            _net("lstm-2x650", "LSTM 2x650"),
            _net("lstm-1x512-tied", "LSTM 1x512, tied"),
            _net("lstm-2x400-tied", "LSTM 2x400, tied"),
            _net("gru-2x400", "GRU 2x400"),
            _net("elman-2x400", "Elman 2x400"),
            _net("lstm-1x512-characters", "LSTM 1x512, characters"),
        ],
    ),
}


@functools.cache
def stored(file: str) -> dict[str, Any]:
    """What results/FILE.json holds; nothing if there is no such file."""
    path = RESULTS / f"{file}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def figure(file: str, way: str) -> float | None:
    """The number at the end of a way through the results, or None."""
    found: Any = stored(file).get("results", {})
    for key in way.split(" > "):
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return float(found)


def table(unit: str, rows: list[Row]) -> str:
    """Markdown."""
    lines = [f"| what | beside | lmkit, {unit} | the other | times as fast |", "|---|---|--:|--:|--:|"]
    for row in rows:
        ours, theirs = figure(row.file, row.ours), figure(row.file, row.theirs)
        if ours and theirs:
            times = ours / theirs if row.faster else theirs / ours
            lines.append(f"| {row.what} | {row.other} | {shown(ours)} | {shown(theirs)} | {times:.{1 if times >= 2 else 2}f} |")
    return "\n".join(lines) + "\n"


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = {name: table(unit, rows) for name, (unit, rows) in TABLES.items()}
    PAGE.write_text(with_tables(text, tables), encoding="utf-8")


if __name__ == "__main__":
    main()
