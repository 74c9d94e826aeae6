"""Kernels of the compact trie: bit-packed records, pointers as a bit vector, no suffix links.

Level n holds the n-grams of order n + 1, sorted by context and word; an n-gram is known by its index in its level.

name          dtype    shape     what
layout        int64    (N, LAYOUT) a row a level, with the columns below
records       uint64   (R,)      for levels 1.. one record an n-gram: word, probability, and below the highest level the back-off weight's
                                 code
tables        float32  (K,)      values of the codes
pointers      uint64   (P,)      for levels 1..N-2, for each n-gram a one and then as many zeros as it has children; a one at the end
samples       int64    (Q,)      place in `pointers` of every 64th one of a level
unigrams      float32  (V, 2)    log10 probability and log10 back-off weight of each word
first_child   int64    (V+1,)    index in level 1 of each word's first child
states        int64    (B, N)    for each history the index in level n of its last n + 1 words, NONE where the model has no such n-gram;
                                 column N - 1 is not used

The contents of mapped files are checked where they are used: a place outside the arrays turns into BROKEN, and the caller raises. Plain
twin: the fast trie made by `CompactTrie.expand`.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_machine import count_ones, float_from_bits, lowest_one

NONE = -1
BROKEN = -2
LN10 = 2.302585092994046
SAMPLING = 64

# columns of layout: number of n-grams; where the records begin, in bits, their width and the widths of their three parts; where the
# codes' values begin in tables (-1: a probability is stored as the 31 lower bits of its float32, since it is never above 1); where
# pointers (in bits) begin and stop, and samples begin
SIZE, START, WIDTH, WORD_BITS, PROB_BITS, BOW_BITS, PROB_TABLE, BOW_TABLE, POINTERS, POINTERS_STOP, SAMPLES = range(11)
LAYOUT = 11


@kernel
def read_bits(array, at, width):  # type: ignore[no-untyped-def]
    """The `width` <= 57 bits from bit `at` on, as uint64."""
    word = at >> 6
    shift = np.uint64(at & 63)
    value = array[word] >> shift
    if (at & 63) + width > 64:
        value |= array[word + 1] << (np.uint64(64) - shift)
    return value & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))


@kernel
def write_bits(array, at, width, value):  # type: ignore[no-untyped-def]
    """Set the `width` <= 57 bits from bit `at` on, which must be 0."""
    word = at >> 6
    shift = np.uint64(at & 63)
    array[word] |= value << shift
    if (at & 63) + width > 64:
        array[word + 1] |= value >> (np.uint64(64) - shift)


@kernel
def pack_level(layout, level, words, prob_codes, bow_codes, records):  # type: ignore[no-untyped-def]
    """Write one level's records. words uint32, prob_codes and bow_codes uint32 (G,); bow_codes is empty at the highest level."""
    at = layout[level, START]
    for i in range(len(words)):
        value = np.uint64(words[i]) | (np.uint64(prob_codes[i]) << np.uint64(layout[level, WORD_BITS]))
        write_bits(
            records, at, layout[level, WORD_BITS] + layout[level, PROB_BITS], value & ((np.uint64(1) << np.uint64(57)) - np.uint64(1))
        )
        if layout[level, WORD_BITS] + layout[level, PROB_BITS] > 57:
            write_bits(records, at + 57, layout[level, WORD_BITS] + layout[level, PROB_BITS] - 57, value >> np.uint64(57))
        if len(bow_codes):
            write_bits(records, at + layout[level, WORD_BITS] + layout[level, PROB_BITS], layout[level, BOW_BITS], np.uint64(bow_codes[i]))
        at += layout[level, WIDTH]


