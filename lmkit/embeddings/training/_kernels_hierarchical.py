"""Skip-gram with hierarchical softmax (Mikolov et al. 2013a, section 2.1; Mikolov et al. 2013b, equation 3).

The path of a centre word o leads over inner nodes n_1 .. n_L with the bits b_1 .. b_L of its code. With x = <input, output[n]> and
s = +1 for a bit 0, -1 for a bit 1 (word2vec's label is 1 - bit),

    -log p(o | c) = sum over l of -log sigma(s_l x_l)    for every context word c, input = input[c].

The fast form computes the x of a window first (contexts in pairs, nodes in groups of eight and a last one of 2, 4, 6 or 8), then takes all
steps at once: a path's nodes are distinct, so that is the exact gradient of the window's loss. The other form trains one context after the
other, as word2vec.c and gensim do. CBOW stands in `_kernels_hierarchical_cbow.py`.

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| input  | float32 | (V * stride,) | rows of `stride` floats, a multiple of 16; columns above the dimension are 0 |
| output | float32 | (nodes * stride,) | one row for each inner node of the tree |
| stats  | float64 | (4,)  | added to: words read, centres trained, pairs of words trained, loss (nats) |

Plain twin: tests/reference/hierarchical_twin.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.embeddings.training._kernels_hidden import pad_targets, train_targets
from lmkit.embeddings.training._kernels_skipgram import loss_of, steps_of_scores
from lmkit.embeddings.training._kernels_windows import CHUNK, begin, gather, learning_rate, window
from lmkit.numeric._kernels_machine import prefetch
from lmkit.numeric._kernels_simd import (
    add16,
    broadcast16,
    floats16,
    fma16,
    fold16,
    load16,
    loadi16,
    mul16,
    ori16,
    prefetch_row,
    shli16,
    splat16,
    splati16,
    store16,
    twice8,
    zeros16,
)


class Paths(NamedTuple):
    """offsets : int64 (V+1,). steps : int32 (L + 16,), row of the inner node * 2 + bit of the code, for one word after the other; what
    stands behind the last may be read, and is 0. A word with an empty path is never predicted."""

    offsets: np.ndarray
    steps: np.ndarray


class PathBlock(NamedTuple):
    """Scratch for windows of w words on a side and paths of P nodes at most.

    targets : int64 (P + 12,), first floats of the nodes where contexts are trained one by one. signs : float32 (P + 28,), s of them.
    contexts : int64 (2w + 2,), first float of each context row. old : float32 (2w * stride,), those rows before a step.
    scores : float32 ((P / 8 + 1) (w + 1) 16 + 28,), for each group of eight nodes and pair of contexts.
    pair_masks : float32 (2 * 9 * 16,), which lanes are in use, at 16 * (9 * (two contexts) + nodes).
    masks : see _kernels_hidden. error : float32 (stride,).
    """

    targets: np.ndarray
    contexts: np.ndarray
    old: np.ndarray
    scores: np.ndarray
    pair_masks: np.ndarray
    signs: np.ndarray
    masks: np.ndarray
    error: np.ndarray


NODES = 8
"""Nodes of a group."""
_NEAR = 64  # nodes below the root that are always in the nearest cache
_LEVELS_NEAR = 10  # of the tree below its root: asking for them costs more than it saves
_OFFSETS_AHEAD, _PATHS_AHEAD = 12, 6  # centres: one must be there before the next can be asked for


@inlined
def fetch_ahead(paths, kept, centre, last, output, stride, levels_near):
    """Start loading what the next centres need: where their paths stand, the paths, the rows of the nodes below `levels_near`."""
    prefetch(paths.offsets, kept.row[min(centre + _OFFSETS_AHEAD, last - 1)])
    start = paths.offsets[kept.row[min(centre + _PATHS_AHEAD, last - 1)]]
    prefetch(paths.steps, start)
    prefetch(paths.steps, start + 12)
    if centre + 1 < last:
        word = kept.row[centre + 1]
        for i in range(paths.offsets[word] + levels_near, paths.offsets[word + 1]):
            prefetch_row(output, first_float(paths, i, stride), stride)


@inlined
def signs_of(paths, at):
    """Sixteen lanes: +1 for a bit 0, -1 for a bit 1."""
    return floats16(ori16(shli16(loadi16(paths.steps, at), splati16(31)), splati16(0x3F800000)))


@inlined
def first_float(paths, at, stride):
    """Of the row of a node."""
    return (np.int64(paths.steps[at]) >> 1) * stride


@inlined
def lay_path(paths, word, stride, output, targets, signs, at):
    """targets[at:], signs[at:]: first floats of the nodes on a word's path, prefetched, and their signs. Returns their number."""
    start = paths.offsets[word]
    length = np.int64(paths.offsets[word + 1] - start)
    for i in range(length):
        step = np.int64(paths.steps[start + i])
        targets[at + i] = (step >> 1) * stride
        signs[at + i] = np.float32(1 - 2 * (step & 1))
        if step >= 2 * _NEAR:
            prefetch_row(output, (step >> 1) * stride, stride)
    return length


