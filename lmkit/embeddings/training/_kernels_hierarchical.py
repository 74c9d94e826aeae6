"""Skip-gram with hierarchical softmax (Mikolov et al. 2013a, section 2.1; Mikolov et al. 2013b, equation 3).

The path of a centre word o leads over inner nodes n_1 .. n_L with the bits b_1 .. b_L of its code. With x = <input, output[n]> and
s = +1 for a bit 0, -1 for a bit 1 (word2vec's label is 1 - bit),

    -log p(o | c) = sum over l of -log sigma(s_l x_l)    for every context word c, input = input[c].

The fast form computes the x of a window first (contexts in pairs, nodes in groups of six), then takes all steps at once: a path's nodes
are distinct, so that is the exact gradient of the window's loss. The other form trains one context after the other, as word2vec.c and
gensim do. CBOW stands in `_kernels_bags.py`.

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
from lmkit.embeddings.training._kernels_skipgram import GROUP, loss_of, score_pair, steps_of_scores
from lmkit.embeddings.training._kernels_windows import CHUNK, begin, gather, learning_rate, window
from lmkit.numeric._kernels_simd import add16, broadcast16, fma16, load16, prefetch_row, splat16, splati16, store16, zeros16


class Paths(NamedTuple):
    """offsets : int64 (V+1,), nodes : int32 (L,), codes : uint8 (L,), as in HuffmanTree. A word with an empty path is never predicted."""

    offsets: np.ndarray
    nodes: np.ndarray
    codes: np.ndarray


class PathBlock(NamedTuple):
    """Scratch for windows of w words on a side and paths of P nodes at most.

    targets : int64 (2, P + 12), nodes on the path of this centre and of the next: their rows, or first floats where trained one by one.
    lengths : int64 (2,), of those paths. contexts : int64 (2w + 1,), first float of each context row. old : float32 (32 w + 16,).
    steps : float32 ((P / 6 + 1) (w + 1) 16 + 28,).
    pair_masks : float32 (2 * 7 * 16,), which lanes are in use, at 16 * (7 * (two contexts) + nodes).
    pair_signs : float32 ((P / 6 + 1) * 16,), s of each group of six nodes, in lanes [j] and [6 + j].
    signs : float32 (P + 28,), s of each node. masks : see _kernels_hidden. error : float32 (stride,).
    """

    targets: np.ndarray
    contexts: np.ndarray
    old: np.ndarray
    steps: np.ndarray
    pair_masks: np.ndarray
    pair_signs: np.ndarray
    signs: np.ndarray
    masks: np.ndarray
    error: np.ndarray
    lengths: np.ndarray


_HOT = 3  # nodes below the root that are always in the cache


@inlined
def lay_path(paths, word, unit, stride, output, targets):
    """targets: the nodes' rows on a word's path times `unit`; the rows are prefetched. Returns their number."""
    start = paths.offsets[word]
    length = np.int64(paths.offsets[word + 1] - start)
    for i in range(length):
        row = np.int64(paths.nodes[start + i])
        targets[i] = row * unit
        if i >= _HOT:
            prefetch_row(output, row * stride, stride)
    if length > 0:
        pad_targets(targets, length)
    return length


@inlined
def label_path(paths, word, signs, at):
    """signs[at:]: +1 for a bit 0 on a word's path, -1 for a bit 1."""
    start = paths.offsets[word]
    for i in range(paths.offsets[word + 1] - start):
        signs[at + i] = np.float32(1.0) - np.float32(2.0) * np.float32(paths.codes[start + i])


