"""Corpora fetched once from their publishers: plain files or one archive, kept in the data folder, their splits the published files.

The TOML says which `files` to fetch (name, addresses, size, sha256), which `members` to take out of an archive, and which files each split
is. What was checked is noted in checked.json with size and time stamp, so that gigabytes are not hashed on every run. Whoever has no
network puts the published file where the message says, and it is checked like a download; a file that has no address comes in no other way.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmkit import paths
from lmkit._files import explain_write_error, replacing
from lmkit.errors import ChecksumError, NetworkError
from lmkit_corpora import archives
from lmkit_corpora.download import check_file, download
from lmkit_corpora.entry import CatalogueEntry


def is_present(entry: CatalogueEntry) -> bool:
    known = _read_checked(folder(entry))
    wanted = set(known.get("extracted", [])) if "members" in entry.settings else {file["name"] for file in entry.settings["files"]}
    return bool(wanted) and all((folder(entry) / name).is_file() for name in wanted)


def folder(entry: CatalogueEntry) -> Path:
    return paths.data_folder() / "corpora" / entry.name


def notes(entry: CatalogueEntry) -> list[str]:
    return []


def files(entry: CatalogueEntry, split: str) -> list[Path]:
    """Files of a split, fetched and checked. "all" is every split in order, or what the TOML says it is."""
    rule = entry.settings["split"]
    if split == "all" and "all" not in rule:
        return [path for name in entry.splits for path in files(entry, name)]
    here = folder(entry)
    if "members" in entry.settings:
        _extracted(entry, here)
    else:
        for file in entry.settings["files"]:
            if file["name"] in rule[split]:
                _published(file, here)
    if isinstance(rule[split], Mapping):
        return [_piece(here, split, rule[split])]
    return [path for pattern in rule[split] for path in sorted(here.glob(pattern)) or [here / pattern]]


def _published(file: Mapping[str, Any], here: Path) -> bool:
    """See that a published file is there and right; True if it was fetched now."""
    path = here / file["name"]
    if path.is_file():
        if not _is_checked(here, path):
            check_file(path, size=file["size"], sha256=file["sha256"])
            _note_checked(here, [path])
        return False
    if not file["urls"]:
        raise NetworkError(
            f"{path}: no publisher offers this file for download now; put a copy there ({file['size']:,} bytes, sha256 {file['sha256']}), "
            "or name any other text."
        )
    download(file["urls"], path, size=file["size"], sha256=file["sha256"])
    _note_checked(here, [path])
    return True


def _extracted(entry: CatalogueEntry, here: Path) -> None:
    """See that the members of the archive are there: as extracted before, put there by hand, or taken out of the archive now."""
    names = _read_checked(here).get("extracted")
    if names and all(_is_checked(here, here / name) for name in names):
        return
    members = entry.settings["members"]
    if all("sha256" in member and (here / member["to"]).is_file() for member in members):
        for member in members:
            check_file(here / member["to"], size=member.get("size"), sha256=member["sha256"])
        _note_checked(here, [here / member["to"] for member in members], extracted=True)
        return
    (file,) = entry.settings["files"]
    fetched = _published(file, here)
    pairs = [(member["from"], member["to"]) for member in members]
    try:
        written = archives.extract(here / file["name"], pairs, here, limit=entry.settings["extracted_limit"])
        for member in members:
            if "sha256" in member:
                check_file(here / member["to"], size=member.get("size"), sha256=member["sha256"])
    except OSError as error:
        raise explain_write_error(error, here) from error
    _note_checked(here, written, extracted=True)
    if fetched:  # an archive that was put there by hand stays
        with contextlib.suppress(OSError):
            (here / file["name"]).unlink()


def _piece(here: Path, split: str, rule: Mapping[str, Any]) -> Path:
    """Bytes [start, stop) of a file as a file of their own, made when first asked for."""
    whole = here / rule["file"]
    target = here / f"{rule['file']}.{split}"
    size = rule["stop"] - rule["start"]
    if target.is_file() and target.stat().st_size == size and target.stat().st_mtime_ns >= whole.stat().st_mtime_ns:
        return target
    with replacing(target) as temporary, open(whole, "rb") as source, open(temporary, "wb") as out:
        source.seek(rule["start"])
        while size > 0 and (block := source.read(min(size, 1 << 20))):
            out.write(block)
            size -= len(block)
        if size:
            raise ChecksumError(f"{whole}: ends {size:,} bytes before the end of its split {split}; delete it and run the command again.")
    return target


def _read_checked(here: Path) -> dict[str, Any]:
    try:
        record = json.loads((here / "checked.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _is_checked(here: Path, path: Path) -> bool:
    stamp = _read_checked(here).get("files", {}).get(path.relative_to(here).as_posix())
    return path.is_file() and stamp == [path.stat().st_size, path.stat().st_mtime_ns]


def _note_checked(here: Path, checked: list[Path], *, extracted: bool = False) -> None:
    record = _read_checked(here)
    names = [path.relative_to(here).as_posix() for path in checked]
    stamps = {name: [path.stat().st_size, path.stat().st_mtime_ns] for name, path in zip(names, checked, strict=True)}
    record["files"] = {**record.get("files", {}), **stamps}
    if extracted:
        record["extracted"] = names
    with replacing(here / "checked.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
