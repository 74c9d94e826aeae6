"""Counting: every partition, band, thread and width of integers gives the counts that Python's Counter gives."""

from __future__ import annotations

import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.ngram_twin import raw_counts

from lmkit._memory import let_go
from lmkit.errors import OutputError
from lmkit.ngram.counting import _kernels_records
from lmkit.ngram.counting import counts as counting
from lmkit.ngram.counting.counts import NgramCounts, count_ngrams
from lmkit.ngram.counting.partitions import Layout, Text, make_plan
from lmkit.ngram.counting.planning import count_distinct
from lmkit.ngram.counting.workspace import POOL_UNIT, DiskWorkspace, Pool, Workspace

NAMES = {0: "<unk>", 1: "<s>", 2: "</s>"}


def encoded(sentences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([word for words in sentences for word in words], np.int32)
    return ids, np.concatenate([[0], np.cumsum([len(words) for words in sentences])]).astype(np.int64)


def as_counters(counts: NgramCounts) -> dict[int, Counter]:
    """Every n-gram with its count, spelled out by walking the trie."""
    result: dict[int, Counter] = {}
    grams: list[tuple] = [()]
    for n, level in enumerate(counts.levels, 1):
        if n == 1:
            grams = [(NAMES.get(word, word),) for word in range(len(level))]
        else:
            borders = counts.levels[n - 2].first_child
            parents = np.repeat(np.arange(len(borders) - 1), np.diff(borders))
            words = level.words.tolist()
            previous = grams
            grams = [(*previous[parent], NAMES.get(word, word)) for parent, word in zip(parents.tolist(), words, strict=True)]
            assert grams == sorted(
                grams, key=lambda gram: [previous.index(gram[:-1]), {v: k for k, v in NAMES.items()}.get(gram[-1], gram[-1])]
            )
        result[n] = Counter({gram: int(count) for gram, count in zip(grams, level.counts, strict=True) if count})
        if n > 1:  # the suffix of each n-gram is the n-gram without its first word
            assert [previous[suffix] for suffix in level.suffixes.tolist()] == [gram[1:] for gram in grams]
    return result


def expected_counters(sentences: list[list[int]], order: int, boundaries: bool) -> dict[int, Counter]:
    spelled = [[NAMES.get(word, word) for word in words] for words in sentences]
    expected = raw_counts(spelled, order, boundaries)
    if boundaries:
        expected[1][("<s>",)] = len(sentences)
    return {n: +counter for n, counter in expected.items() if counter}


def assert_same(a: NgramCounts, b: NgramCounts) -> None:
    assert (a.order, a.tokens, a.last_path) == (b.order, b.tokens, b.last_path)
    for one, other in zip(a.levels, b.levels, strict=True):
        for name in ("words", "suffixes", "counts", "first_child"):
            left, right = getattr(one, name), getattr(other, name)
            assert (left is None) == (right is None)
            if left is not None:
                np.testing.assert_array_equal(left, right)
    for order in range(1, a.order + 1):
        np.testing.assert_array_equal(a.adjusted_counts(order), b.adjusted_counts(order))


def small_partitions(workspace: Workspace, target: int, at_once: int) -> Workspace:
    workspace.scratch_records = types.MethodType(lambda self, *sizes: (at_once, target), workspace)  # type: ignore[method-assign]
    return workspace


TEXT = st.lists(st.lists(st.sampled_from([0, 3, 4, 5, 6, 7]), max_size=12), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.integers(1, 9), st.booleans(), st.sampled_from([1, 2, 7]), st.sampled_from([8, 2**21 + 9]))
def test_counts_are_python_s(sentences: list[list[int]], order: int, boundaries: bool, target: int, vocabulary_size: int) -> None:
    if not any(sentences):
        return
    ids, offsets = encoded(sentences)
    counts = count_ngrams(
        ids, offsets, vocabulary_size, order, boundaries=boundaries, workspace=small_partitions(Workspace(2), target, 2 * target)
    )
    if vocabulary_size < 100:
        assert as_counters(counts) == expected_counters(sentences, counts.order, boundaries)
        assert len(expected_counters(sentences, order, boundaries)) == counts.order
    assert_same(counts, count_ngrams(ids, offsets, vocabulary_size, order, boundaries=boundaries))


def zipf_text(tokens: int, types_: int, seed: int, boundaries: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ids = (3 + np.minimum(rng.zipf(1.2, tokens), types_ - 4)).astype(np.int32)
    ids[rng.random(tokens) < 0.01] = 0
    lengths = rng.integers(0, 25, tokens) if boundaries else np.full(3, tokens // 3 + 1)
    offsets = np.minimum(np.concatenate([[0], np.cumsum(lengths)]), tokens)
    return ids, offsets[: int(np.searchsorted(offsets, tokens)) + 1].astype(np.int64)


@pytest.mark.parametrize("boundaries", [True, False])
@pytest.mark.parametrize("order", [2, 5, 7])
def test_disk_threads_and_wide_integers_change_nothing(
    order: int, boundaries: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, offsets = zipf_text(60_000, 3000, order, boundaries)
    plain = count_ngrams(ids, offsets, 3000, order, boundaries=boundaries, workspace=Workspace(1))
    assert len(plain.levels[-1]) > 1000
    for workspace in (
        Workspace(3),
        small_partitions(Workspace(2), 500, 2000),
        DiskWorkspace(tmp_path, 100_000, 2),
        small_partitions(DiskWorkspace(tmp_path, 50_000, 1), 300, 900),
    ):
        assert_same(plain, count_ngrams(ids, offsets, 3000, order, boundaries=boundaries, workspace=workspace))
    assert list(tmp_path.iterdir()) == []  # temporary files have no names
    monkeypatch.setattr(counting, "NARROW_LIMIT", 1000)
    for workspace in (Workspace(2), DiskWorkspace(tmp_path, 100_000, 2)):
        wide = count_ngrams(ids, offsets, 3000, order, boundaries=boundaries, workspace=workspace)
        assert wide.levels[1].counts.dtype == wide.levels[1].suffixes.dtype == wide.levels[0].first_child.dtype == np.int64
        assert_same(plain, wide)


def test_a_frequent_word_gets_several_partitions() -> None:
    ids = np.tile(np.array([3, 3, 4, 3, 5, 6, 3, 3, 7, 8], np.int32), 500)
    ids[::7] = np.arange(len(ids[::7])) % 50 + 9
    offsets = np.arange(0, len(ids) + 1, 100)
    text, layout = Text(ids, offsets, True), Layout.of(60, 4)
    record_counts = np.bincount(ids, minlength=60).astype(np.int64)
    plan = make_plan(text, layout, record_counts, 50)
    parts = int(plan.last_part[3] - plan.first_part[3]) + 1
    assert 3 <= parts <= record_counts[3] // 50
    assert (plan.first_part[1:] >= plan.first_part[:-1]).all()
    borders = plan.lower_keys[plan.first_part[3] : plan.last_part[3] + 1]
    assert borders[0] == 0
    assert (borders[1:] > borders[:-1]).all()
    assert_same(count_ngrams(ids, offsets, 60, 4, workspace=small_partitions(Workspace(2), 50, 200)), count_ngrams(ids, offsets, 60, 4))


@pytest.mark.parametrize(("words", "order", "keys"), [(100, 5, 1), (2**20, 5, 2), (2**21, 6, 2), (2**21 + 1, 6, 3), (2**31 - 1, 100, 50)])
def test_records_hold_any_vocabulary_and_order(words: int, order: int, keys: int) -> None:
    layout = Layout.of(words, order)
    assert layout.keys == keys
    assert layout.words_a_key * layout.bits <= 64
    assert 1 <= layout.words_in_last <= layout.words_a_key
    assert (layout.keys - 1) * layout.words_a_key + layout.words_in_last == order


@pytest.mark.parametrize("keys", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 20, 21, 500, 5000])
@pytest.mark.parametrize("values", [2, 40, 2**63])
def test_records_are_sorted(keys: int, count: int, values: int) -> None:
    rng = np.random.default_rng(keys * count)
    records = rng.integers(0, values, (count, keys), np.uint64)
    for rows in (records, records[np.lexsort(records.T[::-1])], records[np.lexsort(records.T[::-1])][::-1]):
        flat, spare = rows.reshape(-1).copy(), np.empty(count * keys, np.uint64)
        moved = _kernels_records.sort_records(flat, spare, count, keys, np.empty((6, 2048), np.int64), np.empty(128, np.int64))
        np.testing.assert_array_equal((spare if moved else flat).reshape(count, keys), rows[np.lexsort(rows.T[::-1])])


def test_the_number_of_ngrams_is_foreseen() -> None:
    ids, offsets = zipf_text(200_000, 20_000, 5)
    counts = count_ngrams(ids, offsets, 20_000, 5)
    foreseen = count_distinct(Text(ids, offsets, True), 5, Workspace(2))
    found = [np.count_nonzero(counts.levels[0].counts), *(len(level) for level in counts.levels[1:])]
    np.testing.assert_allclose(foreseen, found, rtol=0.06)
    assert foreseen == count_distinct(Text(ids, offsets, True), 5, Workspace(1))


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(*arguments: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    ids, offsets = zipf_text(5000, 300, 1)
    with pytest.raises(OutputError, match=r"the disk is full, so the counts could not be kept there; .* --temp\.$"):
        _ = count_ngrams(ids, offsets, 300, 4, workspace=DiskWorkspace(tmp_path, 100_000)).levels[3].suffixes
    assert list(tmp_path.iterdir()) == []


def test_a_pool_gives_memory_out_again_once_no_view_of_it_is_left() -> None:
    pool, count = Pool(), POOL_UNIT // 4
    whole = pool.take(4 * count, np.dtype(np.int32))
    address = whole.ctypes.data
    view = whole[5:].view(np.float32)
    del whole
    elsewhere = pool.take(count, np.dtype(np.int32))
    assert not np.may_share_memory(view, elsewhere)
    del view
    parts = [pool.take(count, np.dtype(np.int32)) for _ in range(3)]
    assert [part.ctypes.data - address for part in parts] == [0, POOL_UNIT, 2 * POOL_UNIT]
    del parts[1], parts[0]  # neighbours are joined
    assert pool.take(2 * count, np.dtype(np.uint32)).ctypes.data == address


def test_a_pool_takes_over_what_was_collected() -> None:
    workspace = Workspace(reuse=True)
    collector = workspace.collector(np.uint32, POOL_UNIT)
    piece = np.arange(POOL_UNIT // 3, dtype=np.uint32)
    collector.append(piece)
    collected = collector.finish()
    np.testing.assert_array_equal(collected, piece)
    address = collected.ctypes.data
    elsewhere = workspace.empty(len(piece), np.uint32)
    assert not np.may_share_memory(collected, elsewhere)
    del collected
    assert workspace.empty(len(piece), np.int32).ctypes.data == address


def test_letting_go_leaves_memory_of_no_file_alone() -> None:
    collector = Workspace().collector(np.int32, 5000)
    collector.append(np.ones(5000, np.int32))
    let_go(collector.finish())
    assert collector.finish().all()


def test_left_neighbours_are_the_same_whether_they_are_counted_while_suffixes_are_found_or_afterwards() -> None:
    ids, offsets = zipf_text(5000, 40, 3)
    counts = count_ngrams(ids, offsets, 40, 4)
    along_the_way = 0
    for order in range(1, 4):
        extensions = np.zeros(len(counts.levels[order - 1]), np.int32)
        if counts.levels[order].count_suffixes(extensions):
            along_the_way += 1
            np.testing.assert_array_equal(extensions, np.bincount(counts.levels[order].suffixes, minlength=len(extensions)))
        assert not counts.levels[order].count_suffixes(extensions)  # they are known by now
    assert along_the_way
    again = count_ngrams(ids, offsets, 40, 4)
    for order in range(1, 5):
        np.testing.assert_array_equal(counts.adjusted_counts(order), again.adjusted_counts(order))


def test_counts_that_are_not_asked_for_are_left_out_behind_sentence_starts() -> None:
    ids, offsets = zipf_text(3000, 60, 8)
    whole = count_ngrams(ids, offsets, 60, 4)
    workspace = small_partitions(Workspace(2), 50, 200)
    partial = count_ngrams(ids, offsets, 60, 4, lower_counts=False, workspace=workspace)
    assert sum(len(level.counts) for level in partial.levels[1:3]) < sum(len(level) for level in partial.levels[1:3]) / 2
    assert (
        partial.last_counts == whole.last_counts == [int(level.counts[i]) for level, i in zip(whole.levels, whole.last_path, strict=False)]
    )
    for order in range(1, 5):
        np.testing.assert_array_equal(partial.adjusted_counts(order), whole.adjusted_counts(order))
        np.testing.assert_array_equal(partial.levels[order - 1].words, whole.levels[order - 1].words)
