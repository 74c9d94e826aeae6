"""Random numbers as a function of a key and a counter, so that any stretch of work can be redone from anywhere.

A stream is a uint64 key. Draw i of it is `draw(key, i)`: the i-th output of SplitMix64 (Steele, Lea and Flood 2014, figure 16) started at
the key. `subkey` makes independent streams out of one.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import uncounted

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, SplitMix64's step
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@uncounted
def mix64(value):
    """SplitMix64's output function: a bijection of 64 bits."""
    value = (value ^ (value >> np.uint64(30))) * _FIRST
    value = (value ^ (value >> np.uint64(27))) * _SECOND
    return value ^ (value >> np.uint64(31))


@uncounted
def draw(key, counter):
    """64 random bits: output `counter` (uint64, from 0) of the stream `key` (uint64)."""
    return mix64(key + (counter + np.uint64(1)) * GOLDEN)


@uncounted
def subkey(key, number):
    """The key of stream `number` (uint64) among those under `key`."""
    return mix64(mix64(key ^ _FIRST) + (number + np.uint64(1)) * GOLDEN)


@uncounted
def below(bits, bound):
    """An int64 in [0, bound) from 64 random bits; bound < 2^32. Its upper 32 bits decide (Lemire 2019, without rejection: bias below
    bound / 2^32)."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@uncounted
def alias_draw(table, bits):
    """An index drawn from an alias table (see alias.py) by 64 random bits: the upper 32 choose the cell, the lower 32 the side."""
    cell = ((bits >> np.uint64(32)) * np.uint64(table.size)) >> np.uint64(32)
    entry = table[cell]
    if (bits & np.uint64(0xFFFFFFFF)) < (entry >> np.uint64(32)):
        return np.int64(cell)
    return np.int64(entry & np.uint64(0xFFFFFFFF))
