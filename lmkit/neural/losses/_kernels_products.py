"""Products of hidden vectors with rows of a weight matrix, where BLAS is not the tool: exact scores, few rows, scattered rows.

| name | dtype | shape | holds |
|---|---|---|---|
| hidden | REAL | (n, H) | hidden vectors, C-contiguous |
| weight | REAL | (V, H) | output vectors, C-contiguous |
| out | REAL | (n, >= m) | products |

REAL is float32 or float64. Each product is summed in one order that depends on H alone, whatever stands beside it in the batch: a row's
score is the same to the bit alone and among others. Plain twin: hidden @ weight.T, in tests/neural/test_losses.py.
"""

from __future__ import annotations

import numba
import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import multiply_add
from lmkit.numeric._kernels_simd import fma16, fold16, load16, store16, zeros16

_ROWS, _WORDS = 12, 256


@kernel
def _tail(hidden, row, weight, word, start, size):
    """Sum of the products from `start` on, what is left over of vectors of 16."""
    total = np.float32(0)
    for i in range(start, size):
        total += hidden[row * size + i] * weight[word * size + i]
    return total


@kernel
def _four_by_four(hidden, row, last_row, weight, word, last_word, size, sums):
    """sums[4 r + w] = hidden[row + r] . weight[word + w]; rows and words beyond the last are computed as the last."""
    h0, w0 = row * size, word * size
    h1, w1 = min(row + 1, last_row) * size, min(word + 1, last_word) * size
    h2, w2 = min(row + 2, last_row) * size, min(word + 2, last_word) * size
    h3, w3 = min(row + 3, last_row) * size, min(word + 3, last_word) * size
    a0, a1, a2, a3 = zeros16(), zeros16(), zeros16(), zeros16()
    b0, b1, b2, b3 = zeros16(), zeros16(), zeros16(), zeros16()
    c0, c1, c2, c3 = zeros16(), zeros16(), zeros16(), zeros16()
    d0, d1, d2, d3 = zeros16(), zeros16(), zeros16(), zeros16()
    whole = size - size % 16
    for i in range(0, whole, 16):
        x0, x1, x2, x3 = load16(weight, w0 + i), load16(weight, w1 + i), load16(weight, w2 + i), load16(weight, w3 + i)
        h = load16(hidden, h0 + i)
        a0, a1, a2, a3 = fma16(h, x0, a0), fma16(h, x1, a1), fma16(h, x2, a2), fma16(h, x3, a3)
        h = load16(hidden, h1 + i)
        b0, b1, b2, b3 = fma16(h, x0, b0), fma16(h, x1, b1), fma16(h, x2, b2), fma16(h, x3, b3)
        h = load16(hidden, h2 + i)
        c0, c1, c2, c3 = fma16(h, x0, c0), fma16(h, x1, c1), fma16(h, x2, c2), fma16(h, x3, c3)
        h = load16(hidden, h3 + i)
        d0, d1, d2, d3 = fma16(h, x0, d0), fma16(h, x1, d1), fma16(h, x2, d2), fma16(h, x3, d3)
    store16(sums, 0, fold16(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3))


