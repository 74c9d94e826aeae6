"""Kernels that read and write rows of word vectors: lines of text and records of word2vec's binary form.

name     dtype    shape    what
data     uint8    (>= used + DECIMAL_PADDING,)  a piece of the file
vectors  float32  (R, d)   receives the rows; R of them at most
words    uint8    (B,)     receives the words, one after the other; room for all of the piece and PADDING bytes
offsets  int64    (R+1,)   word i is words[offsets[i]:offsets[i+1]]; offsets[0] is set by the caller
hard     int64    (H, 3)   row, column and place in data of numbers that the caller must read (see numeric/_kernels_decimal.py)
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_decimal import (
    BAD_NUMBER,
    HARD,
    NUMBER_WIDTH,
    OK,
    read_field,
    read_slowly,
    write_fixed,
    write_shortest,
    write_significant,
)
from lmkit.numeric._kernels_hash import fill_slot, find_slot, first_slot, slot_id, slot_shift, string_key
from lmkit.numeric._kernels_memory import PADDING, copy_string, load8, store8

DONE, FEW_FIELDS, MANY_FIELDS, NO_NUMBER, BLANK_LINE, HARD_FULL, MORE = 0, 1, 2, 3, 4, 5, 6
SHORTEST, FIXED, SIGNIFICANT = 0, 1, 2


@kernel
def _skip_blanks(data, at):  # type: ignore[no-untyped-def]
    while data[at] == 32 or data[at] == 9 or data[at] == 13:
        at += 1
    return at


@kernel
def _fields_start(data, start, end, count):  # type: ignore[no-untyped-def]
    """Place of the first of the last `count` fields of data[start:end], -1 if there are fewer."""
    at = end
    for _ in range(count):
        while at > start and (data[at - 1] == 32 or data[at - 1] == 9 or data[at - 1] == 13):
            at -= 1
        if at == start:
            return -1
        while at > start and not (data[at - 1] == 32 or data[at - 1] == 9 or data[at - 1] == 13):
            at -= 1
    return at


@kernel
def _fill_row(data, at, row, vectors, hard, hards):  # type: ignore[no-untyped-def]
    """Read a row's numbers from `at` on: (place behind, numbers in `hard`, columns read, status)."""
    for column in range(vectors.shape[1]):
        at = _skip_blanks(data, at)
        if data[at] == 10:
            return at, hards, column, FEW_FIELDS
        start = at
        value, at, status = read_field(data, start)
        if status == BAD_NUMBER:
            return at, hards, column, NO_NUMBER
        if status == HARD:
            if hards == len(hard):
                return at, hards, column, HARD_FULL
            hard[hards, 0], hard[hards, 1], hard[hards, 2] = row, column, start
            hards += 1
        vectors[row, column] = np.float32(value)
    return at, hards, vectors.shape[1], OK


