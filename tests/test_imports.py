"""Imports run in one direction: root files, numeric, text, families (never each other), wrappers and evaluation, lmkit_corpora, lmkit_cli.

Read from the sources with ast, so that an import inside a function counts as well. What stands under `if TYPE_CHECKING:` is for the type
checker only and doesn't count.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"lmkit": ROOT / "lmkit", "lmkit_corpora": ROOT / "corpora", "lmkit_cli": ROOT / "cli"}

RANKS = {
    "lmkit": 0,  # the single files
    "lmkit.numeric": 1,
    "lmkit.text": 2,
    "lmkit.ngram": 3,
    "lmkit.embeddings": 3,
    "lmkit.neural": 3,
    "lmkit.wrappers": 4,
    "lmkit.compat": 4,
    "lmkit.evaluation": 4,
    "lmkit.comparison": 5,
    "lmkit_corpora": 6,
    "lmkit_cli": 7,
}
# `lmkit/__init__.py` offers the names of all families and `lmkit/loading.py` opens every kind of file: both import upwards, when asked.
UPWARD = {"lmkit", "lmkit.loading"}


def module_name(path: Path) -> str:
    for package, folder in PACKAGES.items():
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).with_suffix("").parts
            return ".".join([package, *parts]).removesuffix(".__init__")
    raise ValueError(path)


SOURCES = {module_name(path): path for folder in PACKAGES.values() for path in sorted(folder.rglob("*.py"))}


def layer(module: str) -> str:
    """The layer of a module: `lmkit.text` for lmkit.text.tokenizers.regex, `lmkit` for lmkit.errors."""
    top, _, rest = module.partition(".")
    if top != "lmkit" or f"lmkit.{rest.partition('.')[0]}" not in RANKS:
        return top
    return f"lmkit.{rest.partition('.')[0]}"


def imports(path: Path, module: str) -> Iterator[tuple[str, int, bool]]:
    """(imported module, line, at the top level of the file) for each import of this project's packages outside TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[str, int, bool]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.orelse:
                yield from visit(child, top)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                for _ in range(node.level - 1):
                    package = package.rpartition(".")[0]
                base = f"{package}.{base}".rstrip(".")
            for alias in node.names:  # `from lmkit import text` names a module, `from lmkit.errors import InputError` does not
                full = f"{base}.{alias.name}"
                yield (full if full in SOURCES or full in RANKS else base), node.lineno, top
        inner = top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inner)

    for name, line, top in visit(tree, True):
        if name.partition(".")[0] in PACKAGES:
            yield name, line, top


@pytest.mark.parametrize("module", SOURCES)
def test_imports_run_downwards(module: str) -> None:
    path, own = SOURCES[module], layer(module)
    for imported, line, top in imports(path, module):
        other = layer(imported)
        if own == other:
            continue
        if module in UPWARD and other.startswith("lmkit."):
            assert not top, f"{path}:{line} imports {imported} at the top of the file; there only inside a function"
            continue
        assert RANKS[other] < RANKS[own], f"{path}:{line}: {own} must not import {imported}"


def test_the_check_sees_an_upward_import(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("from __future__ import annotations\ndef f():\n    from lmkit import ngram\nimport lmkit_cli.app\n", encoding="utf-8")
    found = list(imports(path, "lmkit.text.wrong"))
    assert found == [("lmkit.ngram", 3, False), ("lmkit_cli.app", 4, True)]
    assert all(RANKS[layer(name)] > RANKS["lmkit.text"] for name, _, _ in found)


def test_every_package_is_in_the_wheel() -> None:
    """pyproject.toml lists packages one by one; a folder with Python files that is missing there would be missing in the wheel."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {module_name(path.parent / "__init__.py") for path in SOURCES.values()}
    assert set(settings["packages"]) == folders
    for folder in folders:
        package, _, rest = folder.partition(".")
        assert (PACKAGES[package] / rest.replace(".", "/") / "__init__.py").is_file(), f"{folder} has no __init__.py"


def test_the_wheel_takes_every_file_that_is_no_code() -> None:
    """Pages, vectors, catalogues: what pyproject.toml doesn't name would be there in a checkout and missing after an installation."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package, folder in settings["package-dir"].items():
        there = {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")}
        named = {path for pattern in settings["package-data"][package] for path in (ROOT / folder).glob(pattern)}
        assert there == named


def test_typed_packages_say_so() -> None:
    for folder in PACKAGES.values():
        assert (folder / "py.typed").is_file()
