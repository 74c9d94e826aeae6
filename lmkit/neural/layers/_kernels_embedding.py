"""Rows of a table by id, their gradients, and dropout without stored masks.

A mask is a function of (keys, place): it is computed again in the backward pass, and does not depend on the number of threads.
place is the row's number in the whole batch, t B + b, or b alone where one mask serves all steps (Gal and Ghahramani 2016).
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def _scramble(place, first_key, second_key):
    """32 bits that look random: two rounds of the finaliser of MurmurHash3 with a key before each."""
    x = np.uint32(place * 2654435769 + first_key)
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32(x ^ second_key)
    x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ (x >> np.uint32(16)))


@kernel
def drop(x, texts, first_text, all_texts, once, keys, threshold, scale):
    """Set entries of x to 0 where their bits are below `threshold` (probability times 2^32), multiply the others with `scale`, in place.

    x : REAL (T B_s, D), a shard of texts [first_text, first_text + B_s) of all_texts. once : one mask for all steps.
    keys : uint32 (2,). scale : REAL.
    """
    size = x.shape[1]
    first_key, second_key, threshold = keys[0], keys[1], np.uint32(threshold)
    for row in range(len(x)):
        text = first_text + row % texts
        start = (text if once else (row // texts) * all_texts + text) * size
        line = x[row]
        for j in range(size):
            line[j] = line[j] * scale if _scramble(np.uint32(start + j), first_key, second_key) >= threshold else line[j] * 0
    # a product with 0 keeps nan where there was one: divergence stays visible


@kernel
def gather(table, ids, out):
    """out[row] = table[ids[row]]."""
    for row in range(len(ids)):
        source, target = table[ids[row]], out[row]
        for j in range(len(target)):
            target[j] = source[j]


@kernel
def gather_scaled(table, ids, keys, threshold, scale, out):
    """As `gather`, with whole words dropped: the bits of an id decide for all its occurrences in this step."""
    for row in range(len(ids)):
        if _scramble(np.uint32(ids[row]), keys[0], keys[1]) >= np.uint32(threshold):
            for j in range(table.shape[1]):
                out[row, j] = table[ids[row], j] * scale
        else:
            out[row] = 0


@kernel
def scatter_add(gradient, ids, order, d, keys, threshold, scale):
    """gradient[ids[row]] += scale d[row] for the rows in `order`; words that `gather_scaled` dropped give nothing; threshold 0: none."""
    for row in order:
        if threshold > 0 and _scramble(np.uint32(ids[row]), keys[0], keys[1]) < np.uint32(threshold):
            continue
        target = gradient[ids[row]]
        for j in range(d.shape[1]):
            target[j] += d[row, j] * scale


@kernel
def clear_rows(matrix, rows):
    """matrix[rows] = 0."""
    for row in rows:
        matrix[row] = 0


@kernel
def scatter_columns(gradient, ids, d, low, high):
    """gradient[:, low:high] = sums of d[row, low:high] over the rows of each id."""
    for token_id in range(len(gradient)):
        for j in range(low, high):
            gradient[token_id, j] = 0
    for row in range(len(ids)):
        source, target = d[row, low:high], gradient[ids[row], low:high]
        for j in range(len(source)):
            target[j] += source[j]
