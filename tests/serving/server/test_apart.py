"""The server imports nothing from the rest of the project."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import serving.server

FOLDER = Path(serving.server.__file__).parent
ROOT = FOLDER.parents[1]


def imported(file: Path) -> set[str]:
    """Returns the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            found.add(str(node.module))
    return found


def test_it_imports_nothing_of_ours_but_itself() -> None:
    ours = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    ours |= {path.stem for path in ROOT.glob("*.py")}
    assert {"pipeline", "components", "serving"} <= ours
    for file in FOLDER.glob("*.py"):
        for module in imported(file):
            name = module.partition(".")[0]
            own = module == "serving.server" or module.startswith("serving.server.")
            assert own or name not in ours, f"{file.name} imports {module}"
            assert name not in sys.stdlib_module_names or not own


def test_its_tests_import_nothing_of_ours_but_themselves() -> None:
    for file in Path(__file__).parent.glob("*.py"):
        for module in imported(file):
            name = module.partition(".")[0]
            if name in ("serving", "tests"):
                assert module.startswith(("serving.server", "tests.serving.server"))
            else:
                assert name not in ("components", "pipeline", "runner", "bootstrap")


def test_it_names_no_model_of_ours() -> None:
    for file in FOLDER.glob("*.py"):
        assert "mnist" not in file.read_text().lower(), file.name
