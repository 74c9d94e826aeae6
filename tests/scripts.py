"""Scripts of docs/, benchmarks/ and tests/golden/ as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_script(path: Path) -> ModuleType:
    """A script as a module, which finds its neighbours as it does when it is run."""
    specification = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(path.parent))
        sys.modules[specification.name] = module  # dataclasses look their module up
        specification.loader.exec_module(module)
    return module
