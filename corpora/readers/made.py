"""Corpora made from a recipe in the catalogue: drawn from a source of known entropy, or with planted analogies.

The data folder gets SPLIT.txt, oracle-SPLIT.npz (the source's own scored events on that very text) and corpus.json (the recipe, the exact
entropy rate, and what the source pays on each split); the analogies corpus has text.txt and questions-words.txt instead.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from lmkit import paths
from lmkit._files import making_folder
from lmkit.errors import FormatError, UsageError
from lmkit.events import ScoredEvents
from lmkit_corpora.entry import CatalogueEntry

RECIPE = 1
"""Number of the drawing: changed when the same recipe gives another text."""


def is_present(entry: CatalogueEntry) -> bool:
    return (folder(entry) / "corpus.json").is_file()


def folder(entry: CatalogueEntry) -> Path:
    """Its name holds a hash of the recipe, so that a changed recipe is made anew."""
    recipe = json.dumps([RECIPE, entry.settings["recipe"]], sort_keys=True)
    return paths.data_folder() / "generated" / f"{entry.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:10]}"


def notes(entry: CatalogueEntry) -> list[str]:
    return []


def files(entry: CatalogueEntry, split: str) -> list[Path]:
    here = folder(entry)
    if not (here / "corpus.json").is_file():
        _make(entry, here)
    if not entry.splits:
        return [here / "text.txt"]
    return [here / f"{name}.txt" for name in (entry.splits if split == "all" else (split,))]


def source_of(entry: CatalogueEntry) -> Any:
    """The UnifilarSource of a generated corpus. Raises UsageError for one without (planted analogies)."""
    from lmkit_corpora.generated.unifilar import UnifilarSource

    recipe = dict(entry.settings.get("recipe", {}))
    maker = recipe.pop("source", None)
    start = recipe.pop("start", None)
    recipe.pop("tokens", None)
    if maker == "automaton":
        states = {state: {word: (edge[0], edge[1]) for word, edge in row.items()} for state, row in recipe["states"].items()}
        return UnifilarSource.from_automaton(states, start)
    if maker in ("random_ngrams", "random_automaton"):
        return getattr(UnifilarSource, maker)(**recipe)
    raise UsageError(f"The corpus {entry.name} has no source of known entropy; `lmkit corpus list` shows which have one.")


def oracle(entry: CatalogueEntry, split: str) -> ScoredEvents:
    """The source's scored events on a split, from the file beside the text. Only for entries that `source_of` takes."""
    files(entry, split)
    return load_events(folder(entry) / f"oracle-{split}.npz")


def _make(entry: CatalogueEntry, here: Path) -> None:
    """Write all files into `here`, which appears only when all of them are there."""
    recipe = entry.settings["recipe"]
    record: dict[str, Any] = {"name": entry.name, "recipe": recipe, "splits": {}}
    with making_folder(here, "corpus.json") as temporary:
        if recipe["source"] == "planted_analogies":
            from lmkit_corpora.generated.analogies import planted_analogies

            corpus = planted_analogies(**{key: value for key, value in recipe.items() if key != "source"})
            record["text"] = _write_text(temporary / "text.txt", corpus.text)
            _write_text(temporary / "questions-words.txt", corpus.questions)
        else:
            source = source_of(entry)
            record["source"] = source.to_dict()
            for number, (split, tokens) in enumerate(recipe["tokens"].items()):
                sample = source.sample(tokens=tokens, seed=1000 + number)
                described = _write_text(temporary / f"{split}.txt", sample.text)
                save_events(temporary / f"oracle-{split}.npz", sample.events)
                record["splits"][split] = {**described, "events": len(sample.events), "oracle_bits_per_event": sample.mean_bits}
        (temporary / "corpus.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def _write_text(path: Path, text: str) -> dict[str, Any]:
    data = text.encode()
    path.write_bytes(data)
    return {"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def save_events(path: Path, events: ScoredEvents) -> None:
    """Write scored events as .npz, one array a column; the vocabulary's size and hash as arrays of no dimension."""
    columns = {field.name: getattr(events, field.name) for field in dataclasses.fields(events)}
    arrays: dict[str, Any] = {name: np.asarray(column) for name, column in columns.items() if column is not None}
    np.savez_compressed(path, **arrays)


def load_events(path: Path) -> ScoredEvents:
    """Read what `save_events` wrote; FormatError if it isn't that."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            columns: dict[str, Any] = {name: stored[name] for name in stored.files}
        columns["vocabulary_size"] = int(columns["vocabulary_size"])
        columns["vocabulary_hash"] = str(columns["vocabulary_hash"])
        return ScoredEvents(**columns)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(
            f"{path}: holds no scored events ({error}); delete its folder and run the command again to make it anew."
        ) from error
