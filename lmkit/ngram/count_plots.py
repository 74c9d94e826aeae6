"""Pictures of counts: Zipf's law, Heaps' law, counts of counts. They need matplotlib, from the extra [plots]."""

from __future__ import annotations

import os

import numpy as np

from lmkit import _plots
from lmkit.ngram.count_table import CountTable, vocabulary_growth
from lmkit.text.corpus import EncodedCorpus


def zipf_plot(table: CountTable, path: str | os.PathLike[str]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Count against rank of all n-grams of each order on logarithmic axes (Zipf 1949), with the line of slope -1 through the first;
    returns the ranks and counts drawn, by order."""
    figure, axes = _plots.figure("rank", "count")
    drawn = {}
    for n, counts in table.counts.items():
        falling = np.sort(counts)[::-1]
        ranks = np.unique(np.geomspace(1, len(falling), 400).astype(np.int64)) if len(falling) else np.empty(0, np.int64)
        drawn[n] = ranks, falling[ranks - 1]
        axes.loglog(*drawn[n], label=f"{n}-grams")
    first = max(int(counts.max(initial=1)) for counts in table.counts.values())
    axes.loglog([1, first], [first, 1], linestyle=":", color="grey", label="count = first / rank")
    axes.set_title("Zipf's law: a few n-grams are frequent, most are rare")
    _plots.save(figure, axes, path)
    return drawn


def heaps_plot(corpus: EncodedCorpus, path: str | os.PathLike[str]) -> dict[str, float]:
    """Different words against words read (Heaps 1978), with the power law fitted to its upper half; returns its factor and exponent."""
    tokens, types = vocabulary_growth(corpus)
    later = tokens >= np.sqrt(tokens[-1])
    exponent, intercept = np.polyfit(np.log(tokens[later]), np.log(types[later]), 1)
    figure, axes = _plots.figure("words read", "different words")
    axes.loglog(tokens, types, label="this text")
    axes.loglog(tokens, np.exp(intercept) * tokens**exponent, linestyle=":", label=f"{np.exp(intercept):.3g} n^{exponent:.3f}")
    axes.set_title("Heaps' law: there is always another new word")
    _plots.save(figure, axes, path)
    return {"factor": float(np.exp(intercept)), "exponent": float(exponent)}


def counts_of_counts_plot(table: CountTable, path: str | os.PathLike[str], highest: int = 20) -> dict[int, np.ndarray]:
    """How many n-grams occur once, twice, ...: what discounts and Good-Turing are computed from; returns these numbers, by order. Raises
    UsageError for fractions."""
    figure, axes = _plots.figure("times seen", "number of n-grams")
    drawn = {}
    for n in table.counts:
        drawn[n] = table.counts_of_counts(n, highest)[1:]
        axes.semilogy(np.arange(1, highest + 1), drawn[n], marker="o", markersize=3, label=f"{n}-grams")
    axes.set_title("Counts of counts: most n-grams are seen once")
    _plots.save(figure, axes, path)
    return drawn
