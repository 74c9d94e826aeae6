"""The LSTM with peepholes over all steps of a shard. Names, shapes and dtypes as in _kernels_lstm.py, and

peepholes       REAL  (3, H)    p_i, p_f, p_o
previous_cells  REAL  (T B, H)  c_(t-1) of each row

Plain twin: tests/reference/neural_twin.py.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import copy_rows, fast_sigmoid, fast_tanh
from lmkit.numeric._kernels_gemm import add_product


@kernel
def _activate(gate, bias, peepholes, c_before, c, y):
    size = len(c)
    for j in range(size):
        gate[j] = fast_sigmoid(gate[j] + bias[j] + peepholes[0, j] * c_before[j])
    for j in range(size):
        gate[size + j] = fast_sigmoid(gate[size + j] + bias[size + j] + peepholes[1, j] * c_before[j])
    for j in range(2 * size, 3 * size):
        gate[j] = fast_tanh(gate[j] + bias[j])
    for j in range(size):
        c[j] = gate[size + j] * c_before[j] + gate[j] * gate[2 * size + j]
    for j in range(size):
        gate[3 * size + j] = fast_sigmoid(gate[3 * size + j] + bias[3 * size + j] + peepholes[2, j] * c[j])
    for j in range(size):
        y[j] = gate[3 * size + j] * fast_tanh(c[j])


@kernel
def forward(gates, bias, peepholes, packed, h, c, previous, previous_cells, cells, y, steps, edge):
    texts, size = h.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(h, origin, previous, origin, texts)
    copy_rows(c, origin, previous_cells, origin, texts)
    for t in range(steps):
        start = t * texts
        add_product(previous, start * size, size, texts, packed, 4 * size, gates, start * 4 * size, 4 * size, edge)
        for row in range(start, start + texts):
            _activate(gates[row], bias, peepholes, previous_cells[row], cells[row], y[row])
        if t + 1 < steps:
            copy_rows(y, start, previous, start + texts, texts)
            copy_rows(cells, start, previous_cells, start + texts, texts)
    copy_rows(y, len(y) - texts, h, origin, texts)
    copy_rows(cells, len(cells) - texts, c, origin, texts)


@kernel
def _differentiate(gate, peepholes, c_before, c, dy, dh, dc, scratch):
    """The reverse of `_activate`; gate leaves with gradients, dc with that for t - 1."""
    size = len(c)
    for j in range(size):
        dh[j] += dy[j]
    for j in range(size):
        scratch[j] = fast_tanh(c[j])
    for j in range(size):  # y = o tanh(c)
        dc[j] += dh[j] * gate[3 * size + j] * (1 - scratch[j] * scratch[j])
    for j in range(size):
        gate[3 * size + j] = dh[j] * scratch[j] * gate[3 * size + j] * (1 - gate[3 * size + j])
    for j in range(size):  # o sees c
        dc[j] += gate[3 * size + j] * peepholes[2, j]
    for j in range(size):  # c = f c_before + i g; scratch keeps f, dh keeps i
        scratch[j] = gate[size + j]
    for j in range(size):
        gate[size + j] = dc[j] * c_before[j] * scratch[j] * (1 - scratch[j])
    for j in range(size):
        dh[j] = gate[j]
    for j in range(size):
        gate[j] = dc[j] * gate[2 * size + j] * dh[j] * (1 - dh[j])
    for j in range(size):
        gate[2 * size + j] = dc[j] * dh[j] * (1 - gate[2 * size + j] * gate[2 * size + j])
    for j in range(size):  # i and f see c_before
        dc[j] = dc[j] * scratch[j] + gate[j] * peepholes[0, j] + gate[size + j] * peepholes[1, j]


@kernel
def backward(gates, peepholes, packed, previous_cells, cells, dy, dh, dc, scratch, steps, edge):
    texts, size = dh.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    dh[:] = 0
    dc[:] = 0
    for t in range(steps - 1, -1, -1):
        start = t * texts
        for text in range(texts):
            row = start + text
            _differentiate(gates[row], peepholes, previous_cells[row], cells[row], dy[row], dh[text], dc[text], scratch[text])
        dh[:] = 0
        add_product(gates, start * 4 * size, 4 * size, texts, packed, size, dh, origin, size, edge)


@kernel
def gradient(d, previous_cells, cells, out):
    """out (3, H): sums over all rows of each gate's gradient times the cell that it sees."""
    size = cells.shape[1]
    out[:] = 0
    for row in range(len(cells)):
        for j in range(size):
            out[0, j] += d[row, j] * previous_cells[row, j]
        for j in range(size):
            out[1, j] += d[row, size + j] * previous_cells[row, j]
        for j in range(size):
            out[2, j] += d[row, 3 * size + j] * cells[row, j]
