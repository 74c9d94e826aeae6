"""Taking named members out of .zip and .tar archives. Only what is asked for comes out, under the names that we choose.

Nothing in an archive decides where a file goes: members are matched by pattern, written under names from the catalogue, and a
member that isn't a regular file or grows beyond the stated limit ends the extraction with a sentence.
"""

from __future__ import annotations

import fnmatch
import functools
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from lmkit._files import replacing
from lmkit._progress import Progress
from lmkit.errors import FormatError

BLOCK = 1 << 20


def extract(archive: Path, members: Sequence[tuple[str, str]], folder: Path, *, limit: int) -> list[Path]:
    """Write members of `archive` into `folder`; return their paths in the order of the names they got.

    Parameters
    ----------
    members : (pattern, to): `pattern` is a member's name or an fnmatch pattern; `to` is the file name in `folder`, or ends in "/" for a
        folder that gets every matching member under its last name.
    limit : the most bytes that may come out altogether: a guard against archives made to fill the disk.

    Raises
    ------
    FormatError
        If a member is missing, isn't a regular file, more than `limit` bytes come out, or the archive is damaged.
    """
    written: list[Path] = []
    matched: set[str] = set()
    total = 0
    with Progress(f"unpacking {archive.name}", total=archive.stat().st_size, unit="B") as bar:
        try:
            for name, is_file, position, opened in _members(archive):
                bar.advance(position)
                rule = next((rule for rule in members if fnmatch.fnmatchcase(name, rule[0])), None)
                if rule is None:
                    continue
                if not is_file:
                    if rule[0] == name:
                        raise FormatError(f"{archive}: the member {name} isn't a regular file; delete the archive and download it again.")
                    continue
                matched.add(rule[0])
                target = folder / rule[1] / PurePosixPath(name).name if rule[1].endswith("/") else folder / rule[1]
                target.parent.mkdir(parents=True, exist_ok=True)
                with replacing(target) as temporary, opened() as source, open(temporary, "wb") as out:
                    while block := source.read(BLOCK):
                        total += len(block)
                        if total > limit:
                            raise FormatError(
                                f"{archive}: more than {limit:,} bytes come out of it, far more than the published one holds; delete it."
                            )
                        out.write(block)
                written.append(target)
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
            raise FormatError(f"{archive}: is damaged ({error}); delete it and run the command again to download it anew.") from error
    missing = [pattern for pattern, _ in members if pattern not in matched]
    if missing:
        raise FormatError(f"{archive}: has no member {missing[0]}; delete the archive and download it again.")
    return sorted(written)


def _members(archive: Path) -> Iterator[tuple[str, bool, int, Callable[[], IO[bytes]]]]:
    """Yield (name, is a regular file, archive bytes passed since the last one, what opens it) of each member, in order."""
    with open(archive, "rb") as raw:
        is_zip = raw.read(2) == b"PK"
    if is_zip:
        with zipfile.ZipFile(archive) as zip_file:
            for info in zip_file.infolist():
                mode = info.external_attr >> 16
                regular = not info.is_dir() and (mode & 0o170000) in (0, 0o100000)
                yield info.filename, regular, info.compress_size, functools.partial(zip_file.open, info)
        return
    with open(archive, "rb") as raw, tarfile.open(fileobj=raw, mode="r|*") as tar_file:
        before = 0
        for member in tar_file:
            yield member.name, member.isreg(), raw.tell() - before, functools.partial(_tar_open, tar_file, member)
            before = raw.tell()


def _tar_open(tar_file: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar_file.extractfile(member)
    assert source is not None  # regular files only
    return source
