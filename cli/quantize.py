"""`lmkit quantize`: word vectors in 8 bits a number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving, vectors


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="VECTORS", help="A file of word vectors of any format; `last` is the newest in models/.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the result goes, in lmkit's own format.", show_default=False)],
    words: Annotated[
        int | None, typer.Option("--words", help="Keep only the so many most frequent words.", min=1, show_default="all words")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Store word vectors in 8 bits a number, a quarter of the size, and measure what is lost.

    Each row has a scale of its own. The result answers questions as before; subwords and what training goes on from stay behind.
    """
    path = vectors.vectors_path(source)
    saving.check_model_target(out, "word vectors", ".vectors", path)
    loaded, _ = vectors.open_vectors(source)
    if loaded.float_rows is None:
        raise UsageError(f"{path}: has 8 bits a number already.")
    small = (loaded if words is None else loaded.restrict(words)).quantize()
    reading.make_folder(out)
    small.save(out)
    loss = small.loss()
    assert loss is not None
    size = out.stat().st_size
    if json:
        output.result_json(
            {"path": str(out), "file_bytes": size, "words": len(small), "dimensions": small.dimensions, "loss": loss.to_record()}
        )
        return
    output.result(f"{out}: {output.size(size)}, {len(small):,} words of {small.dimensions} dimensions")
    output.result(f"{loss}.")
    if loaded.subwords is not None:
        output.note("Note: the subwords stay behind, so words that have no row are unknown here.")
