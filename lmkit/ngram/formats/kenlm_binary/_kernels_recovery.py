"""Kernels that find n-grams again of which only hashes are known.

The hash of w1..wn is (hash of w2..wn) * A xor (w1 + 1) * B (`_kernels_probing.hash_with`). So with a list of suffixes and a list of first
words, every pair is tested by one xor of two numbers computed beforehand, and a look into a filter of the hashes that are there.

name     dtype    shape    what
rights   uint64   (R,)     hash of a suffix times A
lefts    uint64   (L,)     (first word + 1) * B
filter   uint64   (F,)     a bit for each value of a hash's highest bits, set if there is such a hash
shift    int               by which a hash is shifted right to give its bit
found    int64    (S, 3)   receives index of the left, index of the right and the table's entry of each n-gram
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.formats.kenlm_binary._kernels_probing import HASH_MULTIPLIER, WORD_MULTIPLIER, find

_BLOCK = 16
_SIGN = np.uint32(0x80000000)
_LOW = np.uint64(63)
_SIX = np.uint64(6)
_ONE = np.uint64(1)


@kernel
def count_entries(words, start, buckets, stride):  # type: ignore[no-untyped-def]
    """How many entries of a table are taken."""
    count = 0
    for bucket in range(buckets):
        at = start + bucket * stride
        if words[at] != 0 or words[at + 1] != 0:
            count += 1
    return count


@kernel
def fill_filter(words, start, buckets, stride, filter, shift):  # type: ignore[no-untyped-def]
    """Set the bit of every hash in a table."""
    for bucket in range(buckets):
        at = start + bucket * stride
        if words[at] != 0 or words[at + 1] != 0:
            place = (np.uint64(words[at]) | (np.uint64(words[at + 1]) << np.uint64(32))) >> np.uint64(shift)
            filter[place >> _SIX] |= _ONE << (place & _LOW)


@kernel
def multiplied(hashes, result):  # type: ignore[no-untyped-def]
    """rights from hashes of suffixes."""
    for i in range(len(hashes)):
        result[i] = hashes[i] * HASH_MULTIPLIER


@kernel
def left_parts(first_words, result):  # type: ignore[no-untyped-def]
    """lefts from first words, in KenLM's ids."""
    for i in range(len(first_words)):
        result[i] = (np.uint64(first_words[i]) + _ONE) * WORD_MULTIPLIER


@kernel
def _test_pairs(words, start, buckets, stride, filter, shift, lefts, rights, left_base, right_base, found, used):  # type: ignore[no-untyped-def]
    """Test all pairs of lefts and rights; their indices count from the bases on. Returns how much of found is used."""
    by = np.uint64(shift)
    whole = len(rights) // _BLOCK * _BLOCK
    for i in range(len(lefts)):
        left = lefts[i]
        for block in range(0, len(rights), _BLOCK):
            if block < whole:
                hits = np.uint64(0)
                for k in range(_BLOCK):  # no branch: the compiler makes vectors of it
                    place = (left ^ rights[block + k]) >> by
                    hits |= filter[place >> _SIX] >> (place & _LOW)
                if hits & _ONE == 0:
                    continue
            for j in range(block, min(block + _BLOCK, len(rights))):
                hashed = left ^ rights[j]
                place = hashed >> by
                if (filter[place >> _SIX] >> (place & _LOW)) & _ONE != 0 and hashed != 0:
                    at = find(words, start, buckets, stride, hashed)
                    if at >= 0 and used < len(found):
                        found[used, 0] = left_base + i
                        found[used, 1] = right_base + j
                        found[used, 2] = at
                        used += 1
    return used


@kernel
def join_parts(
    words, start, buckets, stride, filter, shift, first_part, last_part, lefts, left_borders, rights, right_borders, left_base, right_base,
    found
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Test all pairs of two long sorted lists, parted by their highest bits, the lefts of parts first_part..last_part.

    Each step needs only a piece of the filter, which stays in a near cache.
    """
    used = 0
    for a in range(first_part, last_part):
        for b in range(len(right_borders) - 1):
            used = _test_pairs(
                words, start, buckets, stride, filter, shift, lefts[left_borders[a] : left_borders[a + 1]],
                rights[right_borders[b] : right_borders[b + 1]], left_base + left_borders[a], right_base + right_borders[b], found, used,
            )  # fmt: skip
    return used


@kernel
def join_groups(
    words, start, buckets, stride, filter, shift, first_group, last_group, limit, lefts, left_borders, rights, right_borders, found
):  # type: ignore[no-untyped-def]
    """Test, for each group that has at most `limit` pairs, all pairs of its lefts and its rights."""
    used = 0
    for group in range(first_group, last_group):
        a, b = left_borders[group], left_borders[group + 1]
        c, d = right_borders[group], right_borders[group + 1]
        if a < b and c < d and (b - a) * (d - c) <= limit:
            used = _test_pairs(words, start, buckets, stride, filter, shift, lefts[a:b], rights[c:d], a, c, found, used)
    return used


@kernel
def read_entries(words, floats, places, has_back_off, log10_prob, log10_bow, extends_left, extends_right):  # type: ignore[no-untyped-def]
    """Weights and marks of table entries at these places."""
    for i in range(len(places)):
        at = places[i]
        log10_prob[i] = -abs(floats[at + 2])
        extends_left[i] = has_back_off and (words[at + 2] & _SIGN) == 0
        log10_bow[i] = floats[at + 3] if has_back_off else np.float32(0)
        extends_right[i] = has_back_off and words[at + 3] != _SIGN
