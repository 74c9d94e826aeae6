"""A kernel that estimates how many different n-grams a text has, in one pass and a few kilobytes: HyperLogLog.

Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007. Each n-gram is
hashed; 12 bits of the hash choose a register, which keeps the longest run of zeros seen at the start of the others.

name       dtype   shape        what
ids        int32   (N,)         words of all sentences
offsets    int64   (S+1,)       borders of the sentences in ids
registers  uint8   (n, 4096)    out, for n-grams of 1 to n words
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_bits import leading_zeros

REGISTER_BITS = 12


@kernel
def sketch_ngrams(ids, offsets, low, high, boundaries, registers):
    """Enter all n-grams of sentences low..high."""
    orders = registers.shape[0]
    for sentence in range(low, high):
        start, stop = offsets[sentence], offsets[sentence + 1]
        end = stop if boundaries else stop - 1
        for first in range(start - 1 if boundaries else start, end + 1):
            hashed = np.uint64(0x9E3779B97F4A7C15)
            for n in range(min(orders, end - first + 1)):
                position = first + n
                word = np.uint64(1) if position < start else np.uint64(2) if position == stop else np.uint64(ids[position])
                hashed = (hashed ^ word) * np.uint64(0xBF58476D1CE4E5B9)
                hashed = (hashed ^ (hashed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
                hashed ^= hashed >> np.uint64(32)
                register = hashed >> np.uint64(64 - REGISTER_BITS)
                run = leading_zeros((hashed << np.uint64(REGISTER_BITS)) | np.uint64(1 << (REGISTER_BITS - 1))) + 1
                if run > registers[n, register]:
                    registers[n, register] = run
