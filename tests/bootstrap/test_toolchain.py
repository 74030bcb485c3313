from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from bootstrap.errors import SetupError
from bootstrap.interpreters import Interpreter, probe
from bootstrap.toolchain import require_toolchain


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    found = probe(sys.executable)
    assert found is not None
    return found


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def executable(path: Path, body: str = "exit 0") -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def refuse(interpreter: Interpreter, environ: dict[str, str]) -> str:
    with pytest.raises(SetupError) as refusal:
        require_toolchain(interpreter, environ)
    message = str(refusal.value)
    assert "\n" not in message
    return message


def test_this_machine_can_build(interpreter: Interpreter) -> None:
    environ = {"PATH": os.environ["PATH"]}

    compilers = require_toolchain(interpreter, environ)

    assert compilers.keys() == {"CC", "CXX"}


def test_named_compilers_are_kept(interpreter: Interpreter, bin_folder: Path) -> None:
    executable(bin_folder / "mine")
    environ = {"PATH": str(bin_folder), "CC": "mine -O2", "CXX": "mine -O1"}

    assert require_toolchain(interpreter, environ) == {
        "CC": "mine -O2",
        "CXX": "mine -O1",
    }


def test_clang_is_found_where_it_is_all_there_is(
    interpreter: Interpreter, bin_folder: Path
) -> None:
    executable(bin_folder / "clang")
    executable(bin_folder / "clang++")

    compilers = require_toolchain(interpreter, {"PATH": str(bin_folder)})

    assert compilers == {"CC": "clang", "CXX": "clang++"}


@pytest.mark.parametrize(
    ("manager", "packages"),
    [
        ("apt-get", "g++ python3.99-dev python3.99-venv"),
        ("dnf", "gcc-c++ python3.99-devel python3.99-pip"),
    ],
)
def test_all_that_is_missing_is_said_at_once_with_its_packages(
    interpreter: Interpreter, bin_folder: Path, manager: str, packages: str
) -> None:
    bare = dataclasses.replace(
        interpreter,
        path="/usr/local/python3.99",
        version=(3, 99, 1),
        headers=(str(bin_folder),),
        installers=(),
    )
    executable(bin_folder / manager)

    message = refuse(bare, {"PATH": str(bin_folder)})

    assert message == (
        "Python 3.99.1 (/usr/local/python3.99) cannot build what the lock needs: this "
        "machine lacks a C++ compiler and the headers of Python 3.99 (Python.h) and "
        f"pip or ensurepip; install it with `{manager} install {packages}`"
    )


def test_unknown_system_gets_the_names_of_both_families(
    interpreter: Interpreter, bin_folder: Path
) -> None:
    message = refuse(interpreter, {"PATH": str(bin_folder)})

    assert message.endswith(
        "install it with `apt-get install g++` or `dnf install gcc-c++`"
    )


def test_systems_own_python_needs_the_unversioned_packages(
    interpreter: Interpreter, bin_folder: Path
) -> None:
    own = os.path.realpath("/usr/bin/python3")
    bare = dataclasses.replace(interpreter, path=own, headers=(str(bin_folder),))
    executable(bin_folder / "apt-get")
    executable(bin_folder / "cc")
    executable(bin_folder / "c++")

    message = refuse(bare, {"PATH": str(bin_folder)})

    assert message.endswith("install it with `apt-get install python3-dev`")


def test_compiler_that_does_not_compile_is_quoted(
    interpreter: Interpreter, bin_folder: Path
) -> None:
    broken = executable(
        bin_folder / "broken",
        "echo warming up; echo \"fatal error: 'string' file not found\" >&2; exit 1",
    )
    environ = {"PATH": str(bin_folder), "CC": str(broken), "CXX": str(broken)}

    message = refuse(interpreter, environ)

    assert message.startswith(
        f"the C++ compiler `{broken}` cannot compile against {interpreter.name}: "
        "fatal error: 'string' file not found; name a working one in CXX"
    )
