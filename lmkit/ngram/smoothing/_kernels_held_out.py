"""Kernels that fit weights and discounts to held-out events.

name         dtype    shape     what
stream       uint32   (M,)      word ids, every sequence begins with <s> (1)
first_child  int64    (C+1,)    borders of the contexts' children; words : uint32 (G,), their last words
relative     float64  (E, N)    c(hw) / c(h) of each event at each order
group        int16    (E, N)    group of its context, that share a weight; -1 where the context was not seen
events       float64  (E,)      how many times the event counts
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.smoothing._kernels_discounting import bucket_of


@kernel
def find_ngrams(stream, shorter, first_child, words):  # type: ignore[no-untyped-def]
    """int64 (M,): index of the n-gram that ends at each position, -1 if there is none; shorter : the same for the order below."""
    found = np.full(len(stream), -1, np.int64)
    for position in range(1, len(stream)):
        context = shorter[position - 1]
        target = stream[position]
        if context < 0 or target == 1:
            continue
        low, stop = first_child[context], first_child[context + 1]
        high = stop
        while low < high:
            middle = (low + high) >> 1
            if words[middle] < target:
                low = middle + 1
            else:
                high = middle
        if low < stop and words[low] == target:
            found[position] = low
    return found


@kernel
def context_totals(counts, first_child):  # type: ignore[no-untyped-def]
    """int64 (C,): sum of the counts of each context's children."""
    result = np.zeros(len(first_child) - 1, np.int64)
    for context in range(len(result)):
        for g in range(first_child[context], first_child[context + 1]):
            result[context] += counts[g]
    return result


@kernel
def without_itself(counts, first_child, relative, bucket):  # type: ignore[no-untyped-def]
    """(c - 1) / (c(h) - 1) of every n-gram into relative float32 (G,), and the bucket of c(h) - 1 into bucket int8 (G,)."""
    for context in range(len(first_child) - 1):
        low, high = first_child[context], first_child[context + 1]
        total = np.int64(0)
        for g in range(low, high):
            total += counts[g]
        rest = bucket_of(total - 1)
        for g in range(low, high):
            bucket[g] = rest
            relative[g] = (counts[g] - 1) / (total - 1) if total > 1 else 0.0


@kernel
def expect(relative, group, events, weights, uniform, taken, reached):  # type: ignore[no-untyped-def]
    """One step of expectation: the sum of log p over the events.

    weights : float64 (N, 64), of each order and group. taken, reached : float64 (N, 64), receive how many events are expected to come
    from the relative frequency of that order, of those that reach it from above.
    """
    taken[:] = 0.0
    reached[:] = 0.0
    orders = relative.shape[1]
    probability = np.empty(orders + 1)
    total = 0.0
    for e in range(len(events)):
        probability[0] = uniform
        for n in range(orders):
            if group[e, n] < 0:
                probability[n + 1] = probability[n]
            else:
                weight = weights[n, group[e, n]]
                probability[n + 1] = weight * relative[e, n] + (1.0 - weight) * probability[n]
        total += events[e] * np.log(probability[orders])
        share = events[e]
        for n in range(orders - 1, -1, -1):
            if group[e, n] >= 0:
                here = share * weights[n, group[e, n]] * relative[e, n] / probability[n + 1]
                reached[n, group[e, n]] += share
                taken[n, group[e, n]] += here
                share -= here
    return total


@kernel
def discount_classes(wanted, counts, first_child, classes, totals, sizes):  # type: ignore[no-untyped-def]
    """For each context in `wanted` int64 (W,): the sum of its children's counts into totals float64 (W,), and how many of them have count
    1, 2, ..., `classes` and more into sizes float64 (W, classes)."""
    for i in range(len(wanted)):
        for g in range(first_child[wanted[i]], first_child[wanted[i] + 1]):
            totals[i] += counts[g]
            if counts[g] > 0:
                sizes[i, min(counts[g], classes) - 1] += 1.0


@kernel
def discounts_gradient(counts, totals, sizes, discounts, uniform, gradient):  # type: ignore[no-untyped-def]
    """Sum of log p over events under interpolated discounting, and its derivatives by the discounts.

    counts, totals : float64 (E, N), count of each event's n-gram and of its context (0: not seen) at each order.
    sizes : float64 (E, N, K), different words after that context by class of count. discounts, gradient : float64 (N, K).
    """
    gradient[:] = 0.0
    events, orders, classes = sizes.shape
    probability = np.empty(orders + 1)
    left = np.empty(orders)
    total = 0.0
    for e in range(events):
        probability[0] = uniform
        for n in range(orders):
            if totals[e, n] == 0:
                probability[n + 1] = probability[n]
                continue
            held_back = 0.0
            for k in range(classes):
                held_back += discounts[n, k] * sizes[e, n, k]
            left[n] = held_back / totals[e, n]
            kept = counts[e, n]
            if kept > 0:
                kept -= discounts[n, min(int(kept), classes) - 1]
            probability[n + 1] = kept / totals[e, n] + left[n] * probability[n]
        total += np.log(probability[orders])
        slope = 1.0 / probability[orders]
        for n in range(orders - 1, -1, -1):
            if totals[e, n] == 0:
                continue
            for k in range(classes):
                gradient[n, k] += slope * sizes[e, n, k] * probability[n] / totals[e, n]
            if counts[e, n] > 0:
                gradient[n, min(int(counts[e, n]), classes) - 1] -= slope / totals[e, n]
            slope *= left[n]
    return total
