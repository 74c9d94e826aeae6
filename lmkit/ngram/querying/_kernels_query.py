"""Kernels that query a back-off model stored as a trie.

The nodes of all orders lie one after the other, lowest order first, each order sorted by context and word; so a unigram's node is its
word id. T nodes in all, L of them below the highest order.

name         dtype     shape    what
word         uint32    (T,)     last word of the n-gram
nodes        NODE      (L+1,)   the n-grams below the highest order, and a sentinel whose first_child is T; fields:
                                log10_prob float32, log10_bow float32 (back-off weight as a context), first_child (node of the first n-gram
                                with this one as context), link (node of the longest proper suffix that is a state; ROOT if there is none)
leaves       LEAF      (T-L,)   the n-grams of the highest order; fields: log10_prob float32, link
order_start  int64     (N+1,)   first node of each order, and T

first_child and link are int32, or int64 from 2^31 nodes on. A *state* is a node that matters as a context: it has children or a back-off
weight other than 1. ROOT (-1) is the empty context. What a lookup needs of a node lies together in one record, since a query's time is its
cache misses.

Files are mapped, not read, when a model is opened, so their contents are checked where they are used: children must lie inside `word`,
and a link must lead to a lower node, which also makes every walk end. What fails turns into DAMAGED, and the caller raises. Plain twin:
tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

ROOT = -1
DAMAGED = -2  # a state that no sound file leads to
LN10 = 2.302585092994046


@kernel
def is_state(node, nodes):  # type: ignore[no-untyped-def]
    """Whether the node matters as a context."""
    return node < len(nodes) - 1 and (nodes[node].first_child != nodes[node + 1].first_child or nodes[node].log10_bow != 0)


@kernel
def search(word, low, high, target):  # type: ignore[no-untyped-def]
    """First place in word[low:high] that is not below target."""
    while low < high:
        middle = (low + high) >> 1
        if word[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def children(context, word, nodes):  # type: ignore[no-untyped-def]
    """Borders of a context's children; (0, -1) if they are not inside the trie."""
    low, high = np.int64(nodes[context].first_child), np.int64(nodes[context + 1].first_child)
    if low < 0 or high < low or high > len(word):
        return np.int64(0), np.int64(-1)
    return low, high


@kernel
def find_child(context, target, word, nodes):  # type: ignore[no-untyped-def]
    """Node of context + target, -1 if there is none, DAMAGED: a binary search among the context's children."""
    low, stop = children(context, word, nodes)
    if stop < 0:
        return np.int64(DAMAGED)
    low = search(word, low, stop, target)
    if low < stop and word[low] == target:
        return low
    return np.int64(-1)


@kernel
def order_of(node, order_start):  # type: ignore[no-untyped-def]
    """Length of the n-gram at a node; 0 for ROOT."""
    order = 0
    while order < len(order_start) - 1 and node >= order_start[order]:
        order += 1
    return order


@kernel
def log10_prob_of(node, nodes, leaves):  # type: ignore[no-untyped-def]
    """log10 probability of a node."""
    if node < len(nodes) - 1:
        return np.float64(nodes[node].log10_prob)
    return np.float64(leaves[node - (len(nodes) - 1)].log10_prob)


@kernel
def link_of(node, nodes, leaves):  # type: ignore[no-untyped-def]
    """Longest proper suffix that is a state, or DAMAGED."""
    below = len(nodes) - 1
    if node < below:
        link = np.int64(nodes[node].link)
        return link if ROOT <= link < node else np.int64(DAMAGED)
    link = np.int64(leaves[node - below].link)
    return link if ROOT <= link < below else np.int64(DAMAGED)


