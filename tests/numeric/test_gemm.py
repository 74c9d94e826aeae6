"""Products with a packed matrix against NumPy's, for all numbers of rows around a tile and columns around a panel."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit.numeric import _kernels_gemm as gemm


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, gemm.PANEL - 1, gemm.PANEL, 2 * gemm.PANEL + 3])
def test_products_are_those_of_numpy(dtype: type, columns: int) -> None:
    rng = np.random.default_rng(0)
    depth = 7
    right = rng.normal(size=(depth, columns)).astype(dtype)
    packed = gemm.empty_packed(depth, columns, np.dtype(dtype))
    assert packed.ctypes.data % 64 == 0
    for transposed in (False, True):
        packed[:] = np.nan
        if transposed:
            gemm.pack_transposed(np.ascontiguousarray(right.T), packed)
        else:
            gemm.pack(right, packed)
        for rows in (1, 2, gemm.TILE - 1, gemm.TILE, gemm.TILE + 1, 3 * gemm.TILE + 2):
            left = rng.normal(size=(rows, depth)).astype(dtype)
            bias = rng.normal(size=columns).astype(dtype)
            out = np.full((rows, columns), np.nan, dtype)
            gemm.multiply(left, packed, bias, out, gemm.empty_edge(np.dtype(dtype)))
            np.testing.assert_allclose(out, left.astype(np.float64) @ right + bias, atol=1e-5 if dtype == np.float32 else 1e-13)


def test_rows_with_strides_and_offsets_touch_nothing_else() -> None:
    rng = np.random.default_rng(0)
    depth, columns, rows = 5, gemm.PANEL + 2, 4
    right = rng.normal(size=(depth, columns)).astype(np.float32)
    packed = gemm.empty_packed(depth, columns, np.dtype(np.float32))
    gemm.pack(right, packed)
    a = rng.normal(size=(rows, depth + 3)).astype(np.float32)
    c = np.ones((rows, columns + 6), np.float32)
    gemm.add_product(a, 2, depth + 3, rows, packed, columns, c, 4, columns + 6, gemm.empty_edge(np.dtype(np.float32)))
    np.testing.assert_allclose(c[:, 4:-2], 1 + a[:, 2:-1] @ right, atol=1e-5)
    assert np.all(c[:, :4] == 1)
    assert np.all(c[:, -2:] == 1)


def test_a_row_has_the_same_bits_whatever_stands_beside_it() -> None:
    rng = np.random.default_rng(0)
    depth, columns = 33, 2 * gemm.PANEL + 5
    packed = gemm.empty_packed(depth, columns, np.dtype(np.float32))
    gemm.pack(rng.normal(size=(depth, columns)).astype(np.float32), packed)
    left, zero, edge = rng.normal(size=(29, depth)).astype(np.float32), np.zeros(columns, np.float32), gemm.empty_edge(np.dtype(np.float32))
    whole = np.empty((29, columns), np.float32)
    gemm.multiply(left, packed, zero, whole, edge)
    for first, last in ((0, 1), (3, 8), (5, 18), (28, 29)):
        part = np.empty((last - first, columns), np.float32)
        gemm.multiply(left[first:last], packed, zero, part, edge)
        assert np.array_equal(part, whole[first:last])