@inlined
def _label_pairs(paths, word, signs):
    """signs: for each group of six nodes 16 lanes, [j] and [6 + j] for node j."""
    start = paths.offsets[word]
    for i in range(paths.offsets[word + 1] - start):
        lane = 16 * (i // GROUP) + i % GROUP
        sign = np.float32(1.0) - np.float32(2.0) * np.float32(paths.codes[start + i])
        signs[lane] = sign
        signs[lane + GROUP] = sign


@inlined
def _take_pair_steps(input, output, stride, contexts, count, targets, groups, steps, room, old):
    """input[c] += sum of step * output[n] and output[n] += sum of step * input[c], both from the values before."""
    for column in range(0, stride, 16):
        for i in range(count):
            store16(old, 16 * i, load16(input, contexts[i] + column))
        for group in range(groups):
            place = GROUP * group
            t0 = targets[place] * stride + column
            t1 = targets[place + 1] * stride + column
            t2 = targets[place + 2] * stride + column
            t3 = targets[place + 3] * stride + column
            t4 = targets[place + 4] * stride + column
            t5 = targets[place + 5] * stride + column
            v0, v1, v2 = load16(output, t0), load16(output, t1), load16(output, t2)
            v3, v4, v5 = load16(output, t3), load16(output, t4), load16(output, t5)
            d0 = d1 = d2 = d3 = d4 = d5 = zeros16()
            for i in range(count):
                at = group * room + 16 * (i >> 1) + GROUP * (i & 1)
                g0, g1, g2 = broadcast16(steps, at), broadcast16(steps, at + 1), broadcast16(steps, at + 2)
                g3, g4, g5 = broadcast16(steps, at + 3), broadcast16(steps, at + 4), broadcast16(steps, at + 5)
                x = load16(old, 16 * i)
                d0 = fma16(g0, x, d0)
                d1 = fma16(g1, x, d1)
                d2 = fma16(g2, x, d2)
                d3 = fma16(g3, x, d3)
                d4 = fma16(g4, x, d4)
                d5 = fma16(g5, x, d5)
                y = load16(input, contexts[i] + column)
                y = fma16(g0, v0, y)
                y = fma16(g1, v1, y)
                y = fma16(g2, v2, y)
                y = fma16(g3, v3, y)
                y = fma16(g4, v4, y)
                y = fma16(g5, v5, y)
                store16(input, contexts[i] + column, y)
            # read again: the padding of a group repeats the first node, with steps of 0
            store16(output, t0, add16(load16(output, t0), d0))
            store16(output, t1, add16(load16(output, t1), d1))
            store16(output, t2, add16(load16(output, t2), d2))
            store16(output, t3, add16(load16(output, t3), d3))
            store16(output, t4, add16(load16(output, t4), d4))
            store16(output, t5, add16(load16(output, t5), d5))


@uncounted
def train_skipgram_hierarchical(text, key, start, stop, rate, windows, paths, input, output, stride, kept, block, stats):
    """Train on the tokens [start, stop) of an epoch whose draws have this key."""
    room = 16 * ((block.contexts.size + 1) >> 1)
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    lengths = block.lengths
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        if first < last:
            lengths[first & 1] = lay_path(paths, kept.row[first], 1, stride, output, block.targets[first & 1])
        for centre in range(first, last):
            targets = block.targets[centre & 1]
            length = lengths[centre & 1]
            if centre + 1 < last:
                lengths[(centre + 1) & 1] = lay_path(paths, kept.row[centre + 1], 1, stride, output, block.targets[(centre + 1) & 1])
            if centre + 1 + windows.size < last:
                prefetch_row(input, np.int64(kept.row[centre + 1 + windows.size]) * stride, stride)
            left, right = window(windows, kept, centre)
            count = 0
            for i in range(left, right):
                if i != centre:
                    block.contexts[count] = np.int64(kept.row[i]) * stride
                    count += 1
            if count == 0 or length == 0:
                continue
            pairs += count
            step = np.float32(learning_rate(rate, kept.place[centre]))
            groups = (length + GROUP - 1) // GROUP
            _label_pairs(paths, kept.row[centre], block.pair_signs)
            for group in range(groups):
                for i in range(0, count, 2):
                    two = 1 if i + 1 < count else 0
                    score_pair(
                        input,
                        output,
                        stride,
                        block.contexts[i],
                        block.contexts[i + two],
                        targets,
                        GROUP * group,
                        block.steps,
                        group * room + 8 * i,
                    )
            for group in range(groups):
                size = min(GROUP, length - GROUP * group)
                sign = load16(block.pair_signs, 16 * group)
                for i in range(0, count, 2):
                    two = 1 if i + 1 < count else 0
                    mask = load16(block.pair_masks, 16 * (7 * two + size))
                    product, exponents = steps_of_scores(block.steps, group * room + 8 * i, mask, sign, step, product, exponents)
            _take_pair_steps(input, output, stride, block.contexts, count, targets, groups, block.steps, room, block.old)
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, block.steps)


@uncounted
def train_skipgram_hierarchical_singly(text, key, start, stop, rate, windows, paths, sigmoid, input, output, stride, kept, block, stats):
    """As `train_skipgram_hierarchical`, but a context word meets the nodes as the one before it left them; sigma may be a table."""
    product = splat16(1.0)
    exponents = splati16(0)
    pairs = 0
    centres = 0
    targets = block.targets[0]
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for centre in range(first, last):
            length = lay_path(paths, kept.row[centre], stride, stride, output, targets)
            if length == 0:
                continue
            label_path(paths, kept.row[centre], block.signs, 0)
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
                    block.steps,
                    product,
                    exponents,
                )
                for column in range(0, stride, 16):
                    store16(hidden, column, add16(load16(hidden, column), load16(block.error, column)))
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += pairs
    stats[3] += loss_of(product, exponents, block.steps)