@kernel
def _one_by_sixteen(hidden, h0, weight, starts, size, sums):
    """sums[w] = hidden[h0 : h0 + size] . weight[starts[w] : starts[w] + size] for 16 rows of weights."""
    w0, w1, w2, w3, w4, w5, w6, w7 = starts[0], starts[1], starts[2], starts[3], starts[4], starts[5], starts[6], starts[7]
    w8, w9, wa, wb, wc, wd, we, wf = starts[8], starts[9], starts[10], starts[11], starts[12], starts[13], starts[14], starts[15]
    a0, a1, a2, a3 = zeros16(), zeros16(), zeros16(), zeros16()
    a4, a5, a6, a7 = zeros16(), zeros16(), zeros16(), zeros16()
    a8, a9, aa, ab = zeros16(), zeros16(), zeros16(), zeros16()
    ac, ad, ae, af = zeros16(), zeros16(), zeros16(), zeros16()
    whole = size - size % 16
    for i in range(0, whole, 16):
        h = load16(hidden, h0 + i)
        a0, a1 = fma16(h, load16(weight, w0 + i), a0), fma16(h, load16(weight, w1 + i), a1)
        a2, a3 = fma16(h, load16(weight, w2 + i), a2), fma16(h, load16(weight, w3 + i), a3)
        a4, a5 = fma16(h, load16(weight, w4 + i), a4), fma16(h, load16(weight, w5 + i), a5)
        a6, a7 = fma16(h, load16(weight, w6 + i), a6), fma16(h, load16(weight, w7 + i), a7)
        a8, a9 = fma16(h, load16(weight, w8 + i), a8), fma16(h, load16(weight, w9 + i), a9)
        aa, ab = fma16(h, load16(weight, wa + i), aa), fma16(h, load16(weight, wb + i), ab)
        ac, ad = fma16(h, load16(weight, wc + i), ac), fma16(h, load16(weight, wd + i), ad)
        ae, af = fma16(h, load16(weight, we + i), ae), fma16(h, load16(weight, wf + i), af)
    store16(sums, 0, fold16(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af))


@kernel
def _products_float32(hidden, weight, first, last, out):
    rows, size = hidden.shape
    flat_hidden, flat_weight, flat_out = hidden.reshape(-1), weight.reshape(-1), out.reshape(-1)
    stride = np.uint64(out.shape[1])
    sums = np.empty(16, np.float32)
    whole = size - size % 16
    in_fours = rows - rows % 4
    for block in range(first, last, _WORDS):  # these rows of weights stay in the second cache, the hidden vectors below in the first
        for row_block in range(0, in_fours, _ROWS):
            for word in range(block, min(block + _WORDS, last), 4):
                for row in range(row_block, min(row_block + _ROWS, in_fours), 4):
                    _four_by_four(flat_hidden, row, rows - 1, flat_weight, word, last - 1, size, sums)
                    if whole < size:
                        for r in range(4):
                            for w in range(min(4, last - word)):
                                sums[4 * r + w] += _tail(flat_hidden, row + r, flat_weight, word + w, whole, size)
                    valid = np.uint64(min(4, last - word))
                    for r in range(np.uint64(4)):  # unsigned: Numba tests no index for being negative
                        target = flat_out[np.uint64(row + r) * stride + np.uint64(word - first) :]
                        for w in range(valid):
                            target[w] = sums[np.uint64(4) * r + w]
    starts = np.empty(16, np.int64)
    for row in range(in_fours, rows):
        for word in range(first, last, 16):
            for w in range(16):
                starts[w] = min(word + w, last - 1) * size
            _one_by_sixteen(flat_hidden, row * size, flat_weight, starts, size, sums)
            for w in range(min(16, last - word)):
                out[row, word + w - first] = sums[w] + _tail(flat_hidden, row, flat_weight, word + w, whole, size)


@kernel
def _scattered_products_float32(hidden, weight, rows, out):
    size = hidden.size
    flat_weight = weight.reshape(-1)
    sums, starts = np.empty(16, np.float32), np.empty(16, np.int64)
    whole = size - size % 16
    for first in range(0, rows.size, 16):
        for w in range(16):
            starts[w] = np.int64(rows[min(first + w, rows.size - 1)]) * size
        _one_by_sixteen(hidden, 0, flat_weight, starts, size, sums)
        for w in range(min(16, rows.size - first)):
            out[first + w] = sums[w]
            for i in range(whole, size):
                out[first + w] += hidden[i] * flat_weight[starts[w] + i]


@kernel
def _scattered_products_float64(hidden, weight, rows, out):
    for k in range(rows.size):
        total = 0.0
        for i in range(hidden.size):
            total += hidden[i] * weight[rows[k], i]
        out[k] = total


