"""Kernels that print a back-off trie as ARPA lines into a byte buffer.

name         dtype    shape    what
buffer       uint8    (B,)     receives the lines
blob         uint8    (C,)     the tokens' UTF-8 bytes one after the other
offsets      int64    (V+1,)   borders of the tokens in blob
path         int64    (N,)     node of each prefix of the current n-gram, shortest first: where printing stopped and goes on

The trie's arrays are those of `_kernels_query.py`.
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel

NUMBER_WIDTH = 24  # the longest number that write_number prints, with room to spare


@kernel
def write_digits(value, buffer, at):  # type: ignore[no-untyped-def]
    """Print a non-negative int64 in decimal; return the position behind it."""
    digits = 1
    bound = np.int64(10)
    while digits < 19 and value >= bound:
        digits += 1
        bound *= 10
    for i in range(digits - 1, -1, -1):
        quotient = value // 10
        buffer[at + i] = 48 + value - quotient * 10
        value = quotient
    return at + digits


@kernel
def write_number(value, buffer, at):  # type: ignore[no-untyped-def]
    """Print a float32 so that reading it back gives the same float32: 9 significant digits, zeros behind them left out.

    -inf and all below -99 are printed as -99, ARPA's zero probability.
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
    decimals = 8 - int(math.floor(math.log10(x)))  # so that 9 digits are significant
    small = decimals > 17
    shown = 17 if small else decimals
    scale = 10.0 ** (decimals - 8) * 1e8 if decimals >= 8 else 10.0**decimals
    mantissa = np.int64(math.floor(x * scale + 0.5))
    if small:  # below 1e-9: d.dddddddde-XX
        return _write_scientific(mantissa, decimals - 8, buffer, at)
    while shown > 0 and mantissa % 10 == 0:
        mantissa //= 10
        shown -= 1
    power = np.int64(1)
    for _ in range(shown):
        power *= 10
    at = write_digits(mantissa // power, buffer, at)
    if shown:
        buffer[at] = 46
        at += 1
        rest = mantissa % power
        for i in range(shown - 1, -1, -1):
            buffer[at + i] = 48 + rest % 10
            rest //= 10
        at += shown
    return at


@kernel
def _write_scientific(mantissa, exponent, buffer, at):  # type: ignore[no-untyped-def]
    """Print mantissa * 10^-(exponent + 8) as d.dddddddde-XX."""
    while mantissa >= 1000000000:
        mantissa //= 10
        exponent -= 1
    buffer[at] = 48 + mantissa // 100000000
    buffer[at + 1] = 46
    rest = mantissa % 100000000
    for i in range(7, -1, -1):
        buffer[at + 2 + i] = 48 + rest % 10
        rest //= 10
    buffer[at + 10] = 101
    buffer[at + 11] = 45
    return write_digits(np.int64(exponent), buffer, at + 12)


@kernel
def write_lines(
    node, stop, order, path, has_back_off, word, log10_prob, log10_bow, first_child, blob, offsets, longest_token, buffer
):  # type: ignore[no-untyped-def]
    """Print n-grams node..stop of one order until the buffer is nearly full: (next node, bytes written).

    `path[k]` is the node of the current n-gram's prefix of length k + 1; it only ever moves forward, so a whole order costs one pass over
    all lower ones.
    """
    at = 0
    room = 2 * NUMBER_WIDTH + order * (longest_token + 1) + 2
    while node < stop and at + room <= len(buffer):
        path[order - 1] = node
        for k in range(order - 2, -1, -1):
            while first_child[path[k] + 1] <= path[k + 1]:
                path[k] += 1
        at = write_number(log10_prob[node], buffer, at)
        for k in range(order):
            buffer[at] = 9 if k == 0 else 32
            at += 1
            token = word[path[k]]
            for i in range(offsets[token], offsets[token + 1]):
                buffer[at] = blob[i]
                at += 1
        if has_back_off:
            buffer[at] = 9
            at = write_number(log10_bow[node], buffer, at + 1)
        buffer[at] = 10
        at += 1
        node += 1
    return node, at
