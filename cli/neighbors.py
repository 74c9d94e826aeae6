"""`lmkit neighbors`: the words nearest to a word."""

from __future__ import annotations

from typing import Annotated

import typer

from lmkit_cli import options, output, vectors


def command(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="One word or several, a table each.", show_default=False)],
    model: vectors.Model = None,
    top: vectors.Top = 10,
    restrict: vectors.Restrict = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Print the words whose vectors have the highest cosine with that of a word."""
    loaded, name = vectors.open_vectors(model)
    read = vectors.as_read(loaded, words)
    found = loaded.neighbours(read, top=top, restrict=restrict)
    caveats = loaded.caveats(read)
    if json:
        lists = [{"word": word, "neighbors": vectors.as_json(answers)} for word, answers in zip(read, found, strict=True)]
        output.result_json({"words": lists, "model": name, "notes": caveats})
        return
    output.result("\n\n".join(vectors.answer_table(answers, f"near {word}") for word, answers in zip(read, found, strict=True)))
    for caveat in caveats:
        output.note(f"Note: {caveat}")