@inlined
def _score_pair(input, output, stride, a, b, paths, at, size):
    """Scores of two contexts (first floats a, b) against `size` nodes, 2, 4, 6 or 8: lanes [j] and [8 + j] for node j."""
    t0 = first_float(paths, at, stride)
    t1 = first_float(paths, at + 1, stride)
    t2 = first_float(paths, at + 2, stride)
    t3 = first_float(paths, at + 3, stride)
    t4 = first_float(paths, at + 4, stride)
    t5 = first_float(paths, at + 5, stride)
    t6 = first_float(paths, at + 6, stride)
    t7 = first_float(paths, at + 7, stride)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros16()
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = zeros16()
    for column in range(0, stride, 16):
        x = load16(input, a + column)
        y = load16(input, b + column)
        t = load16(output, t0 + column)
        a0 = fma16(x, t, a0)
        b0 = fma16(y, t, b0)
        t = load16(output, t1 + column)
        a1 = fma16(x, t, a1)
        b1 = fma16(y, t, b1)
        if size > 2:
            t = load16(output, t2 + column)
            a2 = fma16(x, t, a2)
            b2 = fma16(y, t, b2)
            t = load16(output, t3 + column)
            a3 = fma16(x, t, a3)
            b3 = fma16(y, t, b3)
        if size > 4:
            t = load16(output, t4 + column)
            a4 = fma16(x, t, a4)
            b4 = fma16(y, t, b4)
            t = load16(output, t5 + column)
            a5 = fma16(x, t, a5)
            b5 = fma16(y, t, b5)
        if size > 6:
            t = load16(output, t6 + column)
            a6 = fma16(x, t, a6)
            b6 = fma16(y, t, b6)
            t = load16(output, t7 + column)
            a7 = fma16(x, t, a7)
            b7 = fma16(y, t, b7)
    return fold16(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7)


@inlined
def _score_group(input, output, stride, contexts, count, paths, at, scores, first, size):
    """Scores of all contexts against `size` nodes: sixteen for each pair of contexts, from scores[first:] on."""
    for i in range(0, count, 2):
        store16(scores, first + 8 * i, _score_pair(input, output, stride, contexts[i], contexts[i + 1], paths, at, size))


@inlined
def _take_group(input, output, stride, contexts, count, paths, at, scores, first, old, size):
    """input[c] += sum of step * output[n] and output[n] += sum of step * old[c] for `size` nodes; `old` holds the contexts' rows."""
    t0 = first_float(paths, at, stride)
    t1 = first_float(paths, at + 1, stride)
    t2 = first_float(paths, at + 2, stride)
    t3 = first_float(paths, at + 3, stride)
    t4 = first_float(paths, at + 4, stride)
    t5 = first_float(paths, at + 5, stride)
    t6 = first_float(paths, at + 6, stride)
    t7 = first_float(paths, at + 7, stride)
    for column in range(0, stride, 16):
        v0 = load16(output, t0 + column)
        v1 = load16(output, t1 + column)
        v2 = v3 = v4 = v5 = v6 = v7 = d0 = d1 = d2 = d3 = d4 = d5 = d6 = d7 = zeros16()
        if size > 2:
            v2 = load16(output, t2 + column)
            v3 = load16(output, t3 + column)
        if size > 4:
            v4 = load16(output, t4 + column)
            v5 = load16(output, t5 + column)
        if size > 6:
            v6 = load16(output, t6 + column)
            v7 = load16(output, t7 + column)
        for i in range(count):
            s = first + 8 * i
            x = load16(old, i * stride + column)
            y = load16(input, contexts[i] + column)
            g0 = broadcast16(scores, s)
            g1 = broadcast16(scores, s + 1)
            d0 = fma16(g0, x, d0)
            d1 = fma16(g1, x, d1)
            y = fma16(g0, v0, y)
            z = mul16(g1, v1)
            if size > 2:
                g2 = broadcast16(scores, s + 2)
                g3 = broadcast16(scores, s + 3)
                d2 = fma16(g2, x, d2)
                d3 = fma16(g3, x, d3)
                y = fma16(g2, v2, y)
                z = fma16(g3, v3, z)
            if size > 4:
                g4 = broadcast16(scores, s + 4)
                g5 = broadcast16(scores, s + 5)
                d4 = fma16(g4, x, d4)
                d5 = fma16(g5, x, d5)
                y = fma16(g4, v4, y)
                z = fma16(g5, v5, z)
            if size > 6:
                g6 = broadcast16(scores, s + 6)
                g7 = broadcast16(scores, s + 7)
                d6 = fma16(g6, x, d6)
                d7 = fma16(g7, x, d7)
                y = fma16(g6, v6, y)
                z = fma16(g7, v7, z)
            store16(input, contexts[i] + column, add16(y, z))
        # read again: behind a path's end stands any node, with a step of 0
        store16(output, t0 + column, add16(load16(output, t0 + column), d0))
        store16(output, t1 + column, add16(load16(output, t1 + column), d1))
        if size > 2:
            store16(output, t2 + column, add16(load16(output, t2 + column), d2))
            store16(output, t3 + column, add16(load16(output, t3 + column), d3))
        if size > 4:
            store16(output, t4 + column, add16(load16(output, t4 + column), d4))
            store16(output, t5 + column, add16(load16(output, t5 + column), d5))
        if size > 6:
            store16(output, t6 + column, add16(load16(output, t6 + column), d6))
            store16(output, t7 + column, add16(load16(output, t7 + column), d7))


