"""Every reader of vectors on damaged files: no exceptions but lmkit's, never long, never much memory. A longer job: vector_damage.py N."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import damage, vector_damage

NAMES = [
    "w.txt",
    "w.txt.gz",
    "w.bin",
    "w.bin.gz",
    "g",
    "f.bin",
    "f.bin.gz",
    "q.ftz",
    "m.safetensors",
    "tokenizer.json",
    "tensor.tsv",
    "metadata.tsv",
    "v.npz",
    "v.vectors",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeds")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, bytes]:
    found = vector_damage.seeds(folder)
    assert sorted(found) == sorted(NAMES)
    for name in NAMES:
        (folder / name).write_bytes(found[name])
    for name in NAMES:  # raises for none; compiles what they need, so that the time limits measure work
        vector_damage.use(vector_damage.opened(folder, name))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_give_a_sentence_or_vectors(name: str, files: dict[str, bytes], folder: Path) -> None:
    check = vector_damage.place(folder, name)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def run(data: st.DataObject) -> None:
        def draw(below: int) -> int:
            return data.draw(st.integers(0, below - 1))

        if name.endswith(".gz") and draw(2):  # sound packing of damaged bytes
            check(gzip.compress(damage.damaged(gzip.decompress(files[name]), draw), 1))
        else:
            check(damage.damaged(files[name], draw))

    run()
    (folder / name).write_bytes(files[name])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("g", "metadata.tsv")])  # which say nowhere how long they are
def test_every_truncation_is_noticed(name: str, files: dict[str, bytes], folder: Path) -> None:
    raw, check = files[name], vector_damage.place(folder, name)
    end = {"w.txt": 5, "w.bin": 1, "tensor.tsv": 5}.get(name, 0)  # the last digits or line end may be missing
    for size in range(0, len(raw) - end, max(1, len(raw) // 40)):
        assert not check(raw[:size]), f"vectors of {size} of {len(raw)} bytes"
    (folder / name).write_bytes(raw)
