"""`lmkit corpus list | show | path`: the catalogue of corpora."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit_cli import options, output

if TYPE_CHECKING:
    from lmkit_corpora import CatalogueEntry

command = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name from `lmkit corpus list`.", show_default=False)]


@command.callback()
def _group() -> None:
    """List, describe and find corpora.

    A name of the catalogue can stand wherever a command takes a corpus; NAME:train, NAME:valid and NAME:test are its parts.
    """


@command.command("list")
def list_corpora(
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """List the corpora that lmkit knows by name."""
    import lmkit_corpora

    entries = [lmkit_corpora.get(name) for name in lmkit_corpora.names()]
    present = {entry.name: _is_present(entry) for entry in entries}
    if json:
        output.result_json({"corpora": [entry.to_dict() | {"on_this_machine": present[entry.name]} for entry in entries]})
        return
    rows = []
    for entry in entries:
        size = output.size(entry.size) if entry.size is not None else ""
        words = f"{entry.words:,}" if entry.words is not None else ""
        rows.append([entry.name, entry.kind, size, words, "yes" if present[entry.name] else "no", entry.title])
    output.result(output.table(["name", "comes by", "size", "words", "here", "what"], rows, right=(2, 3)))
    output.note(
        f"\nThe default is {lmkit_corpora.default_corpus()}. `lmkit corpus show NAME` tells more; any file, folder or glob is a corpus too."
    )


@command.command("show")
def show_corpus(
    name: Name,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Describe one corpus: licence, source, reading, splits."""
    import lmkit_corpora

    entry = lmkit_corpora.get(name)
    present = _is_present(entry)
    if json:
        output.result_json(entry.to_dict() | {"on_this_machine": present, "source_figures": lmkit_corpora.source_figures(name)})
        return
    lines = [(key, value) for key, value in _lines(entry, present) if value]
    width = max(len(key) for key, _ in lines)
    output.result("\n".join(f"{key:<{width}}  {value}" for key, value in lines))


@command.command("path")
def corpus_path(
    name: Annotated[str, typer.Argument(help="A name from `lmkit corpus list`, or NAME:SPLIT.", show_default=False)],
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Print where a corpus lies, fetched or made if need be."""
    import lmkit_corpora

    path = lmkit_corpora.corpus_path(name)
    if json:
        output.result_json({"name": name, "path": str(path)})
    else:
        output.result(str(path))


def _is_present(entry: CatalogueEntry) -> bool:
    from lmkit_corpora.readers import get_reader

    return get_reader(entry).is_present(entry)


def _folder(entry: CatalogueEntry, present: bool) -> str:
    """Where its files lie or will lie: also where to put a download that was fetched by other means."""
    from lmkit_corpora.readers import get_reader

    return str(get_reader(entry).folder(entry)) if present or entry.kind != "pip" else ""


def _lines(entry: CatalogueEntry, present: bool) -> list[tuple[str, str]]:
    import lmkit_corpora

    how = {"pip": "in a Python package", "download": "downloaded once, at first use", "generated": "made on this machine, at first use"}
    how["file"] = "offered by no publisher now: put the file into the folder below"
    reading = entry.reading
    sentences = {"line": "a line a sentence", "paragraph": "a paragraph a sentence", "detected": "sentences found by Punkt"}
    text = [f"tokens by {reading.tokenizer}", sentences.get(reading.sentences, "continuous text")]
    text += ["blank lines dropped"] if reading.sentences == "line" and reading.blank_lines == "drop" else []
    text += ["lower-cased"] if reading.lowercase else []
    figures: dict[str, Any] | None = lmkit_corpora.source_figures(entry.name)
    entropy = ""
    if figures is not None:
        exactly = f"{figures['entropy_rate_bits']:.6f} bits an event exactly (perplexity {figures['perplexity']:.4f})"
        entropy = f"{exactly}, {figures['states']:,} states, {figures['words']:,} words"
    return [
        ("name", entry.name),
        ("title", entry.title),
        ("what", entry.description),
        ("licence", entry.licence),
        ("source", entry.source),
        ("comes by", f"{entry.kind}: {how[entry.kind]}{'; here already' if present else ''}"),
        ("size", output.size(entry.size) if entry.size is not None else ""),
        ("words", f"about {entry.words:,}" if entry.words is not None else ""),
        ("entropy", entropy),
        ("sha256", entry.sha256 or ""),
        ("splits", f"{', '.join(entry.splits)} ({entry.split_rule})" if entry.splits else f"none ({entry.split_rule})"),
        ("read as", ", ".join(text)),
        ("lies in", _folder(entry, present)),
        ("use it", f"lmkit train-ngram {entry.name}"),
    ]
