"""Kernels that join n-gram models. Arrays as in `_kernels_table.py`."""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def evaluate(words, contexts, vocabulary_size, states, own_words, own_first_child, own_suffix, own_probability, own_back_off, result):
    """What one model says of n-grams that may not be its own, each with its full back-off.

    words, contexts : uint32 (T,) and int64 (T,), the n-grams in any table with contexts before their children; words in the model's own
    ids,
    `vocabulary_size` 1-grams first. states : int64 (T,), filled in: the longest suffix of each n-gram that the model has and that can be a
    context, -1 for none. result : float64 (T,), p(last word | words before it) under the model.
    """
    below = len(own_back_off)
    for node in range(len(words)):
        target = np.int64(words[node])
        state = np.int64(-1)
        if node >= vocabulary_size:
            state = states[contexts[node]]
        paid = 1.0
        found = np.int64(-1)
        while state >= 0:
            low, high = own_first_child[state], own_first_child[state + 1]
            stop = high
            while low < high:
                middle = (low + high) >> 1
                if own_words[middle] < target:
                    low = middle + 1
                else:
                    high = middle
            if low < stop and own_words[low] == target:
                found = low
                break
            paid *= own_back_off[state]
            state = own_suffix[state]
        if found < 0:
            found = target
        result[node] = paid * own_probability[found]
        while found >= below:
            found = own_suffix[found]
        states[node] = found
