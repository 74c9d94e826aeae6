"""One hidden vector against many output rows: what CBOW and subword models share.

With x_t = <hidden, output[t]>, s_t = +1 for the label 1 and -1 for 0, and q_t = sigma(-s_t x_t), one step down the loss
-sum log sigma(s_t x_t) with learning rate a is

    step_t = a s_t q_t;    error = sum of step_t output[t];    output[t] += step_t hidden.

Targets are trained in groups of twelve: all x_t of a group are computed before its rows change.

| name    | dtype   | shape     | holds |
|---------|---------|-----------|-------|
| hidden, error | float32 | (stride,) | `stride` is a multiple of 16; columns above the dimension are 0 |
| targets | int64   | (>= T + 12,) | first float of each output row; `pad_targets` fills what stands behind the T first |
| signs   | float32 | (>= T + 16,) | s_t |
| steps   | float32 | (>= 16,)  | step_t of a group |
| masks   | float32 | (13 * 16,)   | `lane_masks`: row m begins with m ones, the rest is 0 |
| sigmoid | `SigmoidTable` | | how sigma is computed; the loss is that of the exact function |
| rows    | int64   | (R,)      | first float of each input row that hidden is made of |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
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
    splat16,
    store16,
    sub16,
    zeros16,
)

TOGETHER = 12  # targets whose sums stay in registers


def lane_masks():
    """float32 (13 * 16,): see `masks` above."""
    return (np.arange(16) < np.arange(TOGETHER + 1)[:, None]).astype(np.float32).reshape(-1)


class Bag(NamedTuple):
    """How a bag of context rows becomes hidden, and the error a step of each row.

    mean : 1 for hidden = mean of the rows, 0 for their sum.
    divide : 1 if each row takes error / count, the gradient of the mean (Irsoy, Benton and Stratos 2021), 0 if it takes the error whole, as
        word2vec.c, gensim and fastText do.
    """

    mean: int
    divide: int


class SigmoidTable(NamedTuple):
    """sigma as the programs compute it that this one follows.

    values : float32 (n,), sigma(x) for the x whose index is int((x + bound) * per_unit); empty for the exact function.
    skip : 1 where |x| >= bound leaves the target out, 0 where sigma is then 0 or 1.
    """

    values: np.ndarray
    bound: float
    per_unit: float
    skip: int


@uncounted
def bag_scale(wanted, count):
    return np.float32(1.0) / np.float32(count) if wanted else np.float32(1.0)


@inlined
def pad_targets(targets, count):
    """Let the entries behind the last target repeat the first, so that groups are full; their steps will be 0."""
    for i in range(count, count + TOGETHER):
        targets[i] = targets[0]


@uncounted
def look_up_steps(sigmoid, rate, signs, group, steps, count):
    """steps hold s x of the targets from `group` on; write rate s sigma(-s x) by the table, which is for x."""
    for i in range(16):
        if i >= count:
            steps[i] = np.float32(0)
            continue
        sign = signs[group + i]
        x = sign * steps[i]
        label = np.float32(0.5) + np.float32(0.5) * sign
        if x >= sigmoid.bound or x <= -sigmoid.bound:
            found = label if sigmoid.skip else (np.float32(1.0) if x > 0 else np.float32(0.0))
        else:
            found = sigmoid.values[np.int64((x + sigmoid.bound) * sigmoid.per_unit)]
        steps[i] = rate * (label - found)


@inlined
def _score(hidden, output, stride, targets, group):
    """<hidden, output[t]> of the twelve targets from `group` on, in the first twelve lanes; 0 in the others."""
    t0, t1, t2, t3 = targets[group], targets[group + 1], targets[group + 2], targets[group + 3]
    t4, t5, t6, t7 = targets[group + 4], targets[group + 5], targets[group + 6], targets[group + 7]
    t8, t9, t10, t11 = targets[group + 8], targets[group + 9], targets[group + 10], targets[group + 11]
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = zeros16()
    for column in range(0, stride, 16):
        x = load16(hidden, column)
        a0 = fma16(x, load16(output, t0 + column), a0)
        a1 = fma16(x, load16(output, t1 + column), a1)
        a2 = fma16(x, load16(output, t2 + column), a2)
        a3 = fma16(x, load16(output, t3 + column), a3)
        a4 = fma16(x, load16(output, t4 + column), a4)
        a5 = fma16(x, load16(output, t5 + column), a5)
        a6 = fma16(x, load16(output, t6 + column), a6)
        a7 = fma16(x, load16(output, t7 + column), a7)
        a8 = fma16(x, load16(output, t8 + column), a8)
        a9 = fma16(x, load16(output, t9 + column), a9)
        a10 = fma16(x, load16(output, t10 + column), a10)
        a11 = fma16(x, load16(output, t11 + column), a11)
    none = zeros16()
    return fold16(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, none, none, none, none)


@inlined
def _take_steps(hidden, error, output, stride, targets, group, count, steps):
    """error += sum of step * output[t], then output[t] += step * hidden, for `count` targets from `group` on; steps begin at 0."""
    for column in range(0, stride, 16):
        x = load16(hidden, column)
        e0 = load16(error, column)
        e1 = e2 = e3 = zeros16()
        for i in range(0, count, 4):  # four sums, since one would wait for itself; the last may meet padding, whose steps are 0
            g = broadcast16(steps, i)
            at = targets[group + i] + column
            v = load16(output, at)
            e0 = fma16(g, v, e0)
            store16(output, at, fma16(g, x, v))
            g = broadcast16(steps, i + 1)
            at = targets[group + i + 1] + column
            v = load16(output, at)
            e1 = fma16(g, v, e1)
            store16(output, at, fma16(g, x, v))
            g = broadcast16(steps, i + 2)
            at = targets[group + i + 2] + column
            v = load16(output, at)
            e2 = fma16(g, v, e2)
            store16(output, at, fma16(g, x, v))
            g = broadcast16(steps, i + 3)
            at = targets[group + i + 3] + column
            v = load16(output, at)
            e3 = fma16(g, v, e3)
            store16(output, at, fma16(g, x, v))
        store16(error, column, add16(add16(e0, e1), add16(e2, e3)))


@inlined
def train_targets(hidden, error, output, stride, targets, first, count, signs, masks, sigmoid, rate, steps, product, exponents):
    """Train the targets [first, first + count) on one hidden, and fill error. Returns the running product of all 1 + e^(-s x), see
    `loss_of`. Twelve at a time: scores, then steps, while their rows are near."""
    none = zeros16()
    for column in range(0, stride, 16):
        store16(error, column, none)
    for group in range(first, first + count, TOGETHER):
        size = min(TOGETHER, first + count - group)
        sign = load16(signs, group)
        scores = mul16(sign, _score(hidden, output, stride, targets, group))
        odds = mul16(exp16(sub16(none, scores)), load16(masks, 16 * size))  # e^(-s x); 0 where there is no target
        one_more = add16(odds, splat16(1.0))
        if sigmoid.values.size > 0:
            store16(steps, 0, scores)
            look_up_steps(sigmoid, rate, signs, group, steps, size)
        else:
            store16(steps, 0, mul16(mul16(sign, splat16(rate)), div16(odds, one_more)))
        product = mul16(product, one_more)
        exponents = addi16(exponents, exponent16(product))
        product = fraction16(product)
        _take_steps(hidden, error, output, stride, targets, group, size, steps)
    return product, exponents


@inlined
def by_tiles(tile, stride, *arguments):
    """tile(column, width, *arguments) for all columns of a row: `width` vectors of 16 from a column on, 4 as long as there are so many.

    A tile keeps its columns of all operands in registers. Each call has its width as a constant, so that the tests for it are gone.
    """
    whole = stride & ~np.int64(63)
    for column in range(0, whole, 64):
        tile(column, 4, *arguments)
    rest = (stride - whole) >> 4
    if rest == 3:
        tile(whole, 3, *arguments)
    elif rest == 2:
        tile(whole, 2, *arguments)
    elif rest == 1:
        tile(whole, 1, *arguments)


@inlined
def _mean_tile(column, width, input, rows, count, scale, hidden):
    a0 = a1 = a2 = a3 = zeros16()
    for i in range(count):
        at = rows[i] + column
        a0 = add16(a0, load16(input, at))
        if width > 1:
            a1 = add16(a1, load16(input, at + 16))
        if width > 2:
            a2 = add16(a2, load16(input, at + 32))
        if width > 3:
            a3 = add16(a3, load16(input, at + 48))
    by = splat16(scale)
    store16(hidden, column, mul16(by, a0))
    if width > 1:
        store16(hidden, column + 16, mul16(by, a1))
    if width > 2:
        store16(hidden, column + 32, mul16(by, a2))
    if width > 3:
        store16(hidden, column + 48, mul16(by, a3))


@inlined
def mean_of_rows(input, stride, rows, count, scale, hidden):
    """hidden = scale * sum of the input rows; scale is 1 / count for the mean."""
    by_tiles(_mean_tile, stride, input, rows, count, scale, hidden)


@inlined
def _add_tile(column, width, input, rows, count, scale, error):
    by = splat16(scale)
    e0 = e1 = e2 = e3 = mul16(by, load16(error, column))
    if width > 1:
        e1 = mul16(by, load16(error, column + 16))
    if width > 2:
        e2 = mul16(by, load16(error, column + 32))
    if width > 3:
        e3 = mul16(by, load16(error, column + 48))
    for i in range(count):
        at = rows[i] + column
        store16(input, at, add16(e0, load16(input, at)))
        if width > 1:
            store16(input, at + 16, add16(e1, load16(input, at + 16)))
        if width > 2:
            store16(input, at + 32, add16(e2, load16(input, at + 32)))
        if width > 3:
            store16(input, at + 48, add16(e3, load16(input, at + 48)))


@inlined
def add_to_rows(input, stride, rows, count, scale, error):
    """input row += scale * error, for each row of the list; a row that stands twice gets it twice."""
    by_tiles(_add_tile, stride, input, rows, count, scale, error)
