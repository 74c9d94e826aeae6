"""Writing models in the format that the file's name tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import UsageError
from lmkit_cli import reading

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel

_ARPA = (".arpa", ".arpa.gz")


def is_arpa(target: Path) -> bool:
    """Whether the name asks for ARPA text."""
    return target.name.endswith(_ARPA)


def check_target(target: Path, *sources: Path) -> None:
    """Refuse early what can't be written: see `reading.check_output`; and a file that is read as well. Raises UsageError or OutputError."""
    for source in sources:
        if target.exists() and source.exists() and target.samefile(source):
            raise UsageError(f"{target}: is read as well; name another file to write.")
    reading.check_output(target)


def save(model: NgramLanguageModel, target: Path) -> int:
    """Write a model, ARPA if the name ends so, else lmkit's own form; the size of the file in bytes."""
    reading.make_folder(target)
    if is_arpa(target):
        model.write_arpa(target)
    else:
        model.save(target)
    return target.stat().st_size
