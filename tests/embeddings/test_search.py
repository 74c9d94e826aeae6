"""Exact search: the best of many scores, bounds of 8-bit rows, close spellings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import search_twin

from lmkit.embeddings import _kernels_quantized, search
from lmkit.embeddings.quantized import QuantizedMatrix
from lmkit.embeddings.search import RowSearch, best, inverse_norms, row_norms
from lmkit.errors import InvalidParameterError
from lmkit.text.spelling import close_spellings
from lmkit.text.strings import StringTable


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2000), st.integers(1, 12), st.integers(1, 40), st.integers(0, 99))
def test_best(size: int, top: int, values: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, values, size).astype(np.float32)  # many ties
    scores[scores == 0] = -np.inf
    expected = [row for row in search_twin.ranked(scores, top, []) if scores[row] > -np.inf]
    assert best(scores, top).tolist() == expected


def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((1000, 8)).astype(np.float32)
    rows = RowSearch(matrix, inverse_norms(row_norms(matrix)))
    queries = matrix[:7] / np.linalg.norm(matrix[:7], axis=1, keepdims=True)
    exclude = [np.array([i, 900 + i]) for i in range(7)]
    for chosen in (None, 950, np.arange(0, 1000, 3)):
        monkeypatch.setattr(search, "_BLOCK_SCORES", 1 << 22)
        whole = rows.nearest(queries, 9, exclude=exclude, rows=chosen)
        monkeypatch.setattr(search, "_BLOCK_SCORES", 256)
        monkeypatch.setattr(search, "_BLOCK_NUMBERS", 100)
        parts = rows.nearest(queries, 9, exclude=exclude, rows=chosen)
        for (a, x), (b, y), query, left_out in zip(whole, parts, queries, exclude, strict=True):
            allowed = None if chosen is None else list(range(950)) if isinstance(chosen, int) else chosen.tolist()
            assert a.tolist() == b.tolist() == search_twin.ranked(search_twin.cosines(matrix, query), 9, left_out.tolist(), allowed)
            np.testing.assert_allclose(x, y, rtol=1e-5)
    with pytest.raises(InvalidParameterError):
        rows.nearest(queries, 0)


@pytest.mark.parametrize("dimensions", [1, 5, 31, 32, 33, 64, 100, 300, 700])
def test_upper_bounds_are_bounds(dimensions: int) -> None:
    rng = np.random.default_rng(dimensions)
    matrix = rng.standard_normal((200, dimensions)).astype(np.float32) * np.exp(rng.standard_normal((200, 1))).astype(np.float32)
    matrix[3] = 0
    matrix[4, 0] = 1000  # one entry takes the whole scale
    quantized = QuantizedMatrix.from_matrix(matrix)
    assert quantized.errors is not None
    residual = np.linalg.norm(matrix - quantized[:], axis=1) / np.maximum(np.linalg.norm(matrix, axis=1), 1e-30)
    np.testing.assert_allclose(quantized.errors, residual, atol=1e-6)
    inverse = inverse_norms(row_norms(matrix))
    for threads in (1, 3):
        for _ in range(5):
            query = rng.standard_normal(dimensions)
            query = (query / np.linalg.norm(query)).astype(np.float32)
            bounds = quantized.upper_bounds(query, inverse, 150, threads)
            cosines = search_twin.cosines(matrix, query)[:150]
            assert bounds.shape == (150,)
            assert np.all(bounds >= cosines)
            assert np.all(bounds - cosines <= 2 * quantized.errors[:150] + 1e-3)  # and not far above


def test_a_screen_that_says_little_stays_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SCREENED_NUMBERS", 0)
    monkeypatch.setattr(search, "_NORM_ROWS", 70)
    rng = np.random.default_rng(5)
    matrix = rng.standard_normal((500, 6)).astype(np.float32)
    matrix[:, 0] = 3000  # one number takes the scale, so that all other codes are 0
    inverse = inverse_norms(row_norms(matrix))
    rows = RowSearch(matrix, inverse, QuantizedMatrix.from_matrix(matrix))
    query = matrix[3] - matrix[7]
    query /= np.linalg.norm(query)
    ((found, scores),) = rows.nearest(query[None], 8, exclude=[np.array([3])])
    cosines = search_twin.cosines(matrix, query)
    assert found.tolist() == search_twin.ranked(cosines, 8, [3])
    np.testing.assert_allclose(scores, cosines[found], atol=1e-6)


def test_products_of_the_kernel_are_exact() -> None:
    rng = np.random.default_rng(3)
    for dimensions in (1, 31, 32, 33, 96, 100):
        codes = rng.integers(-127, 128, (9, dimensions)).astype(np.int8)
        query = np.zeros(dimensions + 32, np.int16)
        whole = rng.integers(-32767, 32768, dimensions)
        query[:dimensions] = whole
        if dimensions % 32:
            query[-(dimensions % 32) :] = whole[-(dimensions % 32) :]
        out = np.zeros(9, np.float32)
        flat = codes.reshape(-1)
        flat.flags.writeable = False
        ones, zeros = np.ones(9, np.float32), np.zeros(9, np.float32)
        _kernels_quantized.upper_bounds(flat, dimensions, query, ones, zeros, np.float32(0), 0, 9, out)
        assert out.tolist() == (codes.astype(np.int64) @ whole).astype(np.float32).tolist()


def test_the_largest_products_do_not_overflow() -> None:
    for dimensions in (300, 4096):
        matrix = np.ones((3, dimensions), np.float32)
        matrix[1] *= -1
        query = np.full(dimensions, dimensions**-0.5, np.float32)
        bounds = QuantizedMatrix.from_matrix(matrix).upper_bounds(query, inverse_norms(row_norms(matrix)), 3)
        np.testing.assert_allclose(bounds, [1, -1, 1], atol=2e-2)


@settings(max_examples=60, deadline=None)
@given(st.text("abcdeé", min_size=1, max_size=8), st.lists(st.text("abcdeé", min_size=1, max_size=9), unique=True, max_size=60))
def test_close_spellings(word: str, words: list[str]) -> None:
    limit = min(max(len(word) // 3, 1), 3)
    distances = {other: search_twin.edits(word, other) for other in words}
    expected = sorted((other for other in words if distances[other] <= limit), key=lambda other: (distances[other], words.index(other)))
    assert close_spellings(word, StringTable.from_strings(words)) == expected[:3]


def test_close_spellings_look_past_upper_case() -> None:
    table = StringTable.from_strings([f"x{i}yz" for i in range(2000)] + ["Paris", "paired"])
    assert close_spellings("PARIS", table) == ["Paris"]
    assert close_spellings("", table) == []