@kernel
def step(state, target, word, nodes, leaves):  # type: ignore[no-untyped-def]
    """One word after one state: (node that gave the probability, log10 back-off paid, next state or DAMAGED)."""
    paid = 0.0
    context = state
    node = np.int64(-1)
    while context >= 0:
        node = find_child(context, target, word, nodes)
        if node != -1:
            break
        paid += nodes[context].log10_bow
        context = link_of(context, nodes, leaves)
    if node == DAMAGED or context == DAMAGED:
        return np.int64(target), paid, np.int64(DAMAGED)
    if node < 0:
        node = np.int64(target)
    return node, paid, node if is_state(node, nodes) else link_of(node, nodes, leaves)


@kernel
def states_after(ids, stops, length, begin_state, word, nodes, leaves):  # type: ignore[no-untyped-def]
    """int64 (S,): the state after the up to `length` words before each stop, beginning at begin_state if they reach the text's start."""
    result = np.empty(len(stops), np.int64)
    for i in range(len(stops)):
        start = max(stops[i] - length, 0)
        state = np.int64(begin_state) if start == 0 else np.int64(ROOT)
        for place in range(start, stops[i]):
            _, _, state = step(state, np.int64(ids[place]), word, nodes, leaves)
        result[i] = state
    return result


@kernel
def advance_states(states, targets, word, nodes, leaves):  # type: ignore[no-untyped-def]
    """int64 (B,): the state after one more word in each of B histories, or DAMAGED."""
    result = np.empty(len(states), np.int64)
    for i in range(len(states)):
        _, _, result[i] = step(np.int64(states[i]), np.int64(targets[i]), word, nodes, leaves)
    return result


@kernel
def next_word_distribution(state, vocabulary_size, word, nodes, leaves, order_start):  # type: ignore[no-untyped-def]
    """(log10 p float64 (V,), hit length int8 (V,), damaged) of every word after a state: shortest context first, longer ones overwrite."""
    chain = np.empty(len(order_start), np.int64)
    paid = np.empty(len(order_start), np.float64)
    depth = 0
    total = 0.0
    context = np.int64(state)
    while context >= 0 and depth < len(chain):
        chain[depth] = context
        paid[depth] = total
        total += nodes[context].log10_bow
        depth += 1
        context = link_of(context, nodes, leaves)
    damaged = context == DAMAGED
    result = np.empty(vocabulary_size, np.float64)
    hit_length = np.ones(vocabulary_size, np.int8)
    for target in range(vocabulary_size):
        result[target] = log10_prob_of(target, nodes, leaves) + total
    for level in range(depth - 1, -1, -1):
        context = chain[level]
        order = order_of(context, order_start) + 1
        low, high = children(context, word, nodes)
        damaged |= high < 0
        for node in range(low, high):
            if word[node] < vocabulary_size:
                result[word[node]] = log10_prob_of(node, nodes, leaves) + paid[level]
                hit_length[word[node]] = order
            else:
                damaged = True
    return result, hit_length, damaged


@kernel
def link_suffixes(word, nodes, order_start, suffix):  # type: ignore[no-untyped-def]
    """suffix[node] = the longest proper suffix that is in the model, found as Aho and Corasick (1975) find failure links.

    For models whose suffixes are not all present (pruned ones read from ARPA). suffix : int64 (T,).
    """
    for node in range(order_start[1]):
        suffix[node] = ROOT
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            for node in range(nodes[context].first_child, nodes[context + 1].first_child):
                target = np.int64(word[node])
                shorter = np.int64(suffix[context])
                found = np.int64(-1)
                while shorter >= 0 and found < 0:
                    found = find_child(shorter, target, word, nodes)
                    shorter = np.int64(suffix[shorter])
                suffix[node] = found if found >= 0 else target


@kernel
def link_states(suffix, nodes, links):  # type: ignore[no-untyped-def]
    """links[i] = the longest proper suffix that is a state, given the longest that is in the model. For one order at a time: lower
    orders' links are set."""
    for i in range(len(suffix)):
        shorter = np.int64(suffix[i])
        if shorter >= 0 and not is_state(shorter, nodes):
            shorter = np.int64(nodes[shorter].link)
        links[i] = shorter
