"""Progress on standard error: a bar with rate and time left on a terminal, nothing where nobody looks."""

from __future__ import annotations

import functools
import sys
from typing import Any

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silence bars and notes for the rest of the process (the command line's --quiet)."""
    global _quiet
    _quiet = quiet


def _is_watched() -> bool:
    return not _quiet and sys.stderr is not None and sys.stderr.isatty()


@functools.cache
def remark(text: str) -> None:
    """Tell somebody who waits at a terminal why, each thing once."""
    if _is_watched():
        sys.stderr.write(f"{text}\n")


class Progress:
    """A bar over `total` units, or a counter where the total is unknown. Use as a context manager; `advance` moves it.

    `unit` names what is counted ("B", "token"). Hidden when standard error is no terminal or with --quiet.
    """

    def __init__(self, description: str, total: float | None = None, unit: str = "it") -> None:
        self._bar: Any = None
        if _is_watched():
            from tqdm import tqdm

            self._bar = tqdm(desc=description, total=total, unit=unit, unit_scale=True, leave=False, file=sys.stderr, delay=0.5)

    def advance(self, amount: float = 1) -> None:
        if self._bar is not None:
            self._bar.update(amount)

    def describe(self, description: str) -> None:
        if self._bar is not None:
            self._bar.set_description(description)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
