"""Bags of input rows against output rows: skip-gram and CBOW over subwords, and skip-gram along paths in fastText's direction.

The input of a word is a bag of rows, its members: with subwords its own row and those of its n-grams (Bojanowski, Grave, Joulin and Mikolov
2017, equation 1; hidden h is their mean, as in fastText's program, where the paper sums), else its own row alone. A word is predicted by
its row against k negatives drawn for it, or along its path in a Huffman tree:

    loss(c | h) = -log sigma(<h, output[c]>) - sum over z of log sigma(-<h, output[z]>)    (negative sampling)
    loss(c | h) = sum over the path of -log sigma(s_n <h, output[n]>)                      (hierarchical softmax, see _kernels_hierarchical)

`train_skipgram_bags` predicts each context word from the centre word's h, fastText's direction. h is made once for a centre word, all
its pairs are trained against it, and each member takes the sum of their errors once; with `together` = 1 that is done for every pair, as
fastText does. `train_cbow_bags` predicts the centre word from the mean over all members of all words of the window.

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| input  | float32 | (rows * stride,) | rows of `stride` floats, a multiple of 16; columns above the dimension are 0 |
| output | float32 | (rows * stride,) | rows of the words, or of the inner nodes of the tree |
| stats  | float64 | (4,)  | added to: words read, centres trained, pairs (CBOW: windows) trained, loss (nats) |

Plain twin: tests/reference/subword_twin.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import inlined, uncounted
from lmkit.embeddings.training._kernels_hidden import (
    add_to_rows,
    bag_scale,
    mean_of_rows,
    pad_targets,
    train_targets,
)
from lmkit.embeddings.training._kernels_hierarchical import lay_path
from lmkit.embeddings.training._kernels_skipgram import draw_negative, loss_of
from lmkit.embeddings.training._kernels_windows import CHUNK, begin, gather, learning_rate, window
from lmkit.numeric._kernels_random import alias_draw, draw
from lmkit.numeric._kernels_simd import prefetch_row, splat16, splati16

POOL = 256
"""Negatives of a pool."""
POOL_TOKENS = 64
"""Tokens of the text that draw from one pool, so that each of its rows is met about six times (window 5, five negatives)."""
_AHEAD = 8  # rows of the next pool that are prefetched with each centre
_POOL_STREAM = np.uint64(0x2545F4914F6CDD1D)  # sets the draws of pools apart from those of tokens


class Members(NamedTuple):
    """starts : int64 (V+1,), rows : int32 (M,): the input rows of word i are rows[starts[i]:starts[i+1]]."""

    starts: np.ndarray
    rows: np.ndarray


class BagBlock(NamedTuple):
    """Scratch for w words on a side, T targets and R rows a centre at most. The first index is this centre or the next.

    targets : int64 (2, T + 12), first floats of output rows, those of a pair together. signs : float32 (2, T + 28), +1 or -1 for each.
    ends : int64 (2, 2w + 2), where the targets of each pair end.
    rows : int64 (2, R), first floats of input rows. pairs, sizes : int64 (2,), how many pairs and members there are.
    pools : int64 (2, POOL), rows of the negatives; pooled : int64 (3,): 1 for pools or 0 for draws of its own for each pair, the number of
    the pool in use, the next negative of the other one to be prefetched.
    steps : float32 (T + 28,). masks : see _kernels_hidden. hidden, error : float32 (stride,).
    """

    targets: np.ndarray
    signs: np.ndarray
    ends: np.ndarray
    rows: np.ndarray
    pools: np.ndarray
    pooled: np.ndarray
    steps: np.ndarray
    masks: np.ndarray
    hidden: np.ndarray
    error: np.ndarray
    pairs: np.ndarray
    sizes: np.ndarray


@uncounted
def _fill_pool(noise, key, number, pool):
    """The negatives of a pool: draws of its own number, wherever a stretch begins."""
    for i in range(POOL):
        pool[i] = alias_draw(noise.table, draw(key ^ _POOL_STREAM, np.uint64(number * POOL + i)))


@inlined
def _open_pool(noise, key, place, output, stride, block):
    """The pool of the tokens around a place, and a few rows of the next one ahead of their use."""
    number = place // POOL_TOKENS
    if number != block.pooled[1]:
        if number != block.pooled[1] + 1:
            _fill_pool(noise, key, number, block.pools[number & 1])
        _fill_pool(noise, key, number + 1, block.pools[(number + 1) & 1])
        block.pooled[1] = number
        block.pooled[2] = 0
    ahead = block.pools[(number + 1) & 1]
    start = block.pooled[2]
    stop = min(start + _AHEAD, POOL)
    for i in range(start, stop):
        prefetch_row(output, ahead[i] * stride, stride)
    block.pooled[2] = stop


@inlined
def _pooled_negative(pool, slot, positive, size):
    """The negative in a slot of the pool, or in the first one behind it that is not the positive."""
    for i in range(POOL):
        row = pool[(slot + i) & (POOL - 1)]
        if row != positive:
            return row
    return (positive + 1) % size


@inlined
def _lay_pair(noise, paths, word, base, counter, output, stride, targets, signs, at, pools, pool):
    """The targets by which a word is predicted, at targets[at:], prefetched. Returns (where they end, number of the next draw)."""
    if noise.negative == 0:
        return at + lay_path(paths, word, stride, output, targets, signs, at), counter
    targets[at] = word * stride
    signs[at] = np.float32(1)
    prefetch_row(output, word * stride, stride)
    if pool >= 0:
        bits = np.uint64(0)
        for i in range(noise.negative):
            if i & 7 == 0:
                bits = draw(base, np.uint64(counter))
                counter += 1
            row = _pooled_negative(pools[pool], np.int64(bits & np.uint64(POOL - 1)), word, noise.table.size)
            bits >>= np.uint64(8)
            targets[at + 1 + i] = row * stride
            signs[at + 1 + i] = np.float32(-1)
        return at + 1 + noise.negative, counter
    for i in range(at + 1, at + 1 + noise.negative):
        row, counter = draw_negative(noise.table, base, counter, word)
        targets[i] = row * stride
        signs[i] = np.float32(-1)
        prefetch_row(output, row * stride, stride)
    return at + 1 + noise.negative, counter


@inlined
def _lay_rows(members, word, input, stride, rows, at):
    """rows[at:]: first floats of a word's members, prefetched. Returns where the next may stand."""
    for i in range(members.starts[word], members.starts[word + 1]):
        rows[at] = np.int64(members.rows[i]) * stride
        prefetch_row(input, rows[at], stride)
        at += 1
    return at


