"""A person's own function or class, which the settings name: imported from its file."""

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
    os.path.join(_ROOT, *folder, "")
    for folder in (
        ("contract",),
        ("components",),
        ("runner",),
        ("pipeline", "training"),
    )
)
"""Where own code is called from; it may lie in the project's folder itself."""


@contextmanager
def imported(setting: str, reference: str) -> Iterator[Any]:
    """Imports what a reference names; inside the block its folder can be imported from.

    Modules of that folder do not stay imported: their names, such as `layers`, may be
    those of another file's in the same process.

    Raises:
        BadInputError: There is no such file or module, or it fails.
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
        # Not by the file's own name, which may be that of a package.
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
    """Makes one line of whatever a person's own code raises.

    The line names the last place in the person's own folder that the error passed
    through: what a library raises further down says nothing about where to look.
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
    """Returns ` (file, line n)` of the person's own code; empty if it was not there."""
    if "." not in reference:
        return ""
    place, _ = split_reference(reference)
    path = find_file(place) if place.endswith(".py") else module_file(place, None)
    frames = [
        (os.path.abspath(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    # Python has not run what it cannot parse.
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
