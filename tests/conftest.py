"""What all tests share: a cache folder of their own, so that no test sees or fills the user's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Compiled kernels are shared by all tests and workers of a checkout; encoded corpora are not shared with the user's own cache."""
    root = Path(tempfile.gettempdir()) / f"lmkit-tests-{os.getuid()}"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(root / "kernels"))
    os.environ.setdefault("LMKIT_CACHE", str(root / "cache"))
    os.environ.setdefault("LMKIT_DATA", str(root / "data"))
