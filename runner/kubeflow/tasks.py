"""What became of each node, out of what KFP tells about a run.

KFP's API has one flat list of Argo's nodes (kubeflow/pipelines:
backend/src/apiserver/server/api_converter.go, toModelTasks): for a task `Trainer`
there are a driver's pod `Trainer-driver`, a group `Trainer`, and below that the
pods `executor`, or `executor(0)`, `executor(1)` where it was tried again. What
KFP's cache answers has an `executor` that was skipped. A node that has not ended
has an end in the year 1.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_EXECUTOR = re.compile(r"executor(\(\d+\))?")

_ENDED = {"SUCCEEDED": "done", "FAILED": "failed", "CANCELED": "failed"}
_GOING_ON = ("RUNNING", "PENDING", "CANCELING", "PAUSED")


@dataclass(frozen=True)
class Node:
    """A node of the pipeline in a run.

    Attributes:
        name: Its id.
        state: `waiting`, `running`, `done`, `cached`, `failed`.
        seconds: Since it started, or that it took, its driver's pod included.
        pod: Of its last attempt, or of the driver if that failed; empty if not
            known.
        ended: When, for the order; None if it has not.
    """

    name: str
    state: str
    seconds: float = 0.0
    pod: str = ""
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
    return [_node(name, by_name, tasks, now) for name in names]


def _node(name: str, by_name: dict[str, Any], tasks: list[Any], now: datetime) -> Node:
    driver, task = by_name.get(f"{name}-driver"), by_name.get(name)
    started = [
        moment
        for moment in (_moment(part, "start_time") for part in (driver, task))
        if moment is not None
    ]
    begin = min(started, default=now)
    if driver is not None and _ENDED.get(_state(driver)) == "failed":
        return _ended(name, "failed", driver, begin, now, driver.pod_name or "")
    if task is None:
        if driver is None:
            return Node(name, "waiting")
        return Node(name, "running", _seconds(begin, now))
    attempts = _attempts(task, tasks)
    pod = (attempts[-1] if attempts else task).pod_name or ""
    state = _ENDED.get(_state(task))
    if state is None:
        # Omitted, as something before it failed.
        if _state(task) not in _GOING_ON:
            return Node(name, "waiting")
        return Node(name, "running", _seconds(begin, now), pod)
    if state == "done" and attempts and {_state(a) for a in attempts} == {"SKIPPED"}:
        state = "cached"
    return _ended(name, state, task, begin, now, pod)


def _ended(
    name: str, state: str, task: Any, begin: datetime, now: datetime, pod: str
) -> Node:
    end = _moment(task, "end_time") or now
    return Node(name, state, _seconds(begin, end), pod, end)


def _attempts(task: Any, tasks: list[Any]) -> list[Any]:
    """Returns the executor's pods below a task, the last attempt last.

    Children are named by Argo's node id and tasks by their pod; both end in the
    same number (backend/src/common/util/workflow.go, RetrievePodName).
    """
    by_number = {_number(other.pod_name): other for other in tasks if other.pod_name}
    found: list[Any] = []
    waiting = [task]
    while waiting:
        for child in waiting.pop().child_tasks or []:
            other = by_number.get(_number(child.pod_name))
            if (
                other is not None
                and other not in found
                and _EXECUTOR.fullmatch(other.display_name or "")
            ):
                found.append(other)
                waiting.append(other)
    # A group of attempts is called like a single one and is no pod.
    numbered = [other for other in found if "(" in other.display_name]
    return sorted(
        numbered or found,
        key=lambda other: int(re.sub(r"\D", "", other.display_name) or 0),
    )


def _number(pod_name: str | None) -> str:
    return (pod_name or "").rpartition("-")[2]


def _state(task: Any) -> str:
    return str(task.state or "").upper()


def _moment(task: Any, field: str) -> datetime | None:
    moment: datetime | None = getattr(task, field, None)
    if moment is None or moment.year <= 1970:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
