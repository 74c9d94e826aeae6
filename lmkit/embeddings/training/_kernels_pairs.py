"""Negative sampling with own negatives for every prediction: CBOW, and skip-gram as word2vec.c, gensim and fastText do it.

A prediction has one hidden vector h and targets t = (the word o that is right, negatives z_1 .. z_k), and with x_t = <h, output[t]>, s_t =
+1 for o and -1 for the others (Mikolov et al. 2013b, equation 4):

    loss = -sum over t of log sigma(s_t x_t);   step_t = rate * s_t * sigma(-s_t x_t)
    error = sum over t of step_t * output[t];   output[t] += step_t * h

All x_t of a prediction are computed before any row changes. What h is, and where the error goes:

| kernel | h | error is added to |
|---|---|---|
| train_pairs | the context's row, o the centre ("context-in"), or the centre's row, o the context ("centre-in"), pair after pair | that
row |
| train_cbow  | the sum of the context rows, times 1 / count for the mean | each context row, times 1 / count where the gradient is divided
|

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| input, output | float32 | (V * stride,) | rows of `stride` floats, a multiple of 16; columns above the dimension are 0 |
| stats  | float64 | (4,)  | added to: words read, centres trained, predictions (pairs, or windows for CBOW), loss (nats) |

Scratch of `Work` (w = reach of a window, G = groups of six targets of a prediction, P = max(2 w + 1, DRAWN)):

| name     | dtype   | shape | holds |
|----------|---------|-------|-------|
| targets  | int64   | (P * 6 G,) | rows of the targets of each prediction of a centre (CBOW: of DRAWN centres) |
| counts   | int64   | (P,) | how many of them there are; what stands behind repeats the first |
| contexts | int64   | (2 w + 1,) | first float of each context row |
| hidden, error | float32 | (stride,) | for CBOW h; the error |
| steps    | float32 | (16 G,) | 16 for each group, of which the first 6 are in use |
| masks    | float32 | (7 * 16,) | row m begins with m ones |
| signs    | float32 | (2 * 16,) | s: of the first group, which begins with o; of the others |

`sigmoid` is a `SigmoidTable` of `_kernels_hidden.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.embeddings.training._kernels_hidden import add_to_rows, bag_scale, mean_of_rows
from lmkit.embeddings.training._kernels_skipgram import GROUP, loss_of
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
    zeros16,
)

DRAWN = 64
"""CBOW's centres whose negatives are drawn together: one draw need not wait for the table to come from memory before the next begins."""
_TRIES = 32  # draws of a negative before the next row is taken instead


class Negatives(NamedTuple):
    """table : uint64 (V,), alias table of the noise. negative : k. skip : 1 if a negative that is the right word is left out, 0 if it is
    drawn anew. centre_in : 1 if skip-gram's hidden vector is the centre's."""

    table: np.ndarray
    negative: int
    skip: int
    centre_in: int


class Pooling(NamedTuple):
    """mean : 1 if CBOW's h is the mean. divide : 1 if the error is divided by the number of context words."""

    mean: int
    divide: int


class Work(NamedTuple):
    targets: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    hidden: np.ndarray
    error: np.ndarray
    steps: np.ndarray
    masks: np.ndarray
    signs: np.ndarray


@inlined
def draw_targets(negatives, base, counter, positive, targets, at, room):
    """Fill a prediction's targets[at:at+room]. Returns (how many, number of the next draw)."""
    targets[at] = positive
    count = 1
    for _ in range(negatives.negative):
        row = positive
        tries = 0
        while row == positive and tries < _TRIES:
            row = alias_draw(negatives.table, draw(base, np.uint64(counter)))
            counter += 1
            tries = _TRIES if negatives.skip else tries + 1
        if row == positive:
            if negatives.skip:
                continue
            row = (positive + 1) % negatives.table.size  # nearly all noise lies on this one word
        targets[at + count] = row
        count += 1
    for i in range(count, room):
        targets[at + i] = positive
    return count, counter


