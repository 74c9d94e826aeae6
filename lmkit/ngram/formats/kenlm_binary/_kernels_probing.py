"""Kernels over KenLM's hash tables, as they lie in a file.

name         dtype    shape    what
words        uint32   (W,)     the whole file
floats       float32  (W,)     the same memory
starts       int64    (N,)     place in words where the table of each order begins; the first is an array by word id
buckets      int64    (N,)     entries of each table; of the first, words
strides      int64    (N,)     uint32s an entry takes: unigrams 2 (or 3), middle 4 (5), longest 3. With rest costs those in brackets.
context      int32    (N-1,)   the words before, the last one first, in KenLM's ids
back_offs    float32  (N-1,)   back-off weight of the last 1, 2, ... words

An entry: hash (two uint32, low first; 0 = free), log10 probability, log10 back-off. Open addressing from hash mod buckets on. The hash of
an n-gram begins with its last word and takes in the words before it one by one. Sign bits tell what there is no more of: a probability's,
that no longer n-gram ends in this one; a back-off of -0.0, that none begins with it.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_memory import load8

HASH_MULTIPLIER = np.uint64(8978948897894561157)
WORD_MULTIPLIER = np.uint64(17894857484156487943)
_SIGN = np.uint32(0x80000000)
LN10 = 2.302585092994046


@kernel
def hash_with(hashed, word):  # type: ignore[no-untyped-def]
    """Hash of an n-gram and one more word in front of it."""
    return (hashed * HASH_MULTIPLIER) ^ ((np.uint64(word) + np.uint64(1)) * WORD_MULTIPLIER)


@kernel
def find(words, start, buckets, stride, hashed):  # type: ignore[no-untyped-def]
    """Place of the entry with this hash, or -1. Ends even in a table without a free entry."""
    low, high = np.uint32(hashed & np.uint64(0xFFFFFFFF)), np.uint32(hashed >> np.uint64(32))
    bucket = np.int64(hashed % np.uint64(buckets))
    for _ in range(buckets):
        at = start + bucket * stride
        if words[at] == low and words[at + 1] == high:
            return at
        if words[at] == 0 and words[at + 1] == 0:
            return np.int64(-1)
        bucket += 1
        if bucket == buckets:
            bucket = 0
    return np.int64(-1)


@kernel
def score_word(words, floats, starts, buckets, strides, context, back_offs, length, word, next_context, next_back_offs):  # type: ignore[no-untyped-def]
    """log10 probability (float32 and without the back-off paid), the n-gram length that gave it, and the length of the next context.

    `length` words of context count. next_context and next_back_offs receive the next context; they must not be the same arrays.
    """
    order = len(starts)
    at = starts[0] + strides[0] * word
    log10 = -abs(floats[at])
    ends_here = (words[at] & _SIGN) != 0
    next_context[0] = word
    next_back_offs[0] = floats[at + 1]
    next_length = 1 if words[at + 1] != _SIGN else 0
    matched = 1
    hashed = np.uint64(word)
    for i in range(length):
        if ends_here:
            break
        hashed = hash_with(hashed, context[i])
        at = find(words, starts[i + 1], buckets[i + 1], strides[i + 1], hashed)
        if at < 0:
            break
        log10 = -abs(floats[at + 2])
        matched = i + 2
        if matched == order:
            break
        ends_here = (words[at + 2] & _SIGN) != 0
        next_back_offs[i + 1] = floats[at + 3]
        if words[at + 3] != _SIGN:
            next_length = matched
    for i in range(next_length - 1):
        next_context[i + 1] = context[i]
    return log10, matched, next_length


@kernel
def score_sentences(
    words, floats, starts, buckets, strides, ids, offsets, first, last, carry, ends, begin, end_word, log_prob, hit_length, back_off
):  # type: ignore[no-untyped-def]
    """Score sentences first..last into the event arrays.

    ids : int32, KenLM's; offsets : int64 (S+1,); begin : int32, the word in front of each sentence (of the first, with carry), -1 for none.
    log_prob : float64, natural logarithm; hit_length : int8; back_off : float32, natural logarithm.
    """
    order = len(starts)
    context, next_context = np.zeros(order, np.int32), np.zeros(order, np.int32)
    back_offs, next_back_offs = np.zeros(order, np.float32), np.zeros(order, np.float32)
    length = 0
    for sentence in range(first, last):
        if sentence == first or not carry or ends:
            length = begin_context(floats, starts, strides, begin, context, back_offs)
        start = offsets[sentence]
        count = offsets[sentence + 1] - start
        event = start + (sentence if ends else 0)
        for i in range(count + (1 if ends else 0)):
            word = ids[start + i] if i < count else end_word
            log10, matched, next_length = score_word(
                words, floats, starts, buckets, strides, context, back_offs, length, word, next_context, next_back_offs
            )
            paid = 0.0
            for place in range(matched - 1, length):
                paid += back_offs[place]
            log_prob[event + i] = (np.float64(log10) + paid) * LN10
            hit_length[event + i] = matched
            back_off[event + i] = paid * LN10
            context, next_context = next_context, context
            back_offs, next_back_offs = next_back_offs, back_offs
            length = next_length


@kernel
def begin_context(floats, starts, strides, begin, context, back_offs):  # type: ignore[no-untyped-def]
    """Set the context to the one word `begin`, or to none if that is -1. Returns its length."""
    if begin < 0:
        return 0
    context[0] = begin
    back_offs[0] = floats[starts[0] + strides[0] * begin + 1]
    return 1


@kernel
def fill_words(hashes, buckets, table):  # type: ignore[no-untyped-def]
    """The table from a word's hash to its id, uint32 (3 * buckets,): word i + 1 has hashes[i]. Returns whether all were distinct."""
    for i in range(len(hashes)):
        at = free_entry(table, buckets, 3, hashes[i])
        if at < 0:
            return False
        table[at + 2] = i + 1
    return True


