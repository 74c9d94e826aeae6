"""`lmkit count`: n-gram counts of a corpus as a file or on standard output."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving
from lmkit_cli.shared_options import taking

Sort = enum.StrEnum("Sort", ["count", "words", "none"])  # as a call, since `count` would hide the method of str


class To(enum.StrEnum):
    text = "text"
    npz = "npz"
    parquet = "parquet"


_ENDINGS = {"": To.text, ".txt": To.text, ".counts": To.text, ".npz": To.npz, ".parquet": To.parquet}


@taking(options.CorpusOptions)
def command(
    corpus: options.Corpus = None,
    order: Annotated[int, typer.Option("--order", "-o", help="Longest n-grams.", min=1, max=100)] = 3,
    only: Annotated[bool, typer.Option("--only", help="N-grams of exactly --order words, not the shorter ones too.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Where the counts go: .txt, .npz or .parquet; standard output if left out.", show_default=False)
    ] = None,
    to: Annotated[To | None, typer.Option(help="The format, where the ending does not tell it.", show_default=False)] = None,
    sort: Annotated[Sort, typer.Option(help="By falling count, by words, or not at all.")] = Sort.count,
    min_count: Annotated[int, typer.Option(help="Leave out what is rarer.", min=1)] = 1,
    max_count: Annotated[int | None, typer.Option(help="Leave out what is more frequent.", min=1, show_default=False)] = None,
    *,
    shared: options.CorpusOptions,
) -> None:
    """Count the n-grams of a corpus.

    Text has a line an n-gram, its words, a tab and the count, as SRILM's ngram-count writes it. Sentences are counted with their <s> and
    </s>; the n-gram <s> alone is how many sentences there are.
    """
    if max_count is not None and max_count < min_count:
        raise UsageError(f"--max-count {max_count} is below --min-count {min_count}, so nothing could be left; change one of them.")
    if out == Path("-"):
        out = None
    if shared.json and out is None:
        raise UsageError("With --json the counts need a file of their own; name one with --out.")
    if to is not None and to != To.text and out is None:
        raise UsageError(f"--to {to.value} needs a file of its own; name one with --out.")
    form = None if out is None else format_of(out, to)
    import lmkit_corpora
    from lmkit.ngram.count_table import CountTable

    spec = corpus or lmkit_corpora.default_corpus()
    if out is not None:
        saving.check_target(out, spec)
    text_options = reading.typed_options(spec, shared, shared.unit)
    encoded = lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, shared.split, "train"), options=text_options)
    for text in encoded.notes:
        output.note(text)
    table = CountTable.from_corpus(encoded, order, orders=[order] if only else None)
    table = table.filtered(min_count, max_count).sorted(sort.value)
    if out is None:
        for block in table.lines():
            sys.stdout.buffer.write(block)
        return
    table.write(out, to=form)
    sizes = {str(n): len(own) for n, own in table.counts.items()}
    if shared.json:
        output.result_json({"out": str(out), "ngrams": sizes, "tokens": table.tokens})
    else:
        output.result(output.table(["order", "n-grams"], [[n, f"{size:,}"] for n, size in sizes.items()], right=(0, 1)))
        output.result(f"Counts of {table.tokens:,} tokens: {out} ({output.size(out.stat().st_size)})")


def format_of(out: Path, to: To | None) -> str:
    """The format in which counts are written: what the user said, else by the file's ending. Raises UsageError."""
    ending = out.suffix.lower()
    if ending in saving.COMPRESSED:
        raise UsageError(f"{out}: counts are written, and read again, uncompressed; leave out {ending}.")
    if to is not None:
        return to.value
    if ending not in _ENDINGS:
        raise UsageError(f"{out}: the ending does not tell the format; use .txt, .npz or .parquet, or give --to {', --to '.join(To)}.")
    return _ENDINGS[ending].value