@uncounted
def _look_up(sigmoid, rate, steps, at, count, first_is_positive):
    """steps[at:at+count] hold x; write rate * (label - sigma(x)) by a table."""
    for i in range(at, at + count):
        x = steps[i]
        label = np.float32(1.0) if i == at and first_is_positive else np.float32(0.0)
        if x >= sigmoid.bound or x <= -sigmoid.bound:
            found = label if sigmoid.skip else (np.float32(1.0) if x > 0 else np.float32(0.0))
        else:
            found = sigmoid.values[np.int64((x + sigmoid.bound) * sigmoid.per_unit)]
        steps[i] = rate * (label - found)


@inlined
def score_group(vectors, h, output, stride, begin_at, group, count, work, sigmoid, rate, product, exponents):
    """Steps of six targets, of those from `begin_at` on, against the vector at vectors[h]. Returns the loss so far, see `loss_of`."""
    here = begin_at + group
    t0 = work.targets[here] * stride
    t1 = work.targets[here + 1] * stride
    t2 = work.targets[here + 2] * stride
    t3 = work.targets[here + 3] * stride
    t4 = work.targets[here + 4] * stride
    t5 = work.targets[here + 5] * stride
    a0 = a1 = a2 = a3 = a4 = a5 = zeros16()
    for column in range(0, stride, 16):
        x = load16(vectors, h + column)
        a0 = fma16(x, load16(output, t0 + column), a0)
        a1 = fma16(x, load16(output, t1 + column), a1)
        a2 = fma16(x, load16(output, t2 + column), a2)
        a3 = fma16(x, load16(output, t3 + column), a3)
        a4 = fma16(x, load16(output, t4 + column), a4)
        a5 = fma16(x, load16(output, t5 + column), a5)
    none = zeros16()
    found = fold16(a0, a1, a2, a3, a4, a5, none, none, none, none, none, none, none, none, none, none)
    size = min(GROUP, count - group)
    mask = load16(work.masks, 16 * size)
    sign = load16(work.signs, 16 * min(group, 1))
    odds = mul16(exp16(sub16(none, mul16(sign, found))), mask)  # e^(-s x), 0 where there is no target
    one_more = add16(odds, splat16(1.0))
    at = 16 * (group // GROUP)
    if sigmoid.values.size > 0:
        store16(work.steps, at, mul16(found, mask))
        _look_up(sigmoid, rate, work.steps, at, size, group == 0)
    else:
        store16(work.steps, at, mul16(mul16(sign, splat16(rate)), div16(odds, one_more)))
    product = mul16(product, one_more)
    return fraction16(product), addi16(exponents, exponent16(product))


@inlined
def step_group(vectors, h, output, stride, begin_at, group, work, ahead):
    """error += sum of step * output[t], output[t] += step * h, for six targets, while those at `ahead` are fetched.

    The first group begins the error.
    """
    here = begin_at + group
    t0 = work.targets[here] * stride
    t1 = work.targets[here + 1] * stride
    t2 = work.targets[here + 2] * stride
    t3 = work.targets[here + 3] * stride
    t4 = work.targets[here + 4] * stride
    t5 = work.targets[here + 5] * stride
    at = 16 * (group // GROUP)
    g0 = broadcast16(work.steps, at)
    g1 = broadcast16(work.steps, at + 1)
    g2 = broadcast16(work.steps, at + 2)
    g3 = broadcast16(work.steps, at + 3)
    g4 = broadcast16(work.steps, at + 4)
    g5 = broadcast16(work.steps, at + 5)
    p0 = work.targets[ahead + group] * stride
    p1 = work.targets[ahead + group + 1] * stride
    p2 = work.targets[ahead + group + 2] * stride
    p3 = work.targets[ahead + group + 3] * stride
    p4 = work.targets[ahead + group + 4] * stride
    p5 = work.targets[ahead + group + 5] * stride
    for column in range(0, stride, 16):
        prefetch(output, p0 + column)
        prefetch(output, p1 + column)
        prefetch(output, p2 + column)
        prefetch(output, p3 + column)
        prefetch(output, p4 + column)
        prefetch(output, p5 + column)
        x = load16(vectors, h + column)
        even = mul16(g0, load16(output, t0 + column))
        odd = mul16(g1, load16(output, t1 + column))
        even = fma16(g2, load16(output, t2 + column), even)
        odd = fma16(g3, load16(output, t3 + column), odd)
        even = fma16(g4, load16(output, t4 + column), even)
        odd = fma16(g5, load16(output, t5 + column), odd)
        total = add16(even, odd)
        if group > 0:
            total = add16(total, load16(work.error, column))
        store16(work.error, column, total)
        # each row is read again: a negative may have been drawn twice
        store16(output, t0 + column, fma16(g0, x, load16(output, t0 + column)))
        store16(output, t1 + column, fma16(g1, x, load16(output, t1 + column)))
        store16(output, t2 + column, fma16(g2, x, load16(output, t2 + column)))
        store16(output, t3 + column, fma16(g3, x, load16(output, t3 + column)))
        store16(output, t4 + column, fma16(g4, x, load16(output, t4 + column)))
        store16(output, t5 + column, fma16(g5, x, load16(output, t5 + column)))


@inlined
def _predict(vectors, h, output, stride, begin_at, count, work, ahead, sigmoid, rate, product, exponents):
    """All groups of a prediction: first the steps, then the changes. The padding of a group that is not full has steps of 0."""
    for group in range(0, count, GROUP):
        product, exponents = score_group(vectors, h, output, stride, begin_at, group, count, work, sigmoid, rate, product, exponents)
    for group in range(0, count, GROUP):
        step_group(vectors, h, output, stride, begin_at, group, work, ahead)
    return product, exponents


@uncounted
def train_pairs(text, key, start, stop, rate, windows, negatives, sigmoid, input, output, stride, kept, work, stats):
    """Skip-gram, own negatives for every pair, on the tokens [start, stop) of an epoch whose draws have this key."""
    room = work.targets.size // work.counts.size
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            left, right = window(windows, kept, centre)
            counter = np.int64(1)
            count = 0
            for i in range(left, right):
                if i == centre:
                    continue
                context = np.int64(kept.row[i])
                word = np.int64(kept.row[centre])
                positive = context if negatives.centre_in else word
                work.contexts[count] = (word if negatives.centre_in else context) * stride
                work.counts[count], counter = draw_targets(
                    negatives, kept.base[centre], counter, positive, work.targets, room * count, room
                )
                count += 1
            if count == 0:
                continue
            pairs += count
            step = np.float32(learning_rate(rate, kept.place[centre]))
            for i in range(count):
                ahead = room * min(i + 1, count - 1)
                row = work.contexts[i]
                product, exponents = _predict(
                    input, row, output, stride, room * i, work.counts[i], work, ahead, sigmoid, step, product, exponents
                )
                for column in range(0, stride, 16):
                    store16(input, row + column, add16(load16(input, row + column), load16(work.error, column)))
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, work.steps)


@uncounted
def train_cbow(text, key, start, stop, rate, windows, negatives, pooling, sigmoid, input, output, stride, kept, work, stats):
    """CBOW on the tokens [start, stop) of an epoch whose draws have this key."""
    room = work.targets.size // work.counts.size
    product = splat16(1.0)
    exponents = splati16(0)
    predictions = 0
    centres = 0
    drawn = 1
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            here = (centre - first) % DRAWN
            if here == 0:
                drawn = min(DRAWN, last - centre)
                for i in range(drawn):
                    work.counts[i], _ = draw_targets(
                        negatives, kept.base[centre + i], np.int64(1), np.int64(kept.row[centre + i]), work.targets, room * i, room
                    )
            ahead = room * min(here + 1, drawn - 1)
            if centre + 1 + windows.size < last:
                prefetch_row(input, np.int64(kept.row[centre + 1 + windows.size]) * stride, stride)
            left, right = window(windows, kept, centre)
            count = 0
            for i in range(left, right):
                if i != centre:
                    work.contexts[count] = np.int64(kept.row[i]) * stride
                    count += 1
            if count == 0:
                continue
            predictions += 1
            step = np.float32(learning_rate(rate, kept.place[centre]))
            mean_of_rows(input, stride, work.contexts, count, bag_scale(pooling.mean, count), work.hidden)
            product, exponents = _predict(
                work.hidden, 0, output, stride, room * here, work.counts[here], work, ahead, sigmoid, step, product, exponents
            )
            add_to_rows(input, stride, work.contexts, count, bag_scale(pooling.divide, count), work.error)
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += predictions
    stats[3] += loss_of(product, exponents, work.steps)
