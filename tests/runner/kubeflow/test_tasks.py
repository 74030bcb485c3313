"""Argo's nodes, as KFP's API tells them, put together to the pipeline's nodes."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import kfp_server_api
import pytest

from runner.kubeflow.tasks import Node, fnv1a, nodes
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
    assert node == Node("Trainer", "running", 570, (pod_of("Trainer"),))


@pytest.mark.parametrize("state", ["done", "failed"])
def test_one_that_ended_has_its_time_and_its_executors_pod(state: str) -> None:
    [node] = seen(Ran("Trainer", state, 30, 50))
    assert node == Node("Trainer", state, 20, (pod_of("Trainer"),), at(50))


def test_one_whose_executor_was_skipped_came_from_the_cache() -> None:
    [node] = seen(Ran("Trainer", "cached", 30, 33))
    assert (node.state, node.seconds) == ("cached", 3)


def test_another_ones_cache_is_not_its_own() -> None:
    found = seen(
        *(Ran("A", "cached", 30, 33), Ran("B", "done", 29, 40), Ran("C", "done", 2, 4)),
        names=("A", "B", "C"),
    )
    assert [node.state for node in found] == ["cached", "done", "done"]


def test_of_several_attempts_the_last_ones_pod_counts() -> None:
    [failed] = seen(Ran("Trainer", "failed", 0, 50, tries=3))
    assert (failed.state, failed.pods[0]) == ("failed", pod_of("Trainer", attempt=2))
    [done] = seen(Ran("Trainer", "done", 0, 50, tries=1))
    assert (done.state, done.pods[0]) == ("done", pod_of("Trainer", attempt=0))
    # As KFP calls the template from a version on.
    assert failed.pods[1] == failed.pods[0].replace("-impl-", "-impl-onerror-")


def test_of_a_driver_that_failed_it_is_the_drivers() -> None:
    [node] = seen(Ran("Trainer", "undriven", 30))
    number = fnv1a("mnist-x.root.Trainer-driver")
    assert node.state == "failed"
    assert node.pods == (f"mnist-x-system-container-driver-{number}",)
    assert node.seconds == 1


def test_what_argo_omits_never_ran() -> None:
    [node] = seen(Ran("Trainer", "omitted"))
    assert node == Node("Trainer", "waiting")


def test_each_executor_belongs_to_its_own_task() -> None:
    found = seen(
        *(Ran(name, "done", 0, 9, tries=2) for name in "ABC"), names=("C", "B", "A")
    )
    assert [node.pods[0] for node in found] == [
        pod_of(name, attempt=1) for name in "CBA"
    ]


def detail(**more: object) -> SimpleNamespace:
    times = {"start_time": at(3), "end_time": at(8)}
    return SimpleNamespace(**{"child_tasks": None, **times, **more})


def test_an_importer_has_neither_driver_nor_executor() -> None:
    root = detail(
        display_name="root",
        state="RUNNING",
        child_tasks=[SimpleNamespace(pod_name="mnist-x-77")],
    )
    importer = detail(display_name="Data", state="SUCCEEDED")
    [node] = nodes(["Data"], [root, importer], NOW)
    assert (node.state, node.seconds) == ("done", 5)
    assert f"mnist-x-system-importer-{fnv1a('mnist-x.root.Data')}" in node.pods


def test_what_has_no_time_yet_has_it_in_the_year_one() -> None:
    never = datetime(1, 1, 1, tzinfo=UTC)
    task = detail(display_name="Trainer", state="PENDING", start_time=never)
    [node] = nodes(["Trainer"], [task], NOW)
    assert (node.state, node.seconds) == ("running", 0)


def test_without_a_single_id_there_is_no_pod_to_name() -> None:
    [node] = nodes(["Trainer"], [detail(display_name="Trainer", state="FAILED")], NOW)
    assert node == Node("Trainer", "failed", 5, (), at(8))


@pytest.mark.parametrize(
    ("text", "digest"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_the_hash_is_fnv1a(text: str, digest: int) -> None:
    """The published test vectors (draft-eastlake-fnv, appendix C)."""
    assert fnv1a(text) == digest
