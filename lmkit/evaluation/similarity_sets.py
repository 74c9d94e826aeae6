"""Reading sets of word pairs with people's judgements of how similar or related they are.

| set | pairs | judged | scale | source |
|---|---|---|---|---|
| WordSim-353 | 353 | relatedness, mostly | 0-10 | Finkelstein et al. 2002 |
| SimLex-999 | 999 | similarity, not relatedness | 0-10 | Hill, Reichart and Korhonen 2015 |
| MEN | 3,000 | relatedness | 0-50 | Bruni, Tran and Baroni 2014 |
| RareWords | 2,034 | similarity, with a rare word in each pair | 0-10 | Luong, Socher and Manning 2013 |
| SimVerb-3500 | 3,500 | similarity of verbs | 0-10 | Gerz et al. 2016 |
| MTurk-771 | 771 | relatedness | 1-5 | Halawi et al. 2012 |
| RG-65 | 65 | similarity of nouns | 0-4 | Rubenstein and Goodenough 1965 |

They go about in many files: tabs, commas, semicolons or spaces between columns, with and without a header or comments, with the score in
the third column or behind a part of speech, with lemmas such as `sun-n`. All of these are read, and a set is known by its pairs, not by
the name of its file.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lmkit.errors import FormatError, InputError
from lmkit.evaluation.analogy_sets import installed_test_set, read_lines

INSTALLED = {"wordsim353": "wordsim353.tsv", "simlex999": "simlex999.txt"}
"""Similarity sets that gensim installs, by the name under which `read_similarities` finds them."""

_KNOWN = (
    # name, number of pairs, and pairs that tell it from the others: each is in the set wherever it is stored
    ("WordSim-353", 353, {("tiger", "cat"), ("stock", "market"), ("king", "cabbage")}),
    ("SimLex-999", 999, {("old", "new"), ("smart", "intelligent"), ("hard", "difficult")}),
    ("MEN", 3000, {("sun", "sunlight"), ("automobile", "car"), ("river", "water")}),
    ("RareWords", 2034, {("squishing", "squirt"), ("undated", "undatable"), ("circumvents", "beat")}),
    ("SimVerb-3500", 3500, {("take", "remove"), ("walk", "trail"), ("feed", "starve")}),
    ("MTurk-771", 771, {("access", "gateway"), ("account", "explanation"), ("account", "invoice")}),
    ("RG-65", 65, {("gem", "jewel"), ("midday", "noon"), ("cemetery", "graveyard")}),
)
_SCORE_NAMES = re.compile(r"simlex999|(human[ _(]*)?mean\)?|human.*|score|similarity|relatedness|rating|average|avg|gold", re.IGNORECASE)
_WORD_NAMES = re.compile(r"word[ _]?1|w1|first|word", re.IGNORECASE)
_LEMMA = re.compile(r"(.+)-[nvjar]")


@dataclasses.dataclass(frozen=True)
class SimilarityTest:
    """Pairs of words and how similar people find them.

    Attributes
    ----------
    name : of the set where it is known by its pairs, else of the file.
    pairs : N pairs of words.
    scores : float64 (N,), higher is more similar; only their order counts.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)


def read_similarities(source: str | os.PathLike[str]) -> SimilarityTest:
    """Read a set of judged pairs; columns are recognised by content.

    Parameters
    ----------
    source : `wordsim353` or `simlex999` for the copies that gensim installs, or a file: two words and a score a line.

    Raises
    ------
    InputError : if there is no such set or file, or it holds no pairs.
    FormatError : for a line that doesn't fit, with its number.
    """
    path = installed_test_set(str(source), INSTALLED) if str(source) in INSTALLED and not os.path.exists(source) else Path(source)
    lines = [(number, line) for number, line in read_lines(path, "similarity test") if not line.startswith("#")]
    if not lines:
        raise InputError(f"{path}: holds no pairs of words; write two words and a score a line, divided by tabs.")
    split = _splitter([line for _, line in lines], path)
    rows = [(number, split(line)) for number, line in lines]
    header = rows.pop(0)[1] if _is_header(rows[0][1]) else None
    if not rows:
        raise InputError(f"{path}: holds a header but no pairs of words below it.")
    column = _score_column(header, rows, path)
    pairs, scores = [], []
    for number, cells in rows:
        score = _number(cells[column]) if column < len(cells) else None
        if score is None or not (cells[0] and cells[1]):
            raise FormatError(
                f"{path}: line {number:,} has no two words and a score in column {column + 1} (it reads {' | '.join(cells)[:80]!r}); "
                "correct or remove it."
            )
        pairs.append((cells[0], cells[1]))
        scores.append(score)
    pairs = _without_lemma_tags(pairs)
    return SimilarityTest(_recognised(pairs) or path.stem, tuple(pairs), np.array(scores))


def _splitter(lines: Sequence[str], path: Path) -> Callable[[str], list[str]]:
    """How lines divide into columns: by the first of tab, semicolon, comma and white space that gives three everywhere."""
    for separator in ("\t", ";", ",", None):

        def split(line: str, separator: str | None = separator) -> list[str]:
            return [cell.strip().strip('"') for cell in line.strip().split(separator)]

        if all(len(split(line)) >= 3 for line in lines):
            return split
    worst = min(lines, key=lambda line: len(line.split()))
    raise FormatError(
        f"{path}: its lines don't all divide into two words and a score, by tabs, semicolons, commas or spaces (one reads {worst[:80]!r})."
    )


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_header(cells: Sequence[str]) -> bool:
    """Whether the first row names columns: it has no number, or its first column is called so."""
    return all(_number(cell) is None for cell in cells[2:]) or _WORD_NAMES.fullmatch(cells[0]) is not None


def _score_column(header: Sequence[str] | None, rows: Sequence[tuple[int, Sequence[str]]], path: Path) -> int:
    """The column with the score: the one that is called so, else the first behind the words that holds a number in the first row."""
    if header is not None:
        for column, name in enumerate(header[2:], 2):
            if _SCORE_NAMES.fullmatch(name):
                return column
    number, first = rows[0]
    for column, cell in enumerate(first[2:], 2):
        if _number(cell) is not None:
            return column
    raise FormatError(f"{path}: line {number:,} has no number behind its two words (it reads {' | '.join(first)[:80]!r}).")


def _without_lemma_tags(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`sun-n` as `sun`, if all words are written so (MEN's lemma form)."""
    matches = [[_LEMMA.fullmatch(word) for word in pair] for pair in pairs]
    if not all(match for pair in matches for match in pair):
        return pairs
    return [(first[1], second[1]) for first, second in matches]  # type: ignore[index]


def _recognised(pairs: Sequence[tuple[str, str]]) -> str | None:
    """The name of a known set, or of a part of it."""
    lowered = {(first.lower(), second.lower()) for first, second in pairs}
    for name, count, marks in _KNOWN:
        if marks <= lowered:
            return name if len(pairs) == count else f"{name} ({len(pairs):,} of {count:,} pairs)" if len(pairs) < count else None
    return None
