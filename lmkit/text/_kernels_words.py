"""White-space text to word ids, in one pass over the bytes, with a table of words that grows (see numeric/_kernels_hash.py).

| name    | dtype  | shape  | holds |
|---------|--------|--------|-------|
| data    | uint8  | (n,)   | a block of text, cut behind white space (or holding the whole end of the text) |
| state   | int64  | (STATE_SIZE,) | what is remembered from block to block, at the places below |
| ids     | int32  | (>= WORDS + n/2 + 1,) | out: word ids of the whole corpus so far |
| ends    | int64  | (>= ENDS + n + 1,)    | out: number of words up to each end of sentence |
| starts, lengths, keys, slots | int64, int64, uint64, uint64 | (batch,) | scratch; length 0 stands for a newline |
| new_blob, new_offsets | uint8, int64 | as blob, offsets | the same memory as blob and offsets, for writing |

The words of a batch are cut first, 64 bytes at a time: a mask of their white space gives the words' borders without a branch a byte. Then
the slots where their searches begin are read one after the other, without a branch between them, so that the cache misses overlap; only
then are the words looked up.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_hash import LONG, fill_slot, find_slot, first_slot, long_key, slot_id, slot_shift, string_key
from lmkit.numeric._kernels_machine import equal_mask, lowest_one
from lmkit.numeric._kernels_memory import load8

# what a newline does
LINES_KEEP, LINES_DROP, PARAGRAPHS, CONTINUOUS = 0, 1, 2, 3

# places in `state`
WORDS, TYPES, BLOB_USED = 0, 1, 2  # totals so far
SENTENCE_START = 3  # WORDS at the start of the open sentence
LINE = 4  # number of the line being read, from 1; runs through one document
LINE_USED = 5  # 1 if something other than white space stood on the line
LEFT_OUT, LEFT_OUT_LINE, LEFT_OUT_DOCUMENT = 6, 7, 8  # literal <s> and </s>: how many, and where the first stood
UNKNOWN, UNKNOWN_LINE, UNKNOWN_DOCUMENT = 9, 10, 11  # literal <unk>
BLANK, BLANK_LINE, BLANK_DOCUMENT = 12, 13, 14  # blank lines kept as empty sentences
DOCUMENT = 15  # index of the document being read
NEED_TYPES, NEED_BYTES = 16, 17  # what must fit before the next batch
ENDS = 18  # how much of `ends` is filled
TOUCHED = 19  # of no meaning; keeps the compiler from leaving the reads of first_slots out
WORD_BYTES, LEFT_OUT_BYTES = 20, 21  # bytes of the words found and of those left out, only `find_words` counts them
STATE_SIZE = 22

_WINDOW = 64
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def _is_space(byte):
    return byte <= 32 and (byte == 32 or byte == 10 or byte == 13 or byte == 9 or byte == 0)


@kernel
def cut_words(data, position, starts, lengths, keys):
    """Cut the next batch, from a place that is not inside a word. Returns (position behind it, entries filled).

    White space is NUL, tab, CR, space and LF, as in KenLM.
    """
    at = position
    filled = 0
    begin = position  # of the word that is open
    is_open = False
    # whole windows, each with room for its 64 entries at most, and eight bytes behind it for the keys
    while at + _WINDOW + 8 <= data.size and filled + _WINDOW <= starts.size:
        newlines = equal_mask(data, at, 10)
        spaces = newlines | equal_mask(data, at, 32) | equal_mask(data, at, 13) | equal_mask(data, at, 9) | equal_mask(data, at, 0)
        before = (spaces << np.uint64(1)) | np.uint64(0 if is_open else 1)  # whether white space stands in front of each byte
        first = ~spaces & before
        events = newlines | (spaces & ~before)
        if not is_open and first != 0:
            begin = at + np.int64(lowest_one(first))
            first &= first - np.uint64(1)
            is_open = True
        while events != 0:
            bit = lowest_one(events)
            place = at + np.int64(bit)
            events &= events - np.uint64(1)
            if is_open and begin < place:
                length = place - begin
                starts[filled] = begin
                lengths[filled] = length
                if length <= 8:
                    keys[filled] = load8(data, begin) & (_ALL >> np.uint64(64 - 8 * length))
                else:
                    keys[filled] = long_key(data, begin, length)
                filled += 1
                is_open = first != 0
                if is_open:
                    begin = at + np.int64(lowest_one(first))
                    first &= first - np.uint64(1)
            if (newlines >> bit) & np.uint64(1):
                lengths[filled] = 0
                filled += 1
        at += _WINDOW
    if is_open:
        at = begin
    if filled > 0 and filled + _WINDOW > starts.size:
        return at, filled
    while at < data.size and filled < starts.size:
        byte = data[at]
        if _is_space(byte):
            at += 1
            if byte == 10:
                lengths[filled] = 0
                filled += 1
            continue
        begin = at
        while at < data.size and not _is_space(data[at]):
            at += 1
        starts[filled] = begin
        lengths[filled] = at - begin
        keys[filled] = string_key(data, begin, at - begin)
        filled += 1
    return at, filled


@kernel
def end_line(mode, state, ends):
    """A newline was read: end the sentence if the mode says so."""
    words = state[WORDS]
    ended = False
    if mode == LINES_KEEP:
        ended = True
        if state[LINE_USED] == 0:
            if state[BLANK] == 0:
                state[BLANK_LINE] = state[LINE]
                state[BLANK_DOCUMENT] = state[DOCUMENT]
            state[BLANK] += 1
    elif mode == LINES_DROP:
        ended = words > state[SENTENCE_START]
    elif mode == PARAGRAPHS:
        ended = state[LINE_USED] == 0 and words > state[SENTENCE_START]
    if ended:
        ends[state[ENDS]] = words
        state[ENDS] += 1
        state[SENTENCE_START] = words
    state[LINE] += 1
    state[LINE_USED] = 0


@kernel
def note_special(state, word_id):
    """Count a literal <unk>, <s> or </s> and remember where the first stood. Returns whether the word stays in the text."""
    place = UNKNOWN if word_id == 0 else LEFT_OUT
    if state[place] == 0:
        state[place + 1] = state[LINE]
        state[place + 2] = state[DOCUMENT]
    state[place] += 1
    return word_id == 0


@kernel
def first_slots(table, shift, keys, filled, slots):
    """slots[i] = where the search for word i begins; the slot is read, so that all cache misses of a batch overlap."""
    touched = np.uint64(0)
    for i in range(filled):
        slot = first_slot(keys[i], shift)
        slots[i] = slot
        touched |= table[np.uint64(2) * slot]
    return touched


@kernel
def number_words(data, position, mode, state, table, blob, offsets, new_blob, new_offsets, ids, ends, starts, lengths, keys, slots):
    """Number the words from `position` on. Returns where it stopped: data.size, or earlier if table, blob or offsets must grow first."""
    shift = slot_shift(table)
    room = min(offsets.size - 1, table.size >> 2)
    while position < data.size:
        after, filled = cut_words(data, position, starts, lengths, keys)
        state[NEED_TYPES] = filled
        state[NEED_BYTES] = after - position
        if state[TYPES] + filled > room or state[BLOB_USED] + after - position > blob.size:
            return position
        state[TOUCHED] = np.int64(first_slots(table, shift, keys, filled, slots))
        words = state[WORDS]
        for i in range(filled):
            length = lengths[i]
            if length == 0:
                state[WORDS] = words
                end_line(mode, state, ends)
                continue
            slot = slots[i]
            value = np.int64(table[np.uint64(2) * slot + np.uint64(1)]) - 1
            if length < LONG and table[np.uint64(2) * slot] == keys[i] and (value & 15) == length:
                word_id = value >> 4  # most words, at the first look
            else:
                slot = find_slot(table, slot, keys[i], data, starts[i], length, blob, offsets)
                word_id = slot_id(table, slot)
            if word_id < 0:
                word_id = state[TYPES]
                used = state[BLOB_USED]
                for j in range(length):
                    new_blob[used + j] = data[starts[i] + j]
                state[BLOB_USED] = used + length
                state[TYPES] = word_id + 1
                new_offsets[word_id + 1] = used + length
                fill_slot(table, slot, keys[i], word_id, length)
            state[LINE_USED] = 1
            if word_id < 3 and not note_special(state, word_id):
                continue
            ids[words] = word_id
            words += 1
        state[WORDS] = words
        position = after
    return position


@kernel
def find_words(data, mode, state, table, blob, offsets, ids, ends, starts, lengths, keys, slots):
    """Words of a whole block as ids of a vocabulary that does not grow, 0 for those that it lacks. `ids` and `ends` are the block's."""
    shift = slot_shift(table)
    position = 0
    words = state[WORDS]
    while position < data.size:
        position, filled = cut_words(data, position, starts, lengths, keys)
        state[TOUCHED] = np.int64(first_slots(table, shift, keys, filled, slots))
        for i in range(filled):
            length = lengths[i]
            if length == 0:
                state[WORDS] = words
                end_line(mode, state, ends)
                continue
            slot = slots[i]
            value = np.int64(table[np.uint64(2) * slot + np.uint64(1)]) - 1
            if length < LONG and table[np.uint64(2) * slot] == keys[i] and (value & 15) == length:
                word_id = value >> 4
            else:
                word_id = slot_id(table, find_slot(table, slot, keys[i], data, starts[i], length, blob, offsets))
            state[LINE_USED] = 1
            if 0 <= word_id < 3 and not note_special(state, word_id):
                state[LEFT_OUT_BYTES] += length
                continue
            state[WORD_BYTES] += length
            ids[words] = max(word_id, 0)
            words += 1
    state[WORDS] = words


