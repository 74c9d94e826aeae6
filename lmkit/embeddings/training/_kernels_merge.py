"""Merging the replicas of threads, direction by direction (see merging.py for what and why).

| name     | dtype   | shape | holds |
|----------|---------|-------|-------|
| merged   | float32 | (rows * stride,) | the matrix as it was at the last merge of these rows; out: as it is now |
| replicas | float32 | (T * rows * stride,) | each thread's own copy; out: the merged rows |
| steps    | float32 | (rows,) | n: by how many partners each thread moved the row since |
| basis    | float32 | (16 * stride,) | 16 orthonormal directions |
| ways     | float32 | (17,)   | w: the part of the way to rest that one step goes in each direction, and in all others |
| change   | float32 | (2 * (stride + 16),) | scratch of one call |
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.numeric._kernels_simd import (
    add16,
    broadcast16,
    exp16,
    fma16,
    fold16,
    load16,
    mul16,
    splat16,
    store16,
    sub16,
    zeros16,
)

DIRECTIONS = 16


@uncounted
def _scales(way, threads):
    """(1 - e^(-T n w)) / (T (1 - e^(-n w))) lane by lane for n w given: the mean of e^(-j n w) over j = 0 .. T - 1, which never cancels."""
    one = splat16(1.0)
    ratio = exp16(sub16(zeros16(), way))
    total = one
    for _ in range(threads - 1):
        total = fma16(total, ratio, one)
    return mul16(total, splat16(np.float32(1.0) / np.float32(threads)))


@inlined
def _along(change, at, basis, stride):
    """16 lanes: <change, basis row>."""
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros16()
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = zeros16()
    for column in range(0, stride, 16):
        x = load16(change, at + column)
        a0 = fma16(x, load16(basis, column), a0)
        a1 = fma16(x, load16(basis, stride + column), a1)
        a2 = fma16(x, load16(basis, 2 * stride + column), a2)
        a3 = fma16(x, load16(basis, 3 * stride + column), a3)
        a4 = fma16(x, load16(basis, 4 * stride + column), a4)
        a5 = fma16(x, load16(basis, 5 * stride + column), a5)
        a6 = fma16(x, load16(basis, 6 * stride + column), a6)
        a7 = fma16(x, load16(basis, 7 * stride + column), a7)
        b0 = fma16(x, load16(basis, 8 * stride + column), b0)
        b1 = fma16(x, load16(basis, 9 * stride + column), b1)
        b2 = fma16(x, load16(basis, 10 * stride + column), b2)
        b3 = fma16(x, load16(basis, 11 * stride + column), b3)
        b4 = fma16(x, load16(basis, 12 * stride + column), b4)
        b5 = fma16(x, load16(basis, 13 * stride + column), b5)
        b6 = fma16(x, load16(basis, 14 * stride + column), b6)
        b7 = fma16(x, load16(basis, 15 * stride + column), b7)
    return fold16(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7)


@inlined
def _change_of(merged, replicas, threads, row, stride, steps, basis, ways, change, at):
    """change[at:]: the sum of the threads' changes of a row, then what each direction gets beside the share of all. Returns that share."""
    size = merged.size
    begin = row * stride
    for column in range(0, stride, 16):
        old = load16(merged, begin + column)
        total = zeros16()
        for thread in range(threads):
            total = add16(total, sub16(load16(replicas, thread * size + begin + column), old))
        store16(change, at + column, total)
    along = _along(change, at, basis, stride)
    count = broadcast16(steps, row)
    rest = _scales(mul16(count, broadcast16(ways, DIRECTIONS)), threads)
    store16(change, at + stride, mul16(along, sub16(_scales(mul16(count, load16(ways, 0)), threads), rest)))
    return rest


@uncounted
def merge_rows(merged, replicas, threads, steps, basis, ways, stride, first, last, change):
    """For rows first <= r < last: the sum of the threads' changes, each of its components scaled, is added to what all had before.

    Two rows go together, so that each direction is read once for both; of an odd number the last is its own companion.
    """
    size = merged.size
    other = stride + DIRECTIONS
    for row in range(first, last, 2):
        a = row * stride
        b = min(row + 1, last - 1) * stride
        rest_a = _change_of(merged, replicas, threads, row, stride, steps, basis, ways, change, 0)
        rest_b = _change_of(merged, replicas, threads, min(row + 1, last - 1), stride, steps, basis, ways, change, other)
        for column in range(0, stride, 16):
            x = fma16(rest_a, load16(change, column), load16(merged, a + column))
            y = fma16(rest_b, load16(change, other + column), load16(merged, b + column))
            for direction in range(DIRECTIONS):
                u = load16(basis, direction * stride + column)
                x = fma16(broadcast16(change, stride + direction), u, x)
                y = fma16(broadcast16(change, other + stride + direction), u, y)
            store16(merged, a + column, x)
            store16(merged, b + column, y)
            for thread in range(threads):
                store16(replicas, thread * size + a + column, x)
                store16(replicas, thread * size + b + column, y)
