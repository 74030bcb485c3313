"""Tasks are read from a KFP without ML Metadata."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runner.kubeflow.api_errors import AwayError
from runner.kubeflow.connection import Connection
from runner.kubeflow.task_api import picture, tasks_of
from tests.runner.kubeflow.fake_kfp import FakeKfp, Request

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def task(name: str, state: str, minute: Any = 0, **more: Any) -> dict[str, Any]:
    """Returns a `PipelineTask` with the fields that are read."""
    begin = f"2026-01-01T00:{minute:02}:00Z"
    return {"name": name, "state": state, "create_time": begin, **more}


def pod(name: str, kind: str) -> dict[str, str]:
    return {"name": name, "type": kind}


END = {"end_time": "2026-01-01T00:05:00Z"}


def test_states_and_times() -> None:
    found = picture(
        ["A", "B", "C", "D", "E"],
        [
            task("A", "SUCCEEDED", 1, **END),
            task("B", "CACHED", 5, **END),
            task("C", "FAILED", 4, **END),
            task("D", "RUNNING", 9),
            task("root", "RUNNING"),
        ],
        NOW,
    )
    assert [(node.name, node.state, node.seconds) for node in found.nodes] == [
        *(("A", "done", 240), ("B", "cached", 0), ("C", "failed", 60)),
        *(("D", "running", 60), ("E", "waiting", 0)),
    ]
    ended = [node.ended is not None for node in found.nodes]
    assert ended == [True, True, True, False, False]


def test_pods_are_told_and_the_last_executor_counts() -> None:
    pods = [pod("d", "DRIVER"), pod("e-0", "EXECUTOR"), pod("e-1", "EXECUTOR")]
    [node] = picture(["A"], [task("A", "FAILED", **END, pods=pods)], NOW).nodes
    assert node.pods == ("e-1", "e-0", "d")


def test_of_two_passes_the_later_one_counts() -> None:
    tasks = [task("A", "RUNNING", 7), task("A", "FAILED", 1, **END)]
    [node] = picture(["A"], tasks, NOW).nodes
    assert node.state == "running"


def test_all_pages_are_asked_for(fake: FakeKfp) -> None:
    fake.tasks = [task(name, "RUNNING") for name in "ABCDE"]
    fake.tasks_on_a_page = 2
    found = tasks_of(Connection(fake.host), "run-1") or []
    assert [each["name"] for each in found] == [*"ABCDE"]


def test_an_earlier_kfp_has_none(fake: FakeKfp) -> None:
    assert tasks_of(Connection(fake.host), "run-1") is None


def test_an_api_that_is_away_is_not_one_that_has_none(fake: FakeKfp) -> None:
    def accept(request: Request) -> tuple[int, dict[str, str], str]:
        return 503, {"Content-Type": "text/plain"}, "restarting"

    fake.accept = accept
    with pytest.raises(AwayError, match="503"):
        tasks_of(Connection(fake.host), "run-1")
    with pytest.raises(AwayError, match="nothing listens there"):
        tasks_of(Connection("http://localhost:9"), "run-1")
