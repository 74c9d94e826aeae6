"""The simple recurrent network over all steps of a shard.

name      dtype  shape     what
units     REAL   (T B, H)  W_ih x, then h_t, then the gradients by the pre-activations; rows by time, then by text
bias      REAL   (H,)
packed    REAL   packed    W_hh^T for forward, W_hh for backward (numeric/_kernels_gemm.py)
h         REAL   (B, H)    the state before the first step, then that behind the last
previous  REAL   (T B, H)  h_(t-1) of each row
y         REAL   (T B, H)  h_t
dh        REAL   (B, H)    gradient by the state, running back in time
edge      REAL             scratch of the products

All C-contiguous. Plain twin: tests/reference/neural_twin.py.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import copy_rows, fast_tanh
from lmkit.numeric._kernels_gemm import add_product


@kernel
def forward(units, bias, packed, h, previous, y, steps, rectified, edge):
    texts, size = h.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(h, origin, previous, origin, texts)
    for t in range(steps):
        start = t * texts
        add_product(previous, start * size, size, texts, packed, size, units, start * size, size, edge)
        for row in range(start, start + texts):
            unit = units[row]
            if rectified:
                for j in range(size):
                    unit[j] = max(unit[j] + bias[j], unit[j] * 0)
            else:
                for j in range(size):
                    unit[j] = fast_tanh(unit[j] + bias[j])
        copy_rows(units, start, y, start, texts)
        if t + 1 < steps:
            copy_rows(units, start, previous, start + texts, texts)
    copy_rows(units, len(units) - texts, h, origin, texts)


@kernel
def backward(units, packed, dy, dh, steps, rectified, edge):
    texts, size = dh.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    dh[:] = 0
    for t in range(steps - 1, -1, -1):
        start = t * texts
        for text in range(texts):
            unit, late, here = units[start + text], dh[text], dy[start + text]
            if rectified:
                for j in range(size):
                    unit[j] = late[j] + here[j] if unit[j] > 0 else unit[j] * 0
            else:
                for j in range(size):
                    unit[j] = (late[j] + here[j]) * (1 - unit[j] * unit[j])
        dh[:] = 0
        add_product(units, start * size, size, texts, packed, size, dh, origin, size, edge)
