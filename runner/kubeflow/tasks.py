"""Finds the state of each node in KFP's details about a run.

KFP's API has one flat list of Argo's nodes (kubeflow/pipelines:
backend/src/apiserver/server/api_converter.go, toModelTasks). For a task `Trainer`
it contains the driver's pod `Trainer-driver`, a group `Trainer`, and below that the
pod `executor`, or `executor(0)`, `executor(1)` if retries are possible. A node
that has not ended has an end in the year 1.

The list also has an entry without a name for each execution in the cache; the launcher
adds it (backend/src/v2/component/launcher_v2.go, `Execute`).

From 2.17 on, KFP may repeat the whole pipeline after a lost pod. Then the list has
every node once for each pass, and the last pass counts. The list may also stop before
its run does: Argo compresses the nodes of a workflow of more than 1 MiB, and KFP does
not decompress them.

A later KFP replaces this list by a task API, which gives the names of the pods
(kubeflow/pipelines#13986: backend/api/v2beta1/run.proto, PipelineTask).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner.kubeflow.argo import Workflow
from runner.kubeflow.deployment import limits

_ENDED = {"SUCCEEDED": "done", "FAILED": "failed", "CANCELED": "failed"}
_GOING_ON = ("RUNNING", "PENDING", "CANCELING", "PAUSED")

_PASS = r"root\(\d+\)"


@dataclass(frozen=True)
class Node:
    """A node of the pipeline in a run.

    Attributes:
        name: Node id.
        state: `waiting`, `running`, `done`, `cached`, `failed`.
        seconds: Duration so far or in total, including the driver's pod.
        pods: Possible names of the pod of the last try, or of the driver if that
            failed, likeliest first; empty if not known. A waiting node has them, too,
            because the list may have stopped before the run did.
        ended: When the node ended, for sorting; None if it has not.
    """

    name: str
    state: str
    seconds: float = 0.0
    pods: tuple[str, ...] = ()
    ended: datetime | None = None


@dataclass(frozen=True)
class Picture:
    """The state of a run according to a list of tasks.

    Attributes:
        nodes: The pipeline's nodes, in their order.
        passes: How often the pipeline was started; more than once after a lost pod.
        pending: Seconds that a pod has been waiting for its start; 0 if none waits.
    """

    nodes: list[Node]
    passes: int = 1
    pending: float = 0.0


def picture(names: Sequence[str], details: Iterable[Any], now: datetime) -> Picture:
    """Returns the state of each node."""
    tasks = [task for task in details if task.display_name]
    workflow = Workflow(
        child.pod_name
        for task in tasks
        for child in task.child_tasks or []
        if child.pod_name
    )
    passes = [task for task in tasks if re.fullmatch(_PASS, task.display_name)]
    begins = [moment for each in passes if (moment := _moment(each, "start_time"))]
    last_pass = max(begins, default=datetime.min.replace(tzinfo=UTC))
    by_name = _latest(tasks, last_pass)
    return Picture(
        nodes=[_node(name, by_name, workflow, now) for name in names],
        passes=max(1, len(passes)),
        pending=max(
            (
                _seconds(_moment(task, "start_time") or now, now)
                for task in tasks
                if _state(task) == "PENDING"
            ),
            default=0.0,
        ),
    )


def _latest(tasks: Iterable[Any], since: datetime) -> Mapping[str, Any]:
    """Returns the newest entry of each name in the last pass."""
    found: dict[str, Any] = {}
    for task in tasks:
        begin = _moment(task, "start_time")
        other = found.get(task.display_name)
        before = other and _moment(other, "start_time")
        if (begin is None or begin >= since) and (
            not before or (begin is not None and begin >= before)
        ):
            found[task.display_name] = task
    return found


def _node(
    name: str,
    by_name: Mapping[str, Any],
    workflow: Workflow,
    now: datetime,
) -> Node:
    driver, task = by_name.get(f"{name}-driver"), by_name.get(name)
    started = [
        moment
        for moment in (_moment(part, "start_time") for part in (driver, task))
        if moment is not None
    ]
    begin = min(started, default=now)
    pods = workflow.executor_pods(name)
    if driver is not None and _ENDED.get(_state(driver)) == "failed":
        return _ended(name, "failed", driver, begin, now, workflow.driver_pods(name))
    if task is None:
        if driver is None or _state(driver) not in (*_GOING_ON, *_ENDED):
            return Node(name, "waiting", pods=pods)
        return Node(name, "running", _seconds(begin, now), pods)
    state = _ENDED.get(_state(task))
    if state is None:
        # Argo omitted the node, because an earlier one failed.
        if _state(task) not in _GOING_ON:
            return Node(name, "waiting", pods=pods)
        return Node(name, "running", _seconds(begin, now), pods)
    asks_for_retries = bool(limits(name).retries)
    if state == "done" and workflow.is_answered(
        name, asks_for_retries=asks_for_retries
    ):
        state = "cached"
    return _ended(name, state, task, begin, now, pods)


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


def _state(task: Any) -> str:
    return str(task.state or "").upper()


def _moment(task: Any, field: str) -> datetime | None:
    moment: datetime | None = getattr(task, field, None)
    if moment is None or moment.year <= 1970:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
