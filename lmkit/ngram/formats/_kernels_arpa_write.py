"""Kernels that print n-grams as ARPA lines into a byte buffer.

name         dtype           shape    what
buffer       uint8           (B,)     receives the lines; MARGIN bytes behind the last one may be touched
blob         uint8           (C,)     the tokens' UTF-8 bytes one after the other, and 8 bytes of no meaning
offsets      int64           (V+1,)   borders of the tokens in blob
spellings    uint8           (V, 16)  the first 15 bytes of each token, and its length, LONG where it is longer: see `spell_tokens`
words        uint32          (G,)     last words of the n-grams of one order
first_child  int             (G+1,)   index of the first continuation of each, counted from `offset` on
nodes        int64           (L,)     indices of n-grams, rising
ids          uint32          (L, n)   the words of L n-grams, flat

Numbers are printed eight digits at a time, and tokens copied 16 bytes at a time, whatever their length: a loop over the bytes would cost a
misprediction each. Tokens lie scattered, so those ahead are fetched early. Each line is put together from its words' spellings: copying
what the line before has in common with it would read back what has only just been written, in other pieces, which processors are slow at.
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_bits import leading_zeros
from lmkit.numeric._kernels_decimal import eight_digits
from lmkit.numeric._kernels_machine import prefetch
from lmkit.numeric._kernels_memory import copy_string, load8, store8

SPELLING = 16  # bytes of an entry of `spellings`
LONG = 255  # stands for the length of a token that has no room there
MARGIN = 64  # bytes that copying may touch behind what it copies
_AHEAD = 8
NUMBER_WIDTH = 24  # the longest number that write_number prints, with room to spare
_SAFE = 0.9999 * 2.0**-25  # a decimal this near to a float32, relative to it, can't be read as its neighbour
_POWERS = 10.0 ** np.arange(18)
_INVERSES = 1.0 / _POWERS
_WHOLE_POWERS = 10 ** np.arange(18, dtype=np.int64)
_ZEROS = np.uint64(0x3030303030303030)


@kernel
def write_number(value, buffer, at):  # type: ignore[no-untyped-def]
    """Print a float32 so that reading it back gives the same float32; return the position behind it.

    8 significant digits where they suffice, else 9; zeros behind them left out. -inf and all below -99 are printed as -99, ARPA's zero
    probability.
    """
    if not value >= -99.0:
        value = np.float32(-99.0)
    x = np.float64(value)
    if x < 0:
        buffer[at] = 45
        at += 1
        x = -x
    if x < 0.001:
        if x == 0:
            buffer[at] = 48
            return at + 1
        return _write_small(x, buffer, at)
    decimals = 6 + np.int64(x < 10) + np.int64(x < 1) + np.int64(x < 0.1) + np.int64(x < 0.01)
    mantissa = np.int64(x * _POWERS[decimals] + 0.5)
    shown = np.float64(mantissa) * _INVERSES[decimals]
    if abs(shown - x) > x * _SAFE:
        decimals += 1
        mantissa = np.int64(x * _POWERS[decimals] + 0.5)
        shown = np.float64(mantissa) * _INVERSES[decimals]
    whole = np.int64(shown + 1e-13)  # the fraction is 0 or at least 1e-11
    fraction = mantissa - whole * _WHOLE_POWERS[decimals]
    if whole >= 10:
        tens = (whole * 103) >> 10
        buffer[at] = 48 + tens
        at += 1
        whole -= 10 * tens
    buffer[at] = 48 + whole
    if fraction == 0:
        return at + 1
    buffer[at + 1] = 46
    at += 2
    if decimals <= 8:
        return _write_eight(fraction * _WHOLE_POWERS[8 - decimals], buffer, at)
    fraction *= _WHOLE_POWERS[16 - decimals]
    high = np.uint64(fraction) // np.uint64(100000000)
    low = np.uint64(fraction) - high * np.uint64(100000000)
    if low == 0:
        return _write_eight(high, buffer, at)
    store8(buffer, at, eight_digits(high))
    return _write_eight(low, buffer, at + 8)


@kernel
def _write_eight(digits, buffer, at):  # type: ignore[no-untyped-def]
    """Print 0 < digits < 10^8 without the zeros at its end; the position behind it."""
    text = eight_digits(digits)
    store8(buffer, at, text)
    return at + 8 - (leading_zeros(text ^ _ZEROS) >> 3)


@kernel
def _write_small(x, buffer, at):  # type: ignore[no-untyped-def]
    """Print 0 < x < 0.001 as d.dddddddde-X."""
    exponent = -np.int64(math.floor(math.log10(x)))
    scaled = x * 10.0**exponent * 1e8  # two steps, since 10^53 times the smallest float32 would do but 10^61 is no exact power
    mantissa = np.int64(math.floor(scaled + 0.5))
    if mantissa >= 1000000000:
        mantissa //= 10
        exponent -= 1
    elif mantissa < 100000000:
        exponent += 1
        mantissa = np.int64(math.floor(x * 10.0**exponent * 1e8 + 0.5))
    buffer[at] = 48 + mantissa // 100000000
    buffer[at + 1] = 46
    store8(buffer, at + 2, eight_digits(mantissa % 100000000))
    at += 10
    while buffer[at - 1] == 48:
        at -= 1
    if buffer[at - 1] == 46:
        at -= 1
    buffer[at] = 101
    buffer[at + 1] = 45
    if exponent >= 10:
        buffer[at + 2] = 48 + exponent // 10
        at += 1
    buffer[at + 2] = 48 + exponent % 10
    return at + 3


@kernel
def spell_tokens(blob, offsets, spellings):  # type: ignore[no-untyped-def]
    """Fill spellings uint8 (16 V,)."""
    for token in range(len(offsets) - 1):
        start = offsets[token]
        length = offsets[token + 1] - start
        at = token * SPELLING
        if length < SPELLING:
            for i in range(length):
                spellings[at + i] = blob[start + i]
        spellings[at + SPELLING - 1] = length if length < SPELLING else LONG


@kernel
def find_contexts(first_child, offset, context, nodes, contexts):  # type: ignore[no-untyped-def]
    """contexts (L,) int64: the n-gram that each of `nodes` continues; `context` is the first of them. May be done in place."""
    for i in range(len(nodes)):
        child = nodes[i] + offset
        while first_child[context + 1] <= child:
            context += 1
        contexts[i] = context


@kernel
def take_words(words, nodes, ids, order, place):  # type: ignore[no-untyped-def]
    """ids[:, place] = words[nodes], in rows of `order` words."""
    for i in range(len(nodes)):
        ids[i * order + place] = words[nodes[i]]


@kernel
def write_lines(row, ids, order, log10_prob, log10_bow, spellings, blob, offsets, longest_token, buffer):  # type: ignore[no-untyped-def]
    """Print n-grams from a row on until the buffer is nearly full: (next row, bytes written). `log10_bow` is empty at the highest order."""
    at = np.int64(0)
    rows = len(log10_prob)
    has_bow = len(log10_bow) > 0
    room = line_room(order, longest_token)
    while row < rows and at + room <= len(buffer):
        ahead = min(row + _AHEAD, rows - 1) * order + order - 1
        prefetch(spellings, np.int64(ids[ahead]) * SPELLING)
        prefetch(spellings, np.int64(ids[max(ahead - 1, 0)]) * SPELLING)
        at = write_number(log10_prob[row], buffer, at)
        buffer[at] = 9
        at += 1
        for place in range(row * order, (row + 1) * order):
            token = np.int64(ids[place])
            entry = token * SPELLING
            length = np.int64(spellings[entry + SPELLING - 1])
            if length == LONG:
                length = offsets[token + 1] - offsets[token]
                copy_string(blob, offsets[token], length, buffer, at)
            else:
                store8(buffer, at, load8(spellings, entry))
                store8(buffer, at + 8, load8(spellings, entry + 8))
            at += length
            buffer[at] = 32
            at += 1
        if has_bow:
            buffer[at - 1] = 9
            at = write_number(log10_bow[row], buffer, at) + 1
        buffer[at - 1] = 10
        row += 1
    return row, at


@kernel
def line_room(order, longest_token):  # type: ignore[no-untyped-def]
    """Bytes of a buffer that the longest line may touch."""
    return 2 * NUMBER_WIDTH + order * (longest_token + 1) + 2 + 2 * MARGIN
