"""Scoring whole texts: many sentences side by side, so that their cache misses overlap. The trie's arrays are those of `_kernels_query.py`.

name      dtype     shape           what
ids       int32     (N,)            words of a text, in the model's vocabulary
starts, stops, events, states  int64 (S,)  segments of it: ids[starts[s]:stops[s]] is scored from states[s] on, into places from events[s]
ends      bool      (S,)            whether </s> follows a segment
samples   uint32    (T/16+17,)      words of every 16th node, then zeros
sparse    uint32    (T/256+17,)     words of every 256th node, then zeros
lanes     int64     (LANES, 8)      the segments being scored, with the columns below; a row is a cache line

A word costs a lane three steps for each context that is asked for it. In the first the context's record is there, and where the context's
children lie is found out: they, or of many those 16 among which the word must be, are fetched. In the second they are there: the word is
found and its record fetched, or that of a shorter context. In the third the word's record gives its probability, or the lane backs off;
where nothing but the empty context is left, straight to the unigram. All lanes take the same step, so that nothing is left to guess for
the processor but whether a word was found. Plain twin: tests/reference/ngram_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import inlined, kernel
from lmkit.ngram.querying._kernels_query import LN10, ROOT, order_of
from lmkit.numeric._kernels_machine import count_ones, equal_words, lowest_one, prefetch, words_at_most

LANES = 16  # as many misses in flight as a core has room for
SAMPLE_BITS = 4  # a sample for each 2^4 nodes, and so many words are compared at once
WINDOW = 1 << SAMPLE_BITS

PLACE, STOP, END, EVENT, TARGET, CONTEXT, LOW, HIGH = range(8)
# END: 1 if </s> stands at STOP; LOW..HIGH: nodes that may be the word's, and then LOW the one that is, -1 for none


@kernel
def score_segments(
    ids, starts, stops, events, states, ends, first, last, word, nodes, leaves, order_start, samples, sparse,
    detailed, log_prob, hit_length, back_off,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Score segments first..last of a text into the event arrays.

    log_prob : float64, natural logarithm; where `detailed`, hit_length : int8, and back_off : float32, natural logarithm. Returns whether
    the trie was found damaged; what was scored is then of no worth.

    All in one, since each call that hands arrays over counts references to them, which threads would wait for; places are unsigned, since
    others are checked for being counted from the end.
    """
    below, total = len(nodes) - 1, len(word)
    sound = True
    lanes = np.zeros((LANES, 8), np.int64)
    paid = np.zeros(LANES, np.float64)
    following = np.int64(first)
    active = 0
    taken = True
    while taken and active < LANES:
        following, taken = _take_segment(lanes, active, following, last, ids, starts, stops, events, states, ends)
        active += taken
    while active > 0:
        for i in range(active):
            lane = np.uint64(i)
            context, target = lanes[lane, CONTEXT], lanes[lane, TARGET]
            low, high = target, target + 1  # the empty context leads straight to the unigram
            if context >= 0:
                low, high = np.int64(nodes[np.uint64(context)].first_child), np.int64(nodes[np.uint64(context + 1)].first_child)
                if not 0 <= low <= high <= total:
                    sound = False
                    low = high = np.int64(0)
                if high - low > WINDOW:
                    low, high = _narrowed(low, high, target, samples, sparse)
            lanes[lane, LOW], lanes[lane, HIGH] = low, high
            prefetch(word, low)
            if high - low <= 4:  # its record will be here
                if low < below:
                    prefetch(nodes, low)
                else:
                    prefetch(leaves, low - below)
        for i in range(active):
            lane = np.uint64(i)
            context, target, low, high = lanes[lane, CONTEXT], lanes[lane, TARGET], lanes[lane, LOW], lanes[lane, HIGH]
            among = np.uint64(1)  # a bit for each of low..high that is the word
            if context >= 0 and low + WINDOW <= total:
                among = equal_words(word, low, target) & first_ones(high - low)
            elif context >= 0:
                among = np.uint64(0)
                for node in range(low, high):
                    among |= np.uint64(word[node] == target) << np.uint64(node - low)
            node = low + np.int64(lowest_one(among)) if among != 0 else np.int64(-1)
            lanes[lane, LOW] = node
            if node < 0:
                prefetch(nodes, np.int64(nodes[np.uint64(context)].link))
            elif node < below:
                prefetch(nodes, node)
            else:
                prefetch(leaves, node - below)
        i = 0
        while i < active:
            lane = np.uint64(i)
            context, node = lanes[lane, CONTEXT], lanes[lane, LOW]
            state, limit = np.int64(ROOT), context
            if node < 0:
                place = np.uint64(context)
                paid[lane] += nodes[place].log10_bow
                state = np.int64(nodes[place].link)
                if state == ROOT:  # straight to the unigram, whose record was fetched with the word
                    node = lanes[lane, TARGET]
            if node >= 0:
                limit = min(node, below)
                if node < below:
                    place = np.uint64(node)
                    log10 = np.float64(nodes[place].log10_prob)
                    state = np.int64(nodes[place].link)
                    if nodes[place].first_child != nodes[np.uint64(node + 1)].first_child or nodes[place].log10_bow != 0:
                        state, limit = node, node + 1  # is_state
                else:
                    place = np.uint64(node - below)
                    log10 = np.float64(leaves[place].log10_prob)
                    state = np.int64(leaves[place].link)
                event = lanes[lane, EVENT]
                log_prob[np.uint64(event)] = (log10 + paid[lane]) * LN10
                if detailed:
                    hit_length[event] = order_of(node, order_start)
                    back_off[event] = paid[lane] * LN10
                paid[lane] = 0.0
                lanes[lane, EVENT] = event + 1
                position = lanes[lane, PLACE] + 1
                lanes[lane, PLACE] = position
                if position < lanes[lane, STOP]:
                    target = np.int64(ids[np.uint64(position)])
                    lanes[lane, TARGET] = target
                    prefetch(nodes, target)
                elif position < lanes[lane, STOP] + lanes[lane, END]:
                    lanes[lane, TARGET] = 2
                else:
                    following, taken = _take_segment(lanes, lane, following, last, ids, starts, stops, events, states, ends)
                    if not taken:  # the last lane takes this one's place
                        active -= 1
                        lanes[lane, :] = lanes[active, :]
                        paid[lane] = paid[active]
                        continue
                    state, limit = lanes[lane, CONTEXT], np.int64(below)
            if not ROOT <= state < limit:
                sound = False
                state = np.int64(ROOT)
            lanes[lane, CONTEXT] = state
            prefetch(nodes, state)
            i += 1
    return not sound


