"""Where lmkit keeps what it can make again (compiled kernels, encoded corpora) and what it downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Folder for things that can be made again: $LMKIT_CACHE, or the platform's cache folder for lmkit. Not created here."""
    chosen = os.environ.get("LMKIT_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("lmkit", appauthor=False))


def data_folder() -> Path:
    """Folder for downloaded corpora: $LMKIT_DATA, or the platform's data folder for lmkit. Not created here."""
    chosen = os.environ.get("LMKIT_DATA")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("lmkit", appauthor=False))
