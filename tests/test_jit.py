"""The kernel cache: it is used, and an edit in a callee of another file is noticed (Numba's own cache would not)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lmkit
from lmkit import _jit, _progress

CALLER = """
from lmkit._jit import kernel
from lmkit._kernels_callee import callee

@kernel
def caller(x):
    return callee(x) + 1
"""
CALLEE = """
from lmkit._jit import kernel

@kernel
def callee(x):
    return x * {factor}
"""
SCRIPT = "from lmkit._kernels_caller import caller; print(caller(10), sum(caller.stats.cache_hits.values()), len(caller.signatures))"


def run(root: Path, **environment: str) -> list[int]:
    clean = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(root / "cache"), **environment}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=clean, cwd=root, capture_output=True, text=True, check=True)
    return [int(field) for field in done.stdout.split()]


def package(tmp_path: Path) -> Path:
    shutil.copytree(Path(lmkit.__file__).parent, tmp_path / "lmkit", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "lmkit" / "_kernels_caller.py").write_text(CALLER)
    (tmp_path / "lmkit" / "_kernels_callee.py").write_text(CALLEE.format(factor=2))
    return tmp_path


def test_cache_is_used_and_an_edited_callee_is_recompiled(tmp_path: Path) -> None:
    root = package(tmp_path)
    assert run(root) == [21, 0, 1]  # compiled
    assert run(root) == [21, 1, 1]  # from the cache
    (root / "lmkit" / "_kernels_callee.py").write_text(CALLEE.format(factor=3))
    assert run(root) == [31, 0, 1]
    assert run(root) == [31, 1, 1]


def test_an_edit_elsewhere_recompiles_nothing(tmp_path: Path) -> None:
    root = package(tmp_path)
    assert run(root) == [21, 0, 1]
    (root / "lmkit" / "_kernels_stranger.py").write_text(CALLEE.format(factor=7))
    assert run(root) == [21, 1, 1]


def test_an_edit_two_files_away_is_noticed(tmp_path: Path) -> None:
    root = package(tmp_path)
    (root / "lmkit" / "_kernels_callee.py").write_text("from lmkit._kernels_far import far as callee\n")
    (root / "lmkit" / "_kernels_far.py").write_text(CALLEE.format(factor=2).replace("def callee", "def far"))
    assert run(root) == [21, 0, 1]
    (root / "lmkit" / "_kernels_far.py").write_text(CALLEE.format(factor=3).replace("def callee", "def far"))
    assert run(root) == [31, 0, 1]


def test_kernels_run_without_a_writable_cache(tmp_path: Path) -> None:
    root = package(tmp_path)
    (root / "file").write_text("")
    assert run(root, NUMBA_CACHE_DIR=str(root / "file" / "impossible")) == [21, 0, 1]


def test_importing_compiles_nothing() -> None:
    script = """
import sys
import lmkit.ngram.model
from numba.core.dispatcher import Dispatcher
modules = [module for name, module in list(sys.modules.items()) if name.startswith("lmkit")]
kernels = [value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)]
print(len(kernels), sum(len(kernel.signatures) for kernel in kernels))
"""
    found, compiled = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert int(found) > 20
    assert int(compiled) == 0


LOADED = """
import sys
import numba, numpy as np
from lmkit._kernels_caller import caller
print(caller(10), *(name in sys.modules for name in ("scipy.linalg", "numba.np.arraymath")))
numba.njit(lambda a: a @ a)(np.eye(2))
print("scipy.linalg" in sys.modules, caller(2.5))
"""


def test_a_kernel_runs_without_scipy_and_a_cached_one_without_numba_s_declarations(tmp_path: Path) -> None:
    root = package(tmp_path)
    clean = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(root / "cache")}
    for compiled in (True, False):
        done = subprocess.run([sys.executable, "-c", LOADED], env=clean, cwd=root, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["21", "False", str(compiled), "True", "6.0"]


@pytest.mark.parametrize(("watched", "remarks"), [(False, 0), (True, 1)])
def test_who_waits_at_a_terminal_is_told_why_once(
    watched: bool, remarks: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))  # nothing is there yet
    monkeypatch.setattr(_progress, "_is_watched", lambda: watched)
    _progress.remark.cache_clear()

    @_jit.kernel
    def double(x):
        return 2 * x

    assert [double(1), double(1.5)] == [2, 3.0]
    assert capsys.readouterr().err.count("Compiling for this machine") == remarks
