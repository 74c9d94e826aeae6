"""CBOW with hierarchical softmax: the centre word's path from its window (Mikolov et al. 2013a, sections 2.1 and 3.1).

h is the sum of the context rows, times 1 / count for the mean. With x_n = <h, output[n]> for the nodes n on the centre's path and s_n = +1
for a bit 0, -1 for a bit 1,

    loss = sum over n of -log sigma(s_n x_n);   step_n = rate * s_n * sigma(-s_n x_n)
    error = sum over n of step_n * output[n];   output[n] += step_n * h

and each context row takes the error, times 1 / count where it is divided. A path's nodes are distinct, and all x are computed before any
row changes: sixteen nodes at once, most paths in one go.

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| input  | float32 | (V * stride,) | rows of `stride` floats, a multiple of 16; columns above the dimension are 0 |
| output | float32 | (nodes * stride,) | one row for each inner node of the tree |
| stats  | float64 | (4,)  | added to: words read, centres trained, windows trained, loss (nats) |

Plain twin: tests/reference/subword_twin.py, `bag_step`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.embeddings.training._kernels_hidden import bag_scale, by_tiles, look_up_steps, mean_of_rows
from lmkit.embeddings.training._kernels_hierarchical import fetch_ahead, first_float, signs_of
from lmkit.embeddings.training._kernels_skipgram import loss_of
from lmkit.embeddings.training._kernels_windows import CHUNK, begin, gather, learning_rate, window
from lmkit.numeric._kernels_simd import (
    add16,
    addi16,
    broadcast16,
    div16,
    exp16,
    exponent16,
    fma16,
    fold16,
    fraction16,
    load16,
    mul16,
    prefetch_row,
    splat16,
    splati16,
    store16,
    sub16,
    zeros16,
)

NODES = 16
"""Nodes whose sums stay in registers."""
_LEVELS_NEAR = 13  # of the tree below its root: more than with skip-gram, since a row serves one vector here and not a whole window


class WindowBlock(NamedTuple):
    """Scratch for windows of w words on a side and paths of P nodes at most.

    contexts : int64 (2w + 1,), first float of each context row. hidden : float32 (stride,). steps : float32 (P + 16,), of the nodes.
    looked_up, signs : float32 (16,), where sigma is a table. masks : float32 (17 * 16,), row m begins with m ones, the rest is 0.
    """

    contexts: np.ndarray
    hidden: np.ndarray
    steps: np.ndarray
    looked_up: np.ndarray
    signs: np.ndarray
    masks: np.ndarray


@inlined
def _score_nodes(hidden, output, stride, paths, at, size):
    """<hidden, output[n]> of up to 16 nodes; size is 4, 8, 12 or 16."""
    t0 = first_float(paths, at, stride)
    t1 = first_float(paths, at + 1, stride)
    t2 = first_float(paths, at + 2, stride)
    t3 = first_float(paths, at + 3, stride)
    t4 = t5 = t6 = t7 = t8 = t9 = t10 = t11 = t12 = t13 = t14 = t15 = t0
    if size > 4:
        t4 = first_float(paths, at + 4, stride)
        t5 = first_float(paths, at + 5, stride)
        t6 = first_float(paths, at + 6, stride)
        t7 = first_float(paths, at + 7, stride)
    if size > 8:
        t8 = first_float(paths, at + 8, stride)
        t9 = first_float(paths, at + 9, stride)
        t10 = first_float(paths, at + 10, stride)
        t11 = first_float(paths, at + 11, stride)
    if size > 12:
        t12 = first_float(paths, at + 12, stride)
        t13 = first_float(paths, at + 13, stride)
        t14 = first_float(paths, at + 14, stride)
        t15 = first_float(paths, at + 15, stride)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = a12 = a13 = a14 = a15 = zeros16()
    for column in range(0, stride, 16):
        x = load16(hidden, column)
        a0 = fma16(x, load16(output, t0 + column), a0)
        a1 = fma16(x, load16(output, t1 + column), a1)
        a2 = fma16(x, load16(output, t2 + column), a2)
        a3 = fma16(x, load16(output, t3 + column), a3)
        if size > 4:
            a4 = fma16(x, load16(output, t4 + column), a4)
            a5 = fma16(x, load16(output, t5 + column), a5)
            a6 = fma16(x, load16(output, t6 + column), a6)
            a7 = fma16(x, load16(output, t7 + column), a7)
        if size > 8:
            a8 = fma16(x, load16(output, t8 + column), a8)
            a9 = fma16(x, load16(output, t9 + column), a9)
            a10 = fma16(x, load16(output, t10 + column), a10)
            a11 = fma16(x, load16(output, t11 + column), a11)
        if size > 12:
            a12 = fma16(x, load16(output, t12 + column), a12)
            a13 = fma16(x, load16(output, t13 + column), a13)
            a14 = fma16(x, load16(output, t14 + column), a14)
            a15 = fma16(x, load16(output, t15 + column), a15)
    return fold16(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15)


@inlined
def _take_tile(column, width, input, output, stride, hidden, contexts, count, paths, at, length, steps, scale):
    """Some columns of: error = sum of step * output[n], output[n] += step * hidden for a path's nodes, which are distinct; then
    input[c] += scale * error for each context row, while the error is in registers."""
    x0 = x1 = x2 = x3 = load16(hidden, column)
    if width > 1:
        x1 = load16(hidden, column + 16)
    if width > 2:
        x2 = load16(hidden, column + 32)
    if width > 3:
        x3 = load16(hidden, column + 48)
    e0 = e1 = e2 = e3 = zeros16()
    for i in range(length):
        g = broadcast16(steps, i)
        place = first_float(paths, at + i, stride) + column
        v = load16(output, place)
        e0 = fma16(g, v, e0)
        store16(output, place, fma16(g, x0, v))
        if width > 1:
            v = load16(output, place + 16)
            e1 = fma16(g, v, e1)
            store16(output, place + 16, fma16(g, x1, v))
        if width > 2:
            v = load16(output, place + 32)
            e2 = fma16(g, v, e2)
            store16(output, place + 32, fma16(g, x2, v))
        if width > 3:
            v = load16(output, place + 48)
            e3 = fma16(g, v, e3)
            store16(output, place + 48, fma16(g, x3, v))
    by = splat16(scale)
    e0 = mul16(by, e0)
    e1 = mul16(by, e1)
    e2 = mul16(by, e2)
    e3 = mul16(by, e3)
    for i in range(count):
        place = contexts[i] + column
        store16(input, place, add16(e0, load16(input, place)))
        if width > 1:
            store16(input, place + 16, add16(e1, load16(input, place + 16)))
        if width > 2:
            store16(input, place + 32, add16(e2, load16(input, place + 32)))
        if width > 3:
            store16(input, place + 48, add16(e3, load16(input, place + 48)))


@inlined
def _step_path(hidden, output, stride, paths, at, length, sigmoid, rate, block, product, exponents):
    """block.steps of all nodes of a path. Returns the loss so far, see `loss_of`."""
    none = zeros16()
    for group in range(0, length, NODES):
        size = min(NODES, length - group)
        here = at + group
        if size > 12:
            found = _score_nodes(hidden, output, stride, paths, here, 16)
        elif size > 8:
            found = _score_nodes(hidden, output, stride, paths, here, 12)
        elif size > 4:
            found = _score_nodes(hidden, output, stride, paths, here, 8)
        else:
            found = _score_nodes(hidden, output, stride, paths, here, 4)
        sign = signs_of(paths, here)
        scores = mul16(sign, found)
        odds = mul16(exp16(sub16(none, scores)), load16(block.masks, 16 * size))  # e^(-s x); 0 where there is no node
        one_more = add16(odds, splat16(1.0))
        if sigmoid.values.size > 0:
            store16(block.signs, 0, sign)
            store16(block.looked_up, 0, scores)
            look_up_steps(sigmoid, rate, block.signs, 0, block.looked_up, size)
            store16(block.steps, group, load16(block.looked_up, 0))
        else:
            store16(block.steps, group, mul16(mul16(sign, splat16(rate)), div16(odds, one_more)))
        product = mul16(product, one_more)
        exponents = addi16(exponents, exponent16(product))
        product = fraction16(product)
    return product, exponents


@uncounted
def train_cbow_hierarchical(text, key, start, stop, rate, windows, paths, bag, sigmoid, input, output, stride, kept, block, stats):
    """Train on the tokens [start, stop) of an epoch whose draws have this key."""
    contexts, hidden = block.contexts, block.hidden
    product = splat16(1.0)
    exponents = splati16(0)
    predictions = 0
    centres = 0
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            fetch_ahead(paths, kept, centre, last, output, stride, _LEVELS_NEAR)
            if centre + 1 + windows.size < last:
                prefetch_row(input, np.int64(kept.row[centre + 1 + windows.size]) * stride, stride)
            at = np.int64(paths.offsets[kept.row[centre]])
            length = np.int64(paths.offsets[kept.row[centre] + 1]) - at
            left, right = window(windows, kept, centre)
            count = right - left - 1
            if count == 0 or length == 0:
                continue
            predictions += 1
            for i in range(count):
                contexts[i] = np.int64(kept.row[left + i + (1 if left + i >= centre else 0)]) * stride
            mean_of_rows(input, stride, contexts, count, bag_scale(bag.mean, count), hidden)
            step = np.float32(learning_rate(rate, kept.place[centre]))
            product, exponents = _step_path(hidden, output, stride, paths, at, length, sigmoid, step, block, product, exponents)
            scale = bag_scale(bag.divide, count)
            by_tiles(_take_tile, stride, input, output, stride, hidden, contexts, count, paths, at, length, block.steps, scale)
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += predictions
    stats[3] += loss_of(product, exponents, block.steps)
