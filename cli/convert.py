"""`lmkit convert`: from one model format to another."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading

if TYPE_CHECKING:
    from lmkit import NgramLanguageModel


class Format(enum.StrEnum):
    lm = "lm"
    arpa = "arpa"
    kenlm_probing = "kenlm-probing"
    kenlm_trie = "kenlm-trie"


_ENDINGS = {".lm": Format.lm, ".arpa": Format.arpa, ".arpa.gz": Format.arpa, ".klm": Format.kenlm_probing, ".binary": Format.kenlm_probing}


def command(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="The model to read: lmkit's own file, ARPA (plain or compressed), or KenLM's binary.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .lm, .arpa, .arpa.gz, or .klm or .binary for KenLM.")],
    to: Annotated[Format | None, typer.Option(help="The format to write, where the ending of OUT doesn't tell it.")] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Pack lmkit's own file to about 8 bytes an n-gram, without loss, for slower queries.")
    ] = False,
    quantize: Annotated[
        int | None,
        typer.Option(
            help="Pack it and round probabilities and back-off weights to so many bits; 8 takes about 4.5 bytes an n-gram.",
            min=2,
            max=16,
            show_default=False,
        ),
    ] = None,
    held_out: Annotated[
        str | None, typer.Option(help="A text on which to measure what --quantize costs in perplexity.", show_default=False)
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Convert a model between lmkit's own format, ARPA and KenLM's binaries.

    The format written follows from the ending of OUT: .arpa and .arpa.gz are ARPA text, .lm is lmkit's own, .klm and .binary are KenLM's
    hash tables; --to kenlm-trie writes KenLM's trie. KenLM's hash tables are read too, but they hold n-grams as hashes only: finding their
    words again takes time that grows with the square of the vocabulary (seconds for 30,000 words, minutes for 300,000).
    """
    form = to or _format_of(target)
    path = reading.model_path(source)
    if target.exists() and path.exists() and target.samefile(path):
        raise UsageError(f"{target}: is the model to read as well; name another file to write.")
    if (compact or quantize is not None) and form != Format.lm:
        raise UsageError(f"--compact and --quantize pack lmkit's own files, not {form.value}; end OUT in .lm, or leave them out.")
    if held_out is not None and quantize is None:
        raise UsageError("--held-out measures what --quantize costs; give both or neither.")
    reading.check_output(target)
    import lmkit
    from lmkit._container import is_container

    model = lmkit.load(path)
    if form == Format.lm:
        original, model = model, model.compact(quantize) if compact or quantize is not None else model.fast()
        cost = _cost(original, model, held_out) if held_out is not None else None
    else:
        cost = None
    if form == Format.arpa:
        model.write_arpa(target)
    elif form == Format.lm:
        model.save(target)
    else:
        from lmkit.ngram.formats import kenlm_binary

        write = kenlm_binary.write_probing if form == Format.kenlm_probing else kenlm_binary.write_trie
        write(target, model.fast_trie(), model.vocabulary)
    if not is_container(path):  # what reading a foreign file met; lmkit's own holds what its training met, told then
        for entry in model.notes_:
            output.note(f"Note: {entry}")
    size = target.stat().st_size
    if json:
        measured = {} if cost is None else {"perplexity": cost[0], "perplexity_quantized": cost[1]}
        output.result_json({"source": str(path), "target": str(target), "format": form.value, "bytes": size, **measured})
        return
    output.result(f"{target}: {output.size(size)}, {size / sum(model.trie_.sizes):.1f} bytes an n-gram")
    if cost is not None:
        output.result(f"Perplexity of {held_out}: {cost[0]:.5f} before, {cost[1]:.5f} with {quantize} bits ({cost[1] / cost[0] - 1:+.3%}).")


def _cost(exact: NgramLanguageModel, rounded: NgramLanguageModel, spec: str) -> tuple[float, float]:
    """Perplexities of a text under both models."""
    import lmkit_corpora

    base = reading.is_in_catalogue(spec)
    corpus = lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, None, "valid") if base else None, options=exact.text_options)
    return exact.score(corpus).perplexity(), rounded.score(corpus).perplexity()


def _format_of(path: Path) -> Format:
    for ending, form in _ENDINGS.items():
        if path.name.endswith(ending):
            return form
    raise UsageError(f"{path}: the ending does not tell the format; use {', '.join(_ENDINGS)}, or give --to {', --to '.join(Format)}.")
