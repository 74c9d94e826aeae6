"""Kernels of all methods that take something from each count and give it to the order below.

name         dtype    shape    what
counts       int      (G,)     raw or adjusted counts of the n-grams of one order
first_child  int32 or int64 (C+1,) borders of the contexts' children among them
suffixes     uint32 or int64 (G,)   index of each n-gram's suffix in the order below
discounts    float64  (K+1,)   what is taken from counts of 0 (nothing), 1, ..., K and more
lower        float64 or float32 (G',) probabilities of the order below, linear
probability  float64 or float32 (G,), linear
back_off     float64 or float32 (C,)   back-off weight of each context, linear; 1 where it has no children

Plain twin: tests/reference/smoothing_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_machine import prefetch

_AHEAD = 32  # n-grams between asking for a cache line and needing it

NOTHING_LEFT = 1e-10
"""Lower-order mass of the words unseen after a context that is taken for none: below it a quotient is rounding noise."""


@kernel
def count_of_counts(counts, highest):  # type: ignore[no-untyped-def]
    """int64 (highest + 1,): how many n-grams have count 0, 1, ..., highest."""
    result = np.zeros(highest + 1, np.int64)
    for count in counts:
        if count <= highest:
            result[count] += 1
    return result


@kernel
def discount_level(
    counts, first_child, suffixes, discounts, types_weight, interpolated, keep_some, words, lower, probability, back_off,
    from_context, to_context, from_suffix, to_suffix,
):  # fmt: skip
    """Probabilities of one order from those of the order below, for contexts from_context <= h < to_context.

    mass = sum of counts + types_weight * number of different words after h
    left = (sum of discounts + types_weight * number of different words) / mass
    interpolated: p(w|h) = (c - D(c)) / mass + left p(w|h'),  back_off(h) = left
    backed off:   p(w|h) = (c - D(c)) / mass where c > 0,     back_off(h) = left / (1 - sum of p(w|h') over those w)

    keep_some: a context with nothing left, and fewer children than there are `words`, gets a mass of one count more, all of it left.
    Where a back-off has no word to go to, nothing is taken: p(w|h) = c / sum of counts.
    Interpolated, only the probabilities of n-grams with from_suffix <= suffix < to_suffix are filled in, so that `lower` may be asked a
    stretch at a time; backed off, that stretch must be all of it.
    """
    last = len(discounts) - 1
    for context in range(from_context, to_context):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            back_off[context] = 1.0
            continue
        total = np.int64(0)
        held_back = types_weight * (high - low)
        covered = 0.0
        for g in range(low, high):
            total += counts[g]
            held_back += discounts[min(np.int64(counts[g]), last)]
        mass = total + types_weight * (high - low)
        if keep_some and held_back <= 0 and high - low < words:
            held_back = 1.0
            mass += 1.0
        left = held_back / mass
        if interpolated:
            back_off[context] = left
            for g in range(low, high):
                if g + _AHEAD < len(suffixes):
                    prefetch(lower, np.int64(suffixes[g + _AHEAD]))
                suffix = suffixes[g]
                if from_suffix <= suffix < to_suffix:
                    count = counts[g]
                    probability[g] = (count - discounts[min(np.int64(count), last)]) / mass + left * lower[suffix]
            continue
        for g in range(low, high):
            covered += lower[suffixes[g]]
        if high - low == words or 1.0 - covered <= NOTHING_LEFT:
            back_off[context] = 1.0
            for g in range(low, high):
                probability[g] = counts[g] / total
            continue
        back_off[context] = left / (1.0 - covered)
        for g in range(low, high):
            count = counts[g]
            probability[g] = (count - discounts[min(np.int64(count), last)]) / mass


@kernel
def interpolate_by_weight(counts, first_child, suffixes, weights, lower, probability, back_off):  # type: ignore[no-untyped-def]
    """p(w|h) = weight c / c(h) + (1 - weight) p(w|h'), the weight by the context's count. weights : float64 (64,), by `bucket_of`."""
    for context in range(len(first_child) - 1):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            back_off[context] = 1.0
            continue
        total = np.int64(0)
        for g in range(low, high):
            total += counts[g]
        weight = weights[bucket_of(total)]
        back_off[context] = 1.0 - weight
        for g in range(low, high):
            probability[g] = weight * (counts[g] / total) + (1.0 - weight) * lower[suffixes[g]]


@kernel
def bucket_of(count):  # type: ignore[no-untyped-def]
    """Number of binary digits of a context's count, less one: 1 -> 0, 2 and 3 -> 1, 4 to 7 -> 2, ...; -1 for 0."""
    bucket = -1
    count = np.int64(count)
    while count > 0:
        count >>= 1
        bucket += 1
    return bucket


@kernel
def add_to_counts(counts, first_child, delta, words, from_context, to_context, probability, back_off):  # type: ignore[no-untyped-def]
    """p(w|h) = (c + delta) / (c(h) + delta words) and back_off(h) = delta words / (c(h) + delta words) for contexts from..to."""
    for context in range(from_context, to_context):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            continue
        total = np.int64(0)
        for g in range(low, high):
            total += counts[g]
        mass = total + delta * words
        back_off[context] = delta * words / mass
        for g in range(low, high):
            probability[g] = (counts[g] + delta) / mass


@kernel
def relative_frequencies(counts, first_child, factor, from_context, to_context, probability):  # type: ignore[no-untyped-def]
    """probability = factor c / c(h) for the children of contexts from..to."""
    for context in range(from_context, to_context):
        low, high = first_child[context], first_child[context + 1]
        total = np.int64(0)
        for g in range(low, high):
            total += counts[g]
        for g in range(low, high):
            probability[g] = factor * (counts[g] / total)
