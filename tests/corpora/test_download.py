"""Downloads over 127.0.0.1: cut, continued, changed on the server, damaged, refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lmkit.errors import ChecksumError, NetworkError, OutputError
from lmkit_corpora.download import TRIES, download


def fetch(site, target: Path, **changes: object) -> Path:
    arguments = {"size": len(site.content), "sha256": hashlib.sha256(site.content).hexdigest(), "pause": 0.0, "timeout": 5.0, **changes}
    return download([site.url], target, **arguments)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_whole(site, tmp_path: Path) -> None:
    assert fetch(site, tmp_path / "new" / "f").read_bytes() == site.content
    assert leftovers(tmp_path / "new") == ["f"]
    assert len(site.requests) == 1


def test_goes_on_within_one_call(site, tmp_path: Path) -> None:
    site.cuts = [30_000, 20_000]
    assert fetch(site, tmp_path / "f").read_bytes() == site.content
    assert [request.get("Range") for request in site.requests] == [None, "bytes=30000-", "bytes=50000-"]
    assert all(request["If-Range"] == '"one"' for request in site.requests[1:])


def test_goes_on_in_a_later_call(site, tmp_path: Path) -> None:
    site.cuts = [30_000] + [0] * TRIES
    with pytest.raises(NetworkError, match=r"30,000 bytes are kept and the next run goes on.*put it at .*f$"):
        fetch(site, tmp_path / "f")
    assert (tmp_path / "f.part").stat().st_size == 30_000
    assert not (tmp_path / "f").exists()
    site.cuts, site.requests = [], []
    assert fetch(site, tmp_path / "f").read_bytes() == site.content
    assert [request.get("Range") for request in site.requests] == ["bytes=30000-"]
    assert leftovers(tmp_path) == ["f"]


def test_file_changed_on_the_server_meanwhile(site, tmp_path: Path) -> None:
    """The half of the old file is not joined with the half of the new one."""
    site.cuts = [30_000] + [0] * TRIES
    with pytest.raises(NetworkError):
        fetch(site, tmp_path / "f")
    site.content, site.etag, site.cuts = site.content[::-1], '"two"', []
    assert fetch(site, tmp_path / "f").read_bytes() == site.content


@pytest.mark.parametrize("lack", ["ranges", "etag"])
def test_server_that_cannot_continue(site, tmp_path: Path, lack: str) -> None:
    setattr(site, lack, False if lack == "ranges" else None)
    site.cuts = [30_000, 40_000]
    assert fetch(site, tmp_path / "f").read_bytes() == site.content


def test_unknown_size(site, tmp_path: Path) -> None:
    site.cuts = [30_000]
    assert fetch(site, tmp_path / "f", size=None, sha256=None).read_bytes() == site.content


def test_other_content_is_refused_and_removed(site, tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match=r"its sha256 is [0-9a-f]{64} where the published file has 0{64}; it was removed"):
        fetch(site, tmp_path / "f", sha256="0" * 64)
    assert leftovers(tmp_path) == []


def test_other_size_is_refused_before_a_byte_is_written(site, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="offers 100,149 bytes where the published file has 7"):
        fetch(site, tmp_path / "f", size=7)
    assert len(site.requests) == 1
    assert leftovers(tmp_path) == []


def test_missing_page_is_not_asked_for_again(site, tmp_path: Path) -> None:
    site.status = 404
    with pytest.raises(NetworkError, match="404"):
        fetch(site, tmp_path / "f")
    assert len(site.requests) == 1


def test_busy_server_is_asked_again(site, tmp_path: Path) -> None:
    site.status = 503
    with pytest.raises(NetworkError, match="503"):
        fetch(site, tmp_path / "f")
    assert len(site.requests) == TRIES


def test_second_address(site, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9/file.bin"  # the discard port: nothing listens
    path = download([closed, site.url], tmp_path / "f", size=len(site.content), pause=0.0)
    assert path.read_bytes() == site.content


def test_no_such_server(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"no network, or no such server.*put it at"):
        download(["http://nowhere.invalid/f"], tmp_path / "f", size=5)


def test_part_longer_than_the_file(site, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"x" * 200_000)
    (tmp_path / "f.part.json").write_text(f'{{"url": "{site.url}", "validator": "\\"one\\""}}')
    assert fetch(site, tmp_path / "f").read_bytes() == site.content


def test_folder_that_can_not_be_made(site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        fetch(site, tmp_path / "file" / "below" / "f")
