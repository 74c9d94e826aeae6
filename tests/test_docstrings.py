"""Examples in docstrings are run, and give what they show."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

import lmkit
import lmkit_corpora

MODULES = [
    name
    for package in (lmkit, lmkit_corpora)
    for _, name, _ in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if ">>>" in (importlib.util.find_spec(name).loader.get_source(name) or "")
]


def test_some_modules_have_examples() -> None:
    assert "lmkit.ngram.model" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
