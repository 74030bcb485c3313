from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootstrap.errors import SetupError
from bootstrap.interpreters import find_interpreter, probe
from bootstrap.locks import COMPAT, CURRENT, Lock
from tests.bootstrap.conftest import pretend_python

RUNNING = sys.version_info[:3]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine with no other Python than the running one, which is too new."""
    running = pretend_python(tmp_path / "running" / "python3", (3, 15, 0))
    monkeypatch.setattr(sys, "executable", running)
    monkeypatch.setattr("glob.glob", lambda pattern: find_below(tmp_path, pattern))
    return {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path / "pyenv")}


def find_below(folder: Path, pattern: str) -> list[str]:
    if not pattern.startswith(str(folder)):
        return []
    return [str(p) for p in folder.glob(os.path.relpath(pattern, folder))]


class TestProbe:
    def test_tells_of_the_running_python(self) -> None:
        found = probe(sys.executable)

        assert found is not None
        assert found.version == RUNNING
        assert found.usual
        assert any(Path(folder, "Python.h").exists() for folder in found.headers)

    def test_looks_through_the_virtual_environment(self) -> None:
        found = probe(sys.executable)

        assert sys.prefix != sys.base_prefix
        assert found is not None
        assert not Path(found.path).is_relative_to(sys.prefix)

    @pytest.mark.parametrize(
        "content", ["#!/bin/sh\nexit 127\n", "#!/bin/sh\necho hi\n"]
    )
    def test_finds_nothing_in_what_is_no_python(
        self, tmp_path: Path, content: str
    ) -> None:
        path = tmp_path / "python3.11"
        path.write_text(content)
        path.chmod(0o755)

        assert probe(str(path)) is None
        assert probe(str(tmp_path / "absent")) is None


class TestFind:
    def test_takes_the_running_python_where_it_fits(self) -> None:
        lock = Lock("any", (RUNNING[1],))

        found = find_interpreter(lock, None, {"PATH": ""})

        assert found.version == RUNNING

    def test_takes_the_preferred_one_first(
        self, tmp_path: Path, nowhere: dict[str, str]
    ) -> None:
        preferred = pretend_python(tmp_path / "old" / "python3", (3, 11, 2))
        pretend_python(tmp_path / "bin" / "python3.11", (3, 11, 9))

        found = find_interpreter(COMPAT, None, nowhere, preferred=preferred)

        assert found.path == preferred

    def test_looks_on_the_path_for_the_newest_that_fits(
        self, tmp_path: Path, nowhere: dict[str, str]
    ) -> None:
        pretend_python(tmp_path / "bin" / "python3.11", (3, 11, 9))
        newer = pretend_python(tmp_path / "bin" / "python3.12", (3, 12, 4))

        assert find_interpreter(CURRENT, None, nowhere).path == newer

    def test_looks_past_a_pyenv_shim_that_is_switched_off(
        self, tmp_path: Path, nowhere: dict[str, str]
    ) -> None:
        shim = tmp_path / "bin" / "python3.11"
        pretend_python(shim, (3, 11, 9))
        shim.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2; exit 127\n")
        real = tmp_path / "pyenv" / "versions" / "3.11.7" / "bin" / "python3.11"
        pretend_python(real, (3, 11, 7))

        assert find_interpreter(COMPAT, None, nowhere).path == str(real)

    def test_passes_by_what_the_wheels_do_not_run_on(
        self, tmp_path: Path, nowhere: dict[str, str]
    ) -> None:
        free_threaded = tmp_path / "bin" / "python3.13"
        pretend_python(free_threaded, (3, 13, 1), usual=False)
        plain = pretend_python(tmp_path / "bin" / "python3.12", (3, 12, 4))

        assert find_interpreter(CURRENT, None, nowhere).path == plain

    @pytest.mark.parametrize(
        ("lock", "wanted", "newest"),
        [(COMPAT, "Python 3.11", 11), (CURRENT, "Python 3.11, 3.12 or 3.13", 13)],
    )
    def test_says_what_to_install_where_none_fits(
        self, nowhere: dict[str, str], lock: Lock, wanted: str, newest: int
    ) -> None:
        with pytest.raises(SetupError) as refusal:
            find_interpreter(lock, None, nowhere)

        message = str(refusal.value)
        assert message.startswith(
            f"lock {lock.name} needs {wanted}, and this machine has none "
            f"(Python 3.15.0 ({sys.executable}) does not fit); install one"
        )
        assert f"apt-get install python3.{newest}-dev" in message
        assert "\n" not in message


class TestRequested:
    def test_is_used_and_no_other(self, tmp_path: Path) -> None:
        path = pretend_python(tmp_path / "mine", (3, 11, 4))

        assert find_interpreter(COMPAT, path, os.environ).path == path

    def test_of_a_wrong_version_is_refused(self, tmp_path: Path) -> None:
        path = pretend_python(tmp_path / "mine", (3, 8, 4))

        with pytest.raises(SetupError) as refusal:
            find_interpreter(COMPAT, path, os.environ)

        assert str(refusal.value) == (
            f"PYTHON={path} is Python 3.8.4 ({path}); lock compat needs Python 3.11"
        )

    def test_that_does_not_run_is_refused(self) -> None:
        with pytest.raises(SetupError) as refusal:
            find_interpreter(COMPAT, "no-such-python", os.environ)

        assert str(refusal.value) == "PYTHON=no-such-python is no working Python"
