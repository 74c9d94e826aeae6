"""What comes out of archives, and what does not."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from lmkit.errors import FormatError
from lmkit_corpora.archives import extract


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


MAKERS = {"zip": make_zip, "tgz": make_tar}


@pytest.mark.parametrize("kind", MAKERS)
def test_named_members_only(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"d/one.txt": b"1", "d/two.txt": b"22", "d/three.txt": b"333"})
    written = extract(archive, [("d/two.txt", "second"), ("d/one.txt", "sub/first")], tmp_path / "out", limit=100)
    assert written == [tmp_path / "out/second", tmp_path / "out/sub/first"]
    assert [path.read_bytes() for path in written] == [b"22", b"1"]


@pytest.mark.parametrize("kind", MAKERS)
def test_pattern_into_a_folder(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"x/t/news-2": b"b", "x/t/news-1": b"a", "x/other": b"c"})
    written = extract(archive, [("*/t/news-*", "train/")], tmp_path / "out", limit=100)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == ["train/news-1", "train/news-2"]


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["../../evil.txt", "/tmp/evil.txt", "d/../../evil.txt"])
def test_no_member_leaves_the_folder(tmp_path: Path, kind: str, name: str) -> None:
    """Even a pattern that matches a path upwards puts it under its last name in the folder that was asked for."""
    archive = MAKERS[kind](tmp_path / "a", {name: b"evil"})
    out = tmp_path / "deep" / "out"
    assert extract(archive, [("*evil.txt", "in/")], out, limit=100) == [out / "in" / "evil.txt"]
    assert list(tmp_path.rglob("evil.txt")) == [out / "in" / "evil.txt"]


@pytest.mark.parametrize("kind", MAKERS)
def test_more_bytes_than_stated(tmp_path: Path, kind: str) -> None:
    archive = MAKERS[kind](tmp_path / "a", {"bomb": b"\0" * 5_000_000})
    assert archive.stat().st_size < 50_000
    with pytest.raises(FormatError, match="more than 4,000,000 bytes"):
        extract(archive, [("bomb", "bomb")], tmp_path / "out", limit=4_000_000)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", MAKERS)
def test_missing_member(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FormatError, match="has no member two"):
        extract(MAKERS[kind](tmp_path / "a", {"one": b""}), [("two", "two")], tmp_path / "out", limit=10)


def test_link_in_place_of_a_file(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a", {}, {"data": "/etc/passwd"})
    with pytest.raises(FormatError, match="isn't a regular file"):
        extract(archive, [("data", "data")], tmp_path / "out", limit=10)


@pytest.mark.parametrize("kind", MAKERS)
def test_cut_archive(tmp_path: Path, kind: str) -> None:
    whole = MAKERS[kind](tmp_path / "a", {"data": bytes(range(256)) * 4000, "more": b"x" * 1000}).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="damaged"):
        extract(tmp_path / "cut", [("data", "data")], tmp_path / "out", limit=10**7)
