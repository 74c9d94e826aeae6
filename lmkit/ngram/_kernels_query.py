"""Kernels that query a back-off model stored as a trie.

The nodes of all orders lie one after the other, lowest order first, each order sorted by context and word; so a unigram's node is its word id.
T nodes in all, L of them below the highest order.

name         dtype           shape    what
word         uint32          (T,)     last word of the n-gram
log10_prob   float32         (T,)     log10 p(word | context)
log10_bow    float32         (L,)     log10 back-off weight of the n-gram as a context
first_child  int32 or int64  (L+1,)   node of the first n-gram with this one as context
link         int32 or int64  (T,)     node of the longest proper suffix that is a state; ROOT if there is none
order_start  int64           (N+1,)   first node of each order, and T

A *state* is a node that matters as a context: it has children or a back-off weight other than 1. ROOT (-1) is the empty context. Plain
twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

ROOT = -1
LN10 = 2.302585092994046


@kernel
def is_state(node, first_child, log10_bow):  # type: ignore[no-untyped-def]
    """Whether the node matters as a context."""
    return node < len(log10_bow) and (first_child[node] != first_child[node + 1] or log10_bow[node] != 0)


@kernel
def find_child(context, target, first_child, word):  # type: ignore[no-untyped-def]
    """Node of context + target, or -1: a binary search among the context's children."""
    low, high = np.int64(first_child[context]), np.int64(first_child[context + 1])
    stop = high
    while low < high:
        middle = (low + high) >> 1
        if word[middle] < target:
            low = middle + 1
        else:
            high = middle
    if low < stop and word[low] == target:
        return low
    return -1


@kernel
def order_of(node, order_start):  # type: ignore[no-untyped-def]
    """Length of the n-gram at a node; 0 for ROOT."""
    order = 0
    while order < len(order_start) - 1 and node >= order_start[order]:
        order += 1
    return order


@kernel
def step(state, target, word, log10_prob, log10_bow, first_child, link):  # type: ignore[no-untyped-def]
    """One word after one state: (node that gave the probability, log10 back-off paid, next state)."""
    paid = 0.0
    context = state
    node = -1
    while context >= 0:
        node = find_child(context, target, first_child, word)
        if node >= 0:
            break
        paid += log10_bow[context]
        context = np.int64(link[context])
    if node < 0:
        node = np.int64(target)
    following = node if is_state(node, first_child, log10_bow) else np.int64(link[node])
    return node, paid, following


@kernel
def score_sentences(
    ids, offsets, start, stop, carry, ends, begin_state, word, log10_prob, log10_bow, first_child, link, order_start,
    log_prob, hit_length, back_off, end_state,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Score sentences start..stop of a text into the event arrays; each sentence begins in begin_state, or where the last one ended (carry).

    ids : int32 (N,), in the model's vocabulary; offsets : int64 (S+1,). Event arrays have one entry a word, and with `ends` one more a sentence;
    log_prob float64 in natural logarithm, hit_length int8, back_off float32 in natural logarithm. end_state : int64 (1,), receives the last state.
    """
    state = np.int64(begin_state)
    for sentence in range(start, stop):
        if not carry:
            state = np.int64(begin_state)
        length = offsets[sentence + 1] - offsets[sentence]
        event = offsets[sentence] + (sentence if ends else 0)
        for i in range(length + (1 if ends else 0)):
            target = np.int64(ids[offsets[sentence] + i]) if i < length else np.int64(2)
            node, paid, state = step(state, target, word, log10_prob, log10_bow, first_child, link)
            log_prob[event + i] = (np.float64(log10_prob[node]) + paid) * LN10
            hit_length[event + i] = order_of(node, order_start)
            back_off[event + i] = paid * LN10
        if ends:
            state = np.int64(begin_state)  # nothing looks back past </s>
    end_state[0] = state


@kernel
def advance_states(states, targets, word, log10_prob, log10_bow, first_child, link):  # type: ignore[no-untyped-def]
    """int64 (B,): the state after one more word in each of B histories."""
    result = np.empty(len(states), np.int64)
    for i in range(len(states)):
        _, _, result[i] = step(np.int64(states[i]), np.int64(targets[i]), word, log10_prob, log10_bow, first_child, link)
    return result


@kernel
def next_word_distribution(state, vocabulary_size, word, log10_prob, log10_bow, first_child, link, order_start):  # type: ignore[no-untyped-def]
    """(log10 p float64 (V,), hit length int8 (V,)) of every word after a state: shortest context first, longer ones overwrite."""
    chain = np.empty(len(order_start), np.int64)
    paid = np.empty(len(order_start), np.float64)
    depth = 0
    total = 0.0
    context = np.int64(state)
    while context >= 0:
        chain[depth] = context
        paid[depth] = total
        total += log10_bow[context]
        depth += 1
        context = np.int64(link[context])
    result = np.empty(vocabulary_size, np.float64)
    hit_length = np.ones(vocabulary_size, np.int8)
    for target in range(vocabulary_size):
        result[target] = log10_prob[target] + total
    for level in range(depth - 1, -1, -1):
        context = chain[level]
        order = order_of(context, order_start) + 1
        for node in range(first_child[context], first_child[context + 1]):
            result[word[node]] = log10_prob[node] + paid[level]
            hit_length[word[node]] = order
    return result, hit_length


@kernel
def link_suffixes(word, log10_bow, first_child, order_start, suffix):  # type: ignore[no-untyped-def]
    """suffix[node] = the longest proper suffix that is in the model, found as Aho and Corasick (1975) find failure links.

    For models whose suffixes are not all present (pruned ones read from ARPA). suffix : int32 or int64 (T,).
    """
    for node in range(order_start[1]):
        suffix[node] = ROOT
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            for node in range(first_child[context], first_child[context + 1]):
                target = np.int64(word[node])
                shorter = np.int64(suffix[context])
                found = np.int64(-1)
                while shorter >= 0 and found < 0:
                    found = find_child(shorter, target, first_child, word)
                    shorter = np.int64(suffix[shorter])
                suffix[node] = found if found >= 0 else target


@kernel
def link_states(suffix, log10_bow, first_child, link):  # type: ignore[no-untyped-def]
    """link[node] = the longest proper suffix that is a state. suffix and link may be the same array: suffixes come first."""
    for node in range(len(suffix)):
        shorter = np.int64(suffix[node])
        if shorter >= 0 and not is_state(shorter, first_child, log10_bow):
            shorter = np.int64(link[shorter])
        link[node] = shorter