@kernel
def pack_pointers(first_child, start, pointers, samples):  # type: ignore[no-untyped-def]
    """Write a one for each n-gram and a zero for each child, from bit `start` on, and note every 64th one."""
    for i in range(len(first_child)):
        place = start + i + first_child[i]
        pointers[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
        if i % SAMPLING == 0:
            samples[i // SAMPLING] = place


@kernel
def _next_one(pointers, place, stop):  # type: ignore[no-untyped-def]
    """First one at or behind a place, BROKEN if there is none before stop."""
    if place >= stop:
        return np.int64(BROKEN)
    word = place >> 6
    bits = pointers[word] & (np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(place & 63))
    while bits == 0:
        word += 1
        if (word << 6) >= stop:
            return np.int64(BROKEN)
        bits = pointers[word]
    found = (word << 6) + np.int64(lowest_one(bits))
    return found if found < stop else np.int64(BROKEN)


@kernel
def _select(pointers, samples, layout, level, number):  # type: ignore[no-untyped-def]
    """Place of the one of n-gram `number`, BROKEN if there is none."""
    place = samples[layout[level, SAMPLES] + number // SAMPLING]
    stop = layout[level, POINTERS_STOP]
    if place < layout[level, POINTERS] or place >= stop:
        return np.int64(BROKEN)
    wanted = np.uint64(number % SAMPLING)  # ones to pass before it
    word = place >> 6
    bits = pointers[word] & (np.uint64(0xFFFFFFFFFFFFFFFF) << np.uint64(place & 63))
    ones = count_ones(bits)
    while ones <= wanted:
        wanted -= ones
        word += 1
        if (word << 6) >= stop:
            return np.int64(BROKEN)
        bits = pointers[word]
        ones = count_ones(bits)
    for _ in range(np.int64(wanted)):
        bits &= bits - np.uint64(1)
    return (word << 6) + np.int64(lowest_one(bits))


@kernel
def children(level, index, layout, pointers, samples, first_child):  # type: ignore[no-untyped-def]
    """Borders in level + 1 of an n-gram's children; (0, BROKEN) if they are not inside."""
    if level == 0:
        low, high = first_child[index], first_child[index + 1]
    else:
        one = _select(pointers, samples, layout, level, index)
        if one == BROKEN:
            return np.int64(0), np.int64(BROKEN)
        following = _next_one(pointers, one + 1, layout[level, POINTERS_STOP])
        low = one - layout[level, POINTERS] - index
        high = following - layout[level, POINTERS] - index - 1
    if low < 0 or high < low or high > layout[level + 1, SIZE]:
        return np.int64(0), np.int64(BROKEN)
    return low, high


@kernel
def word_of(level, index, layout, records):  # type: ignore[no-untyped-def]
    """Last word of an n-gram above level 0."""
    return np.int64(read_bits(records, layout[level, START] + index * layout[level, WIDTH], layout[level, WORD_BITS]))


@kernel
def find_child(level, index, target, layout, records, pointers, samples, first_child):  # type: ignore[no-untyped-def]
    """Index in level + 1 of an n-gram followed by target; NONE, BROKEN."""
    low, stop = children(level, index, layout, pointers, samples, first_child)
    if stop < 0:
        return np.int64(BROKEN)
    high = stop
    while low < high:
        middle = (low + high) >> 1
        if word_of(level + 1, middle, layout, records) < target:
            low = middle + 1
        else:
            high = middle
    if low < stop and word_of(level + 1, low, layout, records) == target:
        return low
    return np.int64(NONE)


@kernel
def log10_prob_of(level, index, layout, records, tables, unigrams):  # type: ignore[no-untyped-def]
    """log10 probability of an n-gram."""
    if level == 0:
        return np.float64(unigrams[index, 0])
    at = layout[level, START] + index * layout[level, WIDTH] + layout[level, WORD_BITS]
    code = read_bits(records, at, layout[level, PROB_BITS])
    if layout[level, PROB_TABLE] < 0:
        return -np.float64(float_from_bits(np.uint32(code)))
    return np.float64(tables[layout[level, PROB_TABLE] + np.int64(code)])


@kernel
def log10_bow_of(level, index, layout, records, tables, unigrams):  # type: ignore[no-untyped-def]
    """log10 back-off weight of an n-gram below the highest level."""
    if level == 0:
        return np.float64(unigrams[index, 1])
    at = layout[level, START] + index * layout[level, WIDTH] + layout[level, WORD_BITS] + layout[level, PROB_BITS]
    return np.float64(tables[layout[level, BOW_TABLE] + np.int64(read_bits(records, at, layout[level, BOW_BITS]))])


@kernel
def step(state, following, target, closed, layout, records, tables, pointers, samples, unigrams, first_child):  # type: ignore[no-untyped-def]
    """One word after one state: (n-gram length, log10 probability, log10 back-off paid, broken); fills the following state.

    closed : every n-gram's suffix is in the model, so that a longer context can't know a word that a shorter one does not.
    """
    orders = len(layout)
    following[:] = NONE
    following[0] = target
    length = 1
    index = np.int64(target)
    for level in range(orders - 1):
        context = state[level]
        if context < 0:
            continue
        found = find_child(level, context, target, layout, records, pointers, samples, first_child)
        if found == BROKEN:
            return 1, 0.0, 0.0, True
        if found >= 0:
            following[level + 1] = found
            length, index = level + 2, found
        elif closed:
            break
    paid = 0.0
    for level in range(orders - 2, length - 2, -1):
        if state[level] >= 0:
            paid += log10_bow_of(level, state[level], layout, records, tables, unigrams)
    return length, log10_prob_of(length - 1, index, layout, records, tables, unigrams), paid, False


@kernel
def advance_states(states, targets, closed, layout, records, tables, pointers, samples, unigrams, first_child):  # type: ignore[no-untyped-def]
    """(int64 (B, N): states after one more word each, broken)."""
    result = np.empty_like(states)
    broken = False
    for row in range(len(states)):
        _, _, _, bad = step(
            states[row], result[row], np.int64(targets[row]), closed, layout, records, tables, pointers, samples, unigrams, first_child
        )
        broken |= bad
    return result, broken


@kernel
def score_sentences(
    ids, offsets, first, last, begin, carry, ends, closed, layout, records, tables, pointers, samples, unigrams, first_child,
    log_prob, hit_length, back_off,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Score sentences first..last into the event arrays (see `_kernels_scoring.score_segments`); returns whether the trie is broken."""
    state, following = begin.copy(), begin.copy()
    broken = False
    for sentence in range(first, last):
        if not carry or ends:
            state[:] = begin
        event = offsets[sentence] + (sentence if ends else 0)
        length = offsets[sentence + 1] - offsets[sentence]
        for place in range(length + (1 if ends else 0)):
            target = np.int64(ids[offsets[sentence] + place]) if place < length else np.int64(2)
            hit, value, paid, bad = step(
                state, following, target, closed, layout, records, tables, pointers, samples, unigrams, first_child
            )
            broken |= bad
            log_prob[event + place] = (value + paid) * LN10
            hit_length[event + place] = hit
            back_off[event + place] = paid * LN10
            state, following = following, state
    return broken


@kernel
def distribution(state, layout, records, tables, pointers, samples, unigrams, first_child):  # type: ignore[no-untyped-def]
    """(log10 p float64 (V,), hit length int8 (V,), broken) of every word after a state: shortest context first, longer ones overwrite."""
    orders = len(layout)
    longer = np.zeros(orders + 1, np.float64)  # [n]: back-off paid by contexts of more than n words
    for level in range(orders - 2, -1, -1):
        longer[level] = longer[level + 1]
        if state[level] >= 0:
            longer[level] += log10_bow_of(level, state[level], layout, records, tables, unigrams)
    size = len(unigrams)
    result = np.empty(size, np.float64)
    hit_length = np.ones(size, np.int8)
    for word in range(size):
        result[word] = unigrams[word, 0] + longer[0]
    for level in range(orders - 1):
        if state[level] < 0:
            continue
        low, high = children(level, state[level], layout, pointers, samples, first_child)
        if high < 0:
            return result, hit_length, True
        for index in range(low, high):
            word = word_of(level + 1, index, layout, records)
            if word >= size:
                return result, hit_length, True
            result[word] = log10_prob_of(level + 1, index, layout, records, tables, unigrams) + longer[level + 1]
            hit_length[word] = level + 2
    return result, hit_length, False


@kernel
def unpack_level(level, layout, records, tables, words, log10_prob, log10_bow):  # type: ignore[no-untyped-def]
    """Fill words uint32, log10_prob float32 and log10_bow float32 (empty at the highest level) of a level above 0."""
    unused = np.empty((1, 2), np.float32)
    for index in range(len(words)):
        words[index] = word_of(level, index, layout, records)
        log10_prob[index] = log10_prob_of(level, index, layout, records, tables, unused)
        if len(log10_bow):
            log10_bow[index] = log10_bow_of(level, index, layout, records, tables, unused)


@kernel
def unpack_pointers(level, layout, pointers, first_child):  # type: ignore[no-untyped-def]
    """first_child int64 (G+1,) of a level with packed pointers; returns whether they are broken."""
    place = layout[level, POINTERS]
    for index in range(len(first_child)):
        place = _next_one(pointers, place, layout[level, POINTERS_STOP])
        if place == BROKEN:
            return True
        first_child[index] = place - layout[level, POINTERS] - index
        place += 1
    return first_child[-1] != layout[level + 1, SIZE]
