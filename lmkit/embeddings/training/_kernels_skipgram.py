"""Skip-gram with negative sampling, one set of negatives for all words of a window: the fast form.

For a centre word o with context words c_1 .. c_n and negatives z_1 .. z_k, with x = <input[c], output[t]> (Mikolov et al. 2013b,
equation 4, for every context word; the negatives are drawn once for the centre):

    loss = sum over c of  -log sigma(x(c, o)) - sum over z of log sigma(-x(c, z))

All x are computed first (phase 1: contexts in pairs, targets in groups of six, twelve sums in registers), then all exponentials, which
need not wait for each other, then all steps are taken
(phase 2: for every 16 columns the six target rows and their six gradients stay in registers while the contexts go by). Of a group of
targets that is not full the rest repeats the first target with a step of zero.

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| input, output | float32 | (V * stride,) | rows of `stride` floats, a multiple of 16; columns above the dimension are 0 |
| stats  | float64 | (4,)  | added to: words read, centres trained, pairs of words trained, loss (nats) |

Scratch of `Block` (w = reach of a window, G groups of six targets):

| name     | dtype   | shape | holds |
|----------|---------|-------|-------|
| targets  | int64   | (2 * 6 G,) | rows of this centre's targets and of the next one's |
| contexts | int64   | (2 w + 1,) | first float of each context row |
| steps    | float32 | (G * (w + 1) * 16,) | rate times gradient: 16 for a pair of contexts and a group; at j and 6 + j for target j |
| masks    | float32 | (2 * 7 * 16,) | which of the 16 are in use: at 16 * (7 * (two contexts) + targets in the group) |
| signs    | float32 | (2 * 16,) | +1 for the label 1, -1 for 0: of the first group, which begins with the centre; of the others |
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.embeddings.training._kernels_windows import CHUNK, begin, gather, learning_rate, window
from lmkit.numeric._kernels_machine import prefetch
from lmkit.numeric._kernels_random import alias_draw, draw
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
    sumi16,
    zeros16,
)

GROUP = 6  # targets that are trained at once: as many rows and gradients as registers hold
_TRIES = 32  # draws of a negative before the next row is taken instead


class Noise(NamedTuple):
    """table : uint64 (V,), alias table of the noise distribution. negative : how many are drawn."""

    table: np.ndarray
    negative: int


class Block(NamedTuple):
    targets: np.ndarray
    contexts: np.ndarray
    steps: np.ndarray
    masks: np.ndarray
    signs: np.ndarray


@inlined
def draw_negative(table, base, counter, positive):
    """A row drawn from the noise, not `positive`. Returns (row, number of the next draw). The table must have two rows at least."""
    for _ in range(_TRIES):
        row = alias_draw(table, draw(base, np.uint64(counter)))
        counter += 1
        if row != positive:
            return row, counter
    return (positive + 1) % table.size, counter  # nearly all noise lies on this one word


@inlined
def _draw_targets(noise, kept, centre, targets, at, size):
    """targets[at:at+size]: the centre's row, then the negatives."""
    positive = np.int64(kept.row[centre])
    base = kept.base[centre]
    targets[at] = positive
    counter = np.int64(1)
    for i in range(at + 1, at + 1 + noise.negative):
        targets[i], counter = draw_negative(noise.table, base, counter, positive)
    for i in range(at + 1 + noise.negative, at + size):
        targets[i] = positive


@inlined
def score_pair(input, output, stride, a, b, targets, group, steps, at):
    """Phase 1 for two contexts (first floats a, b) and a group of targets: writes their 12 scores x, and four zeros, to steps[at:]."""
    t0 = targets[group] * stride
    t1 = targets[group + 1] * stride
    t2 = targets[group + 2] * stride
    t3 = targets[group + 3] * stride
    t4 = targets[group + 4] * stride
    t5 = targets[group + 5] * stride
    a0 = a1 = a2 = a3 = a4 = a5 = zeros16()
    b0 = b1 = b2 = b3 = b4 = b5 = zeros16()
    for column in range(0, stride, 16):
        x = load16(input, a + column)
        y = load16(input, b + column)
        t = load16(output, t0 + column)
        a0 = fma16(x, t, a0)
        b0 = fma16(y, t, b0)
        t = load16(output, t1 + column)
        a1 = fma16(x, t, a1)
        b1 = fma16(y, t, b1)
        t = load16(output, t2 + column)
        a2 = fma16(x, t, a2)
        b2 = fma16(y, t, b2)
        t = load16(output, t3 + column)
        a3 = fma16(x, t, a3)
        b3 = fma16(y, t, b3)
        t = load16(output, t4 + column)
        a4 = fma16(x, t, a4)
        b4 = fma16(y, t, b4)
        t = load16(output, t5 + column)
        a5 = fma16(x, t, a5)
        b5 = fma16(y, t, b5)
    none = zeros16()
    store16(steps, at, fold16(a0, a1, a2, a3, a4, a5, b0, b1, b2, b3, b4, b5, none, none, none, none))


@inlined
def steps_of_scores(steps, at, mask, sign, rate, product, exponents):
    """Turn 16 scores into steps. Returns the loss so far, see `loss_of`."""
    none = zeros16()
    scores = mul16(sign, load16(steps, at))
    # with s = +-x: loss = log(1 + e^-s), its derivative by s is -q, q = e^-s / (1 + e^-s)
    odds = mul16(exp16(sub16(none, scores)), mask)
    one_more = add16(odds, splat16(1.0))
    store16(steps, at, mul16(mul16(sign, splat16(rate)), div16(odds, one_more)))
    product = mul16(product, one_more)
    return fraction16(product), addi16(exponents, exponent16(product))


