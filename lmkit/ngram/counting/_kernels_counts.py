"""Kernels that link each n-gram to its suffix and count what extends it.

name         dtype           shape    what
words        uint32          (G,)     last words of the n-grams of one order, sorted by context and word
first_child  int32 or int64  (C+1,)   index of the first n-gram of each context, C contexts
suffixes     uint32 or int64 (G,)     index, one order below, of each n-gram without its first word
borders      int32 or int64  (S+1,)   where the contexts of each suffix begin among all contexts
stream       uint32          (M,)     word ids; every sequence begins with <s> (1), and with boundaries ends with </s> (2)

Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import inlined, kernel
from lmkit.numeric._kernels_find import LINE_WORDS, place_in_line
from lmkit.numeric._kernels_machine import prefetch

NONE = np.uint32(0xFFFFFFFF)
_AHEAD = 24  # contexts between asking for a cache line and needing it
_NEARBY = 128  # words that are looked through line by line; halving what is left costs a misprediction a step


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
    other, so each search begins where the last one ended, and needs no bound. `_below` are the arrays of the context's suffix and of its
    children.
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
        at = np.int64(first_child_below[suffix])
        for ngram in range(low, high):
            word = words[ngram]
            nearby = at + _NEARBY
            place = place_in_line(words_below, at, word)
            while place < 0 and at < nearby:
                at -= place
                place = place_in_line(words_below, at, word)
            if place < 0:
                at = _leap(words_below, at, np.int64(first_child_below[suffix + 1]), word)
                place = place_in_line(words_below, at, word)
                while place < 0:
                    at -= place
                    place = place_in_line(words_below, at, word)
            suffixes[ngram] = at + place
            at += place + 1


@kernel
def group_by_suffix(suffixes, borders, contexts):
    """Order contexts by their suffix: those of suffix s are contexts[borders[s]:borders[s + 1]], rising. `borders`: (S+1,), zeros."""
    for suffix in suffixes:
        borders[suffix] += 1
    total = 0
    for suffix in range(len(borders)):
        total += borders[suffix]
        borders[suffix] = total
    for context in range(len(suffixes) - 1, -1, -1):
        borders[suffixes[context]] -= 1
        contexts[borders[suffixes[context]]] = context


@kernel
def link_groups(start, stop, borders, contexts, first_child, words, first_child_below, words_below, places, suffixes, extensions):
    """As `link_children`, for the contexts whose own suffix lies in start..stop, in the order of `group_by_suffix`.

    Where many contexts have one suffix, and that has many children, each child is looked up in a table. `places`: (V,), scratch.
    `extensions`: as for `count_extensions`, counted along the way; or empty.
    """
    count = len(extensions) > 0
    for suffix in range(start, stop):
        begin, end = np.int64(first_child_below[suffix]), np.int64(first_child_below[suffix + 1])
        by_table = end - begin > _NEARBY // 2
        if by_table:
            for at in range(begin, end):
                places[words_below[at]] = at
        for i in range(borders[suffix], borders[suffix + 1]):
            if i + _AHEAD < len(contexts):
                prefetch(first_child, np.int64(contexts[i + _AHEAD]))
                near = np.int64(first_child[contexts[i + _AHEAD // 2]])
                prefetch(words, near)
                prefetch(suffixes, near)
            low, high = np.int64(first_child[contexts[i]]), np.int64(first_child[contexts[i] + 1])
            if by_table:
                for ngram in range(low, high):
                    place = np.int64(places[words[ngram]])
                    suffixes[ngram] = place
                    if count:
                        extensions[place] += 1
                continue
            at = begin
            for ngram in range(low, high):
                place = place_in_line(words_below, at, words[ngram])
                while place < 0:
                    at -= place
                    place = place_in_line(words_below, at, words[ngram])
                suffixes[ngram] = at + place
                if count:
                    extensions[at + place] += 1
                at += place + 1


@inlined
def _leap(words, at, end, word):
    """A place from `at` on, at most a line in front of the word, which is among the rising words[at:end]; by steps that double."""
    step = np.int64(LINE_WORDS)
    while at + step < end and words[at + step] <= word:
        at += step
        step += step
    upper = min(at + step, end)
    while upper - at > LINE_WORDS:
        middle = (at + upper) >> 1
        if words[middle] <= word:
            at = middle
        else:
            upper = middle
    return at


@kernel
def count_extensions(suffixes, low, high, extensions):
    """extensions[s] += the number of distinct n-grams with suffix s, low <= s < high: N1+(. w) of Kneser and Ney 1995."""
    for i in range(len(suffixes)):
        if i + _AHEAD < len(suffixes):
            prefetch(extensions, np.int64(suffixes[i + _AHEAD]))
        if low <= suffixes[i] < high:
            extensions[suffixes[i]] += 1


@kernel
def last_in_suffix_order(ids, offsets, first, stop, order, best_sentence, best):
    """(sentence, place in it) where the last n-gram in suffix order ends: largest last word, then largest word before it, and so on.

    Places count from 0, <s>. Words before <s> count as <s> (1), as in lmplz, which pads sentences with it; </s> is 2. Looks at sentences
    first .. stop - 1 and at what was found before: `best_sentence` and `best`, int64, -1 if nothing was.
    """
    best_word = np.int64(-1)
    if best_sentence >= 0:
        place = offsets[best_sentence] - 1 + best
        best_word = np.int64(ids[place]) if place < offsets[best_sentence + 1] else np.int64(2)
    for sentence in range(first, stop):
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


@kernel
def count_endings(ids, offsets, first, stop, words, occurrences):
    """occurrences[n - 1] += how often the last n of these words stand in sentences first .. stop - 1. `words` : int64, of one sentence; it
    may begin with <s> and end with </s>."""
    last = words[-1]
    for sentence in range(first, stop):
        start = offsets[sentence] - 1
        length = offsets[sentence + 1] - start
        for place in range(1, length + 1):
            if (np.int64(ids[start + place]) if place < length else np.int64(2)) != last:
                continue
            for back in range(min(len(occurrences), place + 1)):
                if back > 0 and (np.int64(ids[start + place - back]) if place > back else np.int64(1)) != words[len(words) - 1 - back]:
                    break
                occurrences[back] += 1
