"""Kernels that read the n-gram lines of an ARPA file from a byte block.

name         dtype    shape    what
data         uint8    (B,)     a block of the file; lines end in LF or CR LF, fields are separated by tabs or spaces
numbers      float64  (R, 2)   log10 probability and back-off weight of each line
spans        int64    (R, n, 2) where each word of a line begins and ends in data

A line is: probability, n words, and optionally a back-off weight.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

OK, BAD_NUMBER, BAD_FIELDS, NOT_A_NUMBER, POSITIVE, SECTION_END = 0, 1, 2, 3, 4, 5


@kernel
def _is_blank(byte):  # type: ignore[no-untyped-def]
    return byte == 32 or byte == 9 or byte == 13 or byte == 0


@kernel
def _lower(byte):  # type: ignore[no-untyped-def]
    return byte | 32


@kernel
def read_number(data, start, stop):  # type: ignore[no-untyped-def]
    """(value, status) of the decimal number in data[start:stop]: digits, a point, an exponent, inf or nan; correctly rounded to 9 digits."""
    at = start
    negative = False
    if at < stop and (data[at] == 45 or data[at] == 43):
        negative = data[at] == 45
        at += 1
    if at < stop and _lower(data[at]) == 110:  # n(an)
        return 0.0, NOT_A_NUMBER
    if at < stop and _lower(data[at]) == 105:  # i(nf)
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
def read_lines(data, at, rows, order, numbers, spans):  # type: ignore[no-untyped-def]
    """Read up to `rows` lines of n-grams: (lines read, position behind them, status, 0 or the start of a bad line).

    Stops early at the end of the block's last whole line (status OK), at a line that is blank or begins with a backslash (SECTION_END), or
    at a line that can't be read. Lines must end in LF; the caller supplies that for the file's last line.
    """
    row = 0
    size = len(data)
    while row < rows:
        end = at
        while end < size and data[end] != 10:
            end += 1
        if end == size:
            return row, at, OK
        field = at
        while field < end and _is_blank(data[field]):
            field += 1
        if field == end or (data[field] == 92 and _is_header(data, field, end)):
            return row, at, SECTION_END
        count = 0
        numbers[row, 1] = 0.0
        while field < end:
            stop = field
            while stop < end and not _is_blank(data[stop]):
                stop += 1
            if count == 0 or count == order + 1:
                value, status = read_number(data, field, stop)
                if status != OK:
                    return row, at, status
                if np.isinf(value) and value > 0:
                    return row, at, NOT_A_NUMBER
                numbers[row, 0 if count == 0 else 1] = value
            elif count <= order:
                spans[row, count - 1, 0] = field
                spans[row, count - 1, 1] = stop
            count += 1
            field = stop
            while field < end and _is_blank(data[field]):
                field += 1
        if count < order + 1 or count > order + 2:
            return row, at, BAD_FIELDS
        if numbers[row, 0] > 0:
            return row, at, POSITIVE
        row += 1
        at = end + 1
    return row, at, OK


@kernel
def _is_header(data, start, end):  # type: ignore[no-untyped-def]
    """Whether a line that begins with a backslash is a section header: its first field ends in a colon or is \\end\\."""
    stop = start
    while stop < end and not _is_blank(data[stop]):
        stop += 1
    return stop == end or data[stop - 1] == 58 or data[stop - 1] == 92


@kernel
def descend(contexts, targets, first_child, words):  # type: ignore[no-untyped-def]
    """Replace each context, an index in one level, by that of context + target in the next; -1 where it is not there (or already was)."""
    for row in range(len(contexts)):
        context = contexts[row]
        if context < 0:
            continue
        low, high = first_child[context], first_child[context + 1]
        stop = high
        target = targets[row]
        while low < high:
            middle = (low + high) >> 1
            if words[middle] < target:
                low = middle + 1
            else:
                high = middle
        contexts[row] = low if low < stop and words[low] == target else -1


@kernel
def pack_spans(data, spans, blob, offsets):  # type: ignore[no-untyped-def]
    """Copy the strings at spans (K, 2) one after the other into blob, their borders into offsets (K+1,)."""
    at = np.int64(0)
    offsets[0] = 0
    for i in range(len(spans)):
        for place in range(spans[i, 0], spans[i, 1]):
            blob[at] = data[place]
            at += 1
        offsets[i + 1] = at