@inlined
def first_ones(count):  # type: ignore[no-untyped-def]
    """uint64 whose lowest `count` bits, at most 63, are set."""
    return (np.uint64(1) << np.uint64(count)) - np.uint64(1)


@inlined
def _narrowed(low, high, target, samples, sparse):  # type: ignore[no-untyped-def]
    """Those at most 16 of the nodes low..high, whose words ascend, among which a word must be."""
    a, b = (low + WINDOW - 1) >> SAMPLE_BITS, (high + WINDOW - 1) >> SAMPLE_BITS
    if b - a > WINDOW:
        c, d = (a + WINDOW - 1) >> SAMPLE_BITS, (b + WINDOW - 1) >> SAMPLE_BITS
        while d - c > WINDOW:
            half = (d - c) >> 1
            if np.int64(sparse[np.uint64(c + half)]) <= target:
                c += half
            else:
                d = c + half
        c += np.int64(count_ones(words_at_most(sparse, c, target) & first_ones(d - c)))
        a, b = max(a, (c - 1) << SAMPLE_BITS), min(b, c << SAMPLE_BITS)
    a += np.int64(count_ones(words_at_most(samples, a, target) & first_ones(b - a)))
    return max(low, (a - 1) << SAMPLE_BITS), min(high, a << SAMPLE_BITS)


@inlined
def _take_segment(lanes, lane, following, last, ids, starts, stops, events, states, ends):  # type: ignore[no-untyped-def]
    """Give a lane the next segment with something to score. Returns (the segment after it, whether there was one)."""
    while following < last:
        own = following
        following += 1
        end = np.int64(ends[own])
        if starts[own] < stops[own] + end:
            lanes[lane, PLACE], lanes[lane, STOP], lanes[lane, END] = starts[own], stops[own], end
            lanes[lane, EVENT], lanes[lane, CONTEXT] = events[own], states[own]
            lanes[lane, TARGET] = np.int64(ids[starts[own]]) if starts[own] < stops[own] else np.int64(2)
            return following, True
    return following, False


@kernel
def sum_events(log_prob, ids, offsets, ends, counts, sums):  # type: ignore[no-untyped-def]
    """Add up scored sentences: counts int64 (4,) and sums float64 (3,) of known words, unknown ones (id 0) and ends; counts[3] counts
    events of probability 0."""
    event = 0
    for sentence in range(len(offsets) - 1):
        known = unknown = 0.0
        strange = 0
        length = offsets[sentence + 1] - offsets[sentence]
        for place in range(offsets[sentence], offsets[sentence + 1]):
            value = log_prob[event]
            event += 1
            counts[3] += value == -np.inf
            if ids[place] == 0:
                strange += 1
                unknown += value
            else:
                known += value
        counts[0] += length - strange
        counts[1] += strange
        sums[0] += known
        sums[1] += unknown
        if ends:
            counts[2] += 1
            counts[3] += log_prob[event] == -np.inf
            sums[2] += log_prob[event]
            event += 1