@kernel
def count_ids(ids, counts):
    """counts[i] += occurrences of i. ids: int32, counts: int64."""
    for i in range(ids.size):
        counts[ids[i]] += 1


@kernel
def check_utf8(data):
    """Returns (place of the first byte that is not UTF-8, or -1; number of characters). Unicode 15, table 3-7."""
    characters = 0
    at = 0
    size = data.size
    while at < size:
        stop = min(at + 64, size)
        union = np.uint8(0)
        for i in range(at, stop):
            union |= data[i]
        if union < 0x80:
            characters += stop - at
            at = stop
            continue
        while at < stop:
            lead = data[at]
            characters += 1
            if lead < 0x80:
                at += 1
                continue
            low, high = 0x80, 0xBF  # what the second byte may be
            if 0xC2 <= lead <= 0xDF:
                more = 1
            elif 0xE0 <= lead <= 0xEF:
                more = 2
                low = 0xA0 if lead == 0xE0 else 0x80
                high = 0x9F if lead == 0xED else 0xBF
            elif 0xF0 <= lead <= 0xF4:
                more = 3
                low = 0x90 if lead == 0xF0 else 0x80
                high = 0x8F if lead == 0xF4 else 0xBF
            else:
                return at, characters
            if at + more >= size or not low <= data[at + 1] <= high:
                return at, characters
            for i in range(2, more + 1):
                if not 0x80 <= data[at + i] <= 0xBF:
                    return at, characters
            at += more + 1
    return -1, characters


@kernel
def renumber(ids, new_ids, next_id, order):
    """Number ids anew by first appearance: new_ids[old] = new (-1 = not seen), order[new] = old. ids is overwritten. Returns next_id."""
    for i in range(ids.size):
        old = ids[i]
        new = new_ids[old]
        if new < 0:
            new = next_id
            new_ids[old] = new
            order[new] = old
            next_id += 1
        ids[i] = new
    return next_id
