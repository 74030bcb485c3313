"""Finds the served version of a model name, and its task."""

import os
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from contract.errors import BadInputError
from contract.signatures import EXAMPLES_SIGNATURE, PROBABILITIES
from contract.task import Task, read_task
from serving.client.calls import signatures_in
from serving.client.results import ModelMetadata, Signature
from serving.client.tasks import NoTaskError, derived_task
from version_store.serving_config import serving
from version_store.versions import version_path


@dataclass(frozen=True)
class Served:
    """A served version, for comparison with a new one.

    Attributes:
        version: Its number.
        folder: Its folder.
        task: Its task; None if that cannot be known.
        names_classes: Whether it names its classes itself; a version from before tasks
            existed does not, and its class names are labels.
        problem: Why it cannot classify serialised examples; empty if it can.
    """

    version: int
    folder: str
    task: Task | None
    names_classes: bool = True
    problem: str = ""

    def difference(self, task: Task) -> str:
        """Returns how another task differs from this one; empty if it does not."""
        ours = self.task
        if ours is None:
            return ""
        if not self.names_classes and len(ours.classes) == len(task.classes):
            ours = ours.named(classes=task.classes)
        return "" if task.asks_the_same(ours) else task.difference(ours)


def find_served(base: str) -> Served | None:
    """Returns the version that a new one is compared with; None if none is served.

    It is the version labelled stable, else the highest; it is never a canary.

    Raises:
        BadInputError: The servers' configuration cannot be read.
    """
    version = serving(base).stable
    return None if version is None else look_at(base, version)


def look_at(base: str, version: int) -> Served:
    """Returns a version with its task, without loading the model."""
    folder = version_path(base, version)
    try:
        signatures = signatures_in(folder)
    except (OSError, DecodeError) as error:
        problem = f"its SavedModel cannot be read: {error}"
        return Served(version, folder, None, problem=problem)
    try:
        told = read_task(folder)
    except BadInputError as error:
        return Served(version, folder, None, problem=str(error))
    task = told or _task_of(signatures, os.path.basename(base.rstrip("/")))
    problem = ""
    by_examples = signatures.get(EXAMPLES_SIGNATURE)
    if by_examples is None or PROBABILITIES not in by_examples.outputs:
        found = ", ".join(sorted(signatures)) or "none"
        problem = (
            f"it has no signature {EXAMPLES_SIGNATURE} with {PROBABILITIES}, which the "
            f"Evaluator asks (found: {found})"
        )
    return Served(version, folder, task, told is not None, problem)


def why_not_compared(served: Served, task: Task) -> str:
    """Returns why a version cannot be champion for a task; empty if it can."""
    if served.problem:
        return served.problem
    if served.task is None:
        return "it does not state its task"
    difference = served.difference(task)
    return f"it has another task: {difference}" if difference else ""


def check_name(served: Served | None, task: Task, name: str, replace: bool) -> None:
    """Refuses a task under a name that has another task, unless `replace` is true.

    Raises:
        BadInputError: The name has another task, and `replace` is false.
    """
    difference = "" if served is None or replace else served.difference(task)
    if served is not None and difference:
        raise BadInputError(
            f"{name}: version {served.version} is served under that name and has "
            f"another task: {difference}: give this model another "
            "name with --model, or replace that one with --replace-task"
        )


def _task_of(signatures: dict[str, Signature], name: str) -> Task | None:
    """Returns the task of a version that does not describe it, from its shapes."""
    try:
        return derived_task(ModelMetadata(name, 0, signatures)).task
    except NoTaskError:
        return None
