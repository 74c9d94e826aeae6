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


def parse_size(text: str | None) -> int | None:
    """Bytes from `300000`, `20M`, `1.5GB`, `64MiB`: powers of 1000, or of 1024 with an i. Raises UsageError."""
    if text is None:
        return None
    number = text.strip().rstrip("bB").rstrip()
    binary = number.endswith("i")
    number = number.removesuffix("i")
    power = "kmgt".find(number[-1:].lower()) + 1 if number else 0
    try:
        value = float(number[:-1] if power else number)
        bytes_ = int(value * (1024 if binary else 1000) ** power)
    except (ValueError, OverflowError):
        bytes_ = 0
    if bytes_ < 1 or (binary and not power):
        raise UsageError(f"{text!r} is no size; write bytes such as 20M, 1.5GB or 300000.")
    return bytes_
