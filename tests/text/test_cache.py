"""The cache of encoded corpora: hits, misses, damage, concurrent writers, pruning."""

from __future__ import annotations

import gzip
import hashlib
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmkit.errors import UsageError
from lmkit.text import EncodedCorpus, TextOptions, cache, encode, open_source
from lmkit.text import encoding as encoding_module


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LMKIT_CACHE_SIZE", raising=False)
    return tmp_path / "cache" / "encoded"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the caf\u00e9 <unk>\n\nthe end\n" * 20)
    return path


def read(path: Path, options: TextOptions | None = None) -> EncodedCorpus:
    return encode(open_source(path), options, cache=True, progress=False)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.exists() else []


def same(one: EncodedCorpus, other: EncodedCorpus) -> bool:
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("ids", "sentence_offsets", "document_offsets"))
    counts = np.array_equal(np.asarray(one.vocabulary.counts), np.asarray(other.vocabulary.counts))
    scalars = all(
        getattr(one, name) == getattr(other, name) for name in ("options", "name", "sha256", "raw_bytes", "raw_characters", "notes")
    )
    return arrays and counts and scalars and one.vocabulary == other.vocabulary


def test_a_hit_is_the_same_without_reading_again(text: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = encode(open_source(text), progress=False)
    assert entries(own_folder) == []
    first = read(text)
    assert same(first, plain)
    assert not first.ids.flags.writeable  # memory-mapped
    monkeypatch.setattr(encoding_module, "read_document", None)
    assert same(read(text), plain)
    assert len(entries(own_folder)) == 1


@pytest.mark.parametrize("kind", ["mark", "latin-1", "gzip", "folder", "two"])
def test_the_sha256_is_that_of_the_text(kind: str, text: Path, tmp_path: Path) -> None:
    """Of a single plain file it is known from the entry's name, and not computed again."""
    content, spec, options = text.read_bytes(), text, TextOptions()
    if kind == "mark":
        text.write_bytes(b"\xef\xbb\xbf" + content)
    elif kind == "latin-1":
        text.write_bytes(content.decode().encode("latin-1"))
        options = TextOptions(encoding="latin-1")
    elif kind == "gzip":
        text.write_bytes(gzip.compress(content))
    else:
        spec = tmp_path / "folder"
        spec.mkdir()
        (spec / "a.txt").write_bytes(content)
        if kind == "two":
            (spec / "b.txt").write_bytes(b"more\n")
    plain = encode(open_source(spec), options, progress=False)
    assert plain.sha256
    assert same(read(spec, options), plain)


def test_a_file_that_changes_while_it_is_read_is_not_kept(text: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = cache._key_and_sha256

    def change(*arguments: Any) -> Any:
        found = hashed(*arguments)
        text.write_text("another text\n")
        return found

    monkeypatch.setattr(cache, "_key_and_sha256", change)
    corpus = read(text)
    monkeypatch.undo()
    assert corpus.sha256 == hashlib.sha256(b"another text\n").hexdigest()
    assert entries(own_folder) == []


def test_models_may_use_what_is_mapped(text: Path) -> None:
    corpus = read(text)
    again = read(text)
    assert again.vocabulary.id("caf\u00e9") == 4
    assert again.ids_in(corpus.vocabulary).tolist() == corpus.ids.tolist()
    assert again.split(valid=0.2, test=0)["train"].vocabulary.tokens()[3:] == ["the", "caf\u00e9", "end"]


def test_other_content_options_or_name_miss(text: Path, own_folder: Path, tmp_path: Path) -> None:
    read(text)
    read(text, TextOptions(lowercase=True))
    text.write_text("other")
    assert read(text).vocabulary.tokens()[3:] == ["other"]
    os.utime(text, (0, 0))  # the content counts, not the time
    read(text)
    assert len(entries(own_folder)) == 3


def test_detected_sentences_keep_their_model(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("One is here. Two is there.\n" * 5)
    options = TextOptions(sentences="detected")
    first, second = read(tmp_path / "t.txt", options), read(tmp_path / "t.txt", options)
    assert same(first, second)
    assert second.options.sentence_model is not None


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text", "folder"])
def test_damaged_entries_are_made_again(text: Path, own_folder: Path, damage: str) -> None:
    expected = read(text)
    (entry,) = entries(own_folder)
    data = bytearray(entry.read_bytes())
    if damage == "flip":
        place = data.index("caf\u00e9".encode())
        data[place] ^= 1
    elif damage == "cut":
        del data[-10:]
    elif damage == "empty":
        data = bytearray()
    elif damage == "text":
        data = bytearray(b"not a container at all, but long enough to have a header")
    entry.unlink()
    if damage == "folder":
        entry.mkdir()
        again = read(text)
        assert any("could not be kept in the cache" in note for note in again.notes)
        assert again.ids.tolist() == expected.ids.tolist()
        return
    entry.write_bytes(data)
    assert same(read(text), expected)
    assert entry.read_bytes() != data


def test_a_folder_that_cannot_be_written_is_told(text: Path, own_folder: Path) -> None:
    own_folder.parent.mkdir(parents=True)
    own_folder.write_text("a file where the folder should be")
    corpus = read(text)
    assert len(corpus) == 100
    assert any("could not be kept in the cache" in note for note in corpus.notes)


def test_least_recently_used_go_first(own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{i}.txt" for i in range(4)]
    stored = {}
    for i, path in enumerate(paths):
        path.write_text(f"text {i} " * 50)
        stored[path] = own_folder / (cache.entry_key(open_source(path), TextOptions()) + ".safetensors")
    for i, path in enumerate(paths[:3]):
        read(path)
        os.utime(stored[path], (10_000 + i, 10_000 + i))
    read(paths[0])  # used again: that of paths[1] was not used for longest now
    monkeypatch.setenv("LMKIT_CACHE_SIZE", str(int(3.5 * stored[paths[0]].stat().st_size)))
    read(paths[3])
    assert entries(own_folder) == sorted(stored[path] for path in (paths[0], paths[2], paths[3]))


def test_what_writers_left_behind_goes(text: Path, own_folder: Path) -> None:
    own_folder.mkdir(parents=True)
    for name, age in (("old.part", 10**6), ("new.part", 0)):
        (own_folder / name).write_text("x")
        os.utime(own_folder / name, (time.time() - age,) * 2)
    read(text)
    assert [entry.name for entry in entries(own_folder) if entry.suffix == ".part"] == ["new.part"]


def test_size_limit(text: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value, size in {"": 8 << 30, "500M": 500 << 20, "2 GiB": 2 << 30, "0.5k": 512, "12": 12}.items():
        monkeypatch.setenv("LMKIT_CACHE_SIZE", value)
        assert cache.size_limit() == size
    monkeypatch.setenv("LMKIT_CACHE_SIZE", "0")
    read(text)
    assert entries(own_folder) == []
    monkeypatch.setenv("LMKIT_CACHE_SIZE", "lots")
    with pytest.raises(UsageError, match="LMKIT_CACHE_SIZE"):
        read(text)


def _write(path: str, times: int) -> int:
    total = 0
    for _ in range(times):
        total += len(read(Path(path)))
        for entry in entries(cache.folder()):
            entry.unlink(missing_ok=True)
    return total


def test_concurrent_writers(text: Path, own_folder: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.starmap(_write, [(str(text), 10)] * 3) == [1000] * 3
    assert [entry.name for entry in entries(own_folder) if entry.name.endswith(".part")] == []
