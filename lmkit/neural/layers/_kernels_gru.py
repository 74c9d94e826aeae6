"""Gated recurrent units over all steps of a shard.

name        dtype  shape      what
gates       REAL   (T B, 3H)  W_ih x, then r, z, n, then the gradients by their pre-activations; rows by time, then by text
bias        REAL   (3H,)
bias_n      REAL   (H,)       added to U_n h before the reset gate
packed      REAL   packed     W_hh^T for forward, W_hh for backward (numeric/_kernels_gemm.py)
h           REAL   (B, H)     the state before the first step, then that behind the last
previous    REAL   (T B, H)   h_(t-1) of each row
candidates  REAL   (T B, H)   U_n h + b_hn, then the gradient by it
reset       REAL   (T B, H)   r h_(t-1)
y           REAL   (T B, H)   h_t
dh          REAL   (B, H)     gradient by the state, running back in time
scratch     REAL   (B, 3H); (B, 2H) where the reset gate comes before
edge        REAL              scratch of the products

All C-contiguous. Each loop has one store, so that it becomes vector code. Plain twin: tests/reference/neural_twin.py.
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import copy_rows, fast_sigmoid, fast_tanh
from lmkit.numeric._kernels_gemm import add_product


@kernel
def _activate(gate, bias, bias_n, product, h_before, candidate, y):
    size = len(y)
    for j in range(2 * size):
        gate[j] = fast_sigmoid(gate[j] + product[j] + bias[j])
    for j in range(size):
        candidate[j] = product[2 * size + j] + bias_n[j]
    for j in range(size):
        gate[2 * size + j] = fast_tanh(gate[2 * size + j] + bias[2 * size + j] + gate[j] * candidate[j])
    for j in range(size):
        y[j] = gate[2 * size + j] + gate[size + j] * (h_before[j] - gate[2 * size + j])


@kernel
def forward(gates, bias, bias_n, packed, h, previous, candidates, y, scratch, steps, edge):
    texts, size = h.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(h, origin, previous, origin, texts)
    for t in range(steps):
        start = t * texts
        scratch[:] = 0
        add_product(previous, start * size, size, texts, packed, 3 * size, scratch, origin, 3 * size, edge)
        for text in range(texts):
            row = start + text
            _activate(gates[row], bias, bias_n, scratch[text], previous[row], candidates[row], y[row])
        if t + 1 < steps:
            copy_rows(y, start, previous, start + texts, texts)
    copy_rows(y, len(y) - texts, h, origin, texts)


@kernel
def _differentiate(gate, h_before, candidate, dy, dh, d):
    """The reverse of `_activate`; d leaves with the gradient by the recurrent product, dh with the direct part of that by h_(t-1)."""
    size = len(dy)
    for j in range(size):
        dh[j] += dy[j]
    for j in range(size):
        d[2 * size + j] = dh[j] * (1 - gate[size + j]) * (1 - gate[2 * size + j] * gate[2 * size + j])
    for j in range(size):
        d[size + j] = dh[j] * (h_before[j] - gate[2 * size + j]) * gate[size + j] * (1 - gate[size + j])
    for j in range(size):
        d[j] = d[2 * size + j] * candidate[j] * gate[j] * (1 - gate[j])
    for j in range(size):
        dh[j] *= gate[size + j]
    for j in range(size):
        candidate[j] = d[2 * size + j] * gate[j]
    for j in range(3 * size):
        gate[j] = d[j]
    for j in range(size):
        d[2 * size + j] = candidate[j]


@kernel
def backward(gates, packed, previous, candidates, dy, dh, scratch, steps, edge):
    texts, size = dh.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    dh[:] = 0
    for t in range(steps - 1, -1, -1):
        start = t * texts
        for text in range(texts):
            row = start + text
            _differentiate(gates[row], previous[row], candidates[row], dy[row], dh[text], scratch[text])
        add_product(scratch, origin, 3 * size, texts, packed, size, dh, origin, size, edge)


@kernel
def forward_reset_before(gates, bias, packed_gates, packed_candidate, h, previous, reset, y, scratch, steps, edge):
    texts, size = h.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    copy_rows(h, origin, previous, origin, texts)
    for t in range(steps):
        start = t * texts
        scratch[:] = 0
        add_product(previous, start * size, size, texts, packed_gates, 2 * size, scratch, origin, 2 * size, edge)
        for text in range(texts):
            row = start + text
            gate, product, before, after = gates[row], scratch[text], previous[row], reset[row]
            for j in range(2 * size):
                gate[j] = fast_sigmoid(gate[j] + product[j] + bias[j])
            for j in range(size):
                after[j] = gate[j] * before[j]
        add_product(reset, start * size, size, texts, packed_candidate, size, gates, start * 3 * size + 2 * size, 3 * size, edge)
        for text in range(texts):
            row = start + text
            gate, before, out = gates[row], previous[row], y[row]
            for j in range(2 * size, 3 * size):
                gate[j] = fast_tanh(gate[j] + bias[j])
            for j in range(size):
                out[j] = gate[2 * size + j] + gate[size + j] * (before[j] - gate[2 * size + j])
        if t + 1 < steps:
            copy_rows(y, start, previous, start + texts, texts)
    copy_rows(y, len(y) - texts, h, origin, texts)


@kernel
def backward_reset_before(gates, packed_gates, packed_candidate, previous, dy, dh, scratch, steps, edge):
    texts, size = dh.shape
    origin = 0 * texts  # a literal 0 would compile what it is passed to once more
    dh[:] = 0
    for t in range(steps - 1, -1, -1):
        start = t * texts
        for text in range(texts):
            row = start + text
            gate, before, here, late, d = gates[row], previous[row], dy[row], dh[text], scratch[text]
            for j in range(size):
                late[j] += here[j]
            for j in range(size):  # by z
                d[size + j] = late[j] * (before[j] - gate[2 * size + j]) * gate[size + j] * (1 - gate[size + j])
            for j in range(size):  # by n
                gate[2 * size + j] = late[j] * (1 - gate[size + j]) * (1 - gate[2 * size + j] * gate[2 * size + j])
            for j in range(size):
                late[j] *= gate[size + j]
            for j in range(size):
                gate[size + j] = d[size + j]
            for j in range(size):
                d[j] = 0
        # by r h, into the first half of scratch
        add_product(gates, start * 3 * size + 2 * size, 3 * size, texts, packed_candidate, size, scratch, origin, 2 * size, edge)
        for text in range(texts):
            row = start + text
            gate, before, late, d = gates[row], previous[row], dh[text], scratch[text]
            for j in range(size):
                late[j] += d[j] * gate[j]
            for j in range(size):  # by r
                gate[j] = d[j] * before[j] * gate[j] * (1 - gate[j])
        add_product(gates, start * 3 * size, 3 * size, texts, packed_gates, size, dh, origin, size, edge)
