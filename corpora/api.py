"""From what people type to a text: names of the catalogue, NAME:SPLIT, files, folders, globs and standard input."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmkit.errors import InputError, UsageError
from lmkit.text.options import TextOptions
from lmkit_corpora.entry import CATALOGUE, CatalogueEntry, load_entry, names
from lmkit_corpora.readers import get_reader

if TYPE_CHECKING:
    from lmkit.events import ScoredEvents
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.sources import TextSource

SPLITS = ("train", "valid", "test")
"""Splits that every local text has by the deterministic rule of EncodedCorpus.split."""


def default_corpus() -> str:
    """Name of the corpus that commands use when none is given."""
    return "sotu"


def get(name: str) -> CatalogueEntry:
    """The catalogue's entry of that name.

    Raises
    ------
    UsageError
        If there is none: the sentence names the closest ones.
    """
    if not _is_name(name):
        raise UsageError(f"There is no corpus named {name!r}{_closest(name)}; `lmkit corpus list` shows all.")
    return load_entry(name)


def corpus_path(name: str) -> Path:
    """Where a corpus of the catalogue lies on this machine, fetched or made first if need be.

    `name` may be NAME or NAME:SPLIT; a split that is one file gives that file, everything else its folder.
    """
    base, _, split = name.partition(":")
    entry = get(base)
    reader = get_reader(entry)
    files = reader.files(entry, _checked_split(entry, split) if split else "all")
    return files[0] if split and len(files) == 1 else reader.folder(entry)


def open_corpus(spec: str | Path, *, split: str | None = None) -> tuple[TextSource, TextOptions]:
    """The raw text of what `spec` names and how it is read unless the caller knows better.

    Parameters
    ----------
    spec : a name of the catalogue, NAME:SPLIT, a file, a folder, a glob, or "-" for standard input.
    split : for the catalogue a split's name or "all"; None takes the entry's default (train, where there is one). A local text has
        no splits before it is encoded: use `load_corpus`.

    Raises
    ------
    InputError
        If `spec` is neither a name nor a file.
    UsageError
        If the corpus has no such split.
    MissingDependencyError, NetworkError, ChecksumError
        If the corpus can't be brought here, or isn't what the catalogue says. The sentence names the next step.
    """
    from lmkit.text.sources import open_source

    where = _resolve(spec, split)
    if where.entry is None:
        if where.split not in (None, "all"):
            raise UsageError(f"{where.path}: the split {where.split} of a local text exists only once it is encoded; use load_corpus.")
        return open_source(where.path), TextOptions()
    source = open_source(get_reader(where.entry).files(where.entry, where.split or "all"))
    source.name = where.name
    return source, where.entry.reading


def default_reading(spec: str | Path) -> TextOptions:
    """How `spec` is read unless the caller knows better, without touching the text: the entry's reading, or the plain-file defaults."""
    entry = _resolve(spec, None).entry
    return entry.reading if entry is not None else TextOptions()


def load_corpus(
    spec: str | Path, *, split: str | None = None, options: TextOptions | None = None, cache: bool = True, progress: bool = True
) -> EncodedCorpus:
    """Read, encode and split what `spec` names.

    Parameters
    ----------
    spec : a name of the catalogue, NAME:SPLIT, a file, a folder, a glob, or "-" for standard input.
    split : "train", "valid", "test" or "all". None means the split in `spec`; failing that, the default split of a catalogue corpus
        (train, where there is one), or all of a local text. Each part has a vocabulary of its own: nothing of
        the test text leaks into the training text.
    options : how it is read; None means the entry's own reading, or the defaults for plain files.
    cache : keep the encoded form in the cache folder (standard input is never kept).
    progress : show bars on a terminal.

    Raises
    ------
    As `open_corpus`, and what `lmkit.text.encoding.encode` raises for bad text.
    """
    from lmkit.text.encoding import encode
    from lmkit.text.sources import open_source

    where = _resolve(spec, split)
    if where.entry is None:
        source = open_source(where.path)
        corpus = encode(source, options or TextOptions(), cache=cache and not source.is_stream, progress=progress)
        if where.split not in (None, "all"):
            corpus = _part_of_local(corpus, where.split)
        return dataclasses.replace(corpus, notes=(*corpus.notes, *where.notes)) if where.notes else corpus
    entry, chosen = where.entry, where.split or "all"
    reader = get_reader(entry)
    source = open_source(reader.files(entry, chosen))
    source.name = where.name
    corpus = encode(source, options or entry.reading, cache=cache, progress=progress)
    notes = [*corpus.notes, *reader.notes(entry)]
    record = {"corpus": entry.name, "split": chosen, "rule": "the whole corpus" if chosen == "all" else entry.split_rule}
    return dataclasses.replace(corpus, name=where.name, notes=tuple(dict.fromkeys(notes)), split_record=record)


