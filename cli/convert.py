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


def command(
    source: Annotated[str, typer.Argument(metavar="IN", help="The model to read: lmkit's own file or ARPA, plain or compressed.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .lm, .arpa or .arpa.gz.")],
    to: Annotated[Format | None, typer.Option(help="The format to write, where the ending of OUT doesn't tell it.")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Convert a model between lmkit's own format and ARPA.

    The format written follows from the ending of OUT: .arpa and .arpa.gz are ARPA text, .lm is lmkit's own.
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
    else:
        model.save(target)
    size = target.stat().st_size
    if json:
        output.result_json({"source": str(path), "target": str(target), "format": form.value, "bytes": size})
    else:
        output.result(f"{target}: {output.size(size)}")


def _format_of(path: Path) -> Format:
    if path.name.endswith((".arpa", ".arpa.gz")):
        return Format.arpa
    if path.suffix == ".lm":
        return Format.lm
    raise UsageError(f"{path}: the ending does not tell the format; use .lm, .arpa or .arpa.gz, or give --to lm or --to arpa.")
