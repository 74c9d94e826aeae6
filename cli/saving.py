"""Writing models in the format that the file's name tells."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import LmkitError, UsageError
from lmkit_cli import reading

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel

_ARPA = (".arpa", ".arpa.gz")
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_FOREIGN = (*COMPRESSED, *_ARPA, ".klm", ".binary", ".bin", ".txt", ".vec", ".npz", ".tsv", ".csv", ".json", ".safetensors", ".pt", ".pth")
"""Endings that promise a format which no model is trained to."""


def is_arpa(target: Path) -> bool:
    """Whether the name asks for ARPA text, in small letters or capitals."""
    return target.name.lower().endswith(_ARPA)


def check_target(target: Path, *sources: str | Path | None) -> None:
    """Refuse early what can't be written: see `reading.check_output`; and a file that is read as well. Raises UsageError or OutputError.

    sources : all that the command reads: files as a Path, corpora as a str, None for what was left out.
    """
    if target.exists() and any(file.exists() and target.samefile(file) for source in sources for file in _files_of(source)):
        raise UsageError(f"{target}: is read as well; name another file to write.")
    reading.check_output(target)


def check_model_target(target: Path, what: str, own: str, *sources: str | Path | None, arpa: bool = False, converts: bool = True) -> None:
    """As `check_target`, of a file in lmkit's own format; endings of other formats are refused.

    what : is written, in the plural, for the message. own : the ending of such files. arpa : ARPA text can be written as well.
    converts : `lmkit convert` knows other formats of it.
    """
    ending = next((one for one in _FOREIGN if target.name.lower().endswith(one)), None)
    if ending is not None and not (arpa and is_arpa(target)):
        written = f"lmkit's own format ({own})" + (" or as ARPA (.arpa, .arpa.gz)" if arpa else "")
        further = ", and `lmkit convert` makes other formats of that" if converts else ""
        if ending in COMPRESSED:
            further = ", and compress that with another program"
        raise UsageError(f"{target}: {what} are written in {written}, not as {ending}; end the name so{further}.")
    check_target(target, *sources)


def _files_of(source: str | Path | None) -> list[Path]:
    """The files that a command reads for what the user named; none of the catalogue and of standard input, nor of what isn't there."""
    if source is None or isinstance(source, Path):
        return [] if source is None else [source]
    from lmkit.text.sources import open_source

    base = source if os.path.exists(source) else reading.split_off(source)[0]
    with contextlib.suppress(LmkitError):
        return [document.path for document in open_source(base).documents() if document.path is not None]
    return []


def save(model: NgramLanguageModel, target: Path) -> int:
    """Write a model, ARPA if the name ends so, else lmkit's own form; the size of the file in bytes."""
    reading.make_folder(target)
    if is_arpa(target):
        model.write_arpa(target)
    else:
        model.save(target)
    return target.stat().st_size
