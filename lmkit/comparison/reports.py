"""Writing a comparison to a file whose ending names the form: one HTML page, JSON, CSV, Markdown, LaTeX, or a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from lmkit import _files, _plots
from lmkit._json import finite
from lmkit.comparison import tables
from lmkit.comparison.results import Comparison
from lmkit.errors import UsageError


def _json(comparison: Comparison) -> str:
    return json.dumps(finite(comparison.to_dict()), ensure_ascii=False, indent=2) + "\n"


def _html(comparison: Comparison) -> str:
    from lmkit.comparison.page import render

    return render(comparison)


FORMS: dict[str, Callable[[Comparison], str]] = {
    ".html": _html,
    ".json": _json,
    ".csv": tables.to_csv,
    ".md": tables.to_markdown,
    ".tex": tables.to_latex,
}


def check_report(path: str | os.PathLike[str]) -> None:
    """Raise UsageError for an ending that names no form."""
    known = (*FORMS, *_plots.FORMATS)
    if Path(path).suffix not in known:
        raise UsageError(f"{path}: a report is written as {', '.join(known)}; end its name with one of them.")


def write_report(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write the report, beside its target and then renamed. Raises UsageError for an unknown ending, OutputError if it can't be written,
    MissingDependencyError for a picture without matplotlib."""
    check_report(path)
    if Path(path).suffix in _plots.FORMATS:
        from lmkit.comparison.pictures import draw

        draw(comparison, path)
        return
    text = FORMS[Path(path).suffix](comparison)
    with _files.replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
