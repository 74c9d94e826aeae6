"""From a text on disk to centre words with their windows: what every training kernel begins with.

A kernel trains on a stretch of tokens [start, stop), in chunks of CHUNK tokens. `gather` reads one chunk: it takes rows for words, leaves
out the words that the vocabulary lacks and those that sub-sampling drops, and adds as many kept words of the same sentence to the left
and to the right as a window may reach. So no window is cut at the border of a stretch or a chunk, however long the sentence is.

Whatever is drawn for a token is a function of the epoch's key and the token's place in the text (see numeric/_kernels_random.py): bits of
`draw(key, place)` decide whether it stays and are its base; `draw(base, 0)` is the size of its window, `draw(base, 1 + i)` the negatives.
Draws therefore don't depend on how the text is cut into stretches, and no state of a generator must be kept.

Arrays of `Text` (N tokens, S sentences, V rows):

| name    | dtype  | shape  | holds |
|---------|--------|--------|-------|
| ids     | int32  | (N,)   | tokens, as the corpus numbers them; may be memory-mapped |
| offsets | int64  | (S+1,) | sentence i is ids[offsets[i]:offsets[i+1]] |
| rows    | int32  | (types,) | row of each id, -1 for words that the vocabulary lacks |
| keep    | uint32 | (V,)   | a word stays if the upper half of its draw is at most this |
| end_row | int    |        | row of `</s>` where it is a word behind each sentence, else -1 |
| cap     | int    |        | 0, or after how many words a sentence is broken |
| cap_kind | int   |        | CAP_SPLIT: a new sentence after `cap` kept words; CAP_SPLIT_READ: after `cap` words read; CAP_DROP: the rest
is dropped |

Arrays of `Kept`, scratch of one thread (room for CHUNK + 2 * reach + 2 words):

| name  | dtype  | holds |
|-------|--------|-------|
| row   | int32  | row of each kept word |
| place | int64  | its place in the text; that of the sentence's last token for `</s>` |
| base  | uint64 | key of its draws |
| low, high | int32 | entries [low, high) belong to its sentence |
| state | int64 (3,) | between chunks: [0] the sentence, [1] words counted towards the cap so far, [2] words left out by CAP_DROP |
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lmkit._jit import uncounted
from lmkit.numeric._kernels_random import below, draw, mix64

CHUNK = 2048
CAP_SPLIT, CAP_SPLIT_READ, CAP_DROP = 0, 1, 2
_END_STREAM = np.uint64(0x5851F42D4C957F2D)  # sets the draws of `</s>` apart from those of tokens


class Text(NamedTuple):
    ids: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray
    keep: np.ndarray
    end_row: int
    cap: int
    cap_kind: int


class Kept(NamedTuple):
    row: np.ndarray
    place: np.ndarray
    base: np.ndarray
    low: np.ndarray
    high: np.ndarray
    state: np.ndarray


class Windows(NamedTuple):
    """size : words on either side at most. dynamic : 1 if the size is drawn from 1 .. size for each centre. right : 0 for the left side
    only."""

    size: int
    dynamic: int
    right: int


class Rate(NamedTuple):
    """The learning rate at a place of an epoch: max(floor, initial - slope * tokens), tokens = before + place, rounded down to a multiple
    of `every`. before : tokens of the epochs before this one."""

    initial: float
    slope: float
    floor: float
    every: int
    before: int


@uncounted
def learning_rate(rate, place):
    tokens = rate.before + place
    if rate.every > 1:
        tokens -= tokens % rate.every
    return max(rate.floor, rate.initial - rate.slope * tokens)


@uncounted
def sentence_of(offsets, place):
    """The sentence that holds a token; empty sentences hold none."""
    low, high = 0, offsets.size - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if offsets[middle] <= place:
            low = middle
        else:
            high = middle
    return low


@uncounted
def _stays(text, row, base):
    return row >= 0 and (base >> np.uint64(32)) <= np.uint64(text.keep[row])


@uncounted
def _count_to_cap(text, key, start, stop):
    """Words of [start, stop) that count towards the cap: those read, or those kept."""
    counted = 0
    for place in range(start, stop):
        row = text.rows[text.ids[place]]
        if row >= 0 and (text.cap_kind == CAP_SPLIT_READ or _stays(text, row, draw(key, np.uint64(place)))):
            counted += 1
    return counted


@uncounted
def begin(text, key, start, kept):
    """Before the first chunk of a stretch: find the sentence, and count towards the cap what stands before."""
    sentence = sentence_of(text.offsets, start)
    kept.state[0] = sentence
    counted = 0
    if text.cap > 0:
        counted = _count_to_cap(text, key, text.offsets[sentence], start)
        if text.cap_kind != CAP_DROP and counted > 0:
            counted = (counted - 1) % text.cap + 1  # since the last break
    kept.state[1] = counted


@uncounted
def _enter(kept, at, row, place, base, low):
    kept.row[at] = row
    kept.place[at] = place
    kept.base[at] = base
    kept.low[at] = low


@uncounted
def _left_context(text, key, start, first, reach, kept):
    """The last kept words of [first, start), at most `reach`. Returns how many."""
    found = 0
    place = start
    while place > first and found < reach:
        place -= 1
        row = text.rows[text.ids[place]]
        base = draw(key, np.uint64(place))
        if _stays(text, row, base):
            found += 1
            _enter(kept, reach - found, row, place, base, 0)
    for i in range(found):  # they lie at the end of the first `reach` entries
        j = reach - found + i
        _enter(kept, i, kept.row[j], kept.place[j], kept.base[j], 0)
    return found


@uncounted
def gather(text, key, start, stop, reach, kept):
    """Fill `kept` with the kept words of tokens [start, stop) and their contexts of up to `reach` words on either side.

    Returns (first, last): entries [first, last) are centres. Chunks of a stretch follow each other, after `begin`.
    """
    sentence = kept.state[0]
    counted = kept.state[1]
    offsets = text.offsets
    low = 0
    capped = text.cap > 0
    # words before the chunk: of this sentence, and of this part of it where a cap breaks it
    at = _left_context(text, key, start, offsets[sentence], reach, kept)
    if capped and text.cap_kind != CAP_DROP and at > 0:
        at, counted = _cut_left_context(text, key, start, offsets[sentence], reach, at, counted, kept)
    first = at
    place = start
    while place < stop:
        end = offsets[sentence + 1]
        until = min(stop, end)
        while place < until:
            row = text.rows[text.ids[place]]
            base = draw(key, np.uint64(place))
            stays = _stays(text, row, base)
            if capped and row >= 0 and (stays or text.cap_kind == CAP_SPLIT_READ):
                if counted >= text.cap:
                    if text.cap_kind == CAP_DROP:
                        stays = False
                        kept.state[2] += 1
                    else:
                        _close(kept, low, at)
                        low = at
                        counted = 0
                counted += 1
            if stays:
                _enter(kept, at, row, place, base, low)
                at += 1
            place += 1
        if place == end:
            if text.end_row >= 0 and end > offsets[sentence]:
                base = draw(key ^ _END_STREAM, np.uint64(sentence))
                if _stays(text, text.end_row, base):
                    _enter(kept, at, text.end_row, end - 1, base, low)
                    at += 1
            _close(kept, low, at)
            low = at
            counted = 0
            sentence += 1
            while sentence < offsets.size - 1 and offsets[sentence + 1] == end:
                sentence += 1  # empty sentences
    last = at
    # words behind the chunk, where it ends within a sentence
    if sentence < offsets.size - 1 and place > offsets[sentence]:
        end = offsets[sentence + 1]
        further = counted
        while place < end and at < last + reach:
            row = text.rows[text.ids[place]]
            base = draw(key, np.uint64(place))
            stays = _stays(text, row, base)
            if capped and row >= 0 and (stays or text.cap_kind == CAP_SPLIT_READ):
                if further >= text.cap:
                    break
                further += 1
            if stays:
                _enter(kept, at, row, place, base, low)
                at += 1
            place += 1
        if place == end and at < last + reach and text.end_row >= 0:
            base = draw(key ^ _END_STREAM, np.uint64(sentence))
            if _stays(text, text.end_row, base):
                _enter(kept, at, text.end_row, end - 1, base, low)
                at += 1
    _close(kept, low, at)
    kept.state[0] = sentence
    kept.state[1] = counted
    return first, last


@uncounted
def _cut_left_context(text, key, start, first, reach, found, counted, kept):
    """Drop from the left context what stands before the last break by the cap. Returns (entries left, words counted since the break)."""
    if counted >= text.cap:  # the next word begins a new part
        return 0, counted
    since = counted
    place = start
    inside = 0
    while place > first and since > 0 and inside < found:
        place -= 1
        row = text.rows[text.ids[place]]
        stays = _stays(text, row, draw(key, np.uint64(place)))
        if row >= 0 and (stays or text.cap_kind == CAP_SPLIT_READ):
            since -= 1
        if stays:
            inside += 1
    for i in range(inside):
        j = found - inside + i
        _enter(kept, i, kept.row[j], kept.place[j], kept.base[j], 0)
    return inside, counted


@uncounted
def _close(kept, low, high):
    for i in range(low, high):
        kept.high[i] = high


@uncounted
def window(windows, kept, centre):
    """Entries [left, right) of `kept` that are the window of a centre, which lies among them."""
    size = windows.size
    if windows.dynamic:
        size = 1 + below(draw(kept.base[centre], np.uint64(0)), windows.size)
    left = max(np.int64(kept.low[centre]), centre - size)
    right = min(np.int64(kept.high[centre]), centre + size + 1) if windows.right else centre + 1
    return left, right


@uncounted
def epoch_key(seed, epoch):
    """The key of an epoch's draws."""
    return mix64(mix64(np.uint64(seed)) + np.uint64(epoch))