@kernel
def scan_lines(data, limit, at, has_words, vectors, words, offsets, hard, loose):  # type: ignore[no-untyped-def]
    """Read lines `word number ... number` until the rows are full or the lines of data[at:limit] end.

    Returns (rows, place behind them, numbers in `hard`, status, column). Fields are divided by spaces and tabs; a word may hold spaces: it
    is all in front of the last d fields. If its own last field is a number then, the line has too many (MANY_FIELDS), unless `loose`.
    Stops in front of a line that can't be read, with its status. Without `has_words` a line is d numbers, and words stay empty.
    """
    row = 0
    hards = 0
    dimensions = vectors.shape[1]
    while row < len(vectors) and at < limit:
        start = at
        end = start
        if has_words:
            while not (data[end] == 32 or data[end] == 9 or data[end] == 10):
                end += 1
        begin = hards
        place, hards, column, status = _fill_row(data, end, row, vectors, hard, hards)
        if status == HARD_FULL:
            return row, start, begin, HARD_FULL, column
        if status == OK:
            place = _skip_blanks(data, place)
        if status != OK or data[place] != 10:  # a word with spaces, or a wrong line: count fields from the end
            hards = begin
            while data[place] != 10:
                place += 1
            if _skip_blanks(data, start) == place:
                return row, start, hards, BLANK_LINE, 0
            first = _fields_start(data, start, place, dimensions) if has_words else np.int64(-1)
            if first < 0 or (first == start and status != OK):
                return row, start, hards, (status if status != OK else MANY_FIELDS), column
            end = first
            while end > start and (data[end - 1] == 32 or data[end - 1] == 9):
                end -= 1
            back = end
            while back > start and not (data[back - 1] == 32 or data[back - 1] == 9):
                back -= 1
            if back > start and not loose and read_slowly(data, back)[2] != BAD_NUMBER:
                return row, start, hards, MANY_FIELDS, column
            _, hards, column, status = _fill_row(data, first, row, vectors, hard, hards)
            if status == HARD_FULL:
                return row, start, begin, HARD_FULL, column
            if status != OK:
                return row, start, begin, status, column
        to = offsets[row]
        copy_string(data, start, end - start, words, to)
        row += 1
        offsets[row] = to + end - start
        at = place + 1
    return row, at, hards, DONE, 0


@kernel
def count_numbers(data, start, limit, lines):  # type: ignore[no-untyped-def]
    """The least and the highest number of fields that are numbers at the ends of the first lines, their first field left out; and the lines
    looked at."""
    least = most = -1
    at = start
    seen = 0
    while seen < lines and at < limit:
        end = at
        while data[end] != 10:
            end += 1
        if _skip_blanks(data, at) < end:
            seen += 1
            fields = 0
            stop = end
            while True:
                first = _fields_start(data, at, stop, 1)
                if first <= at or read_slowly(data, first)[2] == BAD_NUMBER:
                    break
                fields += 1
                stop = first
            least = fields if least < 0 else min(least, fields)
            most = max(most, fields)
        at = end + 1
    return least, most, seen


@kernel
def scan_records(data, used, at, values, words, offsets):  # type: ignore[no-untyped-def]
    """Read records `word, space, float32 * d` of word2vec's binary form; line ends in front of a word are skipped.

    values : uint8 (R, 4 d), the rows' bytes. Returns (rows, place behind them, status): MORE if the piece ends inside of a record.
    """
    row = 0
    width = values.shape[1]
    flat = values.reshape(-1)
    while row < len(values):
        start = at
        while start < used and data[start] == 10:
            start += 1
        end = start
        while end < used and data[end] != 32:
            end += 1
        if end + 1 + width > used:
            return row, at, MORE
        to = offsets[row]
        copy_string(data, start, end - start, words, to)
        row += 1
        offsets[row] = to + end - start
        source = end + 1
        target = (row - 1) * width
        for i in range(0, width - 7, 8):
            store8(flat, target + i, load8(data, source + i))
        for i in range(width & ~7, width):
            flat[target + i] = data[source + i]
        at = source + width
    return row, at, DONE


@kernel
def scan_entries(data, used, at, words, offsets, counts, kinds):  # type: ignore[no-untyped-def]
    """Read entries `word, NUL, int64 count, int8 type` of fastText's dictionary. Returns as `scan_records`."""
    row = 0
    while row < len(counts):
        end = at
        while end < used and data[end] != 0:
            end += 1
        if end + 10 > used:
            return row, at, MORE
        to = offsets[row]
        copy_string(data, at, end - at, words, to)
        counts[row] = np.int64(load8(data, end + 1))
        kinds[row] = np.int8(data[end + 9])
        row += 1
        offsets[row] = to + end - at
        at = end + 10
    return row, at, DONE


@kernel
def mark_not_finite(bits, marks):  # type: ignore[no-untyped-def]
    """marks[i] = 1 where a row holds NaN or infinity; how many. bits : uint32 (R, d), the float32 rows' bits."""
    found = 0
    for row in range(len(bits)):
        any_bad = np.uint32(0)
        for column in range(bits.shape[1]):
            any_bad |= np.uint32((bits[row, column] & np.uint32(0x7F800000)) == np.uint32(0x7F800000))
        marks[row] = any_bad
        found += any_bad
    return found


