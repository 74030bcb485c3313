"""Imports the user's own functions and classes, which the settings name."""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from contract.code import PACKAGES, find_file, module_file, split_reference
from contract.errors import BadInputError

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CALLERS = tuple(
    os.path.join(_ROOT, folder, "")
    for folder in ("contract", "components", "runner", "pipeline/training")
)
"""Folders of our code that calls the user's code, which may be in the project, too."""


@contextmanager
def imported(setting: str, reference: str) -> Iterator[Any]:
    """Imports the object that a reference names.

    Within the block, modules of the file's folder can be imported. They do not stay
    imported: another file of the same process may have modules of the same names, such
    as `layers`.

    Raises:
        BadInputError: There is no such file or module, or its import fails.
    """
    place, name = split_reference(reference)
    if not place.endswith(".py"):
        with told(setting, reference):
            found = getattr(importlib.import_module(place), name)
        yield found
        return
    path = find_file(place)
    folder = os.path.dirname(path)
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        # The file's own name may be that of an installed package.
        own_name = f"own_{os.path.splitext(os.path.basename(path))[0]}"
        spec = importlib.util.spec_from_file_location(own_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with told(setting, reference):
            spec.loader.exec_module(module)
            found = getattr(module, name)
        yield found
    finally:
        sys.path.remove(folder)
        for added in set(sys.modules) - before:
            file = getattr(sys.modules[added], "__file__", None) or ""
            if (
                file.startswith(os.path.join(folder, ""))
                and "site-packages" not in file
                and added.partition(".")[0] not in PACKAGES
            ):
                del sys.modules[added]


@contextmanager
def told(setting: str, reference: str) -> Iterator[None]:
    """Turns any exception of the user's own code into one line.

    The line names the innermost place within the user's own folder: places in libraries
    do not help the user to find the error.
    """
    try:
        yield
    except Exception as error:
        text = " ".join(click.unstyle(str(error)).split())
        raise BadInputError(
            f"{setting}: {reference}: {type(error).__name__}: {text}"
            f"{_place(error, reference)}"
        ) from error


def _place(error: Exception, reference: str) -> str:
    """Returns ` (file, line n)` in the user's own code; "" without such a frame."""
    if "." not in reference:
        return ""
    place, _ = split_reference(reference)
    path = find_file(place) if place.endswith(".py") else module_file(place, None)
    frames = [
        (os.path.abspath(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    # Code with a syntax error was not run, so it has no frame.
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((os.path.abspath(error.filename), error.lineno))
    folder = os.path.join(os.path.dirname(path or ""), "")
    own = [
        (file, line)
        for file, line in frames
        if file.startswith(folder)
        and not file.startswith(_CALLERS)
        and "site-packages" not in file
    ]
    if not own:
        return ""
    file, line = own[-1]
    return f" ({os.path.basename(file)}, line {line})"
