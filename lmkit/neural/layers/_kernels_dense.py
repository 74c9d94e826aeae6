"""Rows through a unit, and averages of rows.

All arrays REAL (float32 or float64), two-dimensional, C-contiguous; ids int32.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import fast_tanh


@kernel
def tanh_of_sum(x, bias, y):
    """y = tanh(x + bias); y may have more columns than x, the others stay."""
    for row in range(len(x)):
        source, target = x[row], y[row]
        for j in range(x.shape[1]):
            target[j] = fast_tanh(source[j] + bias[j])


@kernel
def tanh_gradient(y, dy, d):
    """d = dy (1 - y^2) over the columns of d; y and dy may have more."""
    for row in range(len(d)):
        source, late, target = y[row], dy[row], d[row]
        for j in range(d.shape[1]):
            target[j] = late[j] * (1 - source[j] * source[j])


@kernel
def gather_mean(table, ids, out):
    """out[row] = the mean of table[ids[row, k]] over k."""
    window = ids.shape[1]
    for row in range(len(ids)):
        target = out[row]
        target[:] = 0
        for k in range(window):
            source = table[ids[row, k]]
            for j in range(out.shape[1]):
                target[j] += source[j]
        for j in range(out.shape[1]):
            target[j] /= window