@kernel
def free_entry(table, buckets, stride, hashed):  # type: ignore[no-untyped-def]
    """Take a free entry for a hash and write it there. Returns its place, -1 if the hash is there already."""
    low, high = np.uint32(hashed & np.uint64(0xFFFFFFFF)), np.uint32(hashed >> np.uint64(32))
    bucket = np.int64(hashed % np.uint64(buckets))
    while True:
        at = bucket * stride
        if table[at] == 0 and table[at + 1] == 0:
            table[at], table[at + 1] = low, high
            return at
        if table[at] == low and table[at + 1] == high:
            return np.int64(-1)
        bucket += 1
        if bucket == buckets:
            bucket = 0


@kernel
def fill_ngrams(hashes, log10_prob, log10_bow, extends_left, extends_right, buckets, stride, table):  # type: ignore[no-untyped-def]
    """A table of n-grams, uint32 (stride * buckets,); stride 3 is the longest, without back-offs. Returns whether hashes were distinct."""
    floats = table.view(np.float32)
    for i in range(len(hashes)):
        at = free_entry(table, buckets, stride, hashes[i])
        if at < 0:
            return False
        floats[at + 2] = marked(log10_prob[i], stride > 3 and extends_left[i])
        if stride > 3:
            floats[at + 3] = marked_back_off(log10_bow[i], extends_right[i])
    return True


@kernel
def marked(log10, extends):  # type: ignore[no-untyped-def]
    """A probability whose sign bit is clear if longer n-grams end in this one."""
    value = abs(np.float32(-99.0) if log10 == -np.inf else np.float32(log10))
    return value if extends else -value


@kernel
def marked_back_off(log10, extends):  # type: ignore[no-untyped-def]
    """A back-off weight that is +0.0 or -0.0, by whether longer n-grams begin with this one, where it is 0."""
    if log10 == 0:
        return np.float32(0.0) if extends else np.float32(-0.0)
    return np.float32(-99.0) if log10 == -np.inf else np.float32(log10)


@kernel
def hash_ngrams(ids, hashes):  # type: ignore[no-untyped-def]
    """KenLM's hash of each row of word ids (N, n), n >= 2."""
    last = ids.shape[1] - 1
    for row in range(len(ids)):
        value = np.uint64(ids[row, last])
        for i in range(last - 1, -1, -1):
            value = hash_with(value, ids[row, i])
        hashes[row] = value


@kernel
def murmur(blob, offsets, hashes):  # type: ignore[no-untyped-def]
    """MurmurHash2 in 64 bits (Appleby; seed 0) of each string, as KenLM hashes words."""
    multiplier = np.uint64(0xC6A4A7935BD1E995)
    for i in range(len(hashes)):
        start, stop = offsets[i], offsets[i + 1]
        value = np.uint64(stop - start) * multiplier
        at = start
        while stop - at >= 8:
            part = load8(blob, at) * multiplier
            part ^= part >> np.uint64(47)
            value = (value ^ (part * multiplier)) * multiplier
            at += 8
        if at < stop:
            part = np.uint64(0)
            if at + 8 <= len(blob):
                part = load8(blob, at) & ((np.uint64(1) << np.uint64(8 * (stop - at))) - np.uint64(1))
            else:
                for k in range(stop - at):
                    part |= np.uint64(blob[at + k]) << np.uint64(8 * k)
            value = (value ^ part) * multiplier
        value ^= value >> np.uint64(47)
        value *= multiplier
        hashes[i] = value ^ (value >> np.uint64(47))
