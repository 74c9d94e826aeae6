"""Writing files so that nothing is ever half-written: beside the target under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from lmkit import paths
from lmkit.errors import OutputError

WRITE_BLOCK = 1 << 16
"""Bytes of a large file that are best written at a time. Linux keeps what one call writes in as large pages as it can find, and a virtual
machine may have to get those from its host: a GB took 0.3 seconds in calls of 64 KB, and up to 1.8 in calls of 4 MB."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on any failure (Ctrl-C included).

    Raises
    ------
    OutputError
        If the folder is missing, not writable, or the disk is full.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    except OutputError:
        raise
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) not in (temporary, target):
            raise  # about another file than the one being written
        raise explain_write_error(error, target) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def explain_write_error(error: OSError, target: Path) -> OutputError:
    """Turn an OSError met while writing `target` into one sentence with the next step."""
    elsewhere = _another_place(target)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputError(f"{target}: the disk is full, so nothing was written there; free some space or {elsewhere}.")
    if error.errno == errno.ENOENT:
        return OutputError(f"{target}: the folder {target.parent} does not exist; make it, or {elsewhere}.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{target}: no permission to write there; {elsewhere}.")
    if error.errno == errno.EISDIR:
        return OutputError(f"{target}: is a folder; name a file with --out.")
    return OutputError(f"{target}: could not be written ({error.strerror or error}); {elsewhere}.")


def _another_place(target: Path) -> str:
    """How a user moves a file elsewhere: the folders of lmkit's own files are named by variables, all others on the command line."""
    for variable, folder in (("LMKIT_CACHE", paths.cache_folder()), ("LMKIT_DATA", paths.data_folder())):
        if target.absolute().is_relative_to(folder.absolute()):
            return f"set the environment variable {variable} to another folder"
    return "name another place with --out"
