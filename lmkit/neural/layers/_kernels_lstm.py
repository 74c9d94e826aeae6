"""The LSTM over all steps of a shard.

name        dtype  shape      what
gates       REAL   (T B, 4H)  W_ih x, then i, f, g, o, then the gradients by their pre-activations; rows by time, then by text
bias        REAL   (4H,)
packed      REAL   packed     W_hh^T for forward, W_hh for backward (numeric/_kernels_gemm.py)
h, c        REAL   (B, H)     the state before the first step, then that behind the last
previous    REAL   (T B, H)   h_(t-1) of each row
first_cells REAL   (B, H)     c before the first step
cells       REAL   (T B, H)   c_t
y           REAL   (T B, H)   h_t
dh, dc      REAL   (B, H)     gradients by the state, running back in time
scratch     REAL   (B, H)
edge        REAL              scratch of the products

All C-contiguous. Plain twin: tests/reference/neural_twin.py.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import copy_rows, fast_sigmoid, fast_tanh
from lmkit.numeric._kernels_gemm import add_product


@kernel
def _activate(gate, bias, c_before, c, y):
    """One row: pre-activations to gates, cell and output. Each loop has one store, so that it becomes vector code."""
    size = len(c)
    for j in range(2 * size):
        gate[j] = fast_sigmoid(gate[j] + bias[j])
    for j in range(2 * size, 3 * size):
        gate[j] = fast_tanh(gate[j] + bias[j])
    for j in range(3 * size, 4 * size):
        gate[j] = fast_sigmoid(gate[j] + bias[j])
    for j in range(size):
        c[j] = gate[size + j] * c_before[j] + gate[j] * gate[2 * size + j]
    for j in range(size):
        y[j] = gate[3 * size + j] * fast_tanh(c[j])


@kernel
def forward(gates, bias, packed, h, c, previous, first_cells, cells, y, steps, edge):
    texts, size = h.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(h, origin, previous, origin, texts)
    copy_rows(c, origin, first_cells, origin, texts)
    for t in range(steps):
        start = t * texts
        add_product(previous, start * size, size, texts, packed, 4 * size, gates, start * 4 * size, 4 * size, edge)
        for text in range(texts):
            row = start + text
            before = first_cells[text] if t == 0 else cells[row - texts]
            _activate(gates[row], bias, before, cells[row], y[row])
        if t + 1 < steps:
            copy_rows(y, start, previous, start + texts, texts)
    copy_rows(y, len(y) - texts, h, origin, texts)
    copy_rows(cells, len(cells) - texts, c, origin, texts)


@kernel
def _differentiate(gate, c_before, c, dy, dh, dc, squashed):
    """One row, the reverse of `_activate`: dh enters with what later steps give; gate leaves with gradients, dc with that for t - 1."""
    size = len(c)
    for j in range(size):
        dh[j] += dy[j]
    for j in range(size):
        squashed[j] = fast_tanh(c[j])
    for j in range(size):  # y = o tanh(c)
        dc[j] += dh[j] * gate[3 * size + j] * (1 - squashed[j] * squashed[j])
    for j in range(size):
        gate[3 * size + j] = dh[j] * squashed[j] * gate[3 * size + j] * (1 - gate[3 * size + j])
    for j in range(size):  # c = f c_before + i g; squashed keeps f, dh is free
        squashed[j] = gate[size + j]
    for j in range(size):
        gate[size + j] = dc[j] * c_before[j] * squashed[j] * (1 - squashed[j])
    for j in range(size):
        dh[j] = gate[j]
    for j in range(size):
        gate[j] = dc[j] * gate[2 * size + j] * dh[j] * (1 - dh[j])
    for j in range(size):
        gate[2 * size + j] = dc[j] * dh[j] * (1 - gate[2 * size + j] * gate[2 * size + j])
    for j in range(size):
        dc[j] *= squashed[j]


@kernel
def backward(gates, packed, first_cells, cells, dy, dh, dc, scratch, steps, edge):
    texts, size = dh.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    dh[:] = 0
    dc[:] = 0
    for t in range(steps - 1, -1, -1):
        start = t * texts
        for text in range(texts):
            row = start + text
            before = first_cells[text] if t == 0 else cells[row - texts]
            _differentiate(gates[row], before, cells[row], dy[row], dh[text], dc[text], scratch[text])
        dh[:] = 0
        add_product(gates, start * 4 * size, 4 * size, texts, packed, size, dh, origin, size, edge)
