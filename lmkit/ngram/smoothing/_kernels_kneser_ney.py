"""Kernels of interpolated Kneser-Ney smoothing with three discounts.

name         dtype    shape       what
adjusted     int64    (G,)        adjusted counts of the n-grams of one order
first_child  int64    (C+1,)      borders of the contexts' children among them
suffixes     uint32   (G,)        index of each n-gram's suffix in the order below
discounts    float64  (4,)        D(0) = 0, D(1), D(2), D(3+)
lower        float64  (G',)       probabilities of the order below, linear
probability  float64 or float32 (G,), linear
back_off     float32  (C,)        gamma of each context, linear; 1 where it has no children

Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def count_of_counts(adjusted):  # type: ignore[no-untyped-def]
    """int64 (5,): how many n-grams have adjusted count 0, 1, 2, 3, 4."""
    result = np.zeros(5, np.int64)
    for count in adjusted:
        if count < 5:
            result[count] += 1
    return result


@kernel
def interpolate(adjusted, first_child, suffixes, discounts, lower, probability, back_off):  # type: ignore[no-untyped-def]
    """p(w|c) = (a - D(a)) / sum a + gamma(c) p(w|c'), equations 23 to 25 of Chen and Goodman 1998 on adjusted counts a."""
    for context in range(len(first_child) - 1):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            back_off[context] = 1.0
            continue
        total = np.int64(0)
        held_back = 0.0
        for g in range(low, high):
            total += adjusted[g]
            held_back += discounts[min(adjusted[g], 3)]
        gamma = held_back / total
        back_off[context] = gamma
        for g in range(low, high):
            count = adjusted[g]
            probability[g] = (count - discounts[min(count, 3)]) / total + gamma * lower[suffixes[g]]
