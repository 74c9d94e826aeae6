"""Softmax inside classes of words: each row scores the words of its target's class only.

| name | dtype | shape | holds |
|---|---|---|---|
| hidden, d_hidden | REAL | (n, H) | rows first_row <= r < first_row + n of the step, their gradient (added to) |
| gathered, d_gathered | REAL | (R, H) | hidden rows, ordered by class, and scratch of that shape |
| weight, bias | REAL | (W, H), (W,) | of all words, ordered by class: class c holds class_starts[c] <= word < class_starts[c + 1] |
| classes | int64 (G,) | | the classes that have rows in this step, rising |
| starts, members | int64 (G + 1,), (R,) | | group g holds the rows members[starts[g] : starts[g + 1]], rising |
| places | int32 (R,) | | place of each target inside its class, ordered as members |
| scores | REAL | (T,) | group g's scores, (rows, words), from score_starts[g] on; then the loss's gradient by them |
| sums | REAL | (W,) | the gradients' sums over rows are added here |
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel
from lmkit.neural.losses._kernels_products import products
from lmkit.neural.losses._kernels_softmax import exponentials, largest, softmax_gradient


@kernel
def _first_at_least(values, start, stop, bound):
    """The first index in [start, stop) of rising values that is not below the bound, else stop."""
    while start < stop:
        middle = (start + stop) // 2
        if values[middle] < bound:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def class_rows(
    hidden, d_hidden, first_row, gathered, d_gathered, weight, bias, class_starts, classes, starts, members, places, weights, scores,
    score_starts, sums,
):  # fmt: skip
    """Cross entropy inside the classes for one shard's rows. weights REAL (n,): of the shard. Returns the sum of weight * loss."""
    loss = 0.0
    own_weights = np.empty(weights.size, weights.dtype)
    for g in range(classes.size):
        begin = _first_at_least(members, starts[g], starts[g + 1], first_row)
        end = _first_at_least(members, begin, starts[g + 1], first_row + weights.size)
        if begin == end:
            continue
        low, high = class_starts[classes[g]], class_starts[classes[g] + 1]
        size, count = high - low, end - begin
        for k in range(count):
            row = members[begin + k] - first_row
            gathered[begin + k] = hidden[row]
            own_weights[k] = weights[row]
        at = score_starts[g] + (begin - starts[g]) * size
        own = scores[at : at + count * size].reshape(count, size)
        words = weight[low:high]
        np.dot(gathered[begin:end], words.T, own)
        loss += softmax_gradient(own, size, bias[low:high], places[begin:end], own_weights[:count], sums[low:high])
        np.dot(own, words, d_gathered[begin:end])
        for k in range(count):
            target, source = d_hidden[members[begin + k] - first_row], d_gathered[begin + k]
            for i in range(target.size):
                target[i] += source[i]
    return loss


@kernel
def class_gradients(gathered, class_starts, classes, starts, scores, score_starts, first, last, gradient):
    """The gradient of the words of the groups first <= g < last, one product each; other rows are left as they are."""
    for g in range(first, last):
        low, high = class_starts[classes[g]], class_starts[classes[g] + 1]
        count = starts[g + 1] - starts[g]
        own = scores[score_starts[g] : score_starts[g] + count * (high - low)].reshape(count, high - low)
        np.dot(own.T, gathered[starts[g] : starts[g + 1]], gradient[low:high])


@kernel
def class_scores(hidden, weight, bias, class_starts, classes, places, largest_class, out):
    """out[r] += log of the probability of each row's target inside its class. classes, places int (n,); out float64 (n,)."""
    own = np.empty((1, largest_class), hidden.dtype)
    for r in range(classes.size):
        low, high = class_starts[classes[r]], class_starts[classes[r] + 1]
        size, offsets = high - low, bias[low:high]
        products(hidden[r : r + 1], weight, low, high, own)
        shift = largest(own[0], offsets, size)
        right = np.float64(own[0, places[r]] + offsets[places[r]] - shift)
        out[r] += right - math.log(exponentials(own[0], offsets, size, shift, False))


@kernel
def all_class_log_probs(scores, bias, class_starts, class_log_probs, ids, out):
    """out[r, ids[w]] = log p(class of w) + log p(w inside its class). scores REAL (n, W), class_log_probs float64 (n, C), out (n, V)."""
    for r in range(scores.shape[0]):
        for c in range(class_starts.size - 1):
            low, high = class_starts[c], class_starts[c + 1]
            row, offsets = scores[r, low:high], bias[low:high]
            shift = largest(row, offsets, high - low)
            base = class_log_probs[r, c] - shift - math.log(exponentials(row, offsets, high - low, shift, False))
            for w in range(low, high):
                out[r, ids[w]] = base + row[w - low] + offsets[w - low]
