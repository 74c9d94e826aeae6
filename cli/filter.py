"""`lmkit filter`: keep, cut or rank the lines of a text by their perplexity under a model."""

from __future__ import annotations

import contextlib
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving

if TYPE_CHECKING:
    import numpy as np

    from lmkit.evaluation.line_filter import ScoredLines, Write


def command(
    model: options.Model,
    text: Annotated[
        str, typer.Argument(metavar="FILE", help="A text of lines, plain or compressed, or - for standard input.", show_default=False)
    ],
    maximum: Annotated[float | None, typer.Option("--max-perplexity", help="Keep lines up to this perplexity.", show_default=False)] = None,
    minimum: Annotated[
        float | None, typer.Option("--min-perplexity", help="Keep lines from this perplexity on.", show_default=False)
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Keep the lines of lowest perplexity: a share, such as 50%, or a number. The text is gone through twice.",
            show_default=False,
        ),
    ] = None,
    rank: Annotated[bool, typer.Option("--rank", help="Print lines by rising perplexity; with --keep N the first N.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Print each line's perplexity and a tab in front of it.")] = False,
    invert: Annotated[bool, typer.Option("--invert", help="Print the lines that would be cut instead.")] = False,
    without_oov: Annotated[
        bool, typer.Option("--without-oov", help="Leave words that the model doesn't know out of the perplexity.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the lines go; gzipped if it ends in .gz.", show_default="standard output")
    ] = None,
    encoding: options.Encoding = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Keep, cut or rank the lines of a text by their perplexity under a model.

    A line is a sentence; its perplexity counts its words and its end, as KenLM's does. Lines come out byte for byte as they went in, in
    their order, on standard output or into --out. Memory stays bounded however long the text is, except with --rank, which takes 24 bytes
    a line. With --json the lines go to --out only, and a summary to standard output.
    """
    share = _share(keep)
    if maximum is None and minimum is None and share is None and not rank and not scores:
        raise UsageError("Say what to do: --max-perplexity, --min-perplexity, --keep, --rank, or --scores to print each line's perplexity.")
    if rank and (maximum is not None or minimum is not None or invert or isinstance(share, float)):
        raise UsageError("--rank goes with --keep NUMBER and --scores only; cut the lines in a first run, then rank them.")
    if out == Path("-"):
        out = None
    path = reading.model_path(model)
    if out is not None:
        if out.suffix.lower() in saving.COMPRESSED and out.suffix.lower() != ".gz":
            raise UsageError(f"{out}: lines are written plain or as .gz; end the name so, and compress that with another program.")
        saving.check_target(out, path, text)
    from lmkit.evaluation import line_filter
    from lmkit.text.sources import open_source

    loaded = reading.language_model(path)
    source = open_source(text)
    text_options = reading.scoring_options(loaded.text_options, encoding=encoding)
    common = {"options": text_options, "include_oov": not without_oov, "threads": threads}
    with _target(out, json) as file:
        write = _writer(file, scores)
        if rank:
            summary = line_filter.rank_lines(loaded, source, write, top=share, **common)  # type: ignore[arg-type]
        else:
            summary = line_filter.filter_lines(
                loaded,
                source,
                write,
                minimum=minimum,
                maximum=maximum,
                keep=share,
                invert=invert,
                **common,  # type: ignore[arg-type]
            )
    if json:
        output.result_json({"model": model, "text": text, "out": None if out is None else str(out), **summary.to_dict()})
        return
    cut = "" if summary.threshold is None else f", up to perplexity {summary.threshold:,.2f}"
    kept = f"{summary.kept / summary.lines:.1%}" if summary.lines else "none"
    output.note(f"Kept {summary.kept:,} of {summary.lines:,} lines ({kept}){cut}.")
    if summary.invalid:
        output.note(
            f"Note: {summary.invalid:,} lines hold bytes that are not in the text's encoding; they were scored as unknown characters."
        )


def _share(keep: str | None) -> float | int | None:
    """A share of lines as a float, a number of lines as an int."""
    if keep is None:
        return None
    with contextlib.suppress(ValueError):
        if keep.endswith("%"):
            value = float(keep[:-1]) / 100
            if 0 <= value <= 1:
                return value
        elif int(keep) >= 1:
            return int(keep)
    raise UsageError(f"--keep must be a share, such as 50%, or a number of lines. Got {keep!r} instead.")


@contextlib.contextmanager
def _target(out: Path | None, json: bool) -> Iterator[BinaryIO | None]:
    """Where lines go: a file that appears when it is whole, standard output, or nowhere."""
    if out is not None:
        from lmkit._files import replacing

        with replacing(out) as temporary, open(temporary, "wb") as file:
            if out.suffix.lower() != ".gz":
                yield file
                return
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield packed  # type: ignore[misc]
    elif json:
        yield None
    else:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


def _writer(file: BinaryIO | None, scores: bool) -> Write:
    def write(block: ScoredLines, chosen: np.ndarray) -> None:
        if file is None:
            return
        if not scores:
            file.write(block.chosen(chosen))
        else:
            file.write(b"".join(b"%.4f\t" % block.perplexity[i] + bytes(block.line(i)) for i in chosen.nonzero()[0].tolist()))

    return write
