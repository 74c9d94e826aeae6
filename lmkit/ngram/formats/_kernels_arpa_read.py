"""Kernels that read the n-gram lines of an ARPA file from a byte block.

name          dtype    shape    what
data          uint8    (B,)     a block of the file and PADDING bytes of no meaning; lines end in LF or CR LF, fields in tabs or spaces
used          int              bytes of data that are the file's
probabilities float32  (R,)     log10 probability of each line; -inf for -99 and below
back_offs     float32  (R,)     log10 back-off weight of each line, 0 where there is none
starts        int64    (R, n)   where each word of a line begins in data
lengths       int32    (R, n)   its length in bytes
keys          uint64   (R, n)   its key, as `string_key` of numeric/_kernels_hash.py makes it

A line is: probability, n words, and optionally a back-off weight. Words are cut and numbers read eight bytes at a time.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_decimal import eight_value
from lmkit.numeric._kernels_hash import find_slot, first_slot, slot_id, slot_shift, string_key
from lmkit.numeric._kernels_memory import load8, trailing_zeros

OK, BAD_NUMBER, BAD_FIELDS, NOT_A_NUMBER, POSITIVE, SECTION_END, LONG_LINE = 0, 1, 2, 3, 4, 5, 6

ROUNDING = 1e-3
"""A log10 probability up to so much above 0 is taken for 0: toolkits round."""

_NAN, _INF, _INFINITY = (np.frombuffer(word, np.uint8) for word in (b"nan", b"inf", b"infinity"))
_POWERS = 10.0 ** np.arange(23)
_WHOLE_POWERS = 10 ** np.arange(9, dtype=np.int64)
_HIGH = np.uint64(0x8080808080808080)
_BLANKS = np.uint64(0x2121212121212121)  # 33 in each byte
_DIGIT_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)  # 0x80 - 10 in each byte


@kernel
def _is_blank(byte):  # type: ignore[no-untyped-def]
    return byte == 32 or byte == 9 or byte == 13 or byte == 0


@kernel
def _lower(byte):  # type: ignore[no-untyped-def]
    return byte | 32


@kernel
def _spells(data, start, stop, word):  # type: ignore[no-untyped-def]
    """Whether data[start:stop] is a word of small letters, written in any case."""
    if stop - start != len(word):
        return False
    for i in range(len(word)):
        if _lower(data[start + i]) != word[i]:
            return False
    return True


@kernel
def read_number(data, start, stop):  # type: ignore[no-untyped-def]
    """(value, status) of the decimal number in data[start:stop]: digits, a point, an exponent, inf, nan; right to 9 digits."""
    at = start
    negative = False
    if at < stop and (data[at] == 45 or data[at] == 43):
        negative = data[at] == 45
        at += 1
    if _spells(data, at, stop, _NAN):
        return 0.0, NOT_A_NUMBER
    if _spells(data, at, stop, _INF) or _spells(data, at, stop, _INFINITY):
        return (-np.inf if negative else np.inf), OK
    mantissa = np.int64(0)
    exponent = 0
    digits = 0
    point = False
    while at < stop:
        byte = data[at]
        if 48 <= byte <= 57:
            digits += 1
            if mantissa < 100000000000000000:
                mantissa = mantissa * 10 + np.int64(byte - 48)
                if point:
                    exponent -= 1
            elif not point:
                exponent += 1
        elif byte == 46 and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return 0.0, BAD_NUMBER
    if at < stop and _lower(data[at]) == 101:  # e
        at += 1
        minus = False
        if at < stop and (data[at] == 45 or data[at] == 43):
            minus = data[at] == 45
            at += 1
        if at == stop:
            return 0.0, BAD_NUMBER
        power = 0
        while at < stop and 48 <= data[at] <= 57:
            power = min(power * 10 + (data[at] - 48), 9999)
            at += 1
        exponent += -power if minus else power
    if at != stop:
        return 0.0, BAD_NUMBER
    value = np.float64(mantissa)
    if exponent < -300:
        value = value * 1e-300 * 10.0 ** (exponent + 300)
    elif exponent < 0:
        value /= 10.0 ** (-exponent)
    elif exponent > 0:
        value *= 10.0 ** min(exponent, 400)
    return (-value if negative else value), OK


@kernel
def _field_end(data, at):  # type: ignore[no-untyped-def]
    """The first blank or LF from `at` on; there is one."""
    while not _is_blank(data[at]) and data[at] != 10:
        at += 1
    return at


@kernel
def _field_number(data, start):  # type: ignore[no-untyped-def]
    """(value, place behind, status) of the number that begins at start. Digits, point and at most 8 decimals the fast way."""
    at = start
    negative = data[at] == 45
    if negative:
        at += 1
    whole = np.int64(data[at]) - 48
    if 0 <= whole <= 9:
        at += 1
        second = np.int64(data[at]) - 48
        if 0 <= second <= 9:
            whole = 10 * whole + second
            at += 1
        if data[at] == 46:
            digits = load8(data, at + 1) ^ _DIGIT_ZEROS
            others = ((digits + _ABOVE_NINE) | digits) & _HIGH  # set in bytes that are no digits; exact up to the first of them
            count = np.int64(trailing_zeros(others) >> np.uint64(3))
            end = at + 1 + count
            if 0 < count < 8 and (data[end] == 9 or data[end] == 32 or data[end] == 10 or data[end] == 13):
                digits <<= np.uint64(64) - np.uint64(8 * count)
                value = np.float64(whole * _WHOLE_POWERS[count] + eight_value(digits)) / _POWERS[count]
                return (-value if negative else value), end, OK
            if count == 8 and (data[end] == 9 or data[end] == 32 or data[end] == 10 or data[end] == 13):
                value = np.float64(whole * 100000000 + eight_value(digits)) / 1e8
                return (-value if negative else value), end, OK
        elif data[at] == 9 or data[at] == 10:
            return (-np.float64(whole) if negative else np.float64(whole)), at, OK
    end = _field_end(data, at)
    value, status = read_number(data, start, end)
    return value, end, status


@kernel
def _cut_word(data, start):  # type: ignore[no-untyped-def]
    """(place behind, key) of the word that begins at start and ends at a blank or LF."""
    chunk = load8(data, start)
    low = (chunk - _BLANKS) & ~chunk & _HIGH  # set in bytes below 33; exact up to the first of them
    if low != np.uint64(0):
        bits = trailing_zeros(low) - np.uint64(7)
        end = start + np.int64(bits >> np.uint64(3))
        if _is_blank(data[end]) or data[end] == 10:
            return end, chunk & ((np.uint64(1) << bits) - np.uint64(1))
    at = start
    while not _is_blank(data[at]) and data[at] != 10:
        at += 1
    return at, string_key(data, start, at - start)


@kernel
def _skip_blanks(data, at):  # type: ignore[no-untyped-def]
    while _is_blank(data[at]):
        at += 1
    return at


@kernel
def _to_float32(value):  # type: ignore[no-untyped-def]
    """-99 and below mean log10(0)."""
    return np.float32(-np.inf) if value <= -99.0 else np.float32(value)


@kernel
def scan_lines(data, used, at, rows, order, probabilities, back_offs, starts, lengths, keys):  # type: ignore[no-untyped-def]
    """Read up to `rows` lines of n-grams: (lines read, position behind them, status).

    Stops early at the last whole line of the block (status OK), at a line that is blank or begins with a backslash (SECTION_END), or
    at a line that can't be read. data[:used] must end in LF, and data[used] be LF too.
    """
    row = 0
    while row < rows and at < used:
        field = _skip_blanks(data, at)
        if data[field] == 10 or (data[field] == 92 and _is_header(data, field)):
            return row, at, SECTION_END
        value, field, status = _field_number(data, field)
        if status != OK:
            return row, at, status
        if value > 0:
            if value > ROUNDING:
                return row, at, (NOT_A_NUMBER if np.isinf(value) else POSITIVE)
            value = 0.0
        probabilities[row] = _to_float32(value)
        for i in range(order):
            field = _skip_blanks(data, field)
            if data[field] == 10:
                return row, at, BAD_FIELDS
            end, key = _cut_word(data, field)
            starts[row, i] = field
            lengths[row, i] = end - field
            keys[row, i] = key
            field = end
        field = _skip_blanks(data, field)
        back_offs[row] = 0.0
        if data[field] != 10:
            value, field, status = _field_number(data, field)
            field = _skip_blanks(data, field)
            if data[field] != 10:
                return row, at, BAD_FIELDS
            if status != OK or value == np.inf:
                return row, at, (BAD_NUMBER if status == BAD_NUMBER else NOT_A_NUMBER)
            back_offs[row] = _to_float32(value)
        row += 1
        at = field + 1
    return row, at, OK


@kernel
def _is_header(data, start):  # type: ignore[no-untyped-def]
    """Whether a line that begins with a backslash is a section header: its only field, or one that ends in a colon or a backslash."""
    stop = _field_end(data, start)
    return data[_skip_blanks(data, stop)] == 10 or data[stop - 1] == 58 or data[stop - 1] == 92


@kernel
def look_up_words(data, starts, lengths, keys, blob, offsets, table, ids):  # type: ignore[no-untyped-def]
    """ids (K,) int32 of the words cut by `scan_lines`, -1 where one is unknown. starts, lengths, keys : (K,)."""
    shift = slot_shift(table)
    for i in range(len(starts)):
        slot = first_slot(keys[i], shift)
        value = np.int64(table[np.uint64(2) * slot + np.uint64(1)]) - 1
        if lengths[i] <= 8 and table[np.uint64(2) * slot] == keys[i] and (value & 15) == lengths[i]:
            ids[i] = value >> 4  # most words, at the first look
        else:
            ids[i] = slot_id(table, find_slot(table, slot, keys[i], data, starts[i], np.int64(lengths[i]), blob, offsets))


@kernel
def pack_words(data, starts, lengths, blob, offsets):  # type: ignore[no-untyped-def]
    """Copy words one after the other into blob, their borders into offsets (K+1,)."""
    at = np.int64(0)
    offsets[0] = 0
    for i in range(len(starts)):
        for place in range(starts[i], starts[i] + lengths[i]):
            blob[at] = data[place]
            at += 1
        offsets[i + 1] = at
