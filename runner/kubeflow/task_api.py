"""Reads the state of each node from the task API of a later KFP.

(kubeflow/pipelines#13986: backend/api/v2beta1/run.proto, ListTasks, PipelineTask. No
release up to 2.18 has it. Where it exists, the run's details no longer list tasks.)
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import requests

from contract import http_failures
from runner.kubeflow.api_errors import AwayError, reason
from runner.kubeflow.connection import Connection
from runner.kubeflow.tasks import Node, Picture

_STATES = {
    "RUNNING": "running",
    "SUCCEEDED": "done",
    "CACHED": "cached",
    "FAILED": "failed",
}


def tasks_of(connection: Connection, run_id: str) -> list[dict[str, Any]] | None:
    """Returns the tasks of a run; None if this KFP has no task API.

    Raises:
        AwayError: KFP does not answer at the moment.
    """
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        try:
            answer = connection.get(
                f"/apis/v2beta1/runs/{run_id}/tasks", page_size="100", page_token=token
            )
        except requests.RequestException as error:
            why = http_failures.reason(error, connection.host)
            raise AwayError(f"{connection.host}: {why}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise AwayError(f"{connection.host}: {reason(answer)}")
        if answer.status_code != 200:
            return None
        try:
            page = answer.json()
        except requests.JSONDecodeError:
            return None
        if not isinstance(page, dict):
            return None
        found += page.get("tasks") or []
        token = page.get("next_page_token") or ""
        if not token:
            return found


def picture(
    names: Sequence[str], tasks: Iterable[Mapping[str, Any]], now: datetime
) -> Picture:
    """Returns the state of each node."""
    by_name: dict[str, Mapping[str, Any]] = {}
    for task in sorted(tasks, key=lambda task: str(task.get("create_time", ""))):
        by_name[str(task.get("name"))] = task
    return Picture([_node(name, by_name.get(name), now) for name in names])


def _node(name: str, task: Mapping[str, Any] | None, now: datetime) -> Node:
    if task is None:
        return Node(name, "waiting")
    state = _STATES.get(str(task.get("state")), "waiting")
    if state == "waiting":
        return Node(name, state)
    begin = _moment(task.get("create_time")) or now
    end = _moment(task.get("end_time")) or now
    # The last try comes first, and all executors come before the driver.
    pods = list(reversed(task.get("pods") or []))
    pods.sort(key=lambda pod: pod.get("type") != "EXECUTOR")
    names = tuple(str(pod["name"]) for pod in pods if pod.get("name"))
    seconds = max(0.0, (end - begin).total_seconds())
    return Node(name, state, seconds, names, None if state == "running" else end)


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
