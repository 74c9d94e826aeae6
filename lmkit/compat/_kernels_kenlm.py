"""Kernels that score one sentence or one word as KenLM's Python module does: text in, float32 sums out.

name         dtype    shape    what
data         uint8    (B,)     a sentence in UTF-8, a LF behind it, and PADDING bytes more
table, blob, offsets           the vocabulary, see numeric/_kernels_hash.py
word, nodes, leaves            the trie, see ngram/querying/_kernels_query.py
log10        float32  (E,)     log10 probability of each event
lengths      int32    (E,)     length of the n-gram that gave it
ids          int32    (E,)     word id of each event

What is called once a sentence or a word takes no arrays but their addresses (`place_of`): handle int64 (2 K,) holds the address and the
length of K arrays. A state at an address: int64 number of words, int64 1 + node of the trie (0: no context), then for each word, the last
one first, int32 id and float32 back-off weight of the words up to it (hash tables only).

KenLM adds float32 numbers in a fixed order: the probability, then back-off weights from the shortest context to the longest. So do these.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.formats.kenlm_binary import _kernels_probing as probing
from lmkit.ngram.querying._kernels_query import DAMAGED, children, is_state, link_of, log10_prob_of, order_of
from lmkit.numeric._kernels_hash import find_slot, first_slot, slot_id, slot_shift, string_key
from lmkit.numeric._kernels_memory import PADDING, array_at, load8, trailing_zeros

ZERO = np.float32(-99.0)
"""What KenLM keeps of an ARPA file's zero probability."""
NO_UNK = np.float32(-100.0)
"""What KenLM gives unknown words where the ARPA file has no <unk>."""

_HIGH = np.uint64(0x8080808080808080)
_BLANKS = np.uint64(0x2121212121212121)
_LONGEST = 128  # more than any model's order


@kernel
def _is_space(byte):  # type: ignore[no-untyped-def]
    """White space as bytes.split() takes it."""
    return byte == 32 or 9 <= byte <= 13


@kernel
def _cut(data, start, stop):  # type: ignore[no-untyped-def]
    """(place behind, key) of the word that begins at start."""
    chunk = load8(data, start)
    low = (chunk - _BLANKS) & ~chunk & _HIGH  # set in bytes below 33; exact up to the first of them
    if low != np.uint64(0):
        bits = trailing_zeros(low) - np.uint64(7)
        end = start + np.int64(bits >> np.uint64(3))
        if _is_space(data[end]):
            return end, chunk & ((np.uint64(1) << bits) - np.uint64(1))
    at = start
    while at < stop and not _is_space(data[at]):
        at += 1
    return at, string_key(data, start, at - start)


@kernel
def read_words(data, stop, table, blob, offsets, ids):  # type: ignore[no-untyped-def]
    """ids int32 of the words of data[:stop], at least (stop + 1) // 2 long; 0 for those that are unknown. Returns how many."""
    shift = slot_shift(table)
    count = 0
    at = 0
    while True:
        while at < stop and _is_space(data[at]):
            at += 1
        if at >= stop:
            return count
        end, key = _cut(data, at, stop)
        length = end - at
        found = slot_id(table, find_slot(table, first_slot(key, shift), key, data, at, length, blob, offsets))
        ids[count] = max(found, 0)
        count += 1
        at = end


