"""fastText's character n-grams of words, hashed to buckets, and vectors summed over them.

Arrays (W = words, B = bytes of all words, G = n-grams of all words, R = rows of a matrix, D = dimensions):

| name    | dtype   | shape  | holds |
|---------|---------|--------|-------|
| blob    | uint8   | (>= B,) | the words in UTF-8, one after the other |
| offsets | int64   | (W+1,) | word i is blob[offsets[i]:offsets[i+1]] |
| starts  | int64   | (W+1,) | n-grams of word i stand at [starts[i]:starts[i+1]] |
| buckets | int64   | (G,)   | bucket of each n-gram, in fastText's order, repeated ones repeated |
| rows    | int64   | (G,)   | row of a matrix for each n-gram, -1 for none |

Plain twin: tests/reference/subword_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

FNV_START = np.uint32(2166136261)  # FNV-1a, 32 bits (Fowler, Noll, Vo)
FNV_PRIME = np.uint32(16777619)
OPENING = np.uint8(60)  # <
CLOSING = np.uint8(62)  # >


@kernel
def is_end(blob, start, length):
    """Whether the word is `</s>`, which has no n-grams."""
    return (
        length == 4
        and blob[start] == np.uint8(60)
        and blob[start + 1] == np.uint8(47)
        and blob[start + 2] == np.uint8(115)
        and blob[start + 3] == np.uint8(62)
    )


@kernel
def bracketed_byte(blob, start, length, at):
    """Byte `at` of `<word>`, 0 <= at < length + 2."""
    if at == 0:
        return OPENING
    if at == length + 1:
        return CLOSING
    return blob[start + at - 1]


@kernel
def word_ngrams(blob, start, length, min_n, max_n, modulus, at, write, buckets, begins, ends):
    """Walk over the n-grams of one word as fastText's Dictionary::computeSubwords does. Returns `at` plus their number.

    With `write`, buckets[at], begins[at] and ends[at] receive each one's bucket and its bytes [begin, end) of `<word>`. A byte that
    continues a character (10xxxxxx) begins none; bytes enter the hash sign-extended, as the char of the released models was signed.
    """
    if is_end(blob, start, length):
        return at
    size = length + 2
    for i in range(size):
        if (bracketed_byte(blob, start, length, i) & 0xC0) == 0x80:
            continue
        value = FNV_START
        j = i
        n = 1
        while j < size and n <= max_n:
            value = np.uint32(value ^ np.uint32(np.int8(bracketed_byte(blob, start, length, j)))) * FNV_PRIME
            j += 1
            while j < size and (bracketed_byte(blob, start, length, j) & 0xC0) == 0x80:
                value = np.uint32(value ^ np.uint32(np.int8(bracketed_byte(blob, start, length, j)))) * FNV_PRIME
                j += 1
            if n >= min_n and not (n == 1 and (i == 0 or j == size)):
                if write:
                    buckets[at] = np.int64(np.uint32(value) % modulus)
                    begins[at] = i
                    ends[at] = j
                at += 1
            n += 1
    return at


@kernel
def count_ngrams(blob, offsets, min_n, max_n, starts):
    """Fill starts: where the n-grams of each word begin in the arrays that `hash_ngrams` fills."""
    nothing = np.empty(0, np.int64)
    at = 0
    starts[0] = 0
    for i in range(starts.size - 1):
        at = word_ngrams(blob, offsets[i], offsets[i + 1] - offsets[i], min_n, max_n, np.uint32(1), at, False, nothing, nothing, nothing)
        starts[i + 1] = at


@kernel
def hash_ngrams(blob, offsets, min_n, max_n, modulus, starts, buckets, begins, ends):
    """Fill buckets, begins and ends, int64 (starts[-1],) each; see `word_ngrams`. modulus: uint32, the number of buckets."""
    for i in range(starts.size - 1):
        word_ngrams(blob, offsets[i], offsets[i + 1] - offsets[i], min_n, max_n, modulus, starts[i], True, buckets, begins, ends)


@kernel
def mean_rows(starts, rows, matrix, counted, own, own_rows, out):
    """out[i] = mean of matrix[rows[starts[i]:starts[i+1]]] and, where own_rows[i] >= 0, of own[own_rows[i]], which comes first.

    float32 sums in this order and one product by the reciprocal, as fastText computes them, so that results agree to the last bit.
    matrix : float32 (R, D). own : float32 (V, D). own_rows : int64 (W,). out : float32 (W, D); zero for a word without anything.
    counted : whether an n-gram without a row (-1) counts as a row of zeros, or is left out.
    """
    dimensions = out.shape[1]
    for i in range(starts.size - 1):
        for d in range(dimensions):
            out[i, d] = np.float32(0)
        members = 0
        if own_rows[i] >= 0:
            members += 1
            for d in range(dimensions):
                out[i, d] += own[own_rows[i], d]
        for g in range(starts[i], starts[i + 1]):
            if rows[g] >= 0:
                members += 1
                for d in range(dimensions):
                    out[i, d] += matrix[rows[g], d]
            elif counted:
                members += 1
        if members > 0:
            scale = np.float32(1.0 / members)
            for d in range(dimensions):
                out[i, d] *= scale
