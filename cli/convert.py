"""`lmkit convert`: from one model format to another."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading


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
    reading.check_output(target)
    import lmkit

    model = lmkit.load(path)
    if form == Format.arpa:
        model.write_arpa(target)
    elif form == Format.lm:
        model.save(target)
    else:
        from lmkit.ngram.formats import kenlm_binary

        write = kenlm_binary.write_probing if form == Format.kenlm_probing else kenlm_binary.write_trie
        write(target, model.fast_trie(), model.vocabulary)
    for entry in model.notes_:
        output.note(f"Note: {entry}")
    size = target.stat().st_size
    if json:
        output.result_json({"source": str(path), "target": str(target), "format": form.value, "bytes": size})
    else:
        output.result(f"{target}: {output.size(size)}")


def _format_of(path: Path) -> Format:
    for ending, form in _ENDINGS.items():
        if path.name.endswith(ending):
            return form
    raise UsageError(f"{path}: the ending does not tell the format; use {', '.join(_ENDINGS)}, or give --to {', --to '.join(Format)}.")