@kernel
def read_hashed_words(data, stop, word_table, ids):  # type: ignore[no-untyped-def]
    """The same by the hashes of a probing file: word_table uint32 (3 B,)."""
    borders = np.empty(2, np.int64)
    hashes = np.empty(1, np.uint64)
    count = 0
    at = 0
    while True:
        while at < stop and _is_space(data[at]):
            at += 1
        if at >= stop:
            return count
        end = at
        while end < stop and not _is_space(data[end]):
            end += 1
        borders[0], borders[1] = at, end
        probing.murmur(data, borders, hashes)
        place = probing.find(word_table, 0, len(word_table) // 3, 3, hashes[0])
        ids[count] = word_table[place + 2] if place >= 0 else 0
        count += 1
        at = end


@kernel
def _find_child(context, target, word, nodes):  # type: ignore[no-untyped-def]
    """As `find_child`, for one query at a time: halving without a branch, since each misprediction would cost more than the step."""
    low, stop = children(context, word, nodes)
    if stop < 0:
        return np.int64(DAMAGED)
    count = stop - low
    while count > 1:
        half = count >> 1
        low = low + half if word[low + half] <= target else low
        count -= half
    if low < stop and word[low] == target:
        return low
    return np.int64(-1)


@kernel
def step(state, target, word, nodes, leaves):  # type: ignore[no-untyped-def]
    """(log10 probability float32, node that gave it, next state) of one word after a state of the trie."""
    count = 0
    context = np.int64(state)
    node = np.int64(-1)
    while context >= 0 and count < _LONGEST:
        node = _find_child(context, target, word, nodes)
        if node != -1:
            break
        count += 1
        context = link_of(context, nodes, leaves)
    if node < 0:
        node = np.int64(target)
    log10 = np.float32(log10_prob_of(node, nodes, leaves))
    if log10 == -np.inf:
        log10 = NO_UNK if node == 0 else ZERO
    for skipped in range(count - 1, -1, -1):  # the shortest context first; there are few, so walking to each anew costs less than a list
        context = np.int64(state)
        for _ in range(skipped):
            context = np.int64(nodes[context].link)
        log10 += max(np.float32(nodes[context].log10_bow), ZERO)
    return log10, node, node if is_state(node, nodes) else link_of(node, nodes, leaves)


@kernel
def _begin(bos, nodes):  # type: ignore[no-untyped-def]
    return np.int64(1) if bos and is_state(np.int64(1), nodes) else np.int64(-1)


@kernel
def score_events(data, stop, bos, eos, table, blob, offsets, word, nodes, leaves, order_start, log10, lengths, ids):  # type: ignore[no-untyped-def]
    """The events of a sentence one by one; arrays at least (stop + 3) // 2 long. Returns how many."""
    count = read_words(data, stop, table, blob, offsets, ids)
    if eos:
        ids[count] = 2
        count += 1
    state = _begin(bos, nodes)
    for i in range(count):
        log10[i], node, state = step(state, np.int64(ids[i]), word, nodes, leaves)
        lengths[i] = order_of(node, order_start)
    return count


def make_trie_kernels(node, leaf):  # type: ignore[no-untyped-def]
    """(score_text, one_word, one_full_word) for tries of these record types. All take the address of a handle over word, nodes, leaves,
    order_start, table, blob, offsets."""

    @kernel
    def score_text(handle, text, stop, bos, eos):  # type: ignore[no-untyped-def]
        """log10 probability float32 of the sentence of `stop` bytes at the address `text`, summed word by word."""
        at = array_at(handle, 14, np.int64)
        word, nodes, leaves = array_at(at[0], at[1], np.uint32), array_at(at[2], at[3], node), array_at(at[4], at[5], leaf)
        table, blob, offsets = array_at(at[8], at[9], np.uint64), array_at(at[10], at[11], np.uint8), array_at(at[12], at[13], np.int64)
        data = array_at(text, stop + 1 + PADDING, np.uint8)
        shift = slot_shift(table)
        total = np.float32(0)
        state = _begin(bos, nodes)
        place = 0
        while True:
            while place < stop and _is_space(data[place]):
                place += 1
            if place >= stop:
                break
            end, key = _cut(data, place, stop)
            target = max(
                slot_id(table, find_slot(table, first_slot(key, shift), key, data, place, end - place, blob, offsets)), np.int64(0)
            )
            log10, _, state = step(state, target, word, nodes, leaves)
            total += log10
            place = end
        if eos:
            log10, _, state = step(state, np.int64(2), word, nodes, leaves)
            total += log10
        return total

    @kernel
    def _advance(at, before, after, target):  # type: ignore[no-untyped-def]
        word, nodes, leaves = array_at(at[0], at[1], np.uint32), array_at(at[2], at[3], node), array_at(at[4], at[5], leaf)
        order_start = array_at(at[6], at[7], np.int64)
        head, next_head = array_at(before, 2, np.int64), array_at(after, 2, np.int64)
        log10, hit, following = step(head[1] - 1, target, word, nodes, leaves)
        count = order_of(following, order_start)
        pairs, next_pairs = array_at(before + 16, 2 * head[0], np.int32), array_at(after + 16, 2 * count, np.int32)
        for i in range(count - 1, 0, -1):  # backwards, so that both states may be one
            next_pairs[2 * i] = pairs[2 * i - 2]
        if count > 0:
            next_pairs[0] = target
        next_head[0] = count
        next_head[1] = following + 1
        return log10, order_of(hit, order_start)

    @kernel
    def one_word(handle, before, after, target):  # type: ignore[no-untyped-def]
        """log10 probability of a word after the state at the address `before`; the one behind it is written to `after`."""
        return _advance(array_at(handle, 14, np.int64), before, after, target)[0]

    @kernel
    def one_full_word(handle, before, after, target):  # type: ignore[no-untyped-def]
        """The same, and the length of the n-gram that gave it."""
        return _advance(array_at(handle, 14, np.int64), before, after, target)

    return score_text, one_word, one_full_word


# the same on KenLM's hash tables; handle: words, starts, buckets, strides, word_table


@kernel
def _tables(handle):  # type: ignore[no-untyped-def]
    at = array_at(handle, 10, np.int64)
    words, floats = array_at(at[0], at[1], np.uint32), array_at(at[0], at[1], np.float32)
    starts, buckets, strides = array_at(at[2], at[3], np.int64), array_at(at[4], at[5], np.int64), array_at(at[6], at[7], np.int64)
    return words, floats, starts, buckets, strides, array_at(at[8], at[9], np.uint32)


@kernel
def score_hashed_text(handle, text, stop, begin, end):  # type: ignore[no-untyped-def]
    """log10 probability float32 of the sentence of `stop` bytes at the address `text`. begin, end : ids of the words around it, or -1."""
    words, floats, starts, buckets, strides, word_table = _tables(handle)
    data = array_at(text, stop + 1 + PADDING, np.uint8)
    ids = np.empty((stop + 3) // 2, np.int32)
    count = read_hashed_words(data, stop, word_table, ids)
    if end >= 0:
        ids[count] = end
        count += 1
    order = len(starts)
    context, following = np.empty(order, np.int32), np.empty(order, np.int32)
    back_offs, next_back_offs = np.empty(order, np.float32), np.empty(order, np.float32)
    length = probing.begin_context(floats, starts, strides, begin, context, back_offs)
    total = np.float32(0)
    for i in range(count):
        log10, _, length = one_hashed_word(
            context, back_offs, length, ids[i], words, floats, starts, buckets, strides, following, next_back_offs
        )
        total += log10
        context, following = following, context
        back_offs, next_back_offs = next_back_offs, back_offs
    return total


@kernel
def _hashed_advance(handle, before, after, target):  # type: ignore[no-untyped-def]
    words, floats, starts, buckets, strides, _ = _tables(handle)
    head, next_head = array_at(before, 2, np.int64), array_at(after, 2, np.int64)
    length, order = head[0], len(starts)
    pairs, next_pairs = array_at(before + 16, 2 * order, np.int32), array_at(after + 16, 2 * order, np.int32)
    log10, matched, next_head[0] = one_hashed_word(
        pairs[::2], pairs.view(np.float32)[1::2], length, target, words, floats, starts, buckets, strides,
        next_pairs[::2], next_pairs.view(np.float32)[1::2],
    )  # fmt: skip
    return log10, matched


@kernel
def one_hashed_word_at(handle, before, after, target):  # type: ignore[no-untyped-def]
    """log10 probability of a word after the state at the address `before`; the one behind it is written to `after`, another place."""
    return _hashed_advance(handle, before, after, target)[0]


@kernel
def one_full_hashed_word_at(handle, before, after, target):  # type: ignore[no-untyped-def]
    """The same, and the length of the n-gram that gave it."""
    return _hashed_advance(handle, before, after, target)


@kernel
def score_hashed_events(data, stop, begin, end, word_table, words, floats, starts, buckets, strides, log10, lengths, ids):  # type: ignore[no-untyped-def]
    """As `score_events`, on KenLM's hash tables. begin : the word in front, -1 for none; end : the word behind, -1 for none."""
    count = read_hashed_words(data, stop, word_table, ids)
    if end >= 0:
        ids[count] = end
        count += 1
    order = len(starts)
    context, following = np.zeros(order, np.int32), np.zeros(order, np.int32)
    back_offs, next_back_offs = np.zeros(order, np.float32), np.zeros(order, np.float32)
    length = probing.begin_context(floats, starts, strides, begin, context, back_offs)
    for i in range(count):
        log10[i], lengths[i], length = one_hashed_word(
            context, back_offs, length, ids[i], words, floats, starts, buckets, strides, following, next_back_offs
        )
        context, following = following, context
        back_offs, next_back_offs = next_back_offs, back_offs
    return count


@kernel
def one_hashed_word(context, back_offs, length, target, words, floats, starts, buckets, strides, following, next_back_offs):  # type: ignore[no-untyped-def]
    """(log10 probability, n-gram length, length of the next context) of a word after a context; the last two receive the next one."""
    log10, matched, next_length = probing.score_word(
        words, floats, starts, buckets, strides, context, back_offs, length, target, following, next_back_offs
    )
    for place in range(matched - 1, length):
        log10 += back_offs[place]
    return log10, matched, next_length
