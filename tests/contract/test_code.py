"""The digest in a node's cache key changes with the node's code, and only then."""

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import code
from contract.code import code_digest

FILES = {
    "__init__.py": "",
    "node.py": "from ours.near import f\nimport other.library\n",
    "near.py": "def f():\n    from ours import far\n    return far.VALUE\n",
    "far.py": "VALUE = 1\n",
    "unrelated.py": "import ours.node\n",
    "relative/__init__.py": "from .inside import g\n",
    "relative/inside.py": "from .. import far\n",
    "around/__init__.py": "SETTING = 1\n",
    "around/leaf.py": "",
    "explosive.py": "raise RuntimeError('this was executed')\n",
    "careful.py": "from ours.explosive import x\n",
    "circle_a.py": "import ours.circle_b\n",
    "circle_b.py": "import ours.circle_a\n",
}

Edit = Callable[[str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Makes packages `ours` and `other`; returns a function that edits their files."""

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for name, text in FILES.items():
        write(f"ours/{name}", text)
    write("other/__init__.py", "")
    write("other/library.py", "")
    monkeypatch.setattr(code, "PACKAGES", ("ours",))
    monkeypatch.syspath_prepend(str(tmp_path))
    return write


@pytest.mark.parametrize(
    ("module", "edited"),
    [
        ("ours.node", "node.py"),
        ("ours.node", "near.py"),
        ("ours.node", "far.py"),
        ("ours.relative", "relative/inside.py"),
        ("ours.relative", "far.py"),
        ("ours.around.leaf", "around/__init__.py"),
        ("ours.circle_a", "circle_b.py"),
    ],
    ids=[
        "its own source",
        "an import",
        "an import inside a function of an import",
        "a relative import",
        "a relative import's import",
        "the package around it",
        "an import that imports it back",
    ],
)
def test_it_moves_with_what_the_module_runs(
    edit: Edit, module: str, edited: str
) -> None:
    before = code_digest(module)
    edit(f"ours/{edited}", FILES[edited] + "# edited\n")
    assert code_digest(module) != before


@pytest.mark.parametrize("edited", ["ours/unrelated.py", "other/library.py"])
def test_it_stays_for_what_the_module_does_not_import_of_ours(
    edit: Edit, edited: str
) -> None:
    before = code_digest("ours.node")
    edit(edited, "# edited\n")
    assert code_digest("ours.node") == before


def test_it_stays_when_a_file_is_only_written_again(edit: Edit) -> None:
    before = code_digest("ours.node")
    edit("ours/near.py", FILES["near.py"])
    assert code_digest("ours.node") == before


@pytest.mark.parametrize(
    "package", ["tensorflow", "keras", "tfx", "tensorflow-transform"]
)
def test_it_moves_with_the_installed_version_of_the_stack(
    edit: Edit, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    # Without its cache, as the versions in one process are the same.
    monkeypatch.setattr(code, "_stack", code._stack.__wrapped__)
    before = code_digest("ours.node")
    installed = importlib.metadata.version

    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda name: "99.0" if name == package else installed(name),
    )

    assert code_digest("ours.node") != before


def test_nothing_is_executed_to_find_out(edit: Edit) -> None:
    code_digest("ours.careful")
    assert not [name for name in sys.modules if name.split(".")[0] == "ours"]


@pytest.mark.parametrize("module", ["ours.missing", "nowhere"])
def test_a_module_that_is_not_here_has_no_digest(edit: Edit, module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"^{module}: expected a Python"):
        code_digest(module)


def test_the_trainer_moves_with_the_network_and_transform_does_not() -> None:
    """An edit of the real network module changes the Trainer and no node before it."""
    of_trainer = set(code._closure(["pipeline.training.trainer"], None))
    of_transform = set(code._closure(["pipeline.preprocessing"], None))
    assert {"pipeline.model", "pipeline.training.export"} <= of_trainer
    assert of_transform == {
        "contract",
        "contract.features",
        "pipeline",
        "pipeline.preprocessing",
    }
