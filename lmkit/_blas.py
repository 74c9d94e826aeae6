"""BLAS on one thread while threads of lmkit's own work: its limit is one for the whole process, so those who want it are counted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy  # noqa: F401  (loads its BLAS, so that the limit finds it)

_lock = threading.Lock()
_inside = 0
_limits: Any = None


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS runs on one thread while any of these is open; the last one to close restores what was before the first."""
    import threadpoolctl

    global _inside, _limits
    with _lock:
        if _inside == 0:
            _limits = threadpoolctl.threadpool_limits(1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limits.restore_original_limits()
