"""Losses over a set of S sampled words that all rows share, with their gradients in the place of the scores.

| name | dtype | shape | holds |
|---|---|---|---|
| scores | REAL | (n, S) | hidden . v of each sampled word; then the loss's gradient by them |
| offsets | REAL | (S,) | added to every row: bias, less what the sampling asks to take off |
| copies | REAL | (S,) | how often each sampled word was drawn |
| true | REAL | (n,) | score of each row's target, its offset included |
| hits | int64 (n,) | | column of the sample that is the row's target, -1 where there is none |
| weights, d_true | REAL | (n,) | what the row counts; the gradient by `true` |
| sums | REAL | (S,) | the gradients' sums over rows are added here |

REAL is float32 or float64. Equations: classes of lmkit/neural/losses/{sampled,nce,blackout}.py. Plain twin:
tests/reference/neural_losses_twin.py.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lmkit._jit import kernel
from lmkit.neural.losses._kernels_softmax import exponentials, largest, scale_and_add
from lmkit.numeric._kernels_simd import (
    add16,
    div16,
    exp16,
    fma16,
    load16,
    max16,
    min16,
    mul16,
    splat16,
    store16,
    sub16,
    sum16,
    zeros16,
)

_IMPOSSIBLE = -3.0e38
_LEAST = 1.0e-7  # 1 - p of a sample is taken to be at least so much, so that losses and gradients stay finite
# log(1 + t) / t on [0, 1]: interpolated at Chebyshev's points, 1.6e-7 relative in float32
_LOG1P = (
    0.999999995, -0.499998926, 0.333297105, -0.249516163, 0.196632743,
    -0.152696671, 0.105436238, -0.0563736132, 0.0195425274, -0.00317605705,
)  # fmt: skip


@kernel
def _softplus(x):
    """log(1 + e^x) in float64."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@kernel
