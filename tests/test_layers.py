"""Imports between folders go only down this list."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = (
    ("runner",),
    ("lineage", "pipeline"),
    ("components",),
    ("version_store",),
    ("serving",),
    ("contract",),
)
"""Highest layer first. Folders of one layer do not import each other."""

ALONE = ("bootstrap", "serving/server")
"""Folders that import nothing of the project outside of them."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules(folder: str) -> Iterator[Path]:
    return (ROOT / folder).rglob("*.py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yields a module's imports, at any level of its code, with their lines."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


@pytest.mark.parametrize("folder", RANK)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules(folder)
        for name, line in imported(path)
        if (root := name.split(".")[0]) in RANK
        and root != folder
        and RANK[root] <= RANK[folder]
    ]
    assert not upward


@pytest.mark.parametrize("folder", ALONE)
def test_what_stands_alone_imports_nothing_of_ours(folder: str) -> None:
    own = folder.replace("/", ".")
    others = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules(folder)
        for name, line in imported(path)
        if name.split(".")[0] in {*RANK, "bootstrap"}
        and not f"{name}.".startswith(f"{own}.")
    ]
    assert not others


def test_every_package_has_its_place() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"bootstrap", "benchmarks", "tests"} == set(RANK)
