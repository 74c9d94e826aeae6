"""`lmkit plot vectors`: words on a map, as a picture or as one page for the browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, saving, vectors

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

_Pair = tuple[str, str]


def command(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A file of vectors; `last` is the newest in models/. The starter vectors that come with lmkit if left out.",
            show_default=False,
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD|A:B]...", help="More words or pairs, behind those of the options.", show_default=False),
    ] = None,
    words: Annotated[list[str] | None, typer.Option("--words", "-w", help="Words to show: --words king queen man woman.")] = None,
    pairs: Annotated[
        list[str] | None, typer.Option("--pairs", "-p", help="Words joined by an arrow: --pairs france:paris italy:rome.")
    ] = None,
    relation: Annotated[
        list[str] | None, typer.Option("--relation", "-r", help="Pairs that come with lmkit: capitals, gender, tense, comparative.")
    ] = None,
    top: Annotated[int | None, typer.Option("--top", "-n", help="The so many most frequent words.", min=2, show_default=False)] = None,
    skip: Annotated[int, typer.Option("--skip", help="Leave out the so many most frequent ones of these.", min=0)] = 0,
    neighbors: Annotated[int, typer.Option("--neighbors", help="Show so many nearest words of each of --words, too.", min=0)] = 0,
    method: Annotated[
        str | None, typer.Option(help="pca (principal components) or tsne.", show_default="pca for up to 60 words, tsne for more")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Above the picture.", show_default="none")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where it goes: .png, .svg, .pdf, or .html for a page.")] = Path("vectors.png"),
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
) -> None:
    """Words on a map: principal components or t-SNE of their vectors.

    Arrows between pairs show whether a relation is one direction. A page (.html) has search, zoom and the nearest words of each word,
    holds all of it in one file and loads nothing from the network.
    """
    saving.check_target(out, model)
    from lmkit.embeddings.pictures.page import write_page
    from lmkit.embeddings.pictures.plot import vectors_plot
    from lmkit.embeddings.pictures.word_map import word_map

    lone = next((word for argument in pairs or () for word in argument.split() if ":" not in word), None)
    if lone is not None:
        raise UsageError(f"--pairs {lone} is no pair; write two words with a colon between them, such as france:paris.")
    entries = [*(words or ()), *(pairs or ()), *(more or ())]
    if model is not None and (words or pairs) and _is_no_path(model):  # `--words king queen`: without a model queen stands in its place
        entries, model = [*entries, model], None
    loaded, name = vectors.open_vectors(model, "name a file to take others")
    typed, joined = _typed(entries, loaded)
    joined += _related(relation or (), loaded)
    shown = [*typed, *_near(typed, neighbors, loaded), *_frequent(loaded, skip, top)]
    if not shown and not joined:
        raise UsageError(
            "Nothing to draw; name words with --words, pairs with --pairs or --relation, or take the frequent ones with --top."
        )
    drawn = word_map(loaded, shown, joined, method, seed or 0)
    notes = []
    if out.suffix.lower() in (".html", ".htm"):
        write_page(drawn, loaded, out, title or f"Words of {Path(name).name}")
    elif left_out := vectors_plot(drawn, out, title or ""):
        notes.append(f"{left_out:,} of {len(drawn.words):,} words had no room for their label; a page (--out x.html) can be zoomed.")
    if json:
        output.result_json(
            {
                "out": str(out),
                "model": name,
                "method": drawn.method,
                "explained": drawn.explained,
                "words": list(drawn.words),
                "points": drawn.points.tolist(),
                "notes": notes,
            }
        )
        return
    output.result(f"Plot: {out} ({len(drawn.words):,} words, {drawn.method})")
    for note in notes:
        output.note(f"Note: {note}")


def _is_no_path(word: str) -> bool:
    return word != "last" and not Path(word).exists() and not any(mark in word for mark in "/.\\")


def _typed(entries: Sequence[str], loaded: WordVectors) -> tuple[list[str], list[_Pair]]:
    """Words and pairs as typed, also several in one argument; with a colon inside it is a pair, unless the vectors have such a word.

    Raises
    ------
    UsageError : for a pair that lacks a half.
    """
    single, joined = [], []
    for entry in (word for argument in entries for word in argument.split()):
        first, colon, second = entry.partition(":")
        if not colon or entry in loaded:
            single.append(entry)
        elif first and second:
            joined.append((first, second))
        else:
            raise UsageError(f"{entry!r} is no pair; write two words with a colon between them, such as france:paris.")
    single = vectors.as_read(loaded, single)
    spelled = vectors.as_read(loaded, [word for pair in joined for word in pair])
    return single, list(zip(spelled[::2], spelled[1::2], strict=True))


def _related(names: Sequence[str], loaded: WordVectors) -> list[_Pair]:
    """Pairs of the named relations that the vectors have; a note tells which they lack. Raises UsageError for an unknown name."""
    from lmkit.embeddings.pictures.relations import RELATIONS, known_pairs

    found: list[_Pair] = []
    for name in names:
        if name not in RELATIONS:
            raise UsageError(f"There is no relation {name!r}; there are {', '.join(RELATIONS)}.")
        known, unknown = known_pairs(name, loaded.words)
        found += known
        if unknown:
            output.note(f"Not among the words of these vectors: {', '.join(':'.join(pair) for pair in unknown)}.")
        if not known:
            raise UsageError(f"The vectors have none of the pairs of {name}; name pairs with --pairs.")
    return found


def _near(words: Sequence[str], count: int, loaded: WordVectors) -> list[str]:
    return [near.word for found in loaded.neighbours(words, top=count) for near in found] if count and words else []


def _frequent(loaded: WordVectors, skip: int, top: int | None) -> list[str]:
    """Rows in order, `</s>` left out: it is no word."""
    if top is None:
        return []
    last = min(skip + top + 1, len(loaded))
    return [word for word in (loaded.words.string(row) for row in range(skip, last)) if word != "</s>"][:top]
