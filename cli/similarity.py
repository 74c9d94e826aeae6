"""`lmkit similarity`: how near two words are."""

from __future__ import annotations

from typing import Annotated

import typer

from lmkit_cli import options, output, vectors


def command(
    a: Annotated[str, typer.Argument(help="A word.", show_default=False)],
    b: Annotated[str, typer.Argument(help="Another.", show_default=False)],
    model: vectors.Model = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Print the cosine of two words' vectors, from -1 to 1."""
    loaded, name = vectors.open_vectors(model)
    first, second = vectors.as_read(loaded, [a, b])
    similarity = loaded.similarity(first, second)
    caveats = loaded.caveats([first, second])
    if json:
        output.result_json({"words": [first, second], "similarity": similarity, "model": name, "notes": caveats})
        return
    output.result(f"{similarity:.4f}")
    for caveat in caveats:
        output.note(f"Note: {caveat}")
