"""Building alias tables.

| name   | dtype   | shape | holds |
|--------|---------|-------|-------|
| shares | float64 | (n,)  | in: probabilities times n; spent |
| keep   | float64 | (n,)  | in: ones; out: the part of cell i that stays with outcome i |
| other  | int64   | (n,)  | in: 0 .. n-1; out: the outcome that the rest of cell i goes to |
| stack  | int64   | (n,)  | scratch: small cells grow from the left, large ones from the right |
"""

from __future__ import annotations

from lmkit._jit import kernel


@kernel
def fill_alias(shares, keep, other, stack):
    """Vose's algorithm: every cell below one is filled up by a cell above one. Cells left over by rounding stay whole."""
    size = shares.size
    small, large = 0, size
    for i in range(size):
        if shares[i] < 1.0:
            stack[small] = i
            small += 1
        else:
            large -= 1
            stack[large] = i
    while small > 0 and large < size:
        small -= 1
        low = stack[small]
        high = stack[large]
        keep[low] = shares[low]
        other[low] = high
        shares[high] -= 1.0 - shares[low]
        if shares[high] < 1.0:
            large += 1
            stack[small] = high
            small += 1
