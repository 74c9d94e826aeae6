"""`lmkit prune`: a smaller model of a model."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.ngram.pruning import Pruning


class Method(enum.StrEnum):
    entropy = "entropy"
    kneser_ney = "kneser-ney"
    counts = "count"  # not `count`, a method of str
    vocabulary = "vocabulary"


class Loss(enum.StrEnum):
    training = "training"
    expected = "expected"


_LEAST_BITS = 1e-3
"""Below it a threshold was meant for entropy pruning, whose usual ones are 1e-6 to 1e-9."""


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="An n-gram model: lmkit's own file, ARPA or KenLM's binary; `last` is the newest in models/.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .lm, .arpa or .arpa.gz.", show_default=False)],
    method: Annotated[
        Method | None,
        typer.Option(
            help="What goes: entropy, what changes the distribution least; kneser-ney, the same for Kneser-Ney models, whose lower orders "
            "then take over the counts; count, what occurs rarely; vocabulary, what holds a word outside a list.",
            show_default="kneser-ney for interpolated Kneser-Ney models, else entropy",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="For entropy the relative rise of perplexity that an n-gram is worth, such as 1e-8; for kneser-ney what a text as "
            "long as the training text loses by it in bits, such as 2.",
            min=0,
            show_default=False,
        ),
    ] = None,
    ngrams: Annotated[int | None, typer.Option(help="Keep at most so many n-grams, words among them.", min=1, show_default=False)] = None,
    size: Annotated[
        str | None, typer.Option(help="Keep what fits a file of lmkit's own of so many bytes: 20M, 1.5GB.", show_default=False)
    ] = None,
    loss: Annotated[
        Loss | None,
        typer.Option(
            help="For kneser-ney: what an n-gram costs a text that follows the model, or what it costs the training text.",
            show_default="expected",
        ),
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(
            help="For count: the highest count that goes, one an order, such as 0,0,1; the last holds for all above.", show_default=False
        ),
    ] = None,
    words: Annotated[
        Path | None, typer.Option(help="For vocabulary: a file with the words that stay, divided by white space.", show_default=False)
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            "--corpus",
            help="The text that the model was trained on, where counts are needed that it doesn't tell: for count always, for kneser-ney "
            "where the model was changed.",
            show_default=False,
        ),
    ] = None,
    split: options.Split = None,
    held_out: Annotated[
        str | None, typer.Option(help="A text on which to measure what it costs in perplexity.", show_default=False)
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Take n-grams out of a model, to a threshold, a number of n-grams or a size.

    What stays sums to one again. Words stay, but for --method vocabulary and --method count with a count for order 1.
    """
    path = reading.model_path(model)
    saving.check_model_target(out, "n-gram models", ".lm", path, corpus, held_out, words, arpa=True)
    from lmkit._memory import parse_size
    from lmkit.ngram.pruning import prune

    loaded = reading.language_model(path)
    chosen = _method(method, loaded, threshold, ngrams, None if size is None else parse_size("prune", "size", size), loss, counts, words)
    text = None if corpus is None else _corpus(corpus, split, "train", loaded)
    other = None if held_out is None else _corpus(held_out, None, "valid", loaded)
    pruned = prune(loaded, chosen, text)
    written = saving.save(pruned, out)
    cost = None if other is None else (loaded.score(other).perplexity(), pruned.score(other).perplexity())
    record = pruned.metadata_["pruning"][-1]
    if json:
        measured = {} if cost is None else {"perplexity": cost[0], "perplexity_pruned": cost[1]}
        output.result_json({"source": str(path), "target": str(out), "bytes": written, **record, **measured})
        return
    if not quiet:
        rows = [[str(n), f"{before:,}", f"{after:,}"] for n, (before, after) in enumerate(_padded(record), 1)]
        rows.append(["all", f"{sum(record['before']):,}", f"{sum(record['after']):,}"])
        output.result(output.table(["order", "before", "after"], rows, right=range(3)) + "\n")
        for entry in pruned.notes_[len(loaded.notes_) :]:
            output.note(f"Note: {entry}")
        if record["method"] == "kneser-ney" and threshold is not None and 0 < threshold < _LEAST_BITS:
            output.note(
                "Note: For --method kneser-ney a threshold is what a text as long as the training text loses in bits, such as 2; this one "
                "takes next to nothing out. --method entropy takes thresholds like it."
            )
        if method is None and record["method"] == "entropy" and not (loaded.metadata_.get("estimation") or {}).get("smoothing"):
            output.note(
                "Note: Nothing tells how this model was smoothed, so it was pruned by entropy; an interpolated Kneser-Ney model loses less "
                "by --method kneser-ney."
            )
    reached = record.get("reached_threshold")
    said = f", threshold {output.number(reached)}" if reached is not None else ""
    output.result(f"{out}: {output.size(written)}{said}")
    if cost is not None:
        output.result(f"Perplexity of {held_out}: {cost[0]:.5f} before, {cost[1]:.5f} after ({cost[1] / cost[0] - 1:+.2%}).")


