"""Names of pods are computed from the ids that KFP's API gives."""

import pytest

from runner.kubeflow.argo import Workflow, fnv1a

W = "mnist-abcde"


def workflow(*names: str) -> Workflow:
    """Returns a run for which the API gives the ids of these nodes."""
    return Workflow(f"{W}-{fnv1a(name)}" for name in names)


def pod(name: str, template: str) -> str:
    return f"{W}-{template}-{fnv1a(name)}"


RETRY, PLAIN = "retry-system-container-impl", "system-container-impl"


@pytest.mark.parametrize(
    ("text", "digest"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_the_hash_is_fnv1a(text: str, digest: int) -> None:
    """These are the published test vectors (draft-eastlake-fnv, appendix C)."""
    assert fnv1a(text) == digest


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        (f"{W}(0)", 2839296583),
        (f"{W}(0).root(0)", 2871624474),
        (f"{W}(0).root(0).Trainer(0).executor(0)", 1225412510),
        (f"{W}.root.DataGate.executor", 2831116562),
    ],
)
def test_ids_are_those_that_argo_was_recorded_with(name: str, recorded: int) -> None:
    assert fnv1a(name) == recorded


def test_up_to_kfp_2_16_only_retried_executors_are_numbered() -> None:
    found = workflow(
        *(f"{W}.root", f"{W}.root.Trainer", f"{W}.root.Trainer.executor"),
        *(f"{W}.root.Trainer.executor(0)", f"{W}.root.Trainer.executor(1)"),
        *(f"{W}.root.DataGate", f"{W}.root.DataGate.executor"),
    )
    executor = f"{W}.root.Trainer.executor"
    assert found.executor_pods("Trainer") == (
        *(pod(f"{executor}(1)", RETRY), pod(f"{executor}(1)", PLAIN)),
        *(pod(f"{executor}(0)", RETRY), pod(f"{executor}(0)", PLAIN)),
    )
    assert pod(f"{W}.root.DataGate.executor", PLAIN) in found.executor_pods("DataGate")
    driver = pod(f"{W}.root.Trainer-driver", "system-container-driver")
    assert found.driver_pods("Trainer") == (driver,)


def test_from_kfp_2_17_on_each_level_is_numbered() -> None:
    root = f"{W}(0).root(0)"
    found = workflow(
        *(f"{W}(0)", f"{W}(0).root", root, f"{root}.DataGate-driver(0)"),
        *(f"{root}.DataGate", f"{root}.DataGate(0)", f"{root}.DataGate(0).executor"),
        f"{root}.DataGate(0).executor(0)",
    )
    # A node without retries has a number as well, and a separate template.
    name = f"{root}.DataGate(0).executor(0)"
    assert found.executor_pods("DataGate") == (pod(name, RETRY), pod(name, PLAIN))
    driver = pod(f"{root}.DataGate-driver(0)", "system-container-driver")
    assert found.driver_pods("DataGate") == (driver,)


def test_the_last_try_of_each_level_comes_first() -> None:
    last = f"{W}(0).root(1).Trainer(1)"
    found = workflow(
        *(f"{W}(0)", f"{W}(0).root(0)", f"{W}(0).root(1)"),
        *(f"{W}(0).root(0).Trainer(2)", f"{W}(0).root(0).Trainer(2).executor(1)"),
        *(f"{last}", f"{last}.executor(0)", f"{last}.executor(2)"),
    )
    pods = found.executor_pods("Trainer")
    assert pods[::2] == (
        pod(f"{last}.executor(2)", RETRY),
        pod(f"{last}.executor(0)", RETRY),
        pod(f"{W}(0).root(0).Trainer(2).executor(1)", RETRY),
    )


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ((f"{W}.root",), f"{W}.root.Verdict.executor"),
        ((f"{W}(0)", f"{W}(0).root(0)"), f"{W}(0).root(0).Verdict(0).executor(0)"),
    ],
)
def test_a_task_that_the_list_does_not_reach_has_the_names_that_there_can_be(
    known: tuple[str, ...], name: str
) -> None:
    assert pod(name, PLAIN) in workflow(*known).executor_pods("Verdict")


def test_without_a_single_id_there_is_no_pod_to_name() -> None:
    assert workflow().executor_pods("Trainer") == ()
    assert workflow().driver_pods("Trainer") == ()
