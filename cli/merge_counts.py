"""`lmkit merge-counts`: the counts of several texts as those of one, with weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, saving
from lmkit_cli.count import To, format_of


def command(
    files: Annotated[list[Path], typer.Argument(help="Two files of counts or more: .npz or text.", metavar="COUNTS...")],
    out: Annotated[Path, typer.Option("--out", help="Where the merged counts go: .npz, .txt or .parquet.", show_default=False)],
    weights: Annotated[
        str | None,
        typer.Option(help="How many times each file counts, with commas between: 1,2.5.", show_default="1 each"),
    ] = None,
    to: Annotated[To | None, typer.Option(help="The format, where the ending does not tell it.", show_default=False)] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Add up the n-gram counts of several files, each as often as its weight says.

    The files are made by `lmkit count --out` or SRILM's ngram-count, of texts that were read alike, with the same orders. A model is
    trained from the result by `lmkit train-ngram --counts`; if weights are no whole numbers, with --smoothing witten-bell or another that
    takes such counts.
    """
    if len(files) < 2:
        raise UsageError("One file of counts can't be merged; name two or more.")
    given = None if weights is None else _weights(weights, len(files))
    form = format_of(out, to)
    saving.check_target(out, *files)
    from lmkit.ngram.count_files import merge_counts, read_counts

    merged = merge_counts([read_counts(path) for path in files], given)
    for text in merged.notes:
        output.note(text)
    merged.write(out, to=form)
    sizes = {str(n): len(own) for n, own in merged.counts.items()}
    if json:
        output.result_json({"out": str(out), "ngrams": sizes, "tokens": merged.tokens})
        return
    output.result(output.table(["order", "n-grams"], [[n, f"{size:,}"] for n, size in sizes.items()], right=(0, 1)))
    output.result(f"Counts of {merged.tokens:,} tokens from {len(files)} files: {out} ({output.size(out.stat().st_size)})")
    if out.suffix != ".parquet" and list(sizes) == [str(n) for n in range(1, len(sizes) + 1)]:
        output.note(f"\nTry next:\n  lmkit train-ngram --counts {out} --order {len(sizes)}")


def _weights(text: str, files: int) -> list[float]:
    """Numbers above 0 with commas between. Raises UsageError."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--weights must be numbers with commas between, such as 1,2.5, not {text!r}.") from None
    if len(values) != files:
        raise UsageError(f"--weights has {len(values)} numbers for {files} files; give one for each.")
    for value in values:
        if not 0 < value < float("inf"):
            raise UsageError(f"--weights must be numbers above 0, not {value:g}; leave out a file that is not to count.")
    return values
