"""What models that adapt to a text compute for every word of it.

name          dtype    shape        what
similarities  float32  (n, >= m)    h_t . h_i of each event of a piece with each entry of the memory
first, last   int64    (n,)         the entries first <= i < last that an event sees
memory_ids    int32    (m,)         the token that followed each entry
targets       int32    (n,)
thetas        float64  (k,)
shares        float64  (k, n)       written
scratch       float32  (m,)
value ...     REAL     any, flat    a parameter, where it was before the text, its gradient, the root of the mean square of gradients
"""

from __future__ import annotations

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import fast_exp


@kernel
def cache_shares(similarities, first, last, memory_ids, targets, thetas, shares, scratch):
    """shares[k, t] = share of e^(thetas[k] similarity) that belongs to entries that the target of t followed; -1 where t sees none."""
    for t in range(len(targets)):
        row, begin, end, target = similarities[t], first[t], last[t], targets[t]
        if begin == end:
            for k in range(len(thetas)):
                shares[k, t] = -1.0
            continue
        highest = row[begin]
        for i in range(begin, end):
            highest = max(highest, row[i])
        for k in range(len(thetas)):
            theta = row.dtype.type(thetas[k])
            for i in range(begin, end):
                scratch[i] = fast_exp(theta * (row[i] - highest))
            total, own = 0.0, 0.0
            for i in range(begin, end):
                total += scratch[i]
                if memory_ids[i] == target:
                    own += scratch[i]
            shares[k, t] = own / total


@kernel
def descend(value, origin, gradient, rate, decay):
    """value += decay (origin - value) - rate gradient."""
    number = value.dtype.type
    step, pull = number(rate), number(decay)
    for i in range(value.size):
        value[i] += pull * (origin[i] - value[i]) - step * gradient[i]


@kernel
def descend_scaled(value, origin, gradient, roots, rate, decay, epsilon, mean):
    """value += min(1, decay roots / mean) (origin - value) - rate gradient / (roots + epsilon)."""
    number = value.dtype.type
    one, step, least, strength = number(1), number(rate), number(epsilon), number(decay / mean)
    for i in range(value.size):
        pull = min(one, strength * roots[i])
        value[i] += pull * (origin[i] - value[i]) - step * gradient[i] / (roots[i] + least)


@kernel
def add_squares(gradient, sums):
    """sums += gradient^2."""
    for i in range(gradient.size):
        sums[i] += gradient[i] * gradient[i]