@uncounted
def train_skipgram_hierarchical(text, key, start, stop, rate, windows, paths, input, output, stride, kept, block, stats):
    """Train on the tokens [start, stop) of an epoch whose draws have this key."""
    room = 8 * block.contexts.size  # scores of a group
    contexts, scores, old = block.contexts, block.scores, block.old
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            fetch_ahead(paths, kept, centre, last, output, stride, _LEVELS_NEAR)
            if centre + 1 + windows.size < last:
                prefetch_row(input, np.int64(kept.row[centre + 1 + windows.size]) * stride, stride)
            begins = np.int64(paths.offsets[kept.row[centre]])
            length = np.int64(paths.offsets[kept.row[centre] + 1]) - begins
            left, right = window(windows, kept, centre)
            count = right - left - 1
            if count == 0 or length == 0:
                continue
            for i in range(count):
                contexts[i] = np.int64(kept.row[left + i + (1 if left + i >= centre else 0)]) * stride
            contexts[count] = contexts[count - 1]
            pairs += count
            step = np.float32(learning_rate(rate, kept.place[centre]))
            for group in range(0, length, NODES):
                size = length - group
                at = begins + group
                to = room * (group >> 3)
                if size > 6:
                    _score_group(input, output, stride, contexts, count, paths, at, scores, to, 8)
                elif size > 4:
                    _score_group(input, output, stride, contexts, count, paths, at, scores, to, 6)
                elif size > 2:
                    _score_group(input, output, stride, contexts, count, paths, at, scores, to, 4)
                else:
                    _score_group(input, output, stride, contexts, count, paths, at, scores, to, 2)
            for group in range(0, length, NODES):
                size = min(NODES, length - group)
                sign = twice8(signs_of(paths, begins + group))
                to = room * (group >> 3)
                for i in range(0, count, 2):
                    two = 1 if i + 1 < count else 0
                    mask = load16(block.pair_masks, 16 * (9 * two + size))
                    product, exponents = steps_of_scores(scores, to + 8 * i, mask, sign, step, product, exponents)
            for i in range(count):
                for column in range(0, stride, 16):
                    store16(old, i * stride + column, load16(input, contexts[i] + column))
            for group in range(0, length, NODES):
                size = length - group
                at = begins + group
                to = room * (group >> 3)
                if size > 6:
                    _take_group(input, output, stride, contexts, count, paths, at, scores, to, old, 8)
                elif size > 4:
                    _take_group(input, output, stride, contexts, count, paths, at, scores, to, old, 6)
                elif size > 2:
                    _take_group(input, output, stride, contexts, count, paths, at, scores, to, old, 4)
                else:
                    _take_group(input, output, stride, contexts, count, paths, at, scores, to, old, 2)
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, block.scores)


@uncounted
def train_skipgram_hierarchical_singly(text, key, start, stop, rate, windows, paths, sigmoid, input, output, stride, kept, block, stats):
    """As `train_skipgram_hierarchical`, but a context word meets the nodes as the one before it left them; sigma may be a table."""
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    targets = block.targets
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            length = lay_path(paths, kept.row[centre], stride, output, targets, block.signs, 0)
            if length == 0:
                continue
            pad_targets(targets, length)
            left, right = window(windows, kept, centre)
            step = np.float32(learning_rate(rate, kept.place[centre]))
            for i in range(left, right):
                if i == centre:
                    continue
                pairs += 1
                at = np.int64(kept.row[i]) * stride
                hidden = input[at : at + stride]
                product, exponents = train_targets(
                    hidden,
                    block.error,
                    output,
                    stride,
                    targets,
                    0,
                    length,
                    block.signs,
                    block.masks,
                    sigmoid,
                    step,
                    block.scores,
                    product,
                    exponents,
                )
                for column in range(0, stride, 16):
                    store16(hidden, column, add16(load16(hidden, column), load16(block.error, column)))
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, block.scores)
