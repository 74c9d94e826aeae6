"""The hash table of byte strings against a dict."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.numeric import _kernels_hash
from lmkit.text.vocabulary import empty_table, frozen

# Short strings that share prefixes, differ by trailing NULs only, and straddle the 8 bytes up to which a string is its own key.
STRINGS = st.lists(st.one_of(st.binary(max_size=3), st.text("ab\0", min_size=6, max_size=11).map(str.encode), st.binary(max_size=40)))


def packed(strings: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, strings)]).astype(np.int64)
    return frozen(np.frombuffer(b"".join(strings), np.uint8)), frozen(offsets)


@settings(max_examples=300, deadline=None)
@given(STRINGS, STRINGS)
def test_look_up_is_a_dict(known: list[bytes], asked: list[bytes]) -> None:
    known = list(dict.fromkeys(known))
    blob, offsets = packed(known)
    table = empty_table(len(known))
    assert _kernels_hash.build_table(blob, offsets, len(known), table) == -1
    asked = asked + known
    found = np.empty(len(asked), np.int32)
    _kernels_hash.look_up(blob, offsets, table, *packed(asked), -7, found)
    places = {string: i for i, string in enumerate(known)}
    assert found.tolist() == [places.get(string, -7) for string in asked]


@settings(max_examples=100, deadline=None)
@given(STRINGS, st.data())
def test_first_double_is_named(strings: list[bytes], data: st.DataObject) -> None:
    strings = list(dict.fromkeys(strings)) or [b"x"]
    place = data.draw(st.integers(1, len(strings)))
    strings.insert(place, strings[data.draw(st.integers(0, place - 1))])
    table = empty_table(len(strings))
    assert _kernels_hash.build_table(*packed(strings), len(strings), table) == place


def test_strings_of_one_hash_are_told_apart() -> None:
    """Long strings whose keys are forced to be equal: only bytes or lengths differ."""
    blob, offsets = packed([b"first long string", b"other long string", b"first long", b"first long string, longer"])
    table = empty_table(4)
    key = np.uint64(12345)
    slots = []
    for i in range(4):
        start, length = int(offsets[i]), int(offsets[i + 1] - offsets[i])
        slot = _kernels_hash.find_slot(table, np.uint64(3), key, blob, start, length, blob, offsets)
        assert _kernels_hash.slot_id(table, slot) == -1
        _kernels_hash.fill_slot(table, slot, key, i, length)
        slots.append(slot)
    assert len(set(slots)) == 4
    for i in range(4):
        slot = _kernels_hash.find_slot(table, np.uint64(3), key, blob, int(offsets[i]), int(offsets[i + 1] - offsets[i]), blob, offsets)
        assert _kernels_hash.slot_id(table, slot) == i


def test_a_larger_table_holds_the_same() -> None:
    strings = [f"{i}-{'x' * (i % 12)}".encode() for i in range(500)]
    blob, offsets = packed(strings)
    table = empty_table(len(strings))
    _kernels_hash.build_table(blob, offsets, len(strings), table)
    larger = np.zeros(4 * len(table), np.uint64)
    _kernels_hash.move_table(table, larger)
    found = np.empty(len(strings), np.int32)
    _kernels_hash.look_up(blob, offsets, larger, blob, offsets, -1, found)
    assert found.tolist() == list(range(500))


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_kernels_are_compiled_once() -> None:
    """One specialisation of each kernel that is called from Python, whatever its arrays come from: callers convert them."""
    from lmkit.text import as_corpus

    corpus = as_corpus("a b c")
    corpus.vocabulary.map_from(as_corpus("b d").vocabulary)
    for kernel in (_kernels_hash.build_table, _kernels_hash.look_up):
        assert len(kernel.signatures) <= 1, kernel
