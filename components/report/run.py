"""What is to be said about the run itself: time, memory, versions, commands."""

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
    """A component's part of a run; see `runner.screen.Step`."""

    node: str
    state: str
    seconds: float
    peak_memory: int | None


@dataclass(frozen=True)
class RunFacts:
    """Everything about the run itself, as far as it is known."""

    versions: dict[str, str]
    run: str = ""
    started: str = ""
    seconds: float | None = None
    components: tuple[Component, ...] = ()
    data: str = ""
    commands: dict[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Returns what is installed where this is called."""
    return {
        "Python": platform.python_version(),
        **{name: importlib.metadata.version(p) for name, p in PACKAGES.items()},
        "System": f"{platform.system()} {platform.machine()}",
    }


def commands(model: str, models: str | None, noun: str) -> dict[str, str]:
    """Returns how to serve and to ask a model that was pushed.

    Args:
        model: Its name.
        models: The folder of all models; None where nobody here can reach it: then
            the commands are those of any checkout, else they run where this runs.
        noun: What its images show; a picture is called after it.
    """
    picture, name = shlex.quote(f"{noun}.png"), shlex.quote(model)
    if models is None:
        return {
            "Query": f".venv/bin/python -m serving.client predict {picture} "
            f"--model {name}"
        }
    return {
        "Serve": f"{code.typed('serving.launch')} "
        f"--models {shlex.quote(_short(models))} --model {name}",
        "Query": f"{code.typed('serving.client')} predict {picture} --model {name}",
    }


def _short(path: str) -> str:
    """Returns a path from where a person stands, if it is below that."""
    below = os.path.relpath(path)
    return os.path.abspath(path) if below.startswith(os.pardir) else below
