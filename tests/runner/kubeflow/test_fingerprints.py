"""The digest tells a pod whether its image is the right one."""

import shutil
import subprocess
from pathlib import Path

import pytest

import pipeline
import serving
from runner.kubeflow.fingerprints import project_digest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a package with two files, in place of `pipeline`."""
    package = tmp_path / "pipeline"
    package.mkdir()
    (package / "a.py").write_text("A = 1\n")
    (package / "b.html").write_text("<p>b</p>")
    monkeypatch.setattr(pipeline, "__path__", [str(package)])
    return package


def test_it_moves_with_the_content_and_the_name_of_any_file(copied: Path) -> None:
    first = project_digest()
    assert len(first) == 16
    (copied / "b.html").write_text("<p>c</p>")
    second = project_digest()
    (copied / "b.html").rename(copied / "c.html")
    third = project_digest()
    assert len({first, second, third}) == 3


def test_it_stays_for_what_python_leaves_behind(copied: Path) -> None:
    before = project_digest()
    (copied / "__pycache__").mkdir()
    (copied / "__pycache__" / "a.cpython-313.pyc").write_bytes(b"code")
    assert project_digest() == before


def test_it_is_the_same_wherever_the_packages_lie(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project_digest()
    elsewhere = tmp_path / "site-packages" / "pipeline"
    elsewhere.parent.mkdir()
    copied.rename(elsewhere)
    monkeypatch.setattr(pipeline, "__path__", [str(elsewhere)])
    assert project_digest() == before
    monkeypatch.setattr(serving, "__path__", [str(elsewhere)])
    assert project_digest() != before


def test_all_that_it_looks_at_is_installed_into_an_image() -> None:
    """A file that is only in the checkout would make every pod refuse its image."""
    if shutil.which("git") is None:
        pytest.skip("no git: which files belong to the checkout is not known")
    listed = subprocess.run(
        [
            *("git", "ls-files", "--cached"),
            *("components", "pipeline", "runner", "serving"),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no git checkout: which files belong to it is not known")
    suffixes = {Path(name).suffix for name in listed.stdout.splitlines()}
    setup = (REPOSITORY / "setup.py").read_text(encoding="utf-8")
    assert [
        suffix
        for suffix in sorted(suffixes - {".py", ".md"})
        if f'"*{suffix}"' not in setup
    ] == []
