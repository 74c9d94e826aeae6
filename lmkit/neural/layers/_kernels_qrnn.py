"""The quasi-recurrent network's pooling over all steps of a shard.

name        dtype  shape      what
gates       REAL   (T B, 6H)  for this step W x, then z, f, o, then the gradients by their pre-activations, 3H; for the next step V x, 3H,
                              then the gradient by it; rows by time, then by text
bias        REAL   (3H,)
kept        REAL   (T B, H)   0 where zoneout holds a unit's cell; (0, H) where it holds none
c, u        REAL   (B, H), (B, 3H)   cell and V x before the first step, then those behind the last
first_cells REAL   (B, H)     c before the first step
cells       REAL   (T B, H)   c_t
y           REAL   (T B, H)   h_t
dc, du      REAL   (B, H), (B, 3H)   gradients by the states before the first step

All C-contiguous. Each loop has one store, so that it becomes vector code. Plain twin: tests/reference/neural_twin.py.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import copy_rows, fast_sigmoid, fast_tanh


@kernel
def _activate(gate, bias, u):
    """z, f, o of one row; u moves on."""
    units = len(u)
    size = units // 3
    for j in range(size):
        gate[j] = fast_tanh(gate[j] + u[j] + bias[j])
    for j in range(size, units):
        gate[j] = fast_sigmoid(gate[j] + u[j] + bias[j])
    for j in range(units):
        u[j] = gate[units + j]


@kernel
def _pool(gate, c_before, c, y):
    size = len(c)
    for j in range(size):
        c[j] = gate[size + j] * c_before[j] + (1 - gate[size + j]) * gate[j]  # so that f = 1 holds it to the bit
    for j in range(size):
        y[j] = gate[2 * size + j] * c[j]


@kernel
def forward(gates, bias, kept, c, u, first_cells, cells, y, steps):
    texts, size = c.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(c, origin, first_cells, origin, texts)
    for t in range(steps):
        for text in range(texts):
            row = t * texts + text
            gate = gates[row]
            _activate(gate, bias, u[text])
            if len(kept) > 0:
                for j in range(size):
                    gate[size + j] = gate[size + j] if kept[row, j] > 0 else 1
            before = first_cells[text] if t == 0 else cells[row - texts]
            _pool(gate, before, cells[row], y[row])
    copy_rows(cells, len(cells) - texts, c, origin, texts)


@kernel
def _differentiate(gate, c_before, c, dy, dc):
    """One row, the reverse of `_pool` and of the gates; dc leaves with the gradient for t - 1. A unit that was held has f = 1."""
    size = len(c)
    for j in range(size):
        dc[j] += dy[j] * gate[2 * size + j]
    for j in range(size):
        gate[2 * size + j] = dy[j] * c[j] * gate[2 * size + j] * (1 - gate[2 * size + j])
    for j in range(size):  # the place of the next step's part keeps f
        gate[3 * size + j] = gate[size + j]
    for j in range(size):
        gate[size + j] = dc[j] * (c_before[j] - gate[j]) * gate[3 * size + j] * (1 - gate[3 * size + j])
    for j in range(size):
        gate[j] = dc[j] * (1 - gate[3 * size + j]) * (1 - gate[j] * gate[j])
    for j in range(size):
        dc[j] *= gate[3 * size + j]


@kernel
def backward(gates, first_cells, cells, dy, dc, du, steps):
    texts, size = dc.shape
    units = 3 * size
    dc[:] = 0
    du[:] = 0
    for t in range(steps - 1, -1, -1):
        for text in range(texts):
            row = t * texts + text
            gate, late = gates[row], du[text]
            before = first_cells[text] if t == 0 else cells[row - texts]
            _differentiate(gate, before, cells[row], dy[row], dc[text])
            for j in range(units):  # what this step's input gave the next
                gate[units + j] = late[j]
            for j in range(units):
                late[j] = gate[j]
