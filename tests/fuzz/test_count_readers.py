"""The readers of n-gram counts on damaged files: no exceptions but lmkit's, never long, never much memory."""

from __future__ import annotations

import contextlib
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import damage
from lmkit.errors import FormatError, UsageError
from lmkit.ngram.count_files import merge_counts, read_counts, trie_of
from lmkit.ngram.count_table import CountTable
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

NAMES = ["c.npz", "plain.npz", "c.txt"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A table as text and as .npz; packed and not, so that damage reaches the arrays."""
    folder = tmp_path_factory.mktemp("seeds")
    table = CountTable.from_corpus(as_corpus("a b a b c\nc a b\n\nb a\n", TextOptions()), 3)
    table.write(folder / "c.npz")
    table.write(folder / "c.txt")
    with np.load(folder / "c.npz") as arrays:
        np.savez(folder / "plain.npz", **arrays)
    found = {name: (folder / name).read_bytes() for name in NAMES}
    for name in NAMES:  # compiles what they need, so that the time limits measure work
        use(folder / name)
    return found


def use(path: Path) -> None:
    """What people do with counts."""
    table = read_counts(path)
    table.sorted("words").top(max(table.rows), 3)
    with contextlib.suppress(UsageError):  # counts with gaps make no model
        trie_of(table)
    merge_counts([table, table])


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_give_a_sentence_or_counts(name: str, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / name

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def run(data: st.DataObject) -> None:
        damage.check(path, damage.damaged(files[name], lambda below: data.draw(st.integers(0, below - 1))), use)

    run()


@pytest.mark.parametrize("name", ["c.npz", "plain.npz"])  # text says nowhere how long it is
def test_every_truncation_is_noticed(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    raw = files[name]
    for size in range(0, len(raw), max(1, len(raw) // 60)):
        assert not damage.check(tmp_path / name, raw[:size], use)


@pytest.mark.parametrize("shape", ["(35184372088832,)", "(9,)", "(-1,)", "(4611686018427387904, 4)", "(7, 1)", "()"])
def test_arrays_that_lie_about_their_size(shape: str, files: dict[str, bytes], tmp_path: Path) -> None:
    """The 1-grams' counts, seven numbers, are said to be more, fewer or of another shape."""
    (tmp_path / "c.npz").write_bytes(files["plain.npz"])
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    lie = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(56)
    with zipfile.ZipFile(tmp_path / "c.npz") as sound, zipfile.ZipFile(tmp_path / "lie.npz", "w") as other:
        for name in sound.namelist():
            other.writestr(name, lie if name == "counts_1.npy" else sound.read(name))
    with pytest.raises(FormatError, match=r"lie\.npz"):
        read_counts(tmp_path / "lie.npz")
