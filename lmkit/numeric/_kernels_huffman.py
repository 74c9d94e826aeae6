"""Building Huffman trees in linear time, and walking them.

A tree over V leaves has V - 1 inner nodes. Places: leaf i is i, inner node n is V + n; inner nodes are numbered as they are made, so the
root is the last and a child always stands before its parent.

| name    | dtype | shape   | holds |
|---------|-------|---------|-------|
| counts  | int64 | (V,)    | falling |
| weights | int64 | (2V-1,) | counts of all places |
| parents | int64 | (2V-1,) | inner node number of each place's parent, -1 for the root |
| bits    | uint8 | (2V-1,) | whether the place is its parent's child 0 or 1 |
| depths  | int64 | (2V-1,) | length of the way from the root |
| offsets | int64 | (V+1,)  | the path of leaf i stands at [offsets[i]:offsets[i+1]] |
| nodes   | int32 | (L,)    | inner nodes on each path, from the root down |
| codes   | uint8 | (L,)    | the bit taken at each |

Plain twin: tests/reference/huffman_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def build_tree(counts, weights, parents, bits):
    """Join the two lightest places again and again, as word2vec.c does (van Leeuwen 1976: two queues, since new nodes only get heavier).

    Of a leaf and an inner node of equal weight the inner node goes first, of equal leaves the later, of equal inner nodes the earlier.
    The lighter of the two becomes child 0.
    """
    size = counts.size
    for i in range(size):
        weights[i] = counts[i]
    parents[2 * size - 2] = -1
    bits[2 * size - 2] = 0
    leaf = size - 1
    node = size
    for made in range(size, 2 * size - 1):
        total = np.int64(0)
        for bit in range(2):
            if leaf >= 0 and (node >= made or weights[leaf] < weights[node]):
                place = leaf
                leaf -= 1
            else:
                place = node
                node += 1
            total += weights[place]
            parents[place] = made - size
            bits[place] = bit
        weights[made] = total


@kernel
def measure_depths(parents, depths):
    """Fill depths, from the root down."""
    leaves = (parents.size + 1) // 2
    depths[parents.size - 1] = 0
    for place in range(parents.size - 2, -1, -1):
        depths[place] = depths[leaves + parents[place]] + 1


@kernel
def write_paths(parents, bits, leaf_of, offsets, nodes, codes):
    """Fill nodes and codes of each word: leaf_of[i], int64 (V,), is the leaf of word i, and offsets hold the words' depths."""
    leaves = leaf_of.size
    for i in range(leaves):
        place = leaf_of[i]
        for at in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            nodes[at] = parents[place]
            codes[at] = bits[place]
            place = leaves + parents[place]


@kernel
def leaf_log_probabilities(scores, parents, bits, log_probabilities):
    """log_probabilities[place] for all places: sums of log sigmoid(+score) for a bit 0 and of log sigmoid(-score) for a bit 1.

    scores : float64 (V-1,), one for each inner node. parents, bits as above. log_probabilities : float64 (2V-1,), the root's becomes 0.
    """
    leaves = (parents.size + 1) // 2
    log_probabilities[parents.size - 1] = 0.0
    for place in range(parents.size - 2, -1, -1):
        x = scores[parents[place]]
        if bits[place] == 1:
            x = -x
        # log sigmoid(x) = min(x, 0) - log1p(exp(-|x|)): no overflow on either side
        log_probabilities[place] = log_probabilities[leaves + parents[place]] + min(x, 0.0) - np.log1p(np.exp(-abs(x)))
