"""Initial weights."""

from __future__ import annotations

import numpy as np


def uniform(rng: np.random.Generator, shape: tuple[int, ...], scale: float, dtype: np.dtype) -> np.ndarray:
    """Drawn from U(-scale, scale); the same draws in float32 and float64, up to rounding."""
    return rng.uniform(-scale, scale, shape).astype(dtype)
