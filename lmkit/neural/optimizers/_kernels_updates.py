"""One pass over a weight array and its gradient for each optimiser: scale and clamp the gradient, renew the state, move the weights.

Arrays are one-dimensional, all float32 or all float64:

| name | shape | holds |
|---|---|---|
| weight, gradient | (N,) | a parameter and its gradient |
| first, second, mean | (N,) | the optimiser's state |
| rows | int64 (n,) | rows of `width` elements whose gradient is not zero |

`*_range` moves the elements at <= i < at + length, `*_rows` the rows rows[start:stop]; several threads may move parts that don't overlap.
`scale` multiplies the gradient before anything else (clipping by norm), then it is clamped to [-limit, limit] (clipping by value; infinity
for none). Scalars come in the arrays' own dtype, so that nothing is widened.

The loops run over slices: an index that starts at a constant 0 spares Numba's test for negative ones, without which they are not
vectorised and take five times as long.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def sum_of_squares(values, at, length):
    """Sum of values[i]² over at <= i < at + length, in float64."""
    total = 0.0
    for start in range(at, at + length, 1024):
        stop = min(start + 1024, at + length)
        part = np.dot(values[start:stop], values[start:stop])
        total += part
    return total


@kernel
def _clipped(value, scale, limit):
    return min(max(value * scale, -limit), limit)


@kernel
def sgd_range(weight, gradient, at, length, scale, limit, rate, decay):
    """w -= rate (g + decay w)."""
    weight = weight[at : at + length]
    gradient = gradient[at : at + length]
    for i in range(length):
        w = weight[i]
        weight[i] = w - rate * (_clipped(gradient[i], scale, limit) + decay * w)


@kernel
def sgd_rows(weight, gradient, rows, start, stop, width, scale, limit, rate, decay):
    for i in range(start, stop):
        sgd_range(weight, gradient, rows[i] * width, width, scale, limit, rate, decay)


@kernel
def momentum_range(weight, first, gradient, at, length, scale, limit, rate, decay, momentum, ahead, now):
    """b = momentum b + g; w -= rate (ahead b + now g): ahead, now = 1, 0 for momentum and momentum, 1 for Nesterov's."""
    weight = weight[at : at + length]
    first = first[at : at + length]
    gradient = gradient[at : at + length]
    for i in range(length):
        w = weight[i]
        g = _clipped(gradient[i], scale, limit) + decay * w
        b = momentum * first[i] + g
        first[i] = b
        weight[i] = w - rate * (ahead * b + now * g)


@kernel
def momentum_rows(weight, first, gradient, rows, start, stop, width, scale, limit, rate, decay, momentum, ahead, now):
    for i in range(start, stop):
        momentum_range(weight, first, gradient, rows[i] * width, width, scale, limit, rate, decay, momentum, ahead, now)


@kernel
def average_range(weight, mean, at, length, share):
    """mean += share (w - mean): after step k of averaging, with share = 1/k, the mean of the weights after each of the k steps."""
    weight = weight[at : at + length]
    mean = mean[at : at + length]
    for i in range(length):
        mean[i] += share * (weight[i] - mean[i])


@kernel
def adam_range(weight, first, second, gradient, at, length, scale, limit, rate, beta1, beta2, epsilon, root, coupled, shrink):
    """Kingma & Ba 2015, algorithm 1. rate already holds 1 / (1 - beta1^t), root is 1 / sqrt(1 - beta2^t).

    coupled : L2 weight decay, added to the gradient. shrink : what the weights are multiplied by first, 1 - rate * decay, for decoupled
    weight decay (Loshchilov & Hutter 2019, algorithm 2).
    """
    weight = weight[at : at + length]
    first = first[at : at + length]
    second = second[at : at + length]
    gradient = gradient[at : at + length]
    one = weight.dtype.type(1)
    for i in range(length):
        w = weight[i]
        g = _clipped(gradient[i], scale, limit) + coupled * w
        m = beta1 * first[i] + (one - beta1) * g
        v = beta2 * second[i] + (one - beta2) * g * g
        first[i] = m
        second[i] = v
        weight[i] = w * shrink - rate * m / (np.sqrt(v) * root + epsilon)


@kernel
def adam_rows(weight, first, second, gradient, rows, start, stop, width, scale, limit, rate, beta1, beta2, epsilon, root, coupled, shrink):
    for i in range(start, stop):
        adam_range(
            weight, first, second, gradient, rows[i] * width, width, scale, limit, rate, beta1, beta2, epsilon, root, coupled,
            shrink,
        )  # fmt: skip


@kernel
def rmsprop_range(weight, second, first, gradient, at, length, scale, limit, rate, smoothing, epsilon, decay, momentum):
    """s = smoothing s + (1 - smoothing) g²; b = momentum b + g / (sqrt(s) + epsilon); w -= rate b."""
    weight = weight[at : at + length]
    second = second[at : at + length]
    first = first[at : at + length]
    gradient = gradient[at : at + length]
    one = weight.dtype.type(1)
    for i in range(length):
        w = weight[i]
        g = _clipped(gradient[i], scale, limit) + decay * w
        s = smoothing * second[i] + (one - smoothing) * g * g
        b = momentum * first[i] + g / (np.sqrt(s) + epsilon)
        second[i] = s
        first[i] = b
        weight[i] = w - rate * b


@kernel
def rmsprop_rows(weight, second, first, gradient, rows, start, stop, width, scale, limit, rate, smoothing, epsilon, decay, momentum):
    for i in range(start, stop):
        rmsprop_range(weight, second, first, gradient, rows[i] * width, width, scale, limit, rate, smoothing, epsilon, decay, momentum)


@kernel
def sum_of_squares_rows(values, rows, width):
    """Sum of squares of the rows of values, each `width` elements long, in float64."""
    total = 0.0
    for i in range(rows.size):
        total += sum_of_squares(values, rows[i] * width, width)
    return total
