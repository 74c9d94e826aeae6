"""What `lmkit evaluate-analogies` and `lmkit evaluate-similarity` share: models side by side, seeds of one pipeline, comparisons."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit_cli import output

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors
    from lmkit.evaluation.paired import Comparison, Mean

Vectors = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[VECTORS]...",
        help="Files of vectors, lmkit's own or others'; `last` is the newest in models/; NAME=FILE gives a name, and files of one name "
        "are runs of one pipeline with different seeds. The starter vectors if left out.",
        show_default=False,
    ),
]
Group = Annotated[
    bool,
    typer.Option("--group", help="Files whose names differ only in a number at the end, such as sg-1.bin and sg-2.bin, are one pipeline."),
]
Case = Annotated[
    str | None,
    typer.Option(help="fold: upper and lower case are one; lower: lower-case the test; keep: compare as written.", show_default="fold"),
]

_SEED = re.compile(r"[-_.]?(seed|run|s)?[-_.=]?\d+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A file of vectors (None for the starter vectors) and the name of the pipeline that it is a run of."""

    name: str
    path: str | None

    @property
    def label(self) -> str:
        return self.path or self.name


def contestants(words: Sequence[str] | None, group: bool) -> list[Contestant]:
    """What the user named: files, or NAME=FILE; with `group` a file's name without the number at its end is its name."""
    if not words:
        return [Contestant("starter", None)]
    found = []
    for word in words:
        name, equals, path = word.partition("=")
        if equals and path and not os.path.exists(word):
            found.append(Contestant(name, path))
        else:
            found.append(Contestant(_without_seed(word) if group else word, word))
    return found


def _without_seed(path: str) -> str:
    """`gensim-sg` for runs/gensim-sg-1.bin; a name that is nothing but a number stays."""
    stem = Path(path).name
    while Path(stem).suffix[1:].isalpha():
        stem = Path(stem).stem
    match = re.search(rf"(?:{_SEED.pattern})$", stem, re.IGNORECASE)
    return stem[: match.start()] if match and match.start() else stem


def pipelines(entries: Sequence[Contestant]) -> dict[str, list[int]]:
    """Places of the runs of each pipeline, in the order in which they were named."""
    found: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        found.setdefault(entry.name, []).append(place)
    return found


def opened(entries: Sequence[Contestant]) -> Iterator[WordVectors]:
    """The vectors of each, one at a time, so that only one is in memory."""
    from lmkit_cli import vectors

    for entry in entries:
        yield vectors.open_vectors(entry.path, "name files to take others")[0]


def compare_all(
    groups: dict[str, list[int]],
    models: Callable[[int, int], Comparison],
    values: Callable[[int], float],
) -> list[tuple[str, str, Comparison]]:
    """Every pipeline against the first: over seeds where both have several runs, over questions where both have one.

    Parameters
    ----------
    models : compares two single models by their places.
    values : the score of a model.
    """
    from lmkit.evaluation.paired import compare_seeds

    found = []
    (first, own), *others = groups.items()
    for second, theirs in others:
        if len(own) == len(theirs) == 1:
            found.append((first, second, models(own[0], theirs[0])))
        elif min(len(own), len(theirs)) > 1:
            found.append((first, second, compare_seeds([values(place) for place in own], [values(place) for place in theirs])))
        else:
            output.note(f"Note: {first} and {second} are not compared: a single run says nothing of what a seed changes.")
    return found


def sentence(found: tuple[str, str, Comparison], unit: str, scale: float, places: int) -> str:
    """One sentence for people on what `compare_all` found. scale: 100 for shares that are shown in per cent."""
    first, second, comparison = found
    difference, low, high = (scale * value for value in (comparison.difference, comparison.low, comparison.high))
    better, worse = (first, second) if difference >= 0 else (second, first)
    if difference < 0:
        low, high = -high, -low
    over = f"{comparison.items:,} runs" if "seed" in comparison.method else f"{comparison.items:,} {unit} that both know"
    mcnemar = "" if comparison.mcnemar is None else f"; McNemar p = {comparison.mcnemar:.2g}"
    return (
        f"{better} is {abs(difference):.{places}f} above {worse} "
        f"(95 % interval {low:.{places}f} to {high:.{places}f}, p = {comparison.p_value:.2g}, {comparison.method}, {over}{mcnemar})"
    )


def mean_cell(mean: Mean, scale: float, places: int) -> str:
    """`43.79` for one run, `43.79 ± 0.62` for several: mean and half of its 95 % interval."""
    text = f"{scale * mean.value:.{places}f}"
    return text if len(mean.values) == 1 else f"{text} ± {scale * (mean.high - mean.value):.{places}f}"


def comparison_json(found: tuple[str, str, Comparison]) -> dict[str, Any]:
    """For --json."""
    first, second, comparison = found
    return {"first": first, "second": second, **comparison.to_dict()}
