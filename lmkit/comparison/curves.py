"""Learning curves: the same models trained on growing parts of a text, with one vocabulary and one test text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from lmkit.comparison.plan import Texts, cut_text
from lmkit.comparison.results import Comparison
from lmkit.errors import UsageError

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def parse_sizes(text: str) -> list[int]:
    """`10k,100k,1m` as numbers of words, rising.

    Raises
    ------
    UsageError : for what is no list of different sizes.
    """
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)", part.strip().lower())
        if match is None or float(match[1]) == 0:
            raise UsageError(f"{part.strip()!r} is no number of words; write sizes as 10k,100k,1m.")
        sizes.append(int(float(match[1]) * _UNITS[match[2]]))
    if len(set(sizes)) < len(sizes):
        raise UsageError(f"{text} names a size twice; write each once.")
    return sorted(sizes)


def growing_texts(texts: Texts, sizes: Sequence[int]) -> list[Texts]:
    """The same texts with the training text cut to each size; vocabulary, validation and test text stay.

    Raises
    ------
    UsageError : for a size above that of the text, which would repeat the one before.
    """
    if sizes[-1] > 1.05 * len(texts.train):
        raise UsageError(f"{sizes[-1]:,} words are more than the {len(texts.train):,} there are to train on; name smaller sizes.")
    return [dataclasses.replace(texts, train=cut_text(texts.train, size)) for size in sizes]


def curves_of(comparisons: Sequence[tuple[int, Comparison]]) -> dict[str, list[tuple[int, float]]]:
    """name -> (words trained on, perplexity), rising; of models that every size has with a finite perplexity or without."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for size, comparison in comparisons:
        for row in comparison.rows:
            curves.setdefault(row.name, []).append((size, row.accounting.all.perplexity))
    return curves
