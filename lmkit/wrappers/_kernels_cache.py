"""Counting the words of the recent past.

array     dtype    shape
ids       int32    (N,)   what was predicted, ends of sentences included
starts    int64    (D,)   where documents begin, rising, the first 0
recent    int64    (V,)   zeros; scratch, zeros again at the end
shares    float64  (N,)   written: share of each event's token among the `size` events before it in its document; -1 where there are none
"""

from __future__ import annotations

from lmkit._jit import kernel


@kernel
def recent_shares(ids, starts, size, recent, shares):  # type: ignore[no-untyped-def]
    """Share of each token among the last `size` ones of its document. Returns nothing."""
    for document in range(len(starts)):
        first = starts[document]
        stop = starts[document + 1] if document + 1 < len(starts) else len(ids)
        for i in range(first, stop):
            held = min(i - first, size)
            shares[i] = recent[ids[i]] / held if held else -1.0
            recent[ids[i]] += 1
            if held == size:
                recent[ids[i - size]] -= 1
        for i in range(max(first, stop - size), stop):
            recent[ids[i]] = 0
