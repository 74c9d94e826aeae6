"""Merging the replicas of threads.

| name     | dtype   | shape | holds |
|----------|---------|-------|-------|
| merged   | float32 | (rows * stride,) | the matrix as it was at the last merge of these rows; out: as it is now |
| replicas | float32 | (T, rows * stride) | each thread's own copy; out: the merged rows |
| scale    | float32 | (rows,) | what the sum of the threads' changes is multiplied by |
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_simd import add16, fma16, load16, splat16, store16, sub16, zeros16


@kernel
def merge_rows(merged, replicas, scale, stride, first, last):
    """merged[r] += scale[r] * sum over t of (replicas[t, r] - merged[r]), in the order of t, for rows first <= r < last; then all agree."""
    threads = replicas.shape[0]
    size = replicas.shape[1]
    flat = replicas.reshape(threads * size)
    for row in range(first, last):
        factor = splat16(np.float32(scale[row]))
        for at in range(row * stride, (row + 1) * stride, 16):
            old = load16(merged, at)
            change = zeros16()
            for thread in range(threads):
                change = add16(change, sub16(load16(flat, thread * size + at), old))
            new = fma16(factor, change, old)
            store16(merged, at, new)
            for thread in range(threads):
                store16(flat, thread * size + at, new)
