"""The one decorator that kernels use, and a kernel cache that notices every edit.

Numba keys its cache on the file that defines a kernel, so an edit in a kernel of *another* file that it calls goes unnoticed and the old
machine code keeps running. Here the key is a hash over the kernel's own file and all files named `_kernels*.py` that it mentions, and
that these mention: an edit in any of them recompiles what may use it, and nothing else.

The cache lies in the user's cache folder (`lmkit.paths.cache_folder()`), or where NUMBA_CACHE_DIR points. Nothing is compiled at import:
kernels carry no signatures, so each is compiled when it is first called.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core.runtime import rtsys

from lmkit import paths
from lmkit._progress import remark


def _load_numba_without_scipy() -> None:
    """Numba asks for SciPy's linear algebra when it first compiles a kernel, only to know whether it is there; loading it takes 0.2 s.

    Here the question is answered without loading it. A kernel that multiplies matrices still makes Numba load it when it is compiled.
    """
    if "numba.np.arraymath" in sys.modules or "scipy.linalg" in sys.modules:
        return
    from numba.np import linalg

    ask = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = ask
    arraymath.ensure_blas = ask
    arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None


_PACKAGE = Path(__file__).resolve().parent


@functools.cache
def _kernel_files() -> dict[str, list[Path]]:
    """The package's kernel files by module name; two packages may have files of one name."""
    files: dict[str, list[Path]] = {}
    for path in sorted(_PACKAGE.rglob("_kernels*.py")):
        files.setdefault(path.stem, []).append(path)
    return files


@functools.cache
def _mentioned(path: Path) -> frozenset[Path]:
    """The kernel files whose names a source file mentions, itself included."""
    names = set(re.findall(r"\b_kernels\w*", path.read_text(encoding="utf-8")))
    return frozenset({path, *(file for name in names for file in _kernel_files().get(name, ()))})


@functools.cache
def kernel_sources_hash(source: Path) -> str:
    """sha256 (hex) over a file that defines kernels, this one, and all kernel files that it mentions, directly or through others."""
    reached: set[Path] = set()
    ahead = {source, Path(__file__)}
    while ahead:
        reached |= ahead
        ahead = {file for path in ahead for file in _mentioned(path)} - reached
    digest = hashlib.sha256()
    for path in sorted(reached):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class _KernelLocator(caching._CacheLocator):  # type: ignore[misc]
    """Tells Numba where a kernel's machine code lies and what makes it stale."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self._source = Path(source)
        self._line = function.__code__.co_firstlineno
        relative = os.path.relpath(source, _PACKAGE.parent).replace(os.sep, ".").replace("..", "")
        root = Path(os.environ.get("NUMBA_CACHE_DIR") or paths.cache_folder() / "kernels")
        self._folder = str(root / os.path.splitext(relative)[0])

    def get_cache_path(self) -> str:
        return self._folder

    def get_source_stamp(self) -> str:
        return kernel_sources_hash(self._source)

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _KernelLocator | None:
        locator = cls(py_func, py_file)
        try:
            locator.ensure_cache_path()
        except OSError:  # a home without write permission: compile anew in each process
            return None
        return locator


class _KernelCacheImpl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_KernelLocator,)


class _KernelCache(caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _KernelCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel from the cache, or None.

        Numba would first read all its declarations, which takes 0.25 s: compiling needs them, machine code only the runtime's functions.
        """
        found = None
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            found = self._load_overload(sig, target_context)
        if found is None:
            remark("Compiling for this machine, the first time only ...")
            with contextlib.suppress(ImportError, AttributeError):  # another version of Numba: it loads SciPy as it likes
                _load_numba_without_scipy()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):  # a full disk: what could not be kept is compiled again next time
            super().save_overload(sig, data)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` lazily with Numba: no GIL, NumPy's division rules, cached on disk.

    The caller converts dtype and contiguity once, so that each kernel has few specialisations.
    """
    return _compiled(function, inline=False, counted=True)


def uncounted(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `kernel`, for one that makes no arrays: without Numba's reference counts.

    Numba counts an array each time a loop takes it out of a named tuple. The counts are atomic, so they cost a quarter of the time of short
    loops, and more where threads share the arrays.
    """
    return _compiled(function, inline=False, counted=False)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `uncounted`, for the body of a loop that another kernel calls: always put in the caller's place.

    An array is handed over as seven numbers, so a call with many of them costs more than a short body.
    """
    return _compiled(function, inline=True, counted=False)


def _compiled(function: Callable[..., Any], inline: bool, counted: bool) -> Callable[..., Any]:
    dispatcher = numba.njit(nogil=True, error_model="numpy", forceinline=inline, _nrt=counted)(function)
    if not numba.config.DISABLE_JIT:
        with contextlib.suppress(RuntimeError):  # no writable folder: compile anew in each process
            dispatcher._cache = _KernelCache(function)
    return dispatcher
