"""Argo's nodes in KFP's API are combined to the pipeline's nodes."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import kfp_server_api
import pytest

from runner.kubeflow.argo import fnv1a
from runner.kubeflow.tasks import Node, Picture, picture
from tests.runner.kubeflow.frames import Ran, frame, pod_of

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def pictured(*ran: Ran, names: tuple[str, ...] = ("Trainer",)) -> Picture:
    """Returns the picture read from such an answer, in kfp's own classes."""
    run = kfp_server_api.ApiClient().deserialize(
        SimpleNamespace(data=json.dumps(frame("RUNNING", *ran))), "V2beta1Run"
    )
    return picture(names, run.run_details.task_details or [], NOW)


def seen(*ran: Ran, names: tuple[str, ...] = ("Trainer",)) -> list[Node]:
    return pictured(*ran, names=names).nodes


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def test_what_has_not_begun_is_waiting_and_in_its_place() -> None:
    found = seen(Ran("B", "done", 0, 9), names=("A", "B"))
    assert [(node.name, node.state) for node in found] == [
        ("A", "waiting"),
        ("B", "done"),
    ]
    assert (found[0].seconds, found[0].ended) == (0, None)


def test_a_node_is_running_as_soon_as_its_driver_is() -> None:
    [node] = seen(Ran("Trainer", "driving", 30))
    assert (node.state, node.seconds) == ("running", 570)


def test_a_running_node_counts_from_its_driver_on() -> None:
    [node] = seen(Ran("Trainer", "running", 30))
    assert (node.state, node.seconds) == ("running", 570)
    assert pod_of("Trainer") in node.pods


@pytest.mark.parametrize("state", ["done", "failed"])
def test_one_that_ended_has_its_time_and_its_executors_pod(state: str) -> None:
    [node] = seen(Ran("Trainer", state, 30, 50))
    assert (node.state, node.seconds, node.ended) == (state, 20, at(50))
    assert pod_of("Trainer") in node.pods


def test_one_whose_executor_was_skipped_came_from_the_cache() -> None:
    [node] = seen(Ran("Trainer", "cached", 30, 33))
    assert (node.state, node.seconds) == ("cached", 3)


def test_another_ones_cache_is_not_its_own_however_short_both_were() -> None:
    found = seen(
        *(Ran("A", "cached", 30, 33), Ran("B", "done", 29, 33), Ran("C", "done", 2, 4)),
        names=("A", "B", "C"),
    )
    assert [node.state for node in found] == ["cached", "done", "done"]


def test_one_without_retries_is_never_taken_for_cached() -> None:
    """Up to KFP 2.16 its pod cannot be told from an executor that was skipped."""
    [node] = seen(Ran("DataGate", "done", 0, 2), names=("DataGate",))
    assert node.state == "done"


def test_of_several_attempts_the_last_ones_pod_counts() -> None:
    [failed] = seen(Ran("Trainer", "failed", 0, 50, tries=3))
    assert (failed.state, failed.pods[0]) == ("failed", pod_of("Trainer", attempt=2))
    [done] = seen(Ran("Trainer", "done", 0, 50, tries=1))
    assert (done.state, done.pods[0]) == ("done", pod_of("Trainer", attempt=0))


def test_of_a_driver_that_failed_it_is_the_drivers() -> None:
    [node] = seen(Ran("Trainer", "undriven", 30))
    number = fnv1a("mnist-x.root.Trainer-driver")
    assert node.state == "failed"
    assert node.pods == (f"mnist-x-system-container-driver-{number}",)
    assert node.seconds == 1


def test_what_argo_omits_never_ran() -> None:
    [node] = seen(Ran("Trainer", "omitted"))
    assert (node.state, node.ended) == ("waiting", None)


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
        child_tasks=[SimpleNamespace(pod_name=f"mnist-x-{fnv1a('mnist-x.root.Data')}")],
    )
    importer = detail(display_name="Data", state="SUCCEEDED")
    [node] = picture(["Data"], [root, importer], NOW).nodes
    assert (node.state, node.seconds) == ("done", 5)
    assert node.pods[0] == f"mnist-x-system-importer-{fnv1a('mnist-x.root.Data')}"


def test_what_has_no_time_yet_has_it_in_the_year_one() -> None:
    never = datetime(1, 1, 1, tzinfo=UTC)
    task = detail(display_name="Trainer", state="PENDING", start_time=never)
    [node] = picture(["Trainer"], [task], NOW).nodes
    assert (node.state, node.seconds) == ("running", 0)


def test_without_a_single_id_there_is_no_pod_to_name() -> None:
    task = detail(display_name="Trainer", state="FAILED")
    [node] = picture(["Trainer"], [task], NOW).nodes
    assert node == Node("Trainer", "failed", 5, (), at(8))


def test_of_several_passes_over_the_pipeline_the_last_one_counts() -> None:
    """The names were recorded from KFP 2.17; the first pass has lost its pod."""
    run = [
        detail(display_name="root", state="RUNNING", start_time=at(1)),
        detail(display_name="root(0)", state="FAILED", start_time=at(1)),
        detail(display_name="Champion", state="SUCCEEDED", start_time=at(2)),
        detail(display_name="Trainer", state="FAILED", start_time=at(3)),
        detail(display_name="root(1)", state="RUNNING", start_time=at(20)),
        detail(display_name="Champion", state="SUCCEEDED", start_time=at(21)),
    ]
    found = picture(["Champion", "Trainer"], run, NOW)
    assert found.passes == 2
    assert [node.state for node in found.nodes] == ["done", "waiting"]


def test_a_pod_that_does_not_start_is_seen() -> None:
    pod = detail(display_name="executor(0)", state="PENDING", start_time=at(0))
    assert picture(["Trainer"], [pod], NOW).pending == 600
    assert pictured(Ran("Trainer", "running", 30)).pending == 0
