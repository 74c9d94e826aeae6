"""Kernels that list and draw next words in time proportional to a context's successors, not to the vocabulary.

name        dtype    shape    what
cumulative  float64  (C,)     running sum of the linear probabilities of nodes 0..C-1: the lowest orders, whose contexts have many children
bounds      float32  (B,)     highest log10 probability of each 64 nodes; nodes from 64 B on have none
coarse      float32  (B/64,)  highest of each 64 bounds

The trie's arrays are those of `_kernels_query.py`. Plain twin: `next_word_distribution` there, over the whole vocabulary.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.querying._kernels_query import DAMAGED, children, find_child, link_of, log10_prob_of, order_of, step

BLOCK_BITS = 6  # a bound for each 2^6 nodes
COARSE_BITS = 12


@kernel
def top_successors(state, wanted, excluded, vocabulary_size, bounds, coarse, word, nodes, leaves, order_start):  # type: ignore[no-untyped-def]
    """The `wanted` most probable words after a state: (ids int64, log10 p float64, n-gram lengths int8, damaged), most probable first.

    A word's probability is that of the longest context that lists it. So contexts are read from the longest down to the empty one, whose
    list is the vocabulary, and what would enter the result from a shorter one is first looked up in the longer ones; few words get that
    far. Among equals the lower id comes first. excluded : a word id that is left out (<s>).
    """
    ids = np.full(wanted, -1, np.int64)
    values = np.full(wanted, -np.inf, np.float64)
    lengths = np.zeros(wanted, np.int8)
    chain = np.empty(len(order_start) + 1, np.int64)
    depth = 0
    paid = 0.0
    damaged = False
    chain[0] = state
    while True:
        context = chain[depth]
        low, high = np.int64(0), np.int64(vocabulary_size)
        if context >= 0:
            low, high = children(context, word, nodes)
            damaged |= high < 0
        order = order_of(context, order_start) + 1
        node = low
        while node < high:
            node, stop = _next_block(node, high, paid, values[-1], bounds, coarse)
            while node < stop:
                value = log10_prob_of(node, nodes, leaves) + paid
                if value >= values[-1]:
                    successor = np.int64(word[node])
                    damaged |= successor >= vocabulary_size
                    if successor != excluded and not _listed(successor, chain, depth, word, nodes):
                        insert(successor, value, order, ids, values, lengths)
                node += 1
        if context < 0:
            return ids, values, lengths, damaged or context == DAMAGED
        depth += 1
        if depth == len(chain):  # more contexts than orders
            return ids, values, lengths, True
        paid += nodes[context].log10_bow
        chain[depth] = link_of(context, nodes, leaves)


@kernel
def _next_block(node, high, paid, least, bounds, coarse):  # type: ignore[no-untyped-def]
    """(first, stop) of the next nodes from `node` on, below `high`, of which one may reach `least` with `paid` added; (high, high) if there
    are none."""
    bounded = len(bounds) << BLOCK_BITS
    while node < min(high, bounded):
        block = node >> COARSE_BITS
        if coarse[block] + paid < least:
            node = min((block + 1) << COARSE_BITS, bounded)
            continue
        block = node >> BLOCK_BITS
        stop = (block + 1) << BLOCK_BITS
        if not bounds[block] + paid < least:
            return node, min(stop, high)
        node = stop
    return min(node, high), high


@kernel
def _listed(successor, chain, depth, word, nodes):  # type: ignore[no-untyped-def]
    """Whether one of chain[:depth], the longer contexts, has the word among its children."""
    for i in range(depth):
        if find_child(chain[i], successor, word, nodes) >= 0:
            return True
    return False


@kernel
def insert(successor, value, order, ids, values, lengths):  # type: ignore[no-untyped-def]
    """Insert into the sorted list if it belongs there."""
    at = len(values)
    while at > 0 and (value > values[at - 1] or (value == values[at - 1] and value > -np.inf and successor < ids[at - 1])):
        at -= 1
    if at == len(values) or value == -np.inf:
        return
    for i in range(len(values) - 1, at, -1):
        ids[i], values[i], lengths[i] = ids[i - 1], values[i - 1], lengths[i - 1]
    ids[at], values[at], lengths[at] = successor, value, order


@kernel
def _draw_among(low, high, point, cumulative, nodes, leaves):  # type: ignore[no-untyped-def]
    """The node in low..high where the running sum of probabilities passes `point`, or -1 if their sum does not reach it."""
    if high <= len(cumulative):
        before = cumulative[low - 1] if low > 0 else 0.0
        if cumulative[high - 1] - before <= point:
            return np.int64(-1)
        first, last = low, high - 1
        while first < last:
            middle = (first + last) >> 1
            if cumulative[middle] - before > point:
                last = middle
            else:
                first = middle + 1
        return np.int64(first)
    total = 0.0
    for node in range(low, high):
        total += 10.0 ** log10_prob_of(node, nodes, leaves)
        if total > point:
            return np.int64(node)
    return np.int64(-1)


@kernel
def draw_successor(state, rng, vocabulary_size, cumulative, chain, word, nodes, leaves):  # type: ignore[no-untyped-def]
    """Draw a word after a state, exactly from the model's distribution; DAMAGED if the trie is. chain : int64 scratch, longer than the
    order.

    At a context, one of its children is drawn with the probability it has there. With what is left, a word is drawn from the shorter
    context, again and again until it is none of those children: since p(w | c) = b(c) p(w | c') for all others, that is their distribution.
    """
    depth = 0
    chain[0] = state
    while True:
        context = chain[depth]
        if context >= 0:
            low, high = children(context, word, nodes)
            point = rng.random()
        else:
            low, high = np.int64(0), np.int64(vocabulary_size)
            point = rng.random() * cumulative[vocabulary_size - 1]  # exactly one, but for rounding
        if context == DAMAGED or high < 0:
            return np.int64(DAMAGED)
        drawn = np.int64(-1)
        if low < high:
            drawn = _draw_among(low, high, point, cumulative, nodes, leaves)
        if drawn < 0:
            if context < 0:
                drawn = high - 1
            else:
                depth += 1
                if depth == len(chain):  # more contexts than orders
                    return np.int64(DAMAGED)
                chain[depth] = link_of(context, nodes, leaves)
                continue
        successor = np.int64(word[drawn])
        if successor >= vocabulary_size:
            return np.int64(DAMAGED)
        refused_by = depth - 1
        while refused_by >= 0 and find_child(chain[refused_by], successor, word, nodes) < 0:
            refused_by -= 1
        if refused_by < 0:
            return successor
        depth = refused_by + 1


@kernel
def draw_sentences(states, longest, end_id, refused_id, rng, cumulative, vocabulary_size, chain, word, nodes, leaves, ids, lengths):  # type: ignore[no-untyped-def]
    """Continue each of S histories to its end: ids int32 (S, longest) and lengths int64 (S,), the end left out. Returns whether the trie
    is damaged.

    refused_id (<unk>) is drawn again whenever it comes up; -1 allows all words.
    """
    for sentence in range(len(states)):
        state = np.int64(states[sentence])
        lengths[sentence] = longest
        for place in range(longest):
            drawn = draw_successor(state, rng, vocabulary_size, cumulative, chain, word, nodes, leaves)
            for _ in range(10000):  # unless the model gives nothing but <unk>
                if drawn != refused_id:
                    break
                drawn = draw_successor(state, rng, vocabulary_size, cumulative, chain, word, nodes, leaves)
            if drawn < 0:
                return True
            if drawn == end_id:
                lengths[sentence] = place
                break
            ids[sentence, place] = drawn
            _, _, state = step(state, drawn, word, nodes, leaves)
            if state == DAMAGED:
                return True
    return False
