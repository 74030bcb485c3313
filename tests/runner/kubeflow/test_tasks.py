"""Argo's nodes, as KFP's API tells them, put together to the pipeline's nodes."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import kfp_server_api
import pytest

from runner.kubeflow.tasks import Node, nodes
from tests.runner.kubeflow.fake_kfp import Ran, frame, pod_of

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def seen(*ran: Ran, names: tuple[str, ...] = ("Trainer",)) -> list[Node]:
    """The nodes that kfp's own classes make of such an answer."""
    run = kfp_server_api.ApiClient().deserialize(
        SimpleNamespace(data=json.dumps(frame("RUNNING", *ran))), "V2beta1Run"
    )
    return nodes(names, run.run_details.task_details or [], NOW)


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def test_what_has_not_begun_is_waiting_and_in_its_place() -> None:
    found = seen(Ran("B", "done", 0, 9), names=("A", "B"))
    assert [(node.name, node.state) for node in found] == [
        ("A", "waiting"),
        ("B", "done"),
    ]
    assert found[0] == Node("A", "waiting")


def test_a_node_is_running_as_soon_as_its_driver_is() -> None:
    [node] = seen(Ran("Trainer", "driving", 30))
    assert node == Node("Trainer", "running", seconds=570)


def test_a_running_node_counts_from_its_driver_on() -> None:
    [node] = seen(Ran("Trainer", "running", 30))
    assert node == Node("Trainer", "running", seconds=570, pod=pod_of(1))


@pytest.mark.parametrize("state", ["done", "failed"])
def test_one_that_ended_has_its_time_and_its_executors_pod(state: str) -> None:
    [node] = seen(Ran("Trainer", state, 30, 50))
    assert node == Node("Trainer", state, 20, pod_of(1), at(50))


def test_one_whose_executor_was_skipped_came_from_the_cache() -> None:
    [node] = seen(Ran("Trainer", "cached", 30, 35))
    assert (node.state, node.seconds) == ("cached", 5)


def test_of_several_attempts_the_last_ones_pod_counts() -> None:
    [failed] = seen(Ran("Trainer", "failed", 0, 50, tries=3))
    assert (failed.state, failed.pod) == ("failed", pod_of(1, attempt=2))
    [done] = seen(Ran("Trainer", "done", 0, 50, tries=2))
    assert (done.state, done.pod) == ("done", pod_of(1, attempt=1))


def test_of_a_driver_that_failed_it_is_the_drivers() -> None:
    [node] = seen(Ran("Trainer", "undriven", 30))
    assert node.state == "failed"
    assert node.pod == "mnist-x-system-container-driver-101"
    assert node.seconds == 1


def test_what_argo_omits_never_ran() -> None:
    [node] = seen(Ran("Trainer", "omitted"))
    assert node == Node("Trainer", "waiting")


def test_each_executor_belongs_to_its_own_task() -> None:
    found = seen(
        *(Ran(name, "done", 0, 9, tries=2) for name in "ABC"), names=("C", "B", "A")
    )
    assert [node.pod for node in found] == [pod_of(n, attempt=1) for n in (3, 2, 1)]


def test_an_importer_has_neither_driver_nor_executor() -> None:
    run = SimpleNamespace(
        display_name="Data",
        pod_name="mnist-x-system-importer-7",
        state="SUCCEEDED",
        start_time=at(3),
        end_time=at(8),
        child_tasks=None,
    )
    [node] = nodes(["Data"], [run], NOW)
    assert node == Node("Data", "done", 5, "mnist-x-system-importer-7", at(8))


def test_a_kfp_that_tells_no_pods_names_is_read_all_the_same() -> None:
    task = SimpleNamespace(
        display_name="Trainer",
        pod_name=None,
        state="FAILED",
        start_time=at(3),
        end_time=at(8),
        child_tasks=[SimpleNamespace(pod_name="mnist-x-9")],
    )
    [node] = nodes(["Trainer"], [task], NOW)
    assert node == Node("Trainer", "failed", 5, "", at(8))
