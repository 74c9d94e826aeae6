"""Pages of Wikipedia, cleaned by gensim."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import lmkit_corpora
from lmkit.errors import ChecksumError
from lmkit_corpora.readers import gensim_wiki

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gensim") is None, reason="needs gensim")


def test_pages(folders: Path) -> None:
    entry = lmkit_corpora.get("gensim-wiki")
    files = gensim_wiki.files(entry, "all")
    pages = json.loads((gensim_wiki.folder(entry) / "pages.json").read_text(encoding="utf-8"))
    assert len(files) == len(pages) == 106
    assert pages[0]["title"] == "Anarchism"
    text = files[0].read_text(encoding="utf-8")
    assert text.startswith(
        "anarchism is a political philosophy that advocates self governed societies based on voluntary institutions these"
    )
    assert not set(text) & set("[]{}|=<>'.,")
    assert "redirect" not in {path.read_text(encoding="utf-8")[:8] for path in files}

    parts = {split: lmkit_corpora.load_corpus("gensim-wiki", split=split, cache=False) for split in entry.splits}
    assert {split: part.n_documents for split, part in parts.items()} == {"train": 96, "valid": 5, "test": 5}
    assert sum(len(part) for part in parts.values()) == len(lmkit_corpora.load_corpus("gensim-wiki:all", cache=False)) > 400_000

    stamp = files[0].stat().st_mtime_ns
    assert gensim_wiki.files(entry, "test")[0].parent == files[0].parent
    assert files[0].stat().st_mtime_ns == stamp  # not cleaned again


def test_other_dump(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dump.bz2").write_bytes(b"other")
    monkeypatch.setattr(gensim_wiki, "_dump", lambda entry: tmp_path / "dump.bz2")
    with pytest.raises(ChecksumError, match="has 5 bytes where the published file has 1,695,871"):
        lmkit_corpora.load_corpus("gensim-wiki")
    assert not gensim_wiki.folder(lmkit_corpora.get("gensim-wiki")).exists()
