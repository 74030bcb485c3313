"""git and the environment are asked, and may not answer."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from contract.provenance import Provenance
from runner.provenance import find_provenance

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.org")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("no git to make a checkout with")
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "code.py").write_text("answer = 42\n")
    git(folder, "add", "code.py")
    git(folder, "commit", "--quiet", "--no-gpg-sign", "-m", "first")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "venv"
    folder.mkdir()
    inputs = {"requirements/compat.txt": "d" * 64, "setup.py": "e" * 64}
    stamp = {"lock": "compat", "inputs": inputs}
    (folder / "set-up.json").write_text(json.dumps(stamp))
    return folder


def test_the_commit_and_that_there_is_nothing_else(
    checkout: Path, environment: Path
) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    found = find_provenance(str(checkout), str(environment))
    assert found == Provenance(head, True, "compat", "d" * 64)


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_an_edit_or_a_new_file_is_something_else(
    checkout: Path, environment: Path, name: str
) -> None:
    (checkout / name).write_text("answer = 43\n")
    assert find_provenance(str(checkout), str(environment)).clean is False


def test_a_folder_inside_of_somebody_elses_checkout_is_none(
    checkout: Path, environment: Path
) -> None:
    installed = checkout / "site-packages"
    installed.mkdir()
    found = find_provenance(str(installed), str(environment))
    assert (found.commit, found.clean) == ("", None)


def test_without_git_or_a_set_up_of_ours_nothing_is_known(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert find_provenance(str(checkout), str(tmp_path)) == Provenance()


@pytest.mark.parametrize("content", ["", "[]", '{"lock": "compat"}'])
def test_a_stamp_that_cannot_be_read_says_nothing(
    checkout: Path, environment: Path, content: str
) -> None:
    (environment / "set-up.json").write_text(content)
    found = find_provenance(str(checkout), str(environment))
    assert (found.lock, found.lock_digest) == ("", "")