@inlined
def _take_steps(input, output, stride, contexts, count, targets, group, ahead, steps, first):
    """Phase 2 for a group of targets, while those at `ahead` are fetched.

    input[c] += sum over t of step * output[t], output[t] += sum over c of step * input[c].
    """
    t0 = targets[group] * stride
    t1 = targets[group + 1] * stride
    t2 = targets[group + 2] * stride
    t3 = targets[group + 3] * stride
    t4 = targets[group + 4] * stride
    t5 = targets[group + 5] * stride
    p0 = targets[ahead] * stride
    p1 = targets[ahead + 1] * stride
    p2 = targets[ahead + 2] * stride
    p3 = targets[ahead + 3] * stride
    p4 = targets[ahead + 4] * stride
    p5 = targets[ahead + 5] * stride
    for column in range(0, stride, 16):
        prefetch(output, p0 + column)
        prefetch(output, p1 + column)
        prefetch(output, p2 + column)
        prefetch(output, p3 + column)
        prefetch(output, p4 + column)
        prefetch(output, p5 + column)
        v0 = load16(output, t0 + column)
        v1 = load16(output, t1 + column)
        v2 = load16(output, t2 + column)
        v3 = load16(output, t3 + column)
        v4 = load16(output, t4 + column)
        v5 = load16(output, t5 + column)
        d0 = d1 = d2 = d3 = d4 = d5 = zeros16()
        for i in range(count):
            at = first + 16 * (i >> 1) + GROUP * (i & 1)
            g0 = broadcast16(steps, at)
            g1 = broadcast16(steps, at + 1)
            g2 = broadcast16(steps, at + 2)
            g3 = broadcast16(steps, at + 3)
            g4 = broadcast16(steps, at + 4)
            g5 = broadcast16(steps, at + 5)
            x = load16(input, contexts[i] + column)
            d0 = fma16(g0, x, d0)
            d1 = fma16(g1, x, d1)
            d2 = fma16(g2, x, d2)
            d3 = fma16(g3, x, d3)
            d4 = fma16(g4, x, d4)
            d5 = fma16(g5, x, d5)
            x = fma16(g0, v0, x)
            y = mul16(g1, v1)
            x = fma16(g2, v2, x)
            y = fma16(g3, v3, y)
            x = fma16(g4, v4, x)
            y = fma16(g5, v5, y)
            store16(input, contexts[i] + column, add16(x, y))
        # read again: a negative may have been drawn twice
        store16(output, t0 + column, add16(load16(output, t0 + column), d0))
        store16(output, t1 + column, add16(load16(output, t1 + column), d1))
        store16(output, t2 + column, add16(load16(output, t2 + column), d2))
        store16(output, t3 + column, add16(load16(output, t3 + column), d3))
        store16(output, t4 + column, add16(load16(output, t4 + column), d4))
        store16(output, t5 + column, add16(load16(output, t5 + column), d5))


@uncounted
def loss_of(product, exponents, scratch):
    """The natural logarithm of all factors of `product`, lanes of fraction * 2^exponent, as float64."""
    store16(scratch, 0, product)
    total = sumi16(exponents) * math.log(2.0)
    for i in range(16):
        total += math.log(np.float64(scratch[i]))
    return total


@uncounted
def train_skipgram(text, key, start, stop, rate, windows, noise, input, output, stride, kept, block, stats):
    """Train on the tokens [start, stop) of an epoch whose draws have this key."""
    room = block.targets.size >> 1
    groups = room // GROUP
    pairs_room = 16 * ((block.contexts.size + 1) >> 1)
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        if first < last:
            _draw_targets(noise, kept, first, block.targets, room * (first & 1), room)
        for centre in range(first, last):
            here = room * (centre & 1)
            ahead = room - here
            if centre + 1 < last:
                _draw_targets(noise, kept, centre + 1, block.targets, ahead, room)
            if centre + 1 + windows.size < last:
                prefetch_row(input, np.int64(kept.row[centre + 1 + windows.size]) * stride, stride)
            left, right = window(windows, kept, centre)
            count = 0
            for i in range(left, right):
                if i != centre:
                    block.contexts[count] = np.int64(kept.row[i]) * stride
                    count += 1
            if count == 0:
                continue
            pairs += count
            step = np.float32(learning_rate(rate, kept.place[centre]))
            for group in range(groups):
                for i in range(0, count, 2):
                    two = 1 if i + 1 < count else 0
                    score_pair(
                        input,
                        output,
                        stride,
                        block.contexts[i],
                        block.contexts[i + two],
                        block.targets,
                        here + GROUP * group,
                        block.steps,
                        group * pairs_room + 8 * i,
                    )
            for group in range(groups):
                size = min(GROUP, 1 + noise.negative - GROUP * group)
                sign = load16(block.signs, 16 * min(group, 1))
                for i in range(0, count, 2):
                    two = 1 if i + 1 < count else 0
                    mask = load16(block.masks, 16 * (7 * two + size))
                    product, exponents = steps_of_scores(block.steps, group * pairs_room + 8 * i, mask, sign, step, product, exponents)
            for group in range(groups):
                at = GROUP * group
                _take_steps(
                    input, output, stride, block.contexts, count, block.targets, here + at, ahead + at, block.steps, group * pairs_room
                )
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, block.steps)
