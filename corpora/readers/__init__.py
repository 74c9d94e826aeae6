"""How corpora are brought onto the disk and which of their files make up a split. One file a reader, one line to register it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

from lmkit.errors import FormatError
from lmkit_corpora.entry import CatalogueEntry

_MODULES = {
    "sotu": "lmkit_corpora.readers.sotu",
    "gensim-wiki": "lmkit_corpora.readers.gensim_wiki",
    "download": "lmkit_corpora.readers.published",
    "generated": "lmkit_corpora.readers.made",
}


class Reader(Protocol):
    """What each module above offers, as functions."""

    def is_present(self, entry: CatalogueEntry) -> bool:
        """Whether its files lie on this machine. Cheap: checks nothing, fetches nothing, imports nothing heavy."""

    def folder(self, entry: CatalogueEntry) -> Path:
        """Where its files lie, or will lie."""

    def files(self, entry: CatalogueEntry, split: str) -> list[Path]:
        """The files of a split or of "all", in order, one document each; fetched, made and checked if need be."""

    def notes(self, entry: CatalogueEntry) -> list[str]:
        """What people should be told of the installed copy, one sentence each."""


def get_reader(entry: CatalogueEntry) -> Reader:
    """The reader that an entry names."""
    if entry.reader not in _MODULES:
        raise FormatError(f"The corpus {entry.name} names the reader {entry.reader!r}, which this lmkit doesn't have; update lmkit.")
    return importlib.import_module(_MODULES[entry.reader])  # type: ignore[return-value]
