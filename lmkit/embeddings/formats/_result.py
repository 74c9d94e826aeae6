"""What a reader hands out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmkit.embeddings.formats._rows import Rows

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors


def vectors_of(rows: Rows, path: Path, form: str, **parts: Any) -> WordVectors:
    """WordVectors of rows that were read. parts : further arguments of WordVectors; `made` is added to what is known."""
    from lmkit.embeddings.vectors import WordVectors

    made = {"read_from": path.name, "format": form, **parts.pop("made", {})}
    if rows.notes:
        made["notes"] = rows.notes
    return WordVectors(rows.words, rows.matrix, made=made, where=str(path), **parts)
