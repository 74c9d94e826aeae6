"""Kernels that turn n-grams in any order into levels sorted by context and word.

name       dtype    shape    what
ids        int32    (N, n)   the words of N n-grams
hashes     uint64   (N,)     a hash of a sequence of word ids, word by word (`_combined`)
table_keys uint64   (C,)     open addressing: the hash of a node's n-gram; C is a power of two, at most 3/4 of it is taken
table_nodes uint32  (C,)     1 + that node, 0 where the slot is free
sort_keys  uint64   (N,)     context << bits of a word | word
order      int64    (N,)     rows in sorted order
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_hash import MULTIPLIER

START = np.uint64(0x243F6A8885A308D3)  # pi
_RADIX_BITS = 11
_LOOK_AHEAD = 16


@kernel
def combined(hashed, word):  # type: ignore[no-untyped-def]
    """Hash of a sequence and one more word."""
    mixed = (hashed ^ np.uint64(word)) * MULTIPLIER
    return mixed ^ (mixed >> np.uint64(29))


@kernel
def hash_rows(ids, columns, hashes):  # type: ignore[no-untyped-def]
    """Hash the first `columns` words of each row."""
    for row in range(len(ids)):
        value = START
        for column in range(columns):
            value = combined(value, ids[row, column])
        hashes[row] = value


@kernel
def hash_children(parent_hashes, first_child, words, hashes):  # type: ignore[no-untyped-def]
    """Hashes of a level's n-grams from those of their contexts."""
    for parent in range(len(parent_hashes)):
        for node in range(first_child[parent], first_child[parent + 1]):
            hashes[node] = combined(parent_hashes[parent], words[node])


@kernel
def fill_table(hashes, table_keys, table_nodes):  # type: ignore[no-untyped-def]
    """Enter all nodes of a level into an empty table."""
    mask = np.uint64(len(table_keys) - 1)
    for node in range(len(hashes)):
        slot = hashes[node] & mask
        while table_nodes[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table_keys[slot] = hashes[node]
        table_nodes[slot] = node + 1


@kernel
def find_nodes(hashes, table_keys, table_nodes, nodes):  # type: ignore[no-untyped-def]
    """nodes (N,) int64: the node with each hash, -1 where there is none. Returns how many there are not."""
    mask = np.uint64(len(table_keys) - 1)
    missing = 0
    for row in range(len(hashes)):
        slot = hashes[row] & mask
        while table_nodes[slot] != 0 and table_keys[slot] != hashes[row]:
            slot = (slot + np.uint64(1)) & mask
        nodes[row] = np.int64(table_nodes[slot]) - 1
        if nodes[row] < 0:
            missing += 1
    return missing


@kernel
def sort_keys_of(contexts, ids, word_bits, sort_keys):  # type: ignore[no-untyped-def]
    """sort_keys from contexts and last words. Returns whether they rise already."""
    last = ids.shape[1] - 1
    rising = True
    for row in range(len(contexts)):
        sort_keys[row] = (np.uint64(contexts[row]) << np.uint64(word_bits)) | np.uint64(ids[row, last])
        if row > 0 and sort_keys[row] <= sort_keys[row - 1]:
            rising = False
    return rising


@kernel
def radix_sort(sort_keys, order, spare_keys, spare_order, bits):  # type: ignore[no-untyped-def]
    """Sort keys of so many bits, least significant digits first, and carry `order` along; True if the result lies in the spare arrays."""
    size = 1 << _RADIX_BITS
    digit_mask = np.uint64(size - 1)
    places = np.empty(size, np.int64)
    swapped = False
    for shift in range(0, bits, _RADIX_BITS):
        source, target = (spare_keys, sort_keys) if swapped else (sort_keys, spare_keys)
        rows, target_rows = (spare_order, order) if swapped else (order, spare_order)
        places[:] = 0
        for i in range(len(source)):
            places[(source[i] >> np.uint64(shift)) & digit_mask] += 1
        total = 0
        for digit in range(size):
            count = places[digit]
            places[digit] = total
            total += count
        for i in range(len(source)):
            digit = (source[i] >> np.uint64(shift)) & digit_mask
            place = places[digit]
            target[place] = source[i]
            target_rows[place] = rows[i]
            places[digit] = place + 1
        swapped = not swapped
    return swapped


@kernel
def split_keys(sort_keys, word_bits, words, first_child):  # type: ignore[no-untyped-def]
    """words (N,) uint32 and first_child (P+1,) from sorted keys. Returns the first place whose key is the one before it, or -1."""
    mask = (np.uint64(1) << np.uint64(word_bits)) - np.uint64(1)
    parent = 0
    first_child[0] = 0
    for node in range(len(sort_keys)):
        if node > 0 and sort_keys[node] == sort_keys[node - 1]:
            return node
        words[node] = np.uint32(sort_keys[node] & mask)
        context = np.int64(sort_keys[node] >> np.uint64(word_bits))
        while parent < context:
            parent += 1
            first_child[parent] = node
    while parent < len(first_child) - 1:
        parent += 1
        first_child[parent] = len(sort_keys)
    return -1