@kernel
def mark_repeats(blob, offsets, table, first):  # type: ignore[no-untyped-def]
    """Enter all strings into an empty hash table; first[i] = the first that is equal to string i. How many are not first."""
    shift = slot_shift(table)
    repeats = 0
    for i in range(len(first)):
        start = offsets[i]
        length = offsets[i + 1] - start
        key = string_key(blob, start, length)
        slot = find_slot(table, first_slot(key, shift), key, blob, start, length, blob, offsets)
        other = slot_id(table, slot)
        if other >= 0:
            first[i] = other
            repeats += 1
        else:
            first[i] = i
            fill_slot(table, slot, key, i, length)
    return repeats


@kernel
def close_ranks(vectors, keep):  # type: ignore[no-untyped-def]
    """Move the rows to keep (bool) to the front, in their order; how many."""
    to = 0
    for row in range(len(vectors)):
        if keep[row]:
            if to < row:
                for column in range(vectors.shape[1]):
                    vectors[to, column] = vectors[row, column]
            to += 1
    return to


@kernel
def write_lines(row, vectors, words, offsets, with_words, style, digits, separator, tail, buffer):  # type: ignore[no-untyped-def]
    """Print rows from `row` on until the buffer is nearly full: (next row, bytes written).

    words : uint8 with PADDING bytes behind. style : SHORTEST, FIXED, or SIGNIFICANT with so many digits. separator : between fields.
    tail : whether a space stands behind the last number, as word2vec.c and fastText print it. The buffer holds at least one row.
    """
    at = 0
    dimensions = vectors.shape[1]
    while row < len(vectors):
        length = offsets[row + 1] - offsets[row] if with_words else np.int64(0)
        if at + length + dimensions * (NUMBER_WIDTH + 1) + 2 + 2 * PADDING > len(buffer):
            break
        if with_words:
            copy_string(words, offsets[row], length, buffer, at)
            at += length
            buffer[at] = separator
            at += 1
        for column in range(dimensions):
            value = vectors[row, column]
            if style == FIXED:
                at = write_fixed(value, digits, buffer, at)
            elif style == SIGNIFICANT:
                at = write_significant(value, digits, buffer, at)
            else:
                at = write_shortest(value, buffer, at)
            buffer[at] = separator
            at += 1
        if not tail:
            at -= 1
        buffer[at] = 10
        at += 1
        row += 1
    return row, at


@kernel
def write_records(row, values, words, offsets, ending, buffer):  # type: ignore[no-untyped-def]
    """Write records `word, space, float32 * d[, line end]` until the buffer is nearly full. values : uint8 (V, 4 d). As `write_lines`."""
    at = 0
    width = values.shape[1]
    while row < len(values):
        length = offsets[row + 1] - offsets[row]
        if at + length + width + 2 + 2 * PADDING > len(buffer):
            break
        copy_string(words, offsets[row], length, buffer, at)
        at += length
        buffer[at] = 32
        at += 1
        for i in range(width):
            buffer[at + i] = values[row, i]
        at += width
        if ending:
            buffer[at] = 10
            at += 1
        row += 1
    return row, at


@kernel
def write_entries(entry, words, offsets, counts, buffer):  # type: ignore[no-untyped-def]
    """Write entries `word, NUL, int64 count, int8 0` of fastText's dictionary. As `write_lines`."""
    at = 0
    while entry < len(counts):
        length = offsets[entry + 1] - offsets[entry]
        if at + length + 10 + 2 * PADDING > len(buffer):
            break
        copy_string(words, offsets[entry], length, buffer, at)
        at += length
        buffer[at] = 0
        store8(buffer, at + 1, np.uint64(counts[entry]))
        buffer[at + 9] = 0
        at += 10
        entry += 1
    return entry, at
