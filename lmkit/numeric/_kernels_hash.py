"""Open-addressing hash table from byte strings to ids.

Arrays (B = bytes of all strings, V = strings, C = slots, a power of two):

| name    | dtype  | shape  | holds |
|---------|--------|--------|-------|
| blob    | uint8  | (>= B,)   | the strings, one after the other |
| offsets | int64  | (>= V+1,) | string i is blob[offsets[i]:offsets[i+1]] |
| table   | uint64 | (2 C,)    | slot s: key at 2s, value at 2s+1; value 0 = free, else 1 + (id << 4 | min(length, 9)) |

A string of at most 8 bytes is its own key (packed little-endian), so a match of key and length is exact without looking at the blob. A
longer one has a 64-bit hash as key, over its bytes eight at a time, and a match is confirmed byte by byte. At most half of the slots are
ever taken.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_memory import load8

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)
LONG = 9  # the length that stands for "more than 8 bytes"


@kernel
def slot_shift(table):
    """Bits to shift a mixed key right, so that a slot number below C remains."""
    shift = np.uint64(64)
    slots = table.size >> 1
    while slots > 1:
        slots >>= 1
        shift -= np.uint64(1)
    return shift


@kernel
def string_key(data, start, length):
    """Key of data[start:start+length]: the bytes themselves up to 8, a hash beyond."""
    if length > 8:
        return long_key(data, start, length)
    key = np.uint64(0)
    for i in range(length):
        key |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return key


@kernel
def long_key(data, start, length):
    """Hash of more than 8 bytes, eight at a time; the last eight overlap those before."""
    key = np.uint64(length)
    at = start
    last = start + length - 8
    while at < last:
        key = (key ^ load8(data, at)) * MULTIPLIER
        key ^= key >> np.uint64(29)
        at += 8
    key = (key ^ load8(data, last)) * MULTIPLIER
    return key ^ (key >> np.uint64(32))


@kernel
def same_bytes(data, start, other, other_start, length):
    """Whether two strings of one length, more than 8 bytes, are equal."""
    last = length - 8
    at = 0
    while at < last:
        if load8(data, start + at) != load8(other, other_start + at):
            return False
        at += 8
    return load8(data, start + last) == load8(other, other_start + last)


@kernel
def first_slot(key, shift):
    """Slot where the search for a key begins."""
    return ((key ^ (key >> np.uint64(32))) * MULTIPLIER) >> shift


@kernel
def find_slot(table, slot, key, data, start, length, blob, offsets):
    """Slot that holds the string data[start:start+length], or the free slot where it belongs; searched from `slot` on."""
    mask = np.uint64((table.size >> 1) - 1)
    kind = min(length, LONG)
    while True:
        value = table[np.uint64(2) * slot + np.uint64(1)]
        if value == np.uint64(0):
            return slot
        if table[np.uint64(2) * slot] == key:
            entry = np.int64(value - np.uint64(1))
            if (entry & 15) == kind:
                if kind < LONG:
                    return slot
                begin = offsets[entry >> 4]
                if offsets[(entry >> 4) + 1] - begin == length and same_bytes(data, start, blob, begin, length):
                    return slot
        slot = (slot + np.uint64(1)) & mask


@kernel
def slot_id(table, slot):
    """Id in a slot, -1 if the slot is free."""
    value = table[np.uint64(2) * slot + np.uint64(1)]
    if value == np.uint64(0):
        return np.int64(-1)
    return np.int64(value - np.uint64(1)) >> 4


@kernel
def fill_slot(table, slot, key, string_id, length):
    """Put a string into a free slot."""
    table[np.uint64(2) * slot] = key
    table[np.uint64(2) * slot + np.uint64(1)] = np.uint64(((string_id << 4) | min(length, LONG)) + 1)


@kernel
def build_table(blob, offsets, count, table):
    """Enter the first `count` strings into an empty table. Returns the id of the first string that occurs twice, or -1."""
    shift = slot_shift(table)
    for string_id in range(count):
        start = offsets[string_id]
        length = offsets[string_id + 1] - start
        key = string_key(blob, start, length)
        slot = find_slot(table, first_slot(key, shift), key, blob, start, length, blob, offsets)
        if slot_id(table, slot) >= 0:
            return string_id
        fill_slot(table, slot, key, string_id, length)
    return -1


@kernel
def look_up(blob, offsets, table, other_blob, other_offsets, missing, found):
    """found[i] = id in the table of the other list's string i, or `missing`. found: int32, one shorter than other_offsets."""
    shift = slot_shift(table)
    for i in range(found.size):
        start = other_offsets[i]
        length = other_offsets[i + 1] - start
        key = string_key(other_blob, start, length)
        slot = find_slot(table, first_slot(key, shift), key, other_blob, start, length, blob, offsets)
        string_id = slot_id(table, slot)
        found[i] = string_id if string_id >= 0 else missing


@kernel
def move_table(old, new):
    """Enter all of `old` into the larger, empty `new`; the strings themselves are not looked at."""
    shift = slot_shift(new)
    mask = np.uint64((new.size >> 1) - 1)
    for i in range(0, old.size, 2):
        if old[i + 1] != np.uint64(0):
            key = old[i]
            slot = first_slot(key, shift)
            while new[np.uint64(2) * slot + np.uint64(1)] != np.uint64(0):
                slot = (slot + np.uint64(1)) & mask
            new[np.uint64(2) * slot] = key
            new[np.uint64(2) * slot + np.uint64(1)] = old[i + 1]


@kernel
def set_key(blob, offsets):
    """Two sums over hashes of all strings, uint64: the same for the same strings in any order, on every machine."""
    first = second = np.uint64(0)
    for i in range(len(offsets) - 1):
        key = np.uint64(0xCBF29CE484222325)  # FNV-1a, 64 bits
        for at in range(offsets[i], offsets[i + 1]):
            key = (key ^ np.uint64(blob[at])) * np.uint64(0x100000001B3)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)  # the finish of splitmix64, so that sums tell sets apart
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        key ^= key >> np.uint64(31)
        first += key
        second += key * key
    return first, second
