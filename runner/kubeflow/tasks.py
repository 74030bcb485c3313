"""What became of each node, out of what KFP tells about a run.

KFP's API has one flat list of Argo's nodes (kubeflow/pipelines:
backend/src/apiserver/server/api_converter.go, toModelTasks): for a task `Trainer`
there are a driver's pod `Trainer-driver`, a group `Trainer`, and below that the
pods `executor`, or `executor(0)`, `executor(1)` where it may be tried again. A node
that has not ended has an end in the year 1.

No entry says what its own pod is called. But each has the Argo ids of its
children, and those are digests of the nodes' full names, so that the names can be
computed and found again (argo-workflows: pkg/apis/workflow/v1alpha1, `NodeID`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_ENDED = {"SUCCEEDED": "done", "FAILED": "failed", "CANCELED": "failed"}
_GOING_ON = ("RUNNING", "PENDING", "CANCELING", "PAUSED")

_MOST_ATTEMPTS = 10

# Of the executors' pods, as KFP's compiler has called them in its versions
# (backend/src/v2/compiler/argocompiler: container.go, importer.go).
_EXECUTOR_TEMPLATES = (
    "retry-system-container-impl",
    "retry-system-container-impl-onerror",
    "system-container-impl",
    "system-importer",
)
_DRIVER_TEMPLATES = ("system-container-driver",)

_SHORTEST_EXECUTOR_SECONDS = 5.0
"""To import TFX alone takes longer."""


@dataclass(frozen=True)
class Node:
    """A node of the pipeline in a run.

    Attributes:
        name: Its id.
        state: `waiting`, `running`, `done`, `cached`, `failed`.
        seconds: Since it started, or that it took, its driver's pod included.
        pods: What the pod of its last attempt, or of the driver if that failed,
            may be called, likeliest first; empty if not known.
        ended: When, for the order; None if it has not.
    """

    name: str
    state: str
    seconds: float = 0.0
    pods: tuple[str, ...] = ()
    ended: datetime | None = None


def nodes(names: Sequence[str], details: Iterable[Any], now: datetime) -> list[Node]:
    """Returns the state of each node.

    Args:
        names: The nodes of the pipeline, in the order in which to return them.
        details: `V2beta1PipelineTaskDetail`, as kfp-server-api has them.
        now: To count the seconds of what is going on.
    """
    tasks = list(details)
    by_name = {task.display_name: task for task in tasks}
    skipped = [
        moment
        for task in tasks
        if task.display_name == "executor"
        and _state(task) == "SKIPPED"
        and (moment := _moment(task, "start_time")) is not None
    ]
    pods = _Pods(tasks)
    return [_node(name, by_name, pods, skipped, now) for name in names]


def _node(
    name: str,
    by_name: dict[str, Any],
    pods: "_Pods",
    skipped: list[datetime],
    now: datetime,
) -> Node:
    driver, task = by_name.get(f"{name}-driver"), by_name.get(name)
    started = [
        moment
        for moment in (_moment(part, "start_time") for part in (driver, task))
        if moment is not None
    ]
    begin = min(started, default=now)
    if driver is not None and _ENDED.get(_state(driver)) == "failed":
        return _ended(name, "failed", driver, begin, now, pods.of_driver(name))
    if task is None:
        if driver is None:
            return Node(name, "waiting")
        return Node(name, "running", _seconds(begin, now))
    state = _ENDED.get(_state(task))
    if state is None:
        # Omitted, as something before it failed.
        if _state(task) not in _GOING_ON:
            return Node(name, "waiting")
        return Node(name, "running", _seconds(begin, now), pods.of_executor(name))
    if state == "done" and _is_cached(task, skipped):
        state = "cached"
    return _ended(name, state, task, begin, now, pods.of_executor(name))


def _ended(
    name: str,
    state: str,
    task: Any,
    begin: datetime,
    now: datetime,
    pods: tuple[str, ...],
) -> Node:
    end = _moment(task, "end_time") or now
    return Node(name, state, _seconds(begin, end), pods, end)


def _is_cached(task: Any, skipped: list[datetime]) -> bool:
    """Tells whether KFP's cache has answered: the executor is skipped then."""
    begin, end = _moment(task, "start_time"), _moment(task, "end_time")
    return (
        begin is not None
        and end is not None
        and _seconds(begin, end) < _SHORTEST_EXECUTOR_SECONDS
        and any(begin <= moment <= end for moment in skipped)
    )


class _Pods:
    """Finds the names of pods."""

    def __init__(self, tasks: list[Any]) -> None:
        """Takes the ids that are known from the tasks' children."""
        children = [
            child.pod_name
            for task in tasks
            for child in task.child_tasks or []
            if child.pod_name
        ]
        self._workflow = children[0].rpartition("-")[0] if children else ""
        self._known = set(children)

    def of_driver(self, name: str) -> tuple[str, ...]:
        return self._called(f"root.{name}-driver", _DRIVER_TEMPLATES)

    def of_executor(self, name: str) -> tuple[str, ...]:
        executor = f"root.{name}.executor"
        attempts = [
            attempt
            for attempt in (f"{executor}({n})" for n in range(_MOST_ATTEMPTS))
            if self._id(attempt) in self._known
        ]
        if attempts:
            return self._called(attempts[-1], _EXECUTOR_TEMPLATES[:2])
        if self._id(executor) in self._known:
            return self._called(executor, _EXECUTOR_TEMPLATES[2:3])
        # An importer is a pod and no group; so is every task in KFP to come.
        return self._called(f"root.{name}", _EXECUTOR_TEMPLATES[2:])

    def _id(self, name: str) -> str:
        return f"{self._workflow}-{fnv1a(f'{self._workflow}.{name}')}"

    def _called(self, name: str, templates: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the names of a node's pod, by template.

        (kubeflow/pipelines: backend/src/common/util/workflow.go, RetrievePodName)
        """
        if not self._workflow:
            return ()
        number = fnv1a(f"{self._workflow}.{name}")
        return tuple(f"{self._workflow}-{template}-{number}" for template in templates)


def fnv1a(text: str) -> int:
    """Returns the 32-bit FNV-1a hash of a text (draft-eastlake-fnv)."""
    digest = 0x811C9DC5
    for byte in text.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest


def _state(task: Any) -> str:
    return str(task.state or "").upper()


def _moment(task: Any, field: str) -> datetime | None:
    moment: datetime | None = getattr(task, field, None)
    if moment is None or moment.year <= 1970:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
