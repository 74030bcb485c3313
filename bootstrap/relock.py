"""Resolves `requirements/*.in` into the locks again: `make lock`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.exclusive import hold
from bootstrap.installer import TOOLS, Installer
from bootstrap.interpreters import find_interpreter
from bootstrap.locks import Lock

# Options to resolve each lock; the test tools are constrained by the lock for running.
_EVERYWHERE = ("--universal", "--python-version", "3.11")
_OLD_LINUX = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28")
_RESOLUTIONS = (
    ("uv", ("uv.in",), _EVERYWHERE),
    ("current", ("current.in",), _EVERYWHERE),
    ("current-dev", ("dev.in", "--constraints", "current.txt"), _EVERYWHERE),
    ("compat", ("compat.in",), _OLD_LINUX),
    ("compat-dev", ("dev.in", "--constraints", "compat.txt"), _OLD_LINUX),
)


def update_locks(
    root: Path,
    lock: Lock,
    python: str | None,
    environ: Mapping[str, str],
    options: Sequence[str],
) -> None:
    """Resolves `requirements/*.in` into the locks again.

    Pins stay, unless more options of `uv pip compile` upgrade them.

    Raises:
        SetupError: This machine lacks a tool, or the resolution failed.
    """
    with hold(root / TOOLS) as descriptor:
        interpreter = find_interpreter(lock, python, environ)
        installer = Installer.prepare(
            root, interpreter, environ, descriptor, locking=True
        )
        for name, source, resolution in _RESOLUTIONS:
            installer.run(
                f"resolving requirements/{name}.txt",
                *("--directory", str(root / "requirements"), "pip", "compile"),
                *(*source, *resolution, "--generate-hashes", "--quiet"),
                *("--no-emit-index-url", "--no-emit-find-links"),
                *("--custom-compile-command", "make lock", *options),
                *("--output-file", f"{name}.txt"),
            )
