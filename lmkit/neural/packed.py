"""Room for packed weights in arrays that are not needed at the same time, so that scoring takes no memory beside that of training."""

from __future__ import annotations

import math

import numpy as np

from lmkit.numeric import _kernels_gemm as gemm


def room_in(spare: np.ndarray, depth: int, columns: int) -> np.ndarray:
    """Room for a packed (depth, columns) matrix in an array whose content may be lost; new room where that is too small.

    spare : C-contiguous. The result is aligned to 64 bytes and has its dtype.
    """
    shape = (-(-columns // gemm.PANEL), depth, gemm.PANEL)
    flat, size = spare.reshape(-1), math.prod(shape)
    start = -flat.ctypes.data % 64 // flat.itemsize
    if flat.size < start + size:
        return gemm.empty_packed(depth, columns, spare.dtype)
    return flat[start : start + size].reshape(shape)
