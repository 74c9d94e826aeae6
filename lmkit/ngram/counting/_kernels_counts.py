"""Kernels that link each n-gram to its suffix and count what extends it.

name         dtype           shape    what
words        uint32          (G,)     last words of the n-grams of one order, sorted by context and word
first_child  int32 or int64  (C+1,)   index of the first n-gram of each context, C contexts
suffixes     uint32 or int64 (G,)     index, one order below, of each n-gram without its first word
stream       uint32          (M,)     word ids; every sequence begins with <s> (1), and with boundaries ends with </s> (2)

Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_find import FOUND_AMONG, place_of
from lmkit.numeric._kernels_machine import prefetch

NONE = np.uint32(0xFFFFFFFF)
_AHEAD = 24  # contexts between asking for a cache line and needing it


@kernel
def make_stream(ids, offsets, boundaries):
    """Lay the sentences out one after the other, <s> in front of each and, with boundaries, </s> behind."""
    sentences = len(offsets) - 1
    stream = np.empty(len(ids) + sentences * (2 if boundaries else 1), np.uint32)
    position = 0
    for sentence in range(sentences):
        stream[position] = 1
        position += 1
        for token in range(offsets[sentence], offsets[sentence + 1]):
            stream[position] = ids[token]
            position += 1
        if boundaries:
            stream[position] = 2
            position += 1
    return stream


@kernel
def link_children(start, stop, suffix_low, suffix_high, first_child, context_suffixes, words, first_child_below, words_below, suffixes):
    """Fill `suffixes` for the children of contexts start..stop whose own suffix lies in suffix_low..suffix_high.

    The suffix of "context word" is the child with that word of the context's suffix. Both lists of children are sorted and one holds the
    other, so each search begins where the last one ended. `_below` are the arrays of the context's suffix and of its children.
    """
    for context in range(start, stop):
        far, near = context + _AHEAD, context + _AHEAD // 2
        if far < stop:
            prefetch(first_child_below, np.int64(context_suffixes[far]))
        if near < stop and suffix_low <= context_suffixes[near] < suffix_high:
            prefetch(words_below, np.int64(first_child_below[context_suffixes[near]]))
        suffix = np.int64(context_suffixes[context])
        low, high = np.int64(first_child[context]), np.int64(first_child[context + 1])
        if low == high or not suffix_low <= suffix < suffix_high:
            continue
        at, end = np.int64(first_child_below[suffix]), np.int64(first_child_below[suffix + 1])
        if high - low == end - at:  # the same words
            for ngram in range(low, high):
                suffixes[ngram] = at + ngram - low
            continue
        for ngram in range(low, high):
            word = words[ngram]
            step = np.int64(FOUND_AMONG)
            while at + step < end and words_below[at + step] <= word:
                at += step
                step += step
            upper = min(at + step, end)
            while upper - at > FOUND_AMONG:
                middle = (at + upper) >> 1
                if words_below[middle] <= word:
                    at = middle
                else:
                    upper = middle
            if at + FOUND_AMONG <= len(words_below):
                at += place_of(words_below, at, word)
            else:
                while words_below[at] < word:
                    at += 1
            suffixes[ngram] = at
            at += 1


@kernel
def count_extensions(suffixes, low, high, extensions):
    """extensions[s] += the number of distinct n-grams with suffix s, low <= s < high: N1+(. w) of Kneser and Ney 1995."""
    for i in range(len(suffixes)):
        if i + _AHEAD < len(suffixes):
            prefetch(extensions, np.int64(suffixes[i + _AHEAD]))
        if low <= suffixes[i] < high:
            extensions[suffixes[i]] += 1


@kernel
def last_in_suffix_order(ids, offsets, order):
    """(sentence, place in it) where the last n-gram in suffix order ends: largest last word, then largest word before it, and so on.

    Places count from 0, <s>. Words before <s> count as <s> (1), as in lmplz, which pads sentences with it; </s> is 2.
    """
    best_sentence = best = np.int64(-1)
    best_word = np.int64(-1)
    for sentence in range(len(offsets) - 1):
        start = offsets[sentence] - 1
        length = offsets[sentence + 1] - start
        for place in range(1, length + 1):
            word = np.int64(ids[start + place]) if place < length else np.int64(2)
            if word < best_word:
                continue
            later = word > best_word
            if not later:
                best_start = offsets[best_sentence] - 1
                for back in range(1, order):
                    a = np.int64(ids[start + place - back]) if place - back > 0 else np.int64(1)
                    b = np.int64(ids[best_start + best - back]) if best - back > 0 else np.int64(1)
                    if a != b:
                        later = a > b
                        break
            if later:
                best_sentence, best, best_word = sentence, np.int64(place), word
    return best_sentence, best
