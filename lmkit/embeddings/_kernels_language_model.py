"""Scoring words after their histories by the tree of hierarchical softmax.

With a history of m words behind a place, nearest first, h = sum over d of weights[m - 1, d] vectors[history[d]], and the word's probability
is e^before times the product over its path of sigma(s_n <h, nodes[n]>).

| name    | dtype   | shape | holds |
|---------|---------|-------|-------|
| stream  | int32   | (T,)  | token ids, markers included |
| offsets | int64   | (S+1,) | segment i is stream[offsets[i]:offsets[i+1]]; no history reaches back beyond its start |
| skip    | int     |       | how many tokens at the start of each segment are history only |
| vectors | float32 | (V, D) | of the words |
| nodes   | float32 | (n, D) | of the inner nodes |
| path_offsets, path_nodes, path_codes | int64, int32, uint8 | (V+1,), (L,), (L,) | see HuffmanTree |
| before  | float64 | (V,)  | logarithm of what a word's path is multiplied by, see `WordTree` |
| weights | float64 | (W, W) | row m - 1: what each word of a history of m counts, nearest first |
| out     | float64 | (T - skip S,) | natural logarithms |
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def mix_history(stream, first, place, vectors, weights, hidden):
    """hidden, float64 (D,): the weighted sum of the vectors of the words before a place. Returns how many there are."""
    reach = min(place - first, weights.shape[0])
    for column in range(hidden.size):
        hidden[column] = 0.0
    for d in range(reach):
        weight = weights[reach - 1, d]
        word = stream[place - 1 - d]
        for column in range(hidden.size):
            hidden[column] += weight * vectors[word, column]
    return reach


@kernel
def dot(row, hidden):
    """<row, hidden> in float64, four sums side by side."""
    a = b = c = d = 0.0
    last = hidden.size & ~3
    for column in range(0, last, 4):
        a += row[column] * hidden[column]
        b += row[column + 1] * hidden[column + 1]
        c += row[column + 2] * hidden[column + 2]
        d += row[column + 3] * hidden[column + 3]
    for column in range(last, hidden.size):
        a += row[column] * hidden[column]
    return (a + b) + (c + d)


@kernel
def score_segments(stream, offsets, low, high, skip, vectors, nodes, path_offsets, path_nodes, path_codes, before, weights, hidden, out):
    """Score the tokens of the segments [low, high). hidden: float64 (D,) of scratch."""
    for segment in range(low, high):
        first = offsets[segment]
        at = first - skip * segment
        for place in range(first + skip, offsets[segment + 1]):
            mix_history(stream, first, place, vectors, weights, hidden)
            word = stream[place]
            total = before[word]
            for i in range(path_offsets[word], path_offsets[word + 1]):
                x = dot(nodes[path_nodes[i]], hidden)
                if path_codes[i] == 1:
                    x = -x
                total += min(x, 0.0) - np.log1p(np.exp(-abs(x)))  # log sigma(x) without overflow
            out[at] = total
            at += 1


@kernel
def signed_scores(stream, places, reach, vectors, nodes, path_offsets, path_nodes, path_codes, starts, scores):
    """scores[starts[k] + i, d] = s_n <vectors[word d + 1 places before], nodes[n]> for node i on the path of the word at places[k].

    places : int64 (K,), each with `reach` words of history. starts : int64 (K+1,). scores : float64 (starts[K], reach).
    """
    hidden = np.empty(vectors.shape[1], np.float64)
    for k in range(places.size):
        word = stream[places[k]]
        for d in range(reach):
            hidden[:] = vectors[stream[places[k] - 1 - d]]
            at = starts[k]
            for i in range(path_offsets[word], path_offsets[word + 1]):
                x = dot(nodes[path_nodes[i]], hidden)
                scores[at, d] = -x if path_codes[i] == 1 else x
                at += 1
