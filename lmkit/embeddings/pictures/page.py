"""A map of words as one HTML page: search, zoom, neighbours; it holds everything itself and asks nothing of the network."""

from __future__ import annotations

import html
import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit import _files
from lmkit.embeddings.pictures.word_map import WordMap

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

_STEPS = 65_535  # points are written as whole numbers up to this: finer than any screen


_LARGE = 200
"""From so many words on, neighbours are looked for on the map itself, so that one can go from word to word."""


def write_page(shown: WordMap, vectors: WordVectors, path: str | os.PathLike[str], title: str, neighbours: int = 10) -> None:
    """Write the page.

    Parameters
    ----------
    vectors : whose nearest words are listed for each word of the map: of all words, or, on a map of 200 or more, of those on it.
    neighbours : how many are listed.

    Raises
    ------
    OutputError : if the file can't be written.
    """
    template = files("lmkit.embeddings.pictures").joinpath("page.html").read_text(encoding="utf-8")
    page = template.replace("{{title}}", html.escape(title)).replace("{{data}}", _as_script(page_data(shown, vectors, title, neighbours)))
    with _files.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def page_data(shown: WordMap, vectors: WordVectors, title: str, neighbours: int) -> dict[str, Any]:
    """What the page's script reads: words, whole-number points, and for each word its neighbours as numbers into `names`."""
    on_map = len(shown.words) >= _LARGE
    found = vectors.neighbours(shown.words, top=neighbours, restrict=shown.words if on_map else None)
    names = list(dict.fromkeys([*shown.words, *(near.word for row in found for near in row)]))
    place = {word: number for number, word in enumerate(names)}
    span = np.ptp(shown.points, axis=0).max() or 1.0  # one scale for both axes, so that angles stay what they are
    middle = (shown.points.max(axis=0) + shown.points.min(axis=0)) / 2
    points = np.round((shown.points - middle) / span * _STEPS).astype(int)
    counts = None if vectors.counts is None else [int(vectors.counts[row]) if row >= 0 else 0 for row in map(vectors.index, shown.words)]
    return {
        "title": title,
        "method": shown.method,
        "explained": shown.explained,
        "among": "the words on this map" if on_map else f"all {len(vectors):,} words",
        "span": _STEPS,
        "names": names,
        "count": len(shown.words),
        "x": points[:, 0].tolist(),
        "y": (-points[:, 1]).tolist(),  # downwards, as screens count
        "pairs": shown.pairs.tolist(),
        "near": [[place[near.word] for near in row] for row in found],
        "similarity": [[round(near.similarity, 3) for near in row] for row in found],
        "counts": counts,
    }


def _as_script(data: dict[str, Any]) -> str:
    """JSON that can't end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
