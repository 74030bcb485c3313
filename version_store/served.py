"""What is served under a name: which version, and what it is asked."""

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
    """A version as something to be compared with.

    Attributes:
        version: Its number.
        folder: Where it lies.
        task: What it is asked; None if that cannot be known.
        names_classes: Whether it says itself what its classes are called; a version
            of before there were tasks does not, and the names are labels.
        problem: Why it cannot be asked by serialised examples; empty if it can.
    """

    version: int
    folder: str
    task: Task | None
    names_classes: bool = True
    problem: str = ""

    def difference(self, task: Task) -> str:
        """Returns in what way a task is another one than this; empty if in none."""
        ours = self.task
        if ours is None:
            return ""
        if not self.names_classes and len(ours.classes) == len(task.classes):
            ours = ours.named(classes=task.classes)
        return "" if task.asks_the_same(ours) else task.difference(ours)


def find_served(base: str) -> Served | None:
    """Returns what a new version is measured by; None if nothing is served.

    That is the highest version, or the one that is labelled stable; never a canary.

    Raises:
        BadInputError: The servers' configuration cannot be read.
    """
    version = serving(base).stable
    return None if version is None else look_at(base, version)


def look_at(base: str, version: int) -> Served:
    """Returns what a version is asked; nothing is loaded."""
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
    """Returns why a version is no champion for a task; empty if it is one."""
    if served.problem:
        return served.problem
    if served.task is None:
        return "it does not say what it is asked"
    difference = served.difference(task)
    return f"it has another task: {difference}" if difference else ""


def check_name(served: Served | None, task: Task, name: str, replace: bool) -> None:
    """Refuses to push a task under a name by which clients ask for another one.

    Unless that one is to be replaced.

    Raises:
        BadInputError: It is another task, and nobody said that it should be replaced.
    """
    difference = "" if served is None or replace else served.difference(task)
    if served is not None and difference:
        raise BadInputError(
            f"{name}: version {served.version} is served under that name and has "
            f"another task: {difference}: give this model another "
            "name with --name, or replace that one with --replace-task"
        )


def _task_of(signatures: dict[str, Signature], name: str) -> Task | None:
    """Returns the task of a version that tells of none, by its shapes."""
    try:
        return derived_task(ModelMetadata(name, 0, signatures)).task
    except NoTaskError:
        return None
