"""What commands print: results on standard output, notes on standard error, tables in plain aligned text."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from lmkit._json import finite

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silence notes and progress bars (--quiet)."""
    global _quiet
    _quiet = quiet
    from lmkit import _progress

    _progress.set_quiet(quiet)


def note(text: str) -> None:
    """One line for the user's eyes, on standard error; nothing with --quiet."""
    if not _quiet:
        sys.stdout.flush()  # so that the two stay in order where both go to one place
        print(text, file=sys.stderr)


def result(text: str) -> None:
    """Text that was asked for, on standard output."""
    print(text)


def result_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output. JSON has no infinity and no nan: they become null."""
    print(json.dumps(finite(value), ensure_ascii=False, indent=2))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns of text under their headers, two spaces apart. `right`: the columns that are numbers, aligned at their right."""
    cells = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(headers))]
    lines = []
    for row in cells:
        padded = []
        for column, cell in enumerate(row):
            space = " " * (widths[column] - width(cell))
            padded.append(space + cell if column in right else cell + space)
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def width(text: str) -> int:
    """Columns that a text takes on a terminal: wide East Asian characters count two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) or unicodedata.category(char) == "Cf" else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def printable(text: str) -> str:
    """`text` with control characters escaped, so that no token can disturb a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or unicodedata.category(char) == "Cf" else repr(char)[1:-1] for char in text)


def clipped(text: str, longest: int = 60) -> str:
    """A token for a table: one of thousands of characters would push all other columns off the screen."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def number(value: float) -> str:
    """A count with separators, or a measure to about six digits."""
    if isinstance(value, int):
        return f"{value:,}"
    if math.isfinite(value) and (abs(value) >= 1e6 or (value != 0 and abs(value) < 1e-4)):
        return f"{value:.5e}"
    return f"{value:.6g}"


def perplexity(value: float) -> str:
    """A perplexity with two decimals; one of more than seven digits by its order of magnitude."""
    return f"{value:,.2f}" if value < 1e7 else f"{value:.1e}"


def duration(seconds: float) -> str:
    """A time for people: seconds, from two minutes on minutes."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def size(count: int) -> str:
    """A number of bytes for people, in powers of 1000 as disks are sold."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
