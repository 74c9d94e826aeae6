"""Hierarchical softmax along the paths of a binary tree.

| name | dtype | shape | holds |
|---|---|---|---|
| weight, bias | REAL | (N, H), (N,) | one vector and number for each inner node |
| path_starts | int64 (n + 1,) | | decisions of row r: path_starts[r] <= e < path_starts[r + 1] |
| nodes | int32 (E,) | | the inner node of each decision |
| bits | uint8 (E,) | | the bit taken there: 0 with probability sigmoid(h . v + b), else 1 |
| slopes | REAL | (E,) | gradient of the loss by each decision's score |
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel
from lmkit.neural.losses._kernels_products import add_combination, scattered_products


@kernel
def log_sigmoid(x):
    """log(1 / (1 + e^-x)) in float64, precise at both ends."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@kernel
def write_decisions(targets, word_of, offsets, tree_nodes, tree_bits, path_starts, nodes, bits):
    """Copy each target's path; path_starts is filled. word_of int64 (V,): a token's leaf among those of offsets (-1: none)."""
    at = 0
    for r in range(targets.size):
        path_starts[r] = at
        word = word_of[targets[r]]
        if word >= 0:
            for e in range(offsets[word], offsets[word + 1]):
                nodes[at] = tree_nodes[e]
                bits[at] = tree_bits[e]
                at += 1
    path_starts[targets.size] = at
    return at


@kernel
def group_decisions(nodes, path_starts, count, tally, rows, starts, members, order):
    """Decisions by node, in linear time. tally int64 (N,), zeros before and after; rows: the nodes, rising; starts: where their decisions
    begin in `order` (decisions) and `members` (their rows). Returns the number of nodes."""
    for e in range(count):
        tally[nodes[e]] += 1
    found, at = 0, 0
    for node in range(tally.size):
        if tally[node]:
            rows[found] = node
            starts[found] = at
            at += tally[node]
            tally[node] = starts[found]
            found += 1
    starts[found] = at
    for r in range(path_starts.size - 1):
        for e in range(path_starts[r], path_starts[r + 1]):
            place = tally[nodes[e]]
            tally[nodes[e]] += 1
            order[place] = e
            members[place] = r
    for k in range(found):
        tally[rows[k]] = 0
    return found


@kernel
def path_rows(hidden, d_hidden, weight, bias, first_row, path_starts, nodes, bits, weights, slopes):
    """One shard's rows: slopes and d_hidden (overwritten). Returns the sum of weight * loss."""
    longest = 0
    for r in range(weights.size):
        longest = max(longest, path_starts[first_row + r + 1] - path_starts[first_row + r])
    scores = np.empty(longest + 16, hidden.dtype)
    loss = 0.0
    for r in range(weights.size):
        begin, end = path_starts[first_row + r], path_starts[first_row + r + 1]
        d_hidden[r, :] = 0
        if weights[r] == 0:
            slopes[begin:end] = 0
            continue
        scattered_products(hidden[r], weight, nodes[begin:end], scores)
        for e in range(begin, end):
            x = np.float64(scores[e - begin] + bias[nodes[e]])
            sign = -1.0 if bits[e] else 1.0
            log_p = log_sigmoid(sign * x)
            loss -= weights[r] * log_p
            slopes[e] = weights[r] * sign * math.expm1(log_p)
        add_combination(slopes[begin:end], nodes[begin:end], weight, d_hidden[r])
    return loss


@kernel
def path_log_probs(hidden, weight, bias, path_starts, nodes, bits, out):
    """out[r] = log of the probability of row r's path, float64 (n,)."""
    longest = 0
    for r in range(out.size):
        longest = max(longest, path_starts[r + 1] - path_starts[r])
    scores = np.empty(longest + 16, hidden.dtype)
    for r in range(out.size):
        begin, end = path_starts[r], path_starts[r + 1]
        scattered_products(hidden[r], weight, nodes[begin:end], scores)
        total = 0.0
        for e in range(begin, end):
            x = np.float64(scores[e - begin] + bias[nodes[e]])
            total += log_sigmoid(-x if bits[e] else x)
        out[r] = total


@kernel
def tree_log_probs(scores, bias, parents, bits, ids, out):
    """out[r, ids[leaf]] = log of the probability of each leaf, from the scores (n, N) of all inner nodes.

    parents, bits (2 N + 1,): as in HuffmanTree, leaves first; a node's parent has a higher number. ids int64 (N + 1,): token of each leaf.
    """
    inner = scores.shape[1]
    leaves = inner + 1
    above = np.empty(inner)
    for r in range(scores.shape[0]):
        above[inner - 1] = 0.0
        for place in range(leaves + inner - 2, -1, -1):
            parent = parents[place]
            x = np.float64(scores[r, parent] + bias[parent])
            log_p = above[parent] + log_sigmoid(-x if bits[place] else x)
            if place >= leaves:
                above[place - leaves] = log_p
            else:
                out[r, ids[place]] = log_p
