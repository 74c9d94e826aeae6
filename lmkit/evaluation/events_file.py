"""Scored events on disk, and the check that two streams describe the same events.

What a model said of a text can be kept and compared with another model's later, on another machine, or by another program. The file is
lmkit's container (docs/file-formats.md) with one tensor a column.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._container import Container, read_container, write_container
from lmkit.errors import FormatError
from lmkit.events import ScoredEvents

KIND = "events"
_COLUMNS: dict[str, np.dtype] = {
    "token_ids": np.dtype(np.int32),
    "log_probabilities": np.dtype(np.float64),
    "is_oov": np.dtype(np.bool_),
    "is_end": np.dtype(np.bool_),
    "characters": np.dtype(np.int32),
    "bytes": np.dtype(np.int32),
    "sentence": np.dtype(np.int64),
    "document": np.dtype(np.int64),
}
_OPTIONAL: dict[str, np.dtype] = {"hit_length": np.dtype(np.int8), "back_off": np.dtype(np.float32), "rank": np.dtype(np.float32)}


@dataclasses.dataclass(frozen=True)
class StoredEvents:
    """A stream of events with what is known of it: `about` holds the model, the text and its reading (JSON-able)."""

    events: ScoredEvents
    about: dict[str, Any]

    @property
    def reading(self) -> dict[str, Any]:
        """How the text was read, as `TextOptions.to_dict` gives it; empty where the file does not tell."""
        return _object(self.about.get("reading"))

    @property
    def text(self) -> dict[str, Any]:
        """Which text it was, as `EncodedCorpus.record` gives it; empty where the file does not tell."""
        return _object(self.about.get("text"))


def _object(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def events_hash(events: ScoredEvents) -> str:
    """sha256, 64 hex digits, over what was predicted: where words and ends stand, what they cover of the text. Not over the scores.

    Two streams of one hash describe the same events of one text in one unit, whatever the models' vocabularies are.
    """
    digest = hashlib.sha256(len(events).to_bytes(8, "little"))
    for name in ("is_end", "characters", "bytes", "sentence", "document"):
        column = np.ascontiguousarray(getattr(events, name), _COLUMNS[name])
        digest.update(memoryview(column.view(np.uint8)))
    return digest.hexdigest()


def _columns_hash(columns: Mapping[str, np.ndarray]) -> str:
    """sha256, 64 hex digits, over all that is stored, scores included: a flipped bit in a score would be believed otherwise."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        digest.update(name.encode())
        digest.update(memoryview(np.ascontiguousarray(columns[name]).view(np.uint8)))
    return digest.hexdigest()


def explain_difference(first: ScoredEvents, second: ScoredEvents) -> str | None:
    """Which convention makes two streams describe different events, as half a sentence; None if they describe the same."""
    ends = int(np.count_nonzero(first.is_end)), int(np.count_nonzero(second.is_end))
    if (ends[0] == 0) != (ends[1] == 0):
        return f"one counts ends of sentences ({max(ends):,} of them) and the other does not"
    covered = int(first.characters.sum(dtype=np.int64)), int(second.characters.sum(dtype=np.int64))
    if len(first) != len(second):
        if covered[0] == covered[1]:
            return f"they cut the same text into {len(first):,} and {len(second):,} events, so their units differ"
        return f"they have {len(first):,} and {len(second):,} events over {covered[0]:,} and {covered[1]:,} characters of text"
    if ends[0] != ends[1]:
        return f"they count {ends[0]:,} and {ends[1]:,} ends of sentences"
    for name, what in (
        ("characters", "characters"),
        ("bytes", "bytes"),
        ("is_end", "as end"),
        ("sentence", "sentence"),
        ("document", "document"),
    ):
        differs = np.flatnonzero(getattr(first, name) != getattr(second, name))
        if len(differs):
            at = int(differs[0])
            values = getattr(first, name)[at], getattr(second, name)[at]
            return f"event {at} has {what} {values[0]} in one and {values[1]} in the other ({len(differs):,} such events)"
    return None


def save_events(path: str | os.PathLike[str], events: ScoredEvents, about: dict[str, Any] | None = None) -> None:
    """Write a stream of events.

    Parameters
    ----------
    about : JSON-able, kept with it: such as the model's card and the text's name.

    Raises
    ------
    OutputError : if the file can't be written.
    """
    columns = {name: np.ascontiguousarray(getattr(events, name), dtype) for name, dtype in _COLUMNS.items()}
    for name, dtype in _OPTIONAL.items():
        if getattr(events, name) is not None:
            columns[name] = np.ascontiguousarray(getattr(events, name), dtype)
    document = {
        "about": about or {},
        "events_hash": events_hash(events),
        "columns_hash": _columns_hash(columns),
        "vocabulary_size": events.vocabulary_size,
        "vocabulary_hash": events.vocabulary_hash,
        "is_normalised": events.is_normalised,
    }
    write_container(path, KIND, document, {f"events.{name}": column for name, column in columns.items()})


def load_events(path: str | os.PathLike[str]) -> StoredEvents:
    """Open a stream of events; its columns are memory-mapped.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it holds no events, or they are damaged.
    """
    container = read_container(path)
    if container.kind != KIND:
        raise FormatError(f"{path}: holds a {container.kind!r} model, not scored events; make them with `lmkit score`.")
    return from_container(container)


def from_container(container: Container) -> StoredEvents:
    """The stream in an opened file. Raises FormatError where its columns can't be those of one stream."""
    columns = {name: container.array(f"events.{name}", dtype, ndim=1) for name, dtype in _COLUMNS.items()}
    for name, dtype in _OPTIONAL.items():
        if f"events.{name}" in container:
            columns[name] = container.array(f"events.{name}", dtype, ndim=1)
    document = container.metadata
    try:
        events = ScoredEvents(
            **columns,  # type: ignore[arg-type]
            vocabulary_size=int(document["vocabulary_size"]),
            vocabulary_hash=str(document["vocabulary_hash"]),
            is_normalised=bool(document["is_normalised"]),
        )
        about = dict(document["about"])
        stated = [(str(document["events_hash"]), events_hash(events))]
    except (KeyError, TypeError, ValueError):
        raise FormatError(f"{container.path}: its header lacks what belongs to scored events; the file is damaged.") from None
    if "columns_hash" in document:
        stated.append((str(document["columns_hash"]), _columns_hash(columns)))
    fault = _fault(events, columns)
    if not fault and any(written != found for written, found in stated):
        fault = "its columns are not those it was written with"
    if fault:
        raise FormatError(f"{container.path}: {fault}; the file is damaged, score the text again.")
    return StoredEvents(events, about)


def is_events(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds scored events."""
    from lmkit._container import is_container

    return Path(path).is_file() and is_container(path) and read_container(path).kind == KIND


def _fault(events: ScoredEvents, columns: dict[str, np.ndarray]) -> str:
    """What is wrong with stored columns, or an empty string."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        return f"its columns have different lengths ({', '.join(f'{name} {length:,}' for name, length in lengths.items())})"
    if np.isnan(events.log_probabilities).any() or (len(events) and events.is_normalised and events.log_probabilities.max() > 1e-6):
        return "it has log probabilities that are none"
    if len(events) and (np.any(np.diff(events.sentence) < 0) or np.any(np.diff(events.document) < 0) or events.sentence[0] < 0):
        return "its sentences are out of order"
    if len(events) and (events.characters.min() < 0 or events.bytes.min() < 0 or events.token_ids.min() < 0):
        return "it has negative lengths or ids"
    if events.rank is not None and np.any(events.rank < 1):
        return "it has ranks below 1"
    return ""