@kernel
def _products_float64(hidden, weight, first, last, out):
    rows, size = hidden.shape
    for row in range(rows):
        for word in range(first, last):
            total = 0.0
            for i in range(size):
                total += hidden[row, i] * weight[word, i]
            out[row, word - first] = total


if numba.config.DISABLE_JIT:

    def _scattered(hidden, weight, rows, out):
        """out[k] = hidden . weight[rows[k]]."""
        out[: len(rows)] = weight[rows] @ hidden

    def _products(hidden, weight, first, last, out):
        """out[:, :last - first] = hidden @ weight[first:last].T."""
        for row in range(len(hidden)):
            out[row, : last - first] = weight[first:last] @ hidden[row]

else:
    from numba.core import types
    from numba.extending import overload

    def _scattered(hidden, weight, rows, out):
        """Chosen by dtype below."""

    def _products(hidden, weight, first, last, out):
        """Chosen by dtype below."""

    @overload(_scattered)
    def _choose_scattered(hidden, weight, rows, out):
        chosen = _scattered_products_float32 if hidden.dtype == types.float32 else _scattered_products_float64
        return lambda hidden, weight, rows, out: chosen(hidden, weight, rows, out)

    @overload(_products)
    def _choose_products(hidden, weight, first, last, out):
        chosen = _products_float32 if hidden.dtype == types.float32 else _products_float64
        return lambda hidden, weight, first, last, out: chosen(hidden, weight, first, last, out)


@kernel
def scattered_products(hidden, weight, rows, out):
    """out[k] = hidden . weight[rows[k]]. hidden (H,), rows int (n,), out (>= n,)."""
    _scattered(hidden, weight, rows, out)


@kernel
def products(hidden, weight, first, last, out):
    """out[:, :last - first] = hidden @ weight[first:last].T."""
    _products(hidden, weight, first, last, out)


@kernel
def add_combination(coefficients, rows, matrix, out):
    """out += sum over k of coefficients[k] * matrix[rows[k]]. coefficients (n,), rows int (n,), matrix (N, H), out (H,)."""
    count, size = rows.size, out.size
    k = 0
    while k + 4 <= count:
        c0, c1, c2, c3 = coefficients[k], coefficients[k + 1], coefficients[k + 2], coefficients[k + 3]
        x0, x1, x2, x3 = matrix[rows[k]], matrix[rows[k + 1]], matrix[rows[k + 2]], matrix[rows[k + 3]]
        for i in range(size):
            out[i] = multiply_add(c3, x3[i], multiply_add(c2, x2[i], multiply_add(c1, x1[i], multiply_add(c0, x0[i], out[i]))))
        k += 4
    while k < count:
        c0, x0 = coefficients[k], matrix[rows[k]]
        for i in range(size):
            out[i] = multiply_add(c0, x0[i], out[i])
        k += 1


@kernel
def row_products(hidden, weight, words, out):
    """out[i] = hidden[i] . weight[words[i]]. hidden (n, H), words int (n,), out (n,)."""
    for i in range(words.size):
        word = words[i]
        products(hidden[i : i + 1], weight, word, word + 1, out[i : i + 1].reshape(1, 1))


@kernel
def group_gradient(rows, starts, members, coefficients, hidden, first, last, is_added, gradient):
    """gradient[rows[g]] = (or +=, with is_added) sum over k in starts[g] <= k < starts[g+1] of coefficients[k] * hidden[members[k]].

    rows int64 (G,): distinct; starts int64 (G + 1,); members int64 and coefficients (n,). Groups first <= g < last.
    """
    for g in range(first, last):
        row = gradient[rows[g]]
        if not is_added:
            row[:] = 0
        begin, end = starts[g], starts[g + 1]
        add_combination(coefficients[begin:end], members[begin:end], hidden, row)
