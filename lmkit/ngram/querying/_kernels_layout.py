"""Kernels that put the arrays of one level together into the records of a trie.

name             dtype           shape    what
log10_prob, log10_bow float32    (B,)     of a block of n-grams of one order
first_child      int             (B,)     index of the first child of each in the level above
suffixes         int             (B,)     index of each n-gram's suffix in the level below
words            uint32          (B,)     last words
nodes, leaves    records         (B,)     out; see `_kernels_query.py`

Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel


@kernel
def fill_nodes(log10_prob, log10_bow, first_child, child_offset, nodes):
    """Everything but the links. `child_offset` : node of the first n-gram of the level above."""
    for i in range(len(nodes)):
        nodes[i].log10_prob = log10_prob[i]
        nodes[i].log10_bow = log10_bow[i]
        nodes[i].first_child = first_child[i] + child_offset


@kernel
def fill_leaves(log10_prob, leaves):
    """Everything but the links."""
    for i in range(len(leaves)):
        leaves[i].log10_prob = log10_prob[i]


@kernel
def fill_links(suffixes, suffix_offset, words, end_id, root, records):
    """The links: an n-gram's suffix, or `root` behind the end of a sentence, where nothing follows.

    `suffix_offset` : node of the first n-gram of the level below.
    """
    for i in range(len(records)):
        records[i].link = root if words[i] == end_id else np.int64(suffixes[i]) + suffix_offset
