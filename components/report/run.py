"""Collects the report's facts about the run: time, memory, versions, commands."""

import importlib.metadata
import os
import platform
import shlex
from dataclasses import dataclass, field

from serving.launch import code

PACKAGES = {
    "TFX": "tfx",
    "TensorFlow": "tensorflow",
    "Keras": "keras",
    "TensorFlow Transform": "tensorflow-transform",
    "TensorFlow Model Analysis": "tensorflow-model-analysis",
    "TensorFlow Data Validation": "tensorflow-data-validation",
    "Apache Beam": "apache-beam",
    "NumPy": "numpy",
}


@dataclass(frozen=True)
class Component:
    """A component in a run; see `runner.screen.Step`."""

    node: str
    state: str
    seconds: float
    peak_memory: int | None


@dataclass(frozen=True)
class RunFacts:
    """All known facts about the run itself."""

    versions: dict[str, str]
    run: str = ""
    started: str = ""
    seconds: float | None = None
    components: tuple[Component, ...] = ()
    data: str = ""
    commands: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Returns the installed versions by name."""
    return {
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(p) for name, p in PACKAGES.items()},
        "System": f"{platform.system()} {platform.machine()}",
    }


def commands(model: str, models: str | None) -> dict[str, str]:
    """Returns the commands that serve and query a pushed model.

    Args:
        model: The model's name.
        models: Folder of all models. None if it cannot be reached from here: then there
            is only a query, for any checkout of the project.
    """
    name = shlex.quote(model)
    if models is None:
        return {
            "Query": ".venv/bin/python -m serving.client predict PICTURE.png "
            f"--model {name}"
        }
    return {
        "Serve": f"{code.typed('serving.launch')} "
        f"--models {shlex.quote(_short(models))} --model {name}",
        "Query": f"{code.typed('serving.client')} predict PICTURE.png --model {name}",
    }


def _short(path: str) -> str:
    """Returns a path relative to the working folder if it is below that folder."""
    below = os.path.relpath(path)
    return os.path.abspath(path) if below.startswith(os.pardir) else below
