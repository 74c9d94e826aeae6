"""Drawing from a fixed discrete distribution in constant time: the alias method."""

from __future__ import annotations

import numpy as np

from lmkit.errors import InvalidParameterError

_ONE = 1 << 32


def alias_table(weights: np.ndarray) -> np.ndarray:
    """The alias table of a distribution (Walker 1977; built as by Vose 1991), 8 bytes an outcome, for `_kernels_random.alias_draw`.

    Parameters
    ----------
    weights : float (n,), 1 <= n < 2^32, not negative, not all 0; need not sum to one.

    Returns
    -------
    uint64 (n,). Cell i holds in its upper 32 bits the share of the cell that stays with i, in units of 2^-32, and in its lower 32 bits the
    outcome that the rest goes to. A cell whose whole share is its own points to itself. Probabilities are exact to 2^-32 / n.

    Raises
    ------
    InvalidParameterError : if there are no weights, one is negative or not finite, or all are 0.
    """
    weights = np.asarray(weights, np.float64)
    total = weights.sum()
    if weights.ndim != 1 or len(weights) == 0 or not np.isfinite(total) or total <= 0 or weights.min() < 0:
        raise InvalidParameterError(
            f"The weights of an alias table must be at least one finite number >= 0, not all 0. Got {weights!r:.60}."
        )
    from lmkit.numeric import _kernels_alias

    shares = weights * (len(weights) / total)
    keep = np.ones(len(weights))
    other = np.arange(len(weights), dtype=np.int64)
    _kernels_alias.fill_alias(shares, keep, other, np.empty(len(weights), np.int64))
    thresholds = np.minimum(np.rint(keep * _ONE), _ONE - 1).astype(np.uint64)
    return (thresholds << np.uint64(32)) | other.astype(np.uint64)


def alias_probabilities(table: np.ndarray) -> np.ndarray:
    """float64 (n,): the distribution that a table draws from."""
    size = len(table)
    other = (table & np.uint64(_ONE - 1)).astype(np.int64)
    keep = (table >> np.uint64(32)).astype(np.float64) / _ONE
    keep[other == np.arange(size)] = 1.0
    return (keep + np.bincount(other, 1.0 - keep, size)) / size
