"""Kernels that count n-grams of all orders by a chain of ids and radix sorts.

name        dtype    shape    what
stream      uint32   (M,)     word ids; every sequence begins with <s> (1), and with boundaries ends with </s> (2)
by_word     uint32   (P,)     positions of all words but <s>, sorted by word, then position
ids         uint32   (M,)     local id of the (n-1)-gram that ends at each position, NONE where there is none
next_ids    uint32   (M,)     the same for the n-gram
pairs       uint64   (K,)     context id << 32 | position, K <= P
runs        uint64   (G,)     word << 32 | id of the suffix, one entry a distinct n-gram
counts      int32    (G,)     how often
first_child int64    (C+1,)   index of the first n-gram of each context, C contexts

Contract between them: `pairs` leaves `context_pairs` sorted by word, `sort_by_context` makes that (context, word, position), and the n-grams then
come out numbered in trie order: sorted by context, then word. Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

NONE = np.uint32(0xFFFFFFFF)
_DIGIT_BITS = 11  # 2048 write streams still fit the first-level cache and its TLB


@kernel
def make_stream(ids, offsets, boundaries):  # type: ignore[no-untyped-def]
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
def sort_positions_by_word(stream, vocabulary_size):  # type: ignore[no-untyped-def]
    """Return (by_word, counts of each word): a stable counting sort. <s> is counted but not listed."""
    counts = np.zeros(vocabulary_size, np.int64)
    for word in stream:
        counts[word] += 1
    starts = np.empty(vocabulary_size, np.int64)
    total = 0
    for word in range(vocabulary_size):
        starts[word] = total
        if word != 1:
            total += counts[word]
    by_word = np.empty(total, np.uint32)
    for position in range(len(stream)):
        word = stream[position]
        if word != 1:
            by_word[starts[word]] = position
            starts[word] += 1
    return by_word, counts


@kernel
def context_pairs(by_word, ids, pairs):  # type: ignore[no-untyped-def]
    """Fill `pairs` in the order of `by_word` with the positions whose preceding (n-1)-gram exists; return how many."""
    count = 0
    for position in by_word:
        context = ids[position - 1]  # every sequence begins with <s>, so position >= 1
        if context != NONE:
            pairs[count] = (np.uint64(context) << np.uint64(32)) | np.uint64(position)
            count += 1
    return count


@kernel
def sort_by_context(pairs, spare, count, contexts):  # type: ignore[no-untyped-def]
    """Stable radix sort of pairs[:count] by context id (< contexts). Return the buffer that holds the result and the other."""
    bits = 0
    while (contexts - 1) >> bits:
        bits += 1
    passes = (bits + _DIGIT_BITS - 1) // _DIGIT_BITS
    if passes == 0:
        return pairs, spare
    digit = (bits + passes - 1) // passes
    mask = np.uint64((1 << digit) - 1)
    starts = np.empty(1 << digit, np.int64)
    for step in range(passes):
        shift = np.uint64(32 + step * digit)
        starts[:] = 0
        for i in range(count):
            starts[(pairs[i] >> shift) & mask] += 1
        total = 0
        for bucket in range(len(starts)):
            size = starts[bucket]
            starts[bucket] = total
            total += size
        for i in range(count):
            pair = pairs[i]
            bucket = (pair >> shift) & mask
            spare[starts[bucket]] = pair
            starts[bucket] += 1
        pairs, spare = spare, pairs
    return pairs, spare


@kernel
def number_ngrams(pairs, count, stream, ids, next_ids, runs, first_child):  # type: ignore[no-untyped-def]
    """Give each distinct (context, word) run a number, in order; return how many there are.

    `pairs` is overwritten with the position of each run's first pair (so that counts follow by differences), `next_ids` gets each
    position's number, `first_child` (contexts + 1,) is filled for all contexts, childless ones included.
    """
    ngrams = 0
    previous = np.int64(-1)
    previous_word = np.uint32(0)
    next_context = 0
    for i in range(count):
        pair = pairs[i]
        context = np.int64(pair >> np.uint64(32))
        position = np.int64(pair & np.uint64(0xFFFFFFFF))
        word = stream[position]
        if context != previous or word != previous_word:
            while next_context <= context:
                first_child[next_context] = ngrams
                next_context += 1
            runs[ngrams] = (np.uint64(word) << np.uint64(32)) | np.uint64(ids[position])
            pairs[ngrams] = i  # ngrams <= i: this pair has been read
            ngrams += 1
            previous = context
            previous_word = word
        next_ids[position] = ngrams - 1
    while next_context < len(first_child):
        first_child[next_context] = ngrams
        next_context += 1
    return ngrams


@kernel
def unpack_runs(runs, starts, count, words, suffixes, counts):  # type: ignore[no-untyped-def]
    """Split `runs` into words and suffixes, and turn the run starts into counts. Outputs are (G,)."""
    ngrams = len(words)
    for g in range(ngrams):
        run = runs[g]
        words[g] = run >> np.uint64(32)
        suffixes[g] = run & np.uint64(0xFFFFFFFF)
        stop = starts[g + 1] if g + 1 < ngrams else np.uint64(count)
        counts[g] = stop - starts[g]


@kernel
def count_extensions(suffixes, extensions):  # type: ignore[no-untyped-def]
    """extensions[s] += the number of distinct n-grams with suffix s: N1+(. w) of Kneser and Ney 1995."""
    for suffix in suffixes:
        extensions[suffix] += 1


@kernel
def last_in_suffix_order(stream, order):  # type: ignore[no-untyped-def]
    """Position where the last n-gram in suffix order ends: largest last word, then largest word before it, and so on.

    Words before <s> count as <s> (1), as in lmplz, which pads sentences with <s>.
    """
    best = -1
    for position in range(len(stream)):
        if stream[position] == 1:
            continue
        if best < 0:
            best = position
            continue
        a, b = position, best
        for _ in range(order):
            if stream[a] != stream[b]:
                if stream[a] > stream[b]:
                    best = position
                break
            # a stays at <s> once it is reached: the padding
            if stream[a] != 1:
                a -= 1
            if stream[b] != 1:
                b -= 1
    return best
