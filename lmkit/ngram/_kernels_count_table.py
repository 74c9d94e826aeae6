"""Kernels of tables of n-gram counts.

name      dtype    shape     what
rows      int32    (R, n)    word ids of R n-grams
counts    int64    (R,)      how often each occurs
blob      uint8    (C,)      the tokens' UTF-8 bytes one after the other
offsets   int64    (V+1,)    borders of the tokens in blob
buffer    uint8    (B,)      receives lines: words separated by spaces, a tab, the count
"""

from __future__ import annotations

from lmkit._jit import kernel


@kernel
def _write_integer(value, buffer, at):  # type: ignore[no-untyped-def]
    """Print a number of at least 0 in decimal; return the position behind it."""
    digits = 1
    rest = value // 10
    while rest > 0:
        digits += 1
        rest //= 10
    for i in range(digits - 1, -1, -1):
        buffer[at + i] = 48 + value % 10
        value //= 10
    return at + digits


@kernel
def write_count_lines(row, rows, counts, blob, offsets, longest_token, buffer):  # type: ignore[no-untyped-def]
    """Print lines from `row` on until the buffer is nearly full: (next row, bytes written)."""
    at = 0
    order = rows.shape[1]
    room = order * (longest_token + 1) + 24
    while row < len(rows) and at + room <= len(buffer):
        for k in range(order):
            if k:
                buffer[at] = 32
                at += 1
            for i in range(offsets[rows[row, k]], offsets[rows[row, k] + 1]):
                buffer[at] = blob[i]
                at += 1
        buffer[at] = 9
        at = _write_integer(counts[row], buffer, at + 1)
        buffer[at] = 10
        at += 1
        row += 1
    return row, at


@kernel
def growth_of_vocabulary(ids, seen, places, result):  # type: ignore[no-untyped-def]
    """result[i] = number of different words among the first places[i] tokens. seen : bool (V,), all False; places rise."""
    types = 0
    done = 0
    for i in range(len(places)):
        for place in range(done, places[i]):
            if not seen[ids[place]]:
                seen[ids[place]] = True
                types += 1
        done = places[i]
        result[i] = types
