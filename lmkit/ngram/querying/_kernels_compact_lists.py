"""The most probable next words of the compact form. Its arrays are described in `_kernels_compact.py`; plain twin: `distribution` there."""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.querying._kernels_compact import children, find_child, log10_bow_of, log10_prob_of, word_of
from lmkit.ngram.querying._kernels_successors import insert


@kernel
def top_successors(state, wanted, excluded, layout, records, tables, pointers, samples, unigrams, first_child):  # type: ignore[no-untyped-def]
    """As `_kernels_successors.top_successors`, every list read whole: contexts from the longest down, then the vocabulary."""
    ids = np.full(wanted, -1, np.int64)
    values = np.full(wanted, -np.inf, np.float64)
    lengths = np.zeros(wanted, np.int8)
    paid = 0.0
    for level in range(len(layout) - 2, -1, -1):
        context = state[level]
        if context < 0:
            continue
        low, high = children(level, context, layout, pointers, samples, first_child)
        if high < 0:
            return ids, values, lengths, True
        for index in range(low, high):
            value = log10_prob_of(level + 1, index, layout, records, tables, unigrams) + paid
            if value >= values[-1]:
                successor = word_of(level + 1, index, layout, records)
                if successor >= len(unigrams):
                    return ids, values, lengths, True
                if successor != excluded and not _listed(successor, level + 1, state, layout, records, pointers, samples, first_child):
                    insert(successor, value, level + 2, ids, values, lengths)
        paid += log10_bow_of(level, context, layout, records, tables, unigrams)
    for successor in range(len(unigrams)):
        value = unigrams[successor, 0] + paid
        if value >= values[-1] and successor != excluded:
            if not _listed(successor, 0, state, layout, records, pointers, samples, first_child):
                insert(successor, value, 1, ids, values, lengths)
    return ids, values, lengths, False


@kernel
def _listed(successor, lowest, state, layout, records, pointers, samples, first_child):  # type: ignore[no-untyped-def]
    """Whether one of the contexts from level `lowest` on has the word among its children."""
    for level in range(lowest, len(layout) - 1):
        if state[level] >= 0 and find_child(level, state[level], successor, layout, records, pointers, samples, first_child) >= 0:
            return True
    return False