def _padded(record: dict[str, Any]) -> list[tuple[int, int]]:
    before, after = record["before"], record["after"]
    return list(zip(before, [*after, *[0] * (len(before) - len(after))], strict=True))


def _corpus(spec: str, split: str | None, wanted: str, model: NgramLanguageModel) -> Any:
    import lmkit_corpora

    return lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, split, wanted), options=model.text_options)


def _method(
    method: Method | None,
    model: NgramLanguageModel,
    threshold: float | None,
    ngrams: int | None,
    size: int | None,
    loss: Loss | None,
    counts: str | None,
    words: Path | None,
) -> Pruning:
    """The method that the options describe. Raises UsageError for options that don't go together."""
    from lmkit.ngram.pruning import CountCutoffs, RelativeEntropy, RevisedKneserNey, VocabularyLimit

    if method is None:
        method = Method.counts if counts is not None else Method.vocabulary if words is not None else _suited(model)
    targets = {"threshold": threshold, "ngrams": ngrams, "size": size}
    typed = {
        **{f"--{name}": value for name, value in targets.items()},
        "--loss": loss,
        "--counts": counts,
        "--words": words,
    }
    takes = {
        Method.entropy: ("--threshold", "--ngrams", "--size"),
        Method.kneser_ney: ("--threshold", "--ngrams", "--size", "--loss"),
        Method.counts: ("--counts",),
        Method.vocabulary: ("--words",),
    }[method]
    for name, value in typed.items():
        if value is not None and name not in takes:
            raise UsageError(f"{name} is not for --method {method.value}, which takes {', '.join(takes)}.")
    if method == Method.counts:
        if counts is None:
            raise UsageError("--method count takes --counts, such as --counts 0,0,1.")
        return CountCutoffs(parse_counts(counts, "--counts"))
    if method == Method.vocabulary:
        if words is None:
            raise UsageError("--method vocabulary takes --words FILE, the words that stay.")
        return VocabularyLimit(reading.read_words(words))
    if sum(value is not None for value in targets.values()) != 1:
        raise UsageError("Say how far to prune by one of --threshold, --ngrams and --size.")
    if method == Method.entropy:
        return RelativeEntropy(**targets)  # type: ignore[arg-type]
    return RevisedKneserNey(**targets, loss=(loss or Loss.expected).value)  # type: ignore[arg-type]


def _suited(model: NgramLanguageModel) -> Method:
    """The method for a model whose user named none."""
    smoothing = (model.metadata_.get("estimation") or {}).get("smoothing") or {}
    is_kneser_ney = "kneser-ney" in str(smoothing.get("name")) and bool(smoothing.get("interpolated"))
    return Method.kneser_ney if is_kneser_ney and not model.metadata_.get("pruning") else Method.entropy


def parse_counts(text: str, option: str) -> tuple[int, ...]:
    """(0, 0, 1) from `0,0,1` or `0 0 1`. option : that it was given with, for messages. Raises UsageError."""
    try:
        counts = tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        counts = ()
    if not counts or min(counts) < 0:
        raise UsageError(f"{option}: {text!r} are no counts; write a whole number from 0 on for each order, such as 0,0,1.")
    return counts
