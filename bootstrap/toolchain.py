"""Checks, before anything is downloaded, that the locks' sources can be built.

`pyfarmhash` is C++ and available as source only, so a compiler and Python's headers are
needed. pip, from the machine or from `ensurepip`, is needed to fetch `uv`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from bootstrap.errors import SetupError
from bootstrap.interpreters import Interpreter

# This also needs the C++ headers, which clang takes from a separate package of g++.
_SOURCE = "#include <string>\nstd::string probe;\n"

# Packages for missing parts, by package manager. {0} is "3", or "3.11" for a Python
# that is not the distribution's own.
_PACKAGES = {
    "apt-get": {
        "compiler": "g++",
        "headers": "python{0}-dev",
        "pip": "python{0}-venv",
    },
    "dnf": {
        "compiler": "gcc-c++",
        "headers": "python{0}-devel",
        "pip": "python{0}-pip",
    },
}


def require_toolchain(
    interpreter: Interpreter, environ: Mapping[str, str]
) -> dict[str, str]:
    """Makes sure that C++ extensions of `interpreter` compile here.

    Args:
        interpreter: The Python that they are built for.
        environ: The process environment; its CC and CXX are used if they are set.

    Returns:
        CC and CXX for the build.

    Raises:
        SetupError: Something is missing; the message names all missing parts and their
            packages.
    """
    built_with_cc, built_with_cxx = interpreter.compilers
    cc = _compiler(environ, "CC", [built_with_cc, "cc", "gcc", "clang"])
    cxx = _compiler(environ, "CXX", [built_with_cxx, "c++", "g++", "clang++"])
    missing = {}
    if not (cc and cxx):
        missing["compiler"] = "a C++ compiler"
    if interpreter.headers and not any(
        os.path.exists(os.path.join(folder, "Python.h"))
        for folder in interpreter.headers
    ):
        major, minor = interpreter.version[:2]
        missing["headers"] = f"the headers of Python {major}.{minor} (Python.h)"
    if not interpreter.installers:
        missing["pip"] = "pip or ensurepip"
    if missing:
        raise SetupError(
            f"{interpreter.name} cannot build what the lock needs: this machine lacks "
            f"{' and '.join(missing.values())}; install it with "
            f"{_advice(list(missing), interpreter, environ)}"
        )
    complaint = _compile(shlex.split(cxx), interpreter, environ)
    if complaint:
        raise SetupError(
            f"the C++ compiler `{cxx}` cannot compile against {interpreter.name}: "
            f"{complaint}; name a working one in CXX, or install with "
            f"{_advice(['compiler', 'headers'], interpreter, environ)}"
        )
    return {"CC": cc, "CXX": cxx}


def _compiler(environ: Mapping[str, str], variable: str, usual: Sequence[str]) -> str:
    """Returns the first command that exists, or "".

    If the variable is set, only its command is tried.
    """
    named = environ.get(variable)
    for command in [named] if named else usual:
        words = shlex.split(command)
        if words and shutil.which(words[0], path=environ.get("PATH")):
            return command
    return ""


def _compile(
    compiler: list[str], interpreter: Interpreter, environ: Mapping[str, str]
) -> str | None:
    """Compiles a small source with the headers; returns the first error, or None."""
    includes = [f"-I{folder}" for folder in interpreter.headers]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "probe.cc")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <Python.h>\n" if includes else "")
            file.write(_SOURCE)
        try:
            done = subprocess.run(
                [*compiler, "-fsyntax-only", *includes, source],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            return str(error)
    if done.returncode == 0:
        return None
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    errors = [line for line in lines if "error" in line]
    return (errors or lines or [f"exit status {done.returncode}"])[0].strip()


def _advice(
    missing: Sequence[str], interpreter: Interpreter, environ: Mapping[str, str]
) -> str:
    """Returns the commands to install packages here, or for both package managers."""
    own = os.path.realpath("/usr/bin/python3") == os.path.realpath(interpreter.path)
    suffix = "3" if own else ".".join(map(str, interpreter.version[:2]))
    if sys.platform == "darwin":
        return "`xcode-select --install`"
    search = environ.get("PATH")
    managers = [name for name in _PACKAGES if shutil.which(name, path=search)]
    commands = []
    for manager in managers or _PACKAGES:
        packages = [_PACKAGES[manager][part].format(suffix) for part in missing]
        commands.append(f"`{manager} install {' '.join(packages)}`")
    return " or ".join(commands)