@inlined
def _pool_of(noise, key, place, output, stride, block):
    """Which pool the pairs at a place draw from, -1 where each draws its own."""
    if block.pooled[0] == 0:
        return np.int64(-1)
    _open_pool(noise, key, place, output, stride, block)
    return (place // POOL_TOKENS) & 1


@inlined
def _lay_skipgram(key, noise, paths, windows, members, kept, centre, input, output, stride, block, side):
    """All that skip-gram needs for a centre. Returns (pairs, members)."""
    left, right = window(windows, kept, centre)
    pool = _pool_of(noise, key, kept.place[centre], output, stride, block)
    targets, signs, ends = block.targets[side], block.signs[side], block.ends[side]
    base = kept.base[centre]
    counter = np.int64(1)
    pairs = 0
    at = 0
    for i in range(left, right):
        if i != centre:
            at, counter = _lay_pair(
                noise, paths, np.int64(kept.row[i]), base, counter, output, stride, targets, signs, at, block.pools, pool
            )
            ends[pairs] = at
            pairs += 1
    if at > 0:
        pad_targets(targets, at)
    return pairs, _lay_rows(members, kept.row[centre], input, stride, block.rows[side], 0)


@inlined
def _lay_cbow(key, noise, paths, windows, members, kept, centre, input, output, stride, block, side):
    """All that CBOW needs for a centre. Returns (1 or 0 pairs, members)."""
    left, right = window(windows, kept, centre)
    rows = block.rows[side]
    size = 0
    for i in range(left, right):
        if i != centre:
            size = _lay_rows(members, kept.row[i], input, stride, rows, size)
    word = np.int64(kept.row[centre])
    pool = _pool_of(noise, key, kept.place[centre], output, stride, block)
    end, _ = _lay_pair(
        noise, paths, word, kept.base[centre], np.int64(1), output, stride, block.targets[side], block.signs[side], 0, block.pools, pool
    )
    block.ends[side, 0] = end
    if end > 0:
        pad_targets(block.targets[side], end)
    return 1 if size > 0 and end > 0 else 0, size


@inlined
def _train_bag(block, side, pairs, size, together, bag, sigmoid, step, input, output, stride, product, exponents):
    """Train the pairs of a centre, so many against one hidden."""
    rows = block.rows[side]
    forward = bag_scale(bag.mean, size)
    backward = bag_scale(bag.divide, size)
    first = 0
    for pair in range(0, pairs, together):
        count = block.ends[side, min(pair + together, pairs) - 1] - first
        if count == 0:  # words with an empty path
            continue
        mean_of_rows(input, stride, rows, size, forward, block.hidden)
        product, exponents = train_targets(
            block.hidden,
            block.error,
            output,
            stride,
            block.targets[side],
            first,
            count,
            block.signs[side],
            block.masks,
            sigmoid,
            step,
            block.steps,
            product,
            exponents,
        )
        add_to_rows(input, stride, rows, size, backward, block.error)
        first += count
    return product, exponents


@uncounted
def train_bags(
    text, key, start, stop, rate, windows, cbow, together, noise, paths, bag, sigmoid, members, input, output, stride, kept, block, stats
):
    """Train on the tokens [start, stop) of an epoch whose draws have this key.

    cbow : whether the window predicts the centre, or the centre the window. noise : negative = 0 for hierarchical softmax.
    """
    product = splat16(1.0)
    exponents = splati16(0)
    trained = 0
    centres = 0
    pairs = block.pairs
    sizes = block.sizes
    block.pooled[1] = -2
    begin(text, key, start, kept)
    for chunk in range(start, stop, CHUNK):
        first, last = gather(text, key, chunk, min(chunk + CHUNK, stop), windows.size, kept)
        centres += last - first
        for ahead in range(first, last + 1):  # one centre ahead: what it needs is drawn and on its way while the one before is trained
            if ahead < last:
                side = ahead & 1
                if cbow:
                    pairs[side], sizes[side] = _lay_cbow(
                        key, noise, paths, windows, members, kept, ahead, input, output, stride, block, side
                    )
                else:
                    pairs[side], sizes[side] = _lay_skipgram(
                        key, noise, paths, windows, members, kept, ahead, input, output, stride, block, side
                    )
            side = (ahead - 1) & 1
            if ahead == first or pairs[side] == 0:
                continue
            trained += pairs[side]
            step = np.float32(learning_rate(rate, kept.place[ahead - 1]))
            product, exponents = _train_bag(
                block, side, pairs[side], sizes[side], together, bag, sigmoid, step, input, output, stride, product, exponents
            )
    stats[0] += stop - start
    stats[1] += centres
    stats[2] += trained
    stats[3] += loss_of(product, exponents, block.steps)
