"""The corpora that lmkit knows by name: a catalogue, one TOML file a corpus, and what reads, fetches or makes them."""

from __future__ import annotations

from lmkit_corpora.api import corpus_path, default_corpus, default_reading, get, load_corpus, open_corpus, oracle_events, source_figures
from lmkit_corpora.entry import CatalogueEntry, names

__all__ = [
    "CatalogueEntry",
    "corpus_path",
    "default_corpus",
    "default_reading",
    "get",
    "load_corpus",
    "names",
    "open_corpus",
    "oracle_events",
    "source_figures",
]
