"""Downloads that go on where they were cut: plain HTTP(S) with Range, checked by size and sha256, renamed only when whole.

A partial download lies beside its target as NAME.part, with NAME.part.json holding the address and the server's ETag or date, so
that a later run continues it (RFC 9110, sections 13.1.5 If-Range and 14.2 Range) and never joins halves of two different files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmkit._files import explain_write_error, replacing
from lmkit._progress import Progress
from lmkit.errors import ChecksumError, LmkitError, NetworkError

BLOCK = 1 << 18
"""Bytes read at once: small enough that a bar moves, large enough that Python's overhead does not show."""

TRIES = 4
"""Attempts in a row that bring nothing new before the download gives up. An attempt that brought bytes starts the count again."""

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOENT, errno.EIO}


def file_sha256(path: Path, description: str | None = None) -> str:
    """sha256 of a file, hex. `description` shows a bar."""
    digest = hashlib.sha256()
    with open(path, "rb") as file, Progress(description or path.name, total=path.stat().st_size, unit="B") as bar:
        while block := file.read(1 << 20):
            digest.update(block)
            bar.advance(len(block))
    return digest.hexdigest()


def check_file(path: Path, *, size: int | None, sha256: str | None) -> None:
    """Raise ChecksumError, one sentence with the next step, unless the file has this size and sha256."""
    actual = path.stat().st_size
    if size is not None and actual != size:
        raise ChecksumError(
            f"{path}: has {actual:,} bytes where the published file has {size:,}; delete it and run the command again to download it anew."
        )
    if sha256 is not None and (found := file_sha256(path, f"checking {path.name}")) != sha256:
        raise ChecksumError(
            f"{path}: its sha256 is {found} where the published file has {sha256}; delete it and run the command again to download it anew."
        )


def download(
    urls: Sequence[str],
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Bring one file to `target`, from the first of `urls` that answers, going on from a partial download if there is one.

    Parameters
    ----------
    urls : http(s) addresses of the same file, tried in order.
    size, sha256 : what the whole file must have; checked before it takes its name.
    timeout : seconds without a byte before a connection counts as cut.
    pause : seconds before the second attempt, doubled each time.

    Raises
    ------
    NetworkError
        If no address brought the whole file. What came is kept for the next run.
    ChecksumError
        If the whole file isn't the published one. It is removed.
    OutputError
        If it can't be written: full disk, no permission.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, target) from error
    part = target.with_name(target.name + ".part")
    reasons = []
    for url in urls:
        try:
            _bring(url, part, size, timeout, pause)
            break
        except NetworkError as error:
            reasons.append(str(error))
    else:
        kept = part.stat().st_size if part.exists() else 0
        resume = f" {kept:,} bytes are kept and the next run goes on from there." if kept else ""
        raise NetworkError(
            f"{target.name} could not be downloaded: {'; '.join(reasons)}.{resume} "
            f"Connect to the network and run the command again, or get the file elsewhere and put it at {target}"
        )
    try:
        check_file(part, size=size, sha256=sha256)
    except ChecksumError as error:
        _forget(part)
        raise ChecksumError(str(error).replace("delete it and run", "it was removed; run")) from error
    os.replace(part, target)
    _forget(part)
    return target


def _bring(url: str, part: Path, size: int | None, timeout: float, pause: float) -> None:
    """Append what is missing to `part` until the server has no more; raise NetworkError "ADDRESS (reason)" when TRIES bring nothing."""
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        if size is not None and before == size:
            return
        try:
            if _attempt(url, part, size, timeout):
                return
            reason = "the connection was cut"
        except LmkitError:
            raise
        except urllib.error.HTTPError as error:
            reason = f"the server answered {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 416, 429):
                raise NetworkError(f"{url} ({reason})") from error
        except urllib.error.URLError as error:
            reason = str(error.reason)
            if isinstance(error.reason, socket.gaierror) or getattr(error.reason, "errno", None) == errno.ENETUNREACH:
                raise NetworkError(f"{url} (no network, or no such server: {reason})") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        except OSError as error:
            if error.errno in _DISK_ERRORS:
                raise explain_write_error(error, part) from error
            reason = str(error) or type(error).__name__
        progressed = (part.stat().st_size if part.exists() else 0) > before
        failures = 0 if progressed else failures + 1
        if failures >= TRIES:
            raise NetworkError(f"{url} ({reason})")
        time.sleep(pause * 2 ** max(failures - 1, 0))


def _attempt(url: str, part: Path, size: int | None, timeout: float) -> bool:
    """One request, from where `part` ends. True when the file is whole as far as the server can say."""
    record = _read_record(part)
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "lmkit", "Accept-Encoding": "identity"}
    if start and record.get("url") == url and record.get("validator"):
        headers |= {"Range": f"bytes={start}-", "If-Range": record["validator"]}
    else:
        start = 0  # another address, or a server that can't say whether its file changed: from the beginning
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is longer than the file, or exactly whole with an unknown size: start over
            _forget(part)
        raise
    with response:
        if response.status == 206:
            if not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
                raise http.client.HTTPException("the server sent another range than the one asked for")
        else:
            start = 0
        length = response.headers.get("Content-Length")
        whole = start + int(length) if length and length.isdigit() else None
        if size is not None and whole is not None and whole != size:
            raise NetworkError(f"{url} (the server offers {whole:,} bytes where the published file has {size:,})")
        etag = response.headers.get("ETag")
        validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
        with replacing(_record_path(part)) as temporary:
            temporary.write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")
        with open(part, "ab" if start else "wb") as file, Progress(part.stem, total=size or whole, unit="B") as bar:
            bar.advance(start)
            written = start
            while block := response.read(BLOCK):
                file.write(block)
                written += len(block)
                bar.advance(len(block))
                if size is not None and written > size:
                    break
    if size is not None or whole is not None:
        return written >= (size if size is not None else whole or 0)
    return True


def _record_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_record(part: Path) -> dict[str, Any]:
    try:
        record = json.loads(_record_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _forget(part: Path) -> None:
    for path in (part, _record_path(part)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
