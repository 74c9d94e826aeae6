"""`lmkit plot`: pictures of a corpus, of word vectors, and of trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit_cli import options, output, plot_training, plot_vectors, reading, saving

if TYPE_CHECKING:
    from lmkit.ngram.count_table import CountTable
    from lmkit.text.corpus import EncodedCorpus

command = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

_Out = Annotated[Path, typer.Option("--out", help="Where the picture goes: .png, .svg or .pdf.")]
_Order = Annotated[int, typer.Option("--order", "-o", help="Longest n-grams.", min=1, max=100)]


@command.callback()
def _group() -> None:
    """Draw pictures of a corpus, of word vectors, or of trainings."""


def _table(corpus: str | None, split: str | None, order: int) -> CountTable:
    from lmkit.ngram.count_table import CountTable

    return CountTable.from_corpus(_encoded(corpus, split), order)


def _encoded(corpus: str | None, split: str | None) -> EncodedCorpus:
    import lmkit_corpora

    spec = corpus or lmkit_corpora.default_corpus()
    return lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, split, "train"))


@command.command("zipf")
def zipf(
    corpus: options.Corpus = None,
    out: _Out = Path("zipf.png"),
    order: _Order = 3,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Count against rank of the n-grams."""
    saving.check_target(out, corpus)
    from lmkit.ngram.count_plots import zipf_plot

    drawn = zipf_plot(_table(corpus, split, order), out)
    if json:
        orders = {str(n): {"ranks": ranks.tolist(), "counts": counts.tolist()} for n, (ranks, counts) in drawn.items()}
        output.result_json({"out": str(out), "orders": orders})
    else:
        output.result(f"Plot: {out}")


@command.command("heaps")
def heaps(
    corpus: options.Corpus = None,
    out: _Out = Path("heaps.png"),
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Different words against words read."""
    saving.check_target(out, corpus)
    from lmkit.ngram.count_plots import heaps_plot

    law = heaps_plot(_encoded(corpus, split), out)
    if json:
        output.result_json({"out": str(out), **law})
    else:
        output.result(f"Different words grow as {law['factor']:.3g} n^{law['exponent']:.3f} of the n words read.\nPlot: {out}")


@command.command("counts-of-counts")
def counts_of_counts(
    corpus: options.Corpus = None,
    out: _Out = Path("counts-of-counts.png"),
    order: _Order = 3,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """How many n-grams were seen once, twice, three times, ..."""
    saving.check_target(out, corpus)
    from lmkit.ngram.count_plots import counts_of_counts_plot

    drawn = counts_of_counts_plot(_table(corpus, split, order), out)
    if json:
        output.result_json({"out": str(out), "counts_of_counts": {str(n): counts.tolist() for n, counts in drawn.items()}})
    else:
        output.result(f"Plot: {out}")


command.command("vectors")(plot_vectors.command)
command.command("training")(plot_training.command)
