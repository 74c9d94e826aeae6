"""Kernels over KenLM's bit-packed trie records.

A record is so many bits wide, lowest bit first, records without a gap between them: word | log10 probability | back-off weight | place of
the first child. data: uint8, with 8 readable bytes behind the last record.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_memory import load8, store8


@kernel
def unpack(data, bit, width, bits, values):  # type: ignore[no-untyped-def]
    """values[i] = the `bits` (at most 57) bits from bit + i * width on."""
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for i in range(len(values)):
        at = bit + i * width
        values[i] = (load8(data, at >> 3) >> np.uint64(at & 7)) & mask


@kernel
def pack(data, bit, width, values):  # type: ignore[no-untyped-def]
    """The reverse of `unpack`, into memory that is zero: values must fit their bits, at most 57."""
    for i in range(len(values)):
        at = bit + i * width
        store8(data, at >> 3, load8(data, at >> 3) | (np.uint64(values[i]) << np.uint64(at & 7)))


@kernel
def spell(words, borders, suffixes, ids):  # type: ignore[no-untyped-def]
    """ids (N, n) of a level whose n-grams are words[i] in front of the n-gram of its parent, suffixes (P, n-1).

    borders : int64 (P+1,), where each parent's children begin.
    """
    length = ids.shape[1]
    for parent in range(len(borders) - 1):
        for node in range(borders[parent], borders[parent + 1]):
            ids[node, 0] = words[node]
            for k in range(1, length):
                ids[node, k] = suffixes[parent, k - 1]


@kernel
def rises_within(words, borders):  # type: ignore[no-untyped-def]
    """Whether the words of each parent's children rise."""
    for parent in range(len(borders) - 1):
        for node in range(borders[parent] + 1, borders[parent + 1]):
            if words[node] <= words[node - 1]:
                return False
    return True
