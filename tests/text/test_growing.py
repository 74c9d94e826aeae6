"""Arrays that grow in a file are those that grow in memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lmkit.text import TextOptions, encode, text_source
from lmkit.text._growing import Growing, GrowingFile


def grown(array: Growing) -> np.ndarray:
    rng = np.random.default_rng(3)
    for size in (0, 1, 5000, 3, 70_000, 200_000):
        array.append(rng.integers(0, 9, size, np.int64))
    return array.take()


def test_a_file_holds_what_memory_holds(tmp_path: Path) -> None:
    expected = grown(Growing(np.int64))
    assert len(expected) == 275_004
    found = grown(GrowingFile(np.int64, tmp_path / "new"))
    np.testing.assert_array_equal(found, expected)
    assert found.base is not None  # mapped
    assert list((tmp_path / "new").iterdir()) == []  # nameless


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is None:
        pytest.skip("this system promises no room")
    left = [room]

    def full(file: int, start: int, size: int) -> None:
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        reserve(file, start, size)

    monkeypatch.setattr(os, "posix_fallocate", full)
    np.testing.assert_array_equal(grown(GrowingFile(np.int64, tmp_path)), grown(Growing(np.int64)))


def test_a_folder_that_is_a_file_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    np.testing.assert_array_equal(grown(GrowingFile(np.int64, tmp_path / "file")), grown(Growing(np.int64)))


@pytest.mark.parametrize("options", [TextOptions(), TextOptions(tokenizer="characters"), TextOptions(fold_numbers=True)])
def test_reading_by_way_of_a_file_is_the_same(tmp_path: Path, options: TextOptions) -> None:
    text = "Year 1999 and 2001, the end\n\n7 of 12 came <unk> back\n" * 3000
    plain, filed = (encode(text_source(text), options, progress=False, folder=folder) for folder in (None, tmp_path))
    for name in ("ids", "sentence_offsets", "document_offsets"):
        np.testing.assert_array_equal(getattr(filed, name), getattr(plain, name))
    assert filed.vocabulary == plain.vocabulary
    np.testing.assert_array_equal(np.asarray(filed.vocabulary.counts), np.asarray(plain.vocabulary.counts))
    assert filed.notes == plain.notes