def oracle_events(spec: str, *, split: str | None = None) -> ScoredEvents:
    """What the source of a generated corpus itself says of every event of a split: no model does better in the long run.

    `spec` is NAME or NAME:SPLIT. Raises UsageError for a corpus that wasn't drawn from a source, or without a single split.
    """
    from lmkit_corpora.readers import made

    where = _resolve(spec, split)
    if where.entry is None or where.entry.kind != "generated":
        raise UsageError(f"{spec}: only generated corpora have an oracle; `lmkit corpus list` shows them.")
    made.source_of(where.entry)  # refuses corpora without a source
    if where.split not in where.entry.splits:
        raise UsageError(f"{spec}: name one split, such as {where.entry.name}:{where.entry.splits[-1]}, to get its oracle's events.")
    return made.oracle(where.entry, where.split)


def source_figures(name: str) -> dict[str, Any] | None:
    """Exact figures of the source of a generated corpus (entropy rate, states ...), JSON-able; None for every other corpus."""
    from lmkit_corpora.readers import made

    entry = get(name)
    if "tokens" not in entry.settings.get("recipe", {}):
        return None
    figures: dict[str, Any] = made.source_of(entry).to_dict()
    return figures


@dataclasses.dataclass(frozen=True)
class _Resolved:
    """What `spec` means: an entry of the catalogue, or a path, with a split."""

    entry: CatalogueEntry | None
    path: str | Path
    split: str | None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        assert self.entry is not None
        return f"{self.entry.name}:{self.split}"


def _resolve(spec: str | Path, split: str | None) -> _Resolved:
    if isinstance(spec, Path):
        return _Resolved(None, spec, _local_split(split, spec))
    if spec == "-" or os.path.exists(spec):  # a file or folder of that name comes before the catalogue
        notes = (f"The file or folder {spec} is read, not the corpus of that name in the catalogue.",) if _is_name(spec) else ()
        return _Resolved(None, spec, _local_split(split, spec), notes)
    base, colon, suffix = spec.rpartition(":")
    if colon and (_is_name(base) or (suffix in (*SPLITS, "all") and os.path.exists(base))):
        if split is not None and split != suffix:
            raise UsageError(f"{spec} names the split {suffix} and --split names {split}; give one of them.")
        spec, split = base, suffix
    if _is_name(spec) and not os.path.exists(spec):
        entry = load_entry(spec)
        return _Resolved(entry, spec, _checked_split(entry, split or entry.default_split))
    if not os.path.exists(spec) and not any(sign in spec for sign in "/\\*?[."):
        raise InputError(
            f"There is no corpus named {spec!r} and no file of that name{_closest(spec)}; `lmkit corpus list` shows all corpora."
        )
    return _Resolved(None, spec, _local_split(split, spec))


def _is_name(text: str) -> bool:
    return bool(text) and text == os.path.basename(text) and not text.startswith(".") and (CATALOGUE / f"{text}.toml").is_file()


def _checked_split(entry: CatalogueEntry, split: str) -> str:
    if split != "all" and split not in entry.splits:
        raise UsageError(f"The corpus {entry.name} has no split {split!r}; it has {', '.join((*entry.splits, 'all'))}.")
    return split


def _local_split(split: str | None, spec: str | Path) -> str | None:
    if split not in (None, "all", *SPLITS):
        raise UsageError(f"{spec}: a local text has no split {split!r}; it has {', '.join((*SPLITS, 'all'))}.")
    return split


def _closest(name: str) -> str:
    close = difflib.get_close_matches(name.partition(":")[0], names(), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _part_of_local(corpus: EncodedCorpus, split: str) -> EncodedCorpus:
    """A split of a local text with a vocabulary of its own."""
    part = corpus.split()[split]
    return dataclasses.replace(part, name=f"{corpus.name}:{split}")
