"""Initial weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lmkit.errors import FormatError

_SLACK = 1 << 20  # a file that lacks a tensor or two gets as far as being told which


class Zeros(np.random.Generator):
    """Zeros in the place of draws, for weights that are about to be read from a file.

    path : of the file. A forged one may ask for a network that no memory holds, so there are no more zeros than it has room for weights.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(np.random.PCG64(0))
        self._path, self._left = path, path.stat().st_size // 4 + _SLACK

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Float32 zeros of this shape. Raises FormatError if they and those before are far more than the file holds."""
        self._left -= math.prod(size)
        if self._left < 0:
            raise FormatError(f"{self._path}: its architecture has far more weights than the file holds; it is damaged.")
        return np.zeros(size, np.float32)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], scale: float, dtype: np.dtype) -> np.ndarray:
    """Drawn from U(-scale, scale); the same draws in float32 and float64, up to rounding."""
    return rng.uniform(-scale, scale, shape).astype(dtype, copy=False)