def _sigmoid(x):
    """1 / (1 + e^-x) in float64, precise at both ends."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


@kernel
def _log1p16(t):
    """log(1 + t) lane by lane for t in [0, 1]."""
    p = fma16(splat16(_LOG1P[9]), t, splat16(_LOG1P[8]))
    p = fma16(p, t, splat16(_LOG1P[7]))
    p = fma16(p, t, splat16(_LOG1P[6]))
    p = fma16(p, t, splat16(_LOG1P[5]))
    p = fma16(p, t, splat16(_LOG1P[4]))
    p = fma16(p, t, splat16(_LOG1P[3]))
    p = fma16(p, t, splat16(_LOG1P[2]))
    p = fma16(p, t, splat16(_LOG1P[1]))
    p = fma16(p, t, splat16(_LOG1P[0]))
    return mul16(p, t)


@kernel
def _logistic_row_float32(row, offsets, copies, weight, sums):
    """row becomes weight * copies * sigmoid(row + offsets), sums += row; returns the sum of copies * log(1 + e^(row + offsets))."""
    size = offsets.size
    whole = size - size % 16
    total, one, weights = zeros16(), splat16(1.0), splat16(weight)
    for i in range(0, whole, 16):
        x, c = add16(load16(row, i), load16(offsets, i)), load16(copies, i)
        negative = sub16(zeros16(), x)
        softplus = add16(max16(x, zeros16()), _log1p16(exp16(min16(x, negative))))
        total = fma16(c, softplus, total)
        d = mul16(mul16(weights, c), div16(one, add16(one, exp16(negative))))
        store16(row, i, d)
        store16(sums, i, add16(load16(sums, i), d))
    loss = np.float64(sum16(total))
    for i in range(whole, size):
        x = np.float64(row[i] + offsets[i])
        loss += copies[i] * _softplus(x)
        row[i] = np.float32(weight * copies[i] * _sigmoid(x))
        sums[i] += row[i]
    return loss


@kernel
def _logistic_row_float64(row, offsets, copies, weight, sums):
    loss = 0.0
    for i in range(offsets.size):
        x = row[i] + offsets[i]
        loss += copies[i] * _softplus(x)
        row[i] = weight * copies[i] * _sigmoid(x)
        sums[i] += row[i]
    return loss


@kernel
def _odds_row_float32(row, size, factor):
    """For p = factor * row: the sum of p / (1 - p), and the product of 1 - p."""
    whole = size - size % 16
    factors, one = splat16(factor), splat16(1.0)
    odds, rest = zeros16(), splat16(1.0)
    for i in range(0, whole, 16):
        p = mul16(load16(row, i), factors)
        left = max16(sub16(one, p), splat16(_LEAST))
        odds = add16(odds, div16(p, left))
        rest = mul16(rest, left)
    lanes = np.empty(16, np.float32)
    store16(lanes, 0, rest)
    product, total = 1.0, np.float64(sum16(odds))
    for i in range(16):
        product *= lanes[i]
    for i in range(whole, size):
        p = np.float64(row[i]) * factor
        left = max(1.0 - p, _LEAST)
        product *= left
        total += p / left
    return total, product


@kernel
def _odds_row_float64(row, size, factor):
    product, total = 1.0, 0.0
    for i in range(size):
        p = row[i] * factor
        left = max(1.0 - p, _LEAST)
        product *= left
        total += p / left
    return total, product


@kernel
def _blackout_row_float32(row, size, factor, odds, weight, sums):
    """row becomes weight * (p + p / (1 - p) - p * odds) for p = factor * row; sums += row."""
    whole = size - size % 16
    factors, one, weights, share = splat16(factor), splat16(1.0), splat16(weight), splat16(1.0 - odds)
    for i in range(0, whole, 16):
        p = mul16(load16(row, i), factors)
        d = mul16(weights, fma16(p, share, div16(p, max16(sub16(one, p), splat16(_LEAST)))))
        store16(row, i, d)
        store16(sums, i, add16(load16(sums, i), d))
    for i in range(whole, size):
        p = np.float64(row[i]) * factor
        row[i] = np.float32(weight * (p * (1.0 - odds) + p / max(1.0 - p, _LEAST)))
        sums[i] += row[i]


@kernel
def _blackout_row_float64(row, size, factor, odds, weight, sums):
    for i in range(size):
        p = row[i] * factor
        row[i] = weight * (p * (1.0 - odds) + p / max(1.0 - p, _LEAST))
        sums[i] += row[i]


if numba.config.DISABLE_JIT:
    _logistic_row, _odds_row, _blackout_row = _logistic_row_float64, _odds_row_float64, _blackout_row_float64
else:
    from numba.core import types
    from numba.extending import overload

    def _logistic_row(row, offsets, copies, weight, sums):
        """Chosen by dtype below."""

    def _odds_row(row, size, factor):
        """Chosen by dtype below."""

    def _blackout_row(row, size, factor, odds, weight, sums):
        """Chosen by dtype below."""

    @overload(_logistic_row)
    def _choose_logistic_row(row, offsets, copies, weight, sums):
        chosen = _logistic_row_float32 if row.dtype == types.float32 else _logistic_row_float64
        return lambda row, offsets, copies, weight, sums: chosen(row, offsets, copies, weight, sums)

    @overload(_odds_row)
    def _choose_odds_row(row, size, factor):
        chosen = _odds_row_float32 if row.dtype == types.float32 else _odds_row_float64
        return lambda row, size, factor: chosen(row, size, factor)

    @overload(_blackout_row)
    def _choose_blackout_row(row, size, factor, odds, weight, sums):
        chosen = _blackout_row_float32 if row.dtype == types.float32 else _blackout_row_float64
        return lambda row, size, factor, odds, weight, sums: chosen(row, size, factor, odds, weight, sums)


@kernel
def _exponentials_with_target(row, offsets, true, hit, size):
    """row becomes e^(row + offsets - shift), 0 at `hit`. Returns (shift, the target's term, the sum of all)."""
    if hit >= 0:
        row[hit] = _IMPOSSIBLE
    shift = max(largest(row, offsets, size), true)
    own = math.exp(np.float64(true - shift))
    total = exponentials(row, offsets, size, shift, True) + own
    if hit >= 0:
        row[hit] = 0  # the exponential of the lowest number is tiny, not 0
    return shift, own, total


@kernel
def sampled_softmax(scores, offsets, true, hits, weights, d_true, sums):
    """Cross entropy of the softmax over the target and the samples. Returns the sum of weight * loss."""
    number, size, loss = scores.dtype.type, offsets.size, 0.0
    for r in range(true.size):
        row, weight = scores[r, :size], weights[r]
        if weight == 0:
            row[:] = 0
            d_true[r] = 0
            continue
        shift, own, total = _exponentials_with_target(row, offsets, true[r], hits[r], size)
        loss += weight * (math.log(total) - np.float64(true[r] - shift))
        scale_and_add(row, size, number(weight / total), sums)
        d_true[r] = weight * (own - total) / total
    return loss


@kernel
def noise_contrastive(scores, offsets, copies, true, weights, d_true, sums):
    """-log sigmoid(true) - sum of copies * log(1 - sigmoid(score + offset)). Returns the sum of weight * loss."""
    size, loss = offsets.size, 0.0
    for r in range(true.size):
        row, weight = scores[r, :size], weights[r]
        if weight == 0:
            row[:] = 0
            d_true[r] = 0
            continue
        x = np.float64(true[r])
        loss += weight * (_softplus(-x) + _logistic_row(row, offsets, copies, weight, sums))
        d_true[r] = -weight * _sigmoid(-x)
    return loss


@kernel
def blackout(scores, offsets, true, hits, weights, d_true, sums):
    """-log p_target - sum over samples of log(1 - p), p being the softmax over both. Returns the sum of weight * loss."""
    number, size, loss = scores.dtype.type, offsets.size, 0.0
    for r in range(true.size):
        row, weight = scores[r, :size], weights[r]
        if weight == 0:
            row[:] = 0
            d_true[r] = 0
            continue
        shift, own, total = _exponentials_with_target(row, offsets, true[r], hits[r], size)
        odds, rest = _odds_row(row, size, number(1.0 / total))
        loss += weight * (math.log(total) - np.float64(true[r] - shift) - math.log(rest))
        _blackout_row(row, size, number(1.0 / total), number(odds), weight, sums)
        p = own / total
        d_true[r] = -weight * (1.0 - p + p * odds)
    return loss


@kernel
def add_rows(rows, values, matrix):
    """matrix[rows[i]] += values[i]. rows int64 (n,), values (n, H), matrix (V, H)."""
    for i in range(rows.size):
        row, value = matrix[rows[i]], values[i]
        for j in range(row.size):
            row[j] += value[j]


@kernel
def gather_rows(matrix, rows, out):
    """out[i] = matrix[rows[i]]. rows int (n,)."""
    for i in range(rows.size):
        row, copy = matrix[rows[i]], out[i]
        for j in range(row.size):
            copy[j] = row[j]


@kernel
def add_scaled_rows(factors, rows, matrix, out):
    """out[i] += factors[i] * matrix[rows[i]]."""
    for i in range(rows.size):
        row, target, factor = matrix[rows[i]], out[i], factors[i]
        for j in range(row.size):
            target[j] += factor * row[j]
