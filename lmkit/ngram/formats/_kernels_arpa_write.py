"""Kernels that print a back-off trie as ARPA lines into a byte buffer.

name         dtype           shape    what
buffer       uint8           (B,)     receives the lines; MARGIN bytes behind the last one may be touched
blob         uint8           (C,)     the tokens' UTF-8 bytes one after the other, and 8 bytes of no meaning
offsets      int64           (V+1,)   borders of the tokens in blob
spellings    uint8           (V, 16)  the first 15 bytes of each token, and its length, LONG where it is longer: see `spell_tokens`
word, nodes, leaves                   the trie, see querying/_kernels_query.py
path         int64           (N,)     node of each prefix of the current n-gram, shortest first: where printing stopped and goes on
prefix       uint8           (P,)     the words of the current context, a space behind each
borders      int64           (N,)     where each word of the context ends in prefix, with its space

A context's words are spelled once for all its continuations; numbers are printed eight digits at a time, and tokens copied 16 bytes at a
time, whatever their length: a loop over the bytes would cost a misprediction each. They lie scattered, so those ahead are fetched early.
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_decimal import eight_digits
from lmkit.numeric._kernels_machine import prefetch
from lmkit.numeric._kernels_memory import copy_string, load8, store8

SPELLING = 16  # bytes of an entry of `spellings`
LONG = 255  # stands for the length of a token that has no room there
MARGIN = 64  # bytes that copying may touch behind what it copies
_AHEAD = 12
NUMBER_WIDTH = 24  # the longest number that write_number prints, with room to spare
_SAFE = 0.9999 * 2.0**-25  # a decimal this near to a float32, relative to it, can't be read as its neighbour
_POWERS = 10.0 ** np.arange(18)
_INVERSES = 1.0 / _POWERS
_WHOLE_POWERS = 10 ** np.arange(18, dtype=np.int64)


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
    if x == 0:
        buffer[at] = 48
        return at + 1
    if x < 0.001:
        return _write_small(x, buffer, at)
    decimals = 6 if x >= 10 else (7 if x >= 1 else (8 if x >= 0.1 else (9 if x >= 0.01 else 10)))
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
        store8(buffer, at, eight_digits(fraction * _WHOLE_POWERS[8 - decimals]))
        at += 8
    else:
        fraction *= _WHOLE_POWERS[16 - decimals]
        high = np.uint64(fraction) // np.uint64(100000000)
        store8(buffer, at, eight_digits(high))
        store8(buffer, at + 8, eight_digits(np.uint64(fraction) - high * np.uint64(100000000)))
        at += 16
    while buffer[at - 1] == 48:
        at -= 1
    return at


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
def _copy_token(token, spellings, blob, offsets, target, at):  # type: ignore[no-untyped-def]
    """Spell a token at target[at:]; the place behind it."""
    entry = token * SPELLING
    length = np.int64(spellings[entry + SPELLING - 1])
    if length == LONG:
        length = offsets[token + 1] - offsets[token]
        copy_string(blob, offsets[token], length, target, at)
    else:
        store8(target, at, load8(spellings, entry))
        store8(target, at + 8, load8(spellings, entry + 8))
    return at + length


@kernel
def write_lines(node, stop, order, path, prefix, borders, word, nodes, leaves, spellings, blob, offsets, longest_token, buffer):  # type: ignore[no-untyped-def]
    """Print n-grams node..stop of one order until the buffer is nearly full: (next node, bytes written).

    `path[k]` is the node of the current n-gram's prefix of length k + 1; it only ever moves forward, so a whole order costs one pass over
    all lower ones. borders[0] < 0 on the first call of an order.
    """
    at = 0
    below = len(nodes) - 1
    room = 2 * NUMBER_WIDTH + order * (longest_token + 1) + 2 + 2 * MARGIN
    while node < stop and at + room <= len(buffer):
        run_stop = stop
        if order > 1:
            path[order - 1] = node
            _spell_context(order, path, prefix, borders, word, nodes, spellings, blob, offsets)
            run_stop = min(stop, np.int64(nodes[path[order - 2] + 1].first_child))
        length = borders[order - 2] if order > 1 else 0
        while node < run_stop and at + room <= len(buffer):
            prefetch(spellings, np.int64(word[min(node + _AHEAD, len(word) - 1)]) * SPELLING)
            at = write_number(nodes[node].log10_prob if node < below else leaves[node - below].log10_prob, buffer, at)
            buffer[at] = 9
            at += 1
            for i in range(0, 32, 8):
                store8(buffer, at + i, load8(prefix, i))
            if length > 32:
                copy_string(prefix, 32, length - 32, buffer, at + 32)
            at = _copy_token(np.int64(word[node]), spellings, blob, offsets, buffer, at + length)
            if node < below:
                buffer[at] = 9
                at = write_number(nodes[node].log10_bow, buffer, at + 1)
            buffer[at] = 10
            at += 1
            node += 1
    return node, at


@kernel
def _spell_context(order, path, prefix, borders, word, nodes, spellings, blob, offsets):  # type: ignore[no-untyped-def]
    """Move path forward to the prefixes of the n-gram path[order-1] and spell anew what changed of its context."""
    changed = order - 1
    for k in range(order - 2, -1, -1):
        moved = False
        while nodes[path[k] + 1].first_child <= path[k + 1]:
            path[k] += 1
            moved = True
        if moved or borders[0] < 0:
            changed = k
        else:
            break
    for k in range(changed, order - 1):
        at = borders[k - 1] if k > 0 else np.int64(0)
        here = path[k]
        prefetch(spellings, np.int64(word[min(here + _AHEAD, len(word) - 1)]) * SPELLING)
        at = _copy_token(np.int64(word[here]), spellings, blob, offsets, prefix, at)
        prefix[at] = 32
        borders[k] = at + 1
