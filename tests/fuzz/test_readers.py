"""Every reader of models on damaged files: no exceptions but lmkit's, never long, never much memory. A longer job: fuzz_readers.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import damage

NAMES = [
    "odd-o3-probing.bin",
    "odd-o3-rest-probing.bin",
    "odd-o3-trie.bin",
    "odd-o3-quant-array-trie.bin",
    "pruned-suffixes-probing.bin",
    "pruned-suffixes-trie.bin",
    "odd-o3.arpa",
    "pruned-suffixes.arpa",
    "incomplete.arpa",
    "odd-o3.arpa.gz",
    "fast.lm",
    "compact.lm",
    "quantised.lm",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    found = damage.seeds(folder)
    for name in NAMES:  # compiles what they need, so that the time limits below measure work
        (folder / name).write_bytes(found[name])
        damage.use_model(folder / name)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_give_a_sentence_or_a_model(name: str, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / name

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def run(data: st.DataObject) -> None:
        damage.check(path, damage.damaged(files[name], lambda below: data.draw(st.integers(0, below - 1))))

    run()


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_of_a_binary_file_is_noticed(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    raw = files[name]
    for size in range(0, len(raw) - (name.endswith(".arpa")), max(1, len(raw) // 60)):  # without its last newline ARPA is whole
        sound = damage.check(tmp_path / name, raw[:size])
        assert not sound, f"a model of {size} of {len(raw)} bytes"
