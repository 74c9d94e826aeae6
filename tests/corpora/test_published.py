"""Downloaded corpora, with small files in place of the published ones, served on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

import lmkit_corpora
from lmkit.errors import ChecksumError, FormatError, NetworkError
from lmkit_corpora.entry import CatalogueEntry
from lmkit_corpora.readers import published

PARTS = {"wiki.train.tokens": b" = Title = \n\n a b <unk> \n" * 50, "wiki.valid.tokens": b" a c \n", "wiki.test.tokens": b" b d \n"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed(name: str, site: Any, **settings: Any) -> CatalogueEntry:
    """The catalogue's entry with the served file in place of the published one."""
    entry = lmkit_corpora.get(name)
    file = {**entry.settings["files"][0], "urls": [site.url], "size": len(site.content), "sha256": digest(site.content)}
    return dataclasses.replace(entry, settings={**entry.settings, "files": [file], **settings})


@pytest.fixture
def wikitext(site, folders: Path) -> CatalogueEntry:
    site.content = zipped({f"wikitext-2/{name}": content for name, content in PARTS.items()} | {"wikitext-2/README": b"x"})
    members = [{"from": f"wikitext-2/{name}", "to": name, "size": len(text), "sha256": digest(text)} for name, text in PARTS.items()]
    return changed("wikitext-2", site, members=members)


def test_archive(wikitext: CatalogueEntry, site) -> None:
    assert not published.is_present(wikitext)
    assert [path.read_bytes() for path in published.files(wikitext, "all")] == list(PARTS.values())
    assert published.is_present(wikitext)
    names = {path.name for path in published.folder(wikitext).iterdir()}
    assert names == {*PARTS, "checked.json"}  # the archive is gone, and nothing else came out of it
    published.files(wikitext, "test")
    assert len(site.requests) == 1


def test_changed_after_it_was_checked(wikitext: CatalogueEntry, site) -> None:
    """A file of another size or date than the checked one isn't trusted."""
    path = published.files(wikitext, "train")[0]
    path.write_bytes(b"other text")
    with pytest.raises(ChecksumError, match=r"wiki\.train\.tokens: has 10 bytes"):
        published.files(wikitext, "train")
    path.unlink()
    assert published.files(wikitext, "train")[0].read_bytes() == PARTS["wiki.train.tokens"]
    assert len(site.requests) == 2


def test_archive_put_there_by_hand(wikitext: CatalogueEntry, site) -> None:
    site.status = 404
    with pytest.raises(NetworkError) as refused:
        published.files(wikitext, "train")
    where = Path(str(refused.value).rsplit("put it at ", 1)[1])  # do as the message says
    where.write_bytes(site.content)
    assert published.files(wikitext, "train")[0].read_bytes() == PARTS["wiki.train.tokens"]
    assert where.exists()  # it is the user's


def test_wrong_archive_put_there_by_hand(wikitext: CatalogueEntry, site) -> None:
    published.folder(wikitext).mkdir(parents=True)
    (published.folder(wikitext) / "wikitext-2-v1.zip").write_bytes(site.content[:-1] + b"x")
    with pytest.raises(ChecksumError, match="its sha256 is"):
        published.files(wikitext, "train")


def test_members_put_there_by_hand(wikitext: CatalogueEntry, site) -> None:
    published.folder(wikitext).mkdir(parents=True)
    for name, content in PARTS.items():
        (published.folder(wikitext) / name).write_bytes(content)
    assert published.files(wikitext, "valid")[0].read_bytes() == PARTS["wiki.valid.tokens"]
    assert site.requests == []


def test_archive_with_other_members(wikitext: CatalogueEntry, site) -> None:
    site.content = zipped({f"wikitext-2/{name}": b"other" for name in PARTS})
    entry = changed("wikitext-2", site, members=wikitext.settings["members"])
    with pytest.raises(ChecksumError):
        published.files(entry, "train")


def test_archive_that_grows(wikitext: CatalogueEntry) -> None:
    entry = dataclasses.replace(wikitext, settings={**wikitext.settings, "extracted_limit": 100})
    with pytest.raises(FormatError, match="more than 100 bytes"):
        published.files(entry, "train")


def test_plain_files_are_fetched_as_needed(site, folders: Path) -> None:
    site.content = b"a b\nc\n"
    entry = changed("ptb", site)
    file = entry.settings["files"][0]
    others = [{**file, "name": f"ptb.{split}.txt", "sha256": "0" * 64} for split in ("valid", "test")]
    entry = dataclasses.replace(entry, settings={**entry.settings, "files": [file, *others]})
    assert published.files(entry, "train")[0].read_bytes() == site.content
    with pytest.raises(ChecksumError):
        published.files(entry, "test")


def test_a_file_that_nobody_offers(folders: Path) -> None:
    entry = lmkit_corpora.get("simplewiki")
    here = published.folder(entry)
    with pytest.raises(
        NetworkError, match=rf"simplewiki\.txt\.xz: no publisher offers this file .*28,055,712 bytes, sha256 {entry.sha256}"
    ):
        published.files(entry, "train")
    target = here / "simplewiki.txt.xz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"another text")
    with pytest.raises(ChecksumError, match="has 12 bytes where the published file has 28,055,712"):
        published.files(entry, "train")


def test_pieces(site, folders: Path) -> None:
    text = b"one two three four five six"
    site.content = zipped({"text8": text})
    split = {
        **lmkit_corpora.get("text8").settings["split"],
        "train": {"file": "text8", "start": 0, "stop": 13},
        "test": {"file": "text8", "start": 13, "stop": 27},
    }
    entry = changed("text8", site, members=[{"from": "text8", "to": "text8", "size": 27, "sha256": digest(text)}], split=split)
    assert published.files(entry, "train")[0].read_bytes() == b"one two three"
    assert published.files(entry, "test")[0].read_bytes() == b" four five six"
    assert published.files(entry, "all")[0].read_bytes() == text
    long = {**entry.settings, "split": {**split, "valid": {"file": "text8", "start": 20, "stop": 50}}}
    with pytest.raises(ChecksumError, match="ends 23 bytes before the end of its split valid"):
        published.files(dataclasses.replace(entry, settings=long), "valid")
