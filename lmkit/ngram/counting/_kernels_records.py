"""Kernels that lay n-grams out as fixed-size records, sort them, and read the levels of a trie off the sorted records.

A record is the word at one position and the order - 1 words behind it, packed into K = ceil(order / words_a_key) uint64 keys, first word
highest, so that comparing keys one after the other compares n-grams word by word. Behind the end of a sentence all words are `<s>` (1),
which is never predicted.

name          dtype    shape    what
ids           int32    (N,)     words of all sentences
offsets       int64    (S+1,)   borders of the sentences in ids
layout        int64    (4,)     K; bits a word; words a key; words in the last key
first_part, last_part int32 (V,) the partitions that hold records beginning with a word
lower_keys    uint64   (P,)     smallest first key of each partition
cursors       int64    (P,)     place of the next record of each partition, in records
records       uint64   (R*K,)   record after record
common        uint8    (R,)     number of leading words that a record shares with the one before it, at most its length; 0 for the first
lengths       uint8    (R,)     number of words before the end of the sentence, at most the order

Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import inlined, kernel
from lmkit.numeric._kernels_bits import leading_zeros

_DIGIT_BITS = 11  # 2048 write streams still fit the first-level cache
_RADIX_LEAST = 2048  # from so many records on a radix sort beats comparing
_INSERTION_MOST = 20


@kernel
def count_words(ids, counts):
    """counts[w] += occurrences of w in ids."""
    for word in ids:
        counts[word] += 1


@inlined
def find_part(key, first, last, lower_keys):
    """The partition among first..last whose range holds the key. No branch depends on the key: it would be mispredicted."""
    size = last - first + 1
    while size > 1:
        half = size >> 1
        first += half * (lower_keys[first + half] <= key)
        size -= half
    return first


@kernel
def count_records(ids, offsets, low, high, boundaries, layout, first_part, last_part, lower_keys, sizes):
    """sizes[p] += the number of records of sentences low..high that belong to partition p."""
    for sentence in range(low, high):
        start, stop = offsets[sentence], offsets[sentence + 1]
        end = stop if boundaries else stop - 1  # as in place_records
        for position in range(start - 1 if boundaries else start, end):
            word = np.int64(ids[position]) if position >= start else np.int64(1)
            part = first_part[word]
            if part != last_part[word]:  # only these need their keys
                key = np.uint64(word)
                for behind in range(position + 1, position + layout[2]):
                    next_word = 1 if behind > end else 2 if behind == stop else np.int64(ids[behind])
                    key = (key << np.uint64(layout[1])) | np.uint64(next_word)
                part = find_part(key, part, last_part[word], lower_keys)
            sizes[part] += 1


@kernel
def place_records(ids, offsets, low, high, boundaries, layout, first_part, last_part, lower_keys, part_low, part_high, cursors, records):
    """Append the records of sentences low..high to their partitions, if those lie in part_low..part_high.

    A sentence is read backwards: each record follows from the one behind it by a shift.
    """
    keys = layout[0]
    shift = np.uint64(layout[1])
    mask = (np.uint64(1) << shift) - np.uint64(1)
    top = np.uint64((layout[2] - 1) * layout[1])
    top_of_last = np.uint64((layout[3] - 1) * layout[1])
    padding = np.zeros(keys, np.uint64)
    for key in range(keys):
        for _ in range(layout[2] if key < keys - 1 else layout[3]):
            padding[key] = (padding[key] << shift) | np.uint64(1)
    window = np.empty(keys, np.uint64)
    for sentence in range(low, high):
        start, stop = offsets[sentence], offsets[sentence + 1]
        for key in range(keys):
            window[key] = padding[key]
        end = stop if boundaries else stop - 1  # the last word: a record of its own would tell no more than its count
        for position in range(end, start - 2 if boundaries else start - 1, -1):
            word = np.uint64(2) if position == stop else np.uint64(ids[position]) if position >= start else np.uint64(1)
            carry = word
            for key in range(keys - 1):
                pushed_out = window[key] & mask
                window[key] = (window[key] >> shift) | (carry << top)
                carry = pushed_out
            window[keys - 1] = (window[keys - 1] >> shift) | (carry << top_of_last)
            if position == end:
                continue
            part = first_part[word]
            if part != last_part[word]:  # a frequent word has several
                part = find_part(window[0], part, last_part[word], lower_keys)
            if part_low <= part < part_high:
                at = cursors[part]
                cursors[part] = at + 1
                for key in range(keys):
                    records[at * keys + key] = window[key]


# -- sorting -------------------------------------------------------------------------------------------------------------------------------


@kernel
def precedes(records, a, b, key, keys):
    """Whether record a sorts before record b, whose keys in front of `key` are the same."""
    for k in range(key, keys):
        if records[a * keys + k] != records[b * keys + k]:
            return records[a * keys + k] < records[b * keys + k]
    return False


@kernel
def swap(records, a, b, key, keys):
    """Exchange two records whose keys in front of `key` are the same."""
    for k in range(key, keys):
        held = records[a * keys + k]
        records[a * keys + k] = records[b * keys + k]
        records[b * keys + k] = held


@kernel
def insertion_sort(records, low, high, key, keys):
    """Sort records[low:high], whose keys in front of `key` are the same."""
    for i in range(low + 1, high):
        j = i
        while j > low and precedes(records, j, j - 1, key, keys):
            swap(records, j, j - 1, key, keys)
            j -= 1


@kernel
def comparison_sort(records, low, high, key, keys, stack):
    """Quicksort of records[low:high], whose keys in front of `key` are the same. `stack`: int64 (128,)."""
    depth = 0
    while True:
        while high - low > _INSERTION_MOST:
            middle = (low + high) >> 1
            last = high - 1
            if precedes(records, middle, low, key, keys):
                swap(records, middle, low, key, keys)
            if precedes(records, last, middle, key, keys):
                swap(records, last, middle, key, keys)
                if precedes(records, middle, low, key, keys):
                    swap(records, middle, low, key, keys)
            swap(records, middle, low, key, keys)  # the median leads
            left, right = low, high
            while True:
                left += 1
                while left < high and precedes(records, left, low, key, keys):
                    left += 1
                right -= 1
                while precedes(records, low, right, key, keys):
                    right -= 1
                if left >= right:
                    break
                swap(records, left, right, key, keys)
            swap(records, low, right, key, keys)
            if right - low < high - right - 1:  # the longer part waits, so that the stack stays short
                stack[depth], stack[depth + 1] = right + 1, high
                high = right
            else:
                stack[depth], stack[depth + 1] = low, right
                low = right + 1
            depth += 2
        insertion_sort(records, low, high, key, keys)
        if depth == 0:
            return
        depth -= 2
        low, high = stack[depth], stack[depth + 1]


@kernel
def move_by_digit(source, target, low, high, key, keys, shift, mask, starts):
    """One pass of a radix sort: records[low:high] of source go to target, stably by one digit of one key."""
    if keys == 2:
        for i in range(low, high):
            bucket = (source[2 * i + key] >> shift) & mask
            at = starts[bucket]
            starts[bucket] = at + 1
            target[2 * at] = source[2 * i]
            target[2 * at + 1] = source[2 * i + 1]
        return
    for i in range(low, high):
        bucket = (source[i * keys + key] >> shift) & mask
        at = starts[bucket]
        starts[bucket] = at + 1
        for k in range(keys):
            target[at * keys + k] = source[i * keys + k]


@kernel
def radix_sort(records, spare, low, high, key, keys, histogram):
    """Stable sort of records[low:high] by one key, digit by digit over the bits that differ at all. `histogram`: int64 (6, 2048).

    Returns whether the result lies in `spare`.
    """
    every, some = records[low * keys + key], records[low * keys + key]
    for i in range(low, high):
        every &= records[i * keys + key]
        some |= records[i * keys + key]
    differing = every ^ some
    if differing == 0:
        return False
    lowest = 0
    while not (differing >> np.uint64(lowest)) & np.uint64(1):
        lowest += 1
    bits = 64 - leading_zeros(differing) - lowest
    passes = (bits + _DIGIT_BITS - 1) // _DIGIT_BITS
    digit = (bits + passes - 1) // passes
    mask = np.uint64((1 << digit) - 1)
    for step in range(passes):
        for bucket in range(1 << digit):
            histogram[step, bucket] = 0
    for i in range(low, high):
        value = records[i * keys + key] >> np.uint64(lowest)
        for step in range(passes):
            histogram[step, value & mask] += 1
            value >>= np.uint64(digit)
    moved = False
    for step in range(passes):
        total = low
        for bucket in range(1 << digit):
            size = histogram[step, bucket]
            histogram[step, bucket] = total
            total += size
        shift = np.uint64(lowest + step * digit)
        if moved:
            move_by_digit(spare, records, low, high, key, keys, shift, mask, histogram[step])
        else:
            move_by_digit(records, spare, low, high, key, keys, shift, mask, histogram[step])
        moved = not moved
    return moved


@kernel
def sort_runs(records, spare, count, key, keys, histogram, stack):
    """Sort each run of records that agree in the keys in front of `key`; the records are sorted by those."""
    low = np.int64(0)
    while low < count:
        high = low + 1
        while high < count and records[high * keys + key - 1] == records[low * keys + key - 1]:
            same = True
            for k in range(key - 1):
                same &= records[high * keys + k] == records[low * keys + k]
            if not same:
                break
            high += 1
        size = high - low
        if size >= _RADIX_LEAST:
            if radix_sort(records, spare, low, high, key, keys, histogram):
                for i in range(low * keys, high * keys):
                    records[i] = spare[i]
        elif size > _INSERTION_MOST:
            comparison_sort(records, low, high, key, keys, stack)
        elif size > 1:
            insertion_sort(records, low, high, key, keys)
        low = high


@kernel
def sort_records(records, spare, count, keys, histogram, stack):
    """Sort records[:count]; returns whether the result lies in `spare`."""
    first = np.int64(0)  # as a plain 0 it would make Numba compile all below once more
    if count < _RADIX_LEAST:
        comparison_sort(records, first, count, first, keys, stack)
        return False
    moved = radix_sort(records, spare, first, count, first, keys, histogram)
    for key in range(first + 1, keys):
        if moved:
            sort_runs(spare, records, count, key, keys, histogram, stack)
        else:
            sort_runs(records, spare, count, key, keys, histogram, stack)
    return moved


# -- reading levels off --------------------------------------------------------------------------------------------------------------------


@kernel
def compare_neighbours(records, count, layout, order, common, lengths, sizes):
    """Fill `common` and `lengths`; sizes[k] becomes the number of distinct n-grams of k + 1 words."""
    keys, bits, words_a_key, words_in_last = layout[0], layout[1], layout[2], layout[3]
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    first_word_of_bit = np.empty(
        (2, 65), np.uint8
    )  # by leading zeros: index of the word within its key that holds the highest differing bit
    for last in range(2):
        words = words_in_last if last else words_a_key
        for zeros in range(65):
            first_word_of_bit[last, zeros] = max(0, zeros - (64 - words * bits)) // bits
    for level in range(order):
        sizes[level] = 0
    changes = np.zeros((order + 2, order + 2), np.int64)  # by (common, length)
    for i in range(count):
        length = order
        if records[i * keys + keys - 1] & mask == np.uint64(1):
            length = 1
            while length < order:
                key = length // words_a_key
                words = words_in_last if key == keys - 1 else words_a_key
                if (records[i * keys + key] >> np.uint64((words - 1 - length % words_a_key) * bits)) & mask == np.uint64(1):
                    break
                length += 1
        lengths[i] = length
        shared = 0
        if i > 0:
            shared = order
            for key in range(keys):
                difference = records[i * keys + key] ^ records[(i - 1) * keys + key]
                if difference != 0:
                    last = 1 if key == keys - 1 else 0
                    shared = key * words_a_key + first_word_of_bit[last, leading_zeros(difference)]
                    break
            shared = min(shared, length)
        common[i] = shared
        changes[shared, length] += 1
    for shared in range(order + 1):
        for length in range(shared + 1, order + 1):
            for level in range(shared, length):
                sizes[level] += changes[shared, length]


@kernel
def read_level(records, count, layout, level, common, lengths, words, counts, first_child):
    """The n-grams of level + 1 words: last word, count, and place of the first child among the n-grams of one word more.

    `words`, `counts` and `first_child` are (G+1,), the last entry of no meaning; `counts` is empty if they are not wanted, `first_child` at
    the highest level. Every record is written where the next n-gram belongs, whether it is one or not: a branch would be taken at random.
    """
    keys, bits, words_a_key, words_in_last = layout[0], layout[1], layout[2], layout[3]
    key = level // words_a_key
    shift = np.uint64(((words_in_last if key == keys - 1 else words_a_key) - 1 - level % words_a_key) * bits)
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    has_children, has_counts = len(first_child) > 0, len(counts) > 0
    ngrams = children = occurrences = np.int64(0)
    for i in range(count):
        shared, length = np.int64(common[i]), np.int64(lengths[i])
        words[ngrams] = (records[i * keys + key] >> shift) & mask
        if has_children:
            first_child[ngrams] = children
        if has_counts:
            counts[ngrams] = occurrences
        ngrams += (shared <= level) & (length > level)
        occurrences += length > level
        children += (shared <= level + 1) & (length > level + 1)
    if has_counts:
        counts[ngrams] = occurrences
        for ngram in range(ngrams):
            counts[ngram] = counts[ngram + 1] - counts[ngram]
