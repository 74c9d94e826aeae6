"""Softmax with cross entropy, its gradient in the place of the logits, and logarithms of probabilities.

| name | dtype | shape | holds |
|---|---|---|---|
| logits | REAL | (n, >= m) | without bias; its first m columns are used, then hold the gradient |
| bias | REAL | (m,) | added to every row; -inf for outcomes that can't happen |
| targets | int32 | (n,) | column of the right outcome |
| weights | REAL | (n,) | what each row's loss counts |

REAL is float32 or float64. In float32 the exponential is a polynomial (relative error below 3e-7 + 6e-8 |x|, exp16), sums run in 16 lanes:
losses and gradients are within 2e-6 of the largest probability (tests/neural/test_losses.py measures them against float64).
Plain twin: tests/reference/neural_losses_twin.py.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_simd import add16, exp16, load16, max16, mul16, splat16, store16, sub16, sum16, zeros16

LOWEST = np.float32(-3.0e38)


@kernel
def _largest_float32(row, bias, size):
    """max over i < size of row[i] + bias[i]."""
    best, other = splat16(LOWEST), splat16(LOWEST)
    whole = size - size % 32
    for i in range(0, whole, 32):
        best = max16(best, add16(load16(row, i), load16(bias, i)))
        other = max16(other, add16(load16(row, i + 16), load16(bias, i + 16)))
    lanes = np.empty(16, np.float32)
    store16(lanes, 0, max16(best, other))
    largest = LOWEST
    for i in range(16):
        largest = max(largest, lanes[i])
    for i in range(whole, size):
        largest = max(largest, row[i] + bias[i])
    return largest


@kernel
def _exponentials_float32(row, bias, size, shift, is_stored):
    """The sum of e^(row[i] + bias[i] - shift); the terms are stored in row with is_stored."""
    sum0, sum1 = zeros16(), zeros16()
    shifts = splat16(shift)
    whole = size - size % 32
    for i in range(0, whole, 32):
        e0 = exp16(sub16(add16(load16(row, i), load16(bias, i)), shifts))
        e1 = exp16(sub16(add16(load16(row, i + 16), load16(bias, i + 16)), shifts))
        sum0, sum1 = add16(sum0, e0), add16(sum1, e1)
        if is_stored:
            store16(row, i, e0)
            store16(row, i + 16, e1)
    total = np.float64(sum16(add16(sum0, sum1)))
    for i in range(whole, size):
        e = np.float32(math.exp(row[i] + bias[i] - shift))
        total += e
        if is_stored:
            row[i] = e
    return total


@kernel
def _scale_and_add_float32(row, size, factor, column_sums):
    """row *= factor; column_sums += row."""
    factors = splat16(factor)
    whole = size - size % 16
    for i in range(0, whole, 16):
        x = mul16(load16(row, i), factors)
        store16(row, i, x)
        store16(column_sums, i, add16(load16(column_sums, i), x))
    for i in range(whole, size):
        row[i] *= factor
        column_sums[i] += row[i]


@kernel
def _largest_float64(row, bias, size):
    largest = -np.inf
    for i in range(size):
        largest = max(largest, row[i] + bias[i])
    return largest


@kernel
def _exponentials_float64(row, bias, size, shift, is_stored):
    total = 0.0
    for i in range(size):
        e = math.exp(row[i] + bias[i] - shift)
        total += e
        if is_stored:
            row[i] = e
    return total


@kernel
def _scale_and_add_float64(row, size, factor, column_sums):
    for i in range(size):
        row[i] *= factor
        column_sums[i] += row[i]


if numba.config.DISABLE_JIT:
    largest, exponentials, scale_and_add = _largest_float64, _exponentials_float64, _scale_and_add_float64
else:
    from numba.core import types
    from numba.extending import overload

    def largest(row, bias, size):
        """max over i < size of row[i] + bias[i]."""

    def exponentials(row, bias, size, shift, is_stored):
        """The sum of e^(row[i] + bias[i] - shift) over i < size, in float64; the terms are stored in row with is_stored."""

    def scale_and_add(row, size, factor, column_sums):
        """row[:size] *= factor; column_sums[:size] += row[:size]."""

    @overload(largest)
    def _choose_largest(row, bias, size):
        chosen = _largest_float32 if row.dtype == types.float32 else _largest_float64
        return lambda row, bias, size: chosen(row, bias, size)

    @overload(exponentials)
    def _choose_exponentials(row, bias, size, shift, is_stored):
        chosen = _exponentials_float32 if row.dtype == types.float32 else _exponentials_float64
        return lambda row, bias, size, shift, is_stored: chosen(row, bias, size, shift, is_stored)

    @overload(scale_and_add)
    def _choose_scale_and_add(row, size, factor, column_sums):
        chosen = _scale_and_add_float32 if row.dtype == types.float32 else _scale_and_add_float64
        return lambda row, size, factor, column_sums: chosen(row, size, factor, column_sums)


@kernel
def softmax_gradient(logits, size, bias, targets, weights, column_sums):
    """Cross entropy of all rows; logits become its gradient, weight * (softmax - one at the target); column_sums gets its sum over rows.

    Returns the sum of weight * -log softmax(logits + bias)[target].
    """
    number = logits.dtype.type
    loss = 0.0
    for r in range(targets.size):
        row, target, weight = logits[r], targets[r], weights[r]
        if weight == 0:
            row[:size] = 0
            continue
        shift = largest(row, bias, size)
        right = np.float64(row[target] + bias[target] - shift)
        total = exponentials(row, bias, size, shift, True)
        loss += weight * (math.log(total) - right)
        scale_and_add(row, size, number(weight / total), column_sums)
        row[target] -= weight
        column_sums[target] -= weight
    return loss


@kernel
def log_normalizers(logits, size, bias, out):
    """out[r] = log of the sum of e^(logits[r] + bias), float64 (n,)."""
    for r in range(logits.shape[0]):
        shift = largest(logits[r], bias, size)
        out[r] = math.log(exponentials(logits[r], bias, size, shift, False)) + shift


@kernel
def target_log_probs(logits, size, bias, targets, out):
    """out[r] = log softmax(logits[r] + bias)[targets[r]], float64 (n,)."""
    for r in range(targets.size):
        shift = largest(logits[r], bias, size)
        total = exponentials(logits[r], bias, size, shift, False)
        out[r] = np.float64(logits[r, targets[r]] + bias[targets[r]] - shift) - math.log(total)
