"""`lmkit ngrams`: the most frequent n-grams of a corpus, or those that look like a pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading


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
    """List the most frequent n-grams of a corpus, or of a table that `lmkit count` wrote as .npz.

    The share is that of all n-grams of this length, or among those that match the pattern.
    """
    pattern = like.split() if like is not None else None
    if pattern is not None and not pattern:
        raise UsageError('--like is empty; give a pattern such as "of the *".')
    if pattern is not None and order is not None and order != len(pattern):
        raise UsageError(f"--like has {len(pattern)} words and --order is {order}; leave --order out.")
    length = len(pattern) if pattern is not None else order or 2
    from lmkit.ngram.count_table import CountTable

    if corpus is not None and corpus.endswith(".npz") and Path(corpus).is_file():
        table = CountTable.read_npz(corpus)
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
