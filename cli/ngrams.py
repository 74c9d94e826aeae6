"""`lmkit ngrams`: the most frequent n-grams of a corpus, or those that look like a pattern."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading

_LOOKED_AT = 1 << 14  # bytes of a text
_COUNTED = re.compile(rb"[^\t]*\S\t[0-9.e+]+\r?")


def command(
    corpus: options.Corpus = None,
    like: Annotated[
        str | None, typer.Option(help='A pattern of words, * for any one: "of the *". Its length is the order.', show_default=False)
    ] = None,
    order: Annotated[int | None, typer.Option("--order", "-o", help="Length of the n-grams.", min=1, max=100, show_default="2")] = None,
    top: Annotated[int, typer.Option("--top", "-n", help="How many.", min=1)] = 20,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """List the most frequent n-grams of a corpus, or of a table that `lmkit count` wrote as .npz or text.

    The share is that of all n-grams of this length, or among those that match the pattern.
    """
    pattern = like.split() if like is not None else None
    if pattern is not None and not pattern:
        raise UsageError('--like is empty; give a pattern such as "of the *".')
    if pattern is not None and order is not None and order != len(pattern):
        raise UsageError(f"--like has {len(pattern)} words and --order is {order}; leave --order out.")
    length = len(pattern) if pattern is not None else order or 2
    from lmkit.ngram.count_table import CountTable

    if corpus is not None and _is_counted(corpus):
        from lmkit.ngram.count_files import read_counts

        table = read_counts(corpus)
        if not corpus.endswith(".npz"):
            output.note(f"Note: {corpus} is read as a table of counts, since its lines end in a tab and a number.")
        for text in table.notes:
            output.note(text)
    else:
        import lmkit_corpora

        spec = corpus or lmkit_corpora.default_corpus()
        encoded = lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, split, "train"))
        table = CountTable.from_corpus(encoded, length, orders=[length])
    if pattern is not None:
        table = table.like(pattern)
    _, counts = table.order(length)
    total = int(counts.sum())
    rows = table.top(length, top)
    if json:
        listed = [{"ngram": list(words), "count": count} for words, count in rows]
        output.result_json({"order": length, "different": len(counts), "total": total, "ngrams": listed})
        return
    output.result(
        output.table(
            ["", "n-gram", "count", "share"],
            [[str(rank), " ".join(words), f"{count:,}", f"{count / total:.2%}"] for rank, (words, count) in enumerate(rows, 1)],
            right=(0, 2, 3),
        )
    )
    matching = f" that match {like!r}" if like is not None else ""
    output.result(f"{len(counts):,} different {length}-grams{matching}, {total:,} in all.")


def _is_counted(name: str) -> bool:
    """Whether a file holds counts: .npz, or text whose first lines are n-grams with a tab and a number behind."""
    if not Path(name).is_file() or name.endswith(".npz"):
        return Path(name).is_file()
    with open(name, "rb") as file:
        start = file.read(_LOOKED_AT)
    lines = start.split(b"\n")[: -1 if len(start) == _LOOKED_AT else None]
    return any(lines) and all(_COUNTED.fullmatch(line) for line in lines if line)
