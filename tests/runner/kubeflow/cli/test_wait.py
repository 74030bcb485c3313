"""The command waits for a run: progress, verdict and exit code."""

from pathlib import Path
from typing import Any

import pytest

from runner.kubeflow import client
from tests.runner.kubeflow.conftest import Run, WritePackage
from tests.runner.kubeflow.fake_kfp import FakeKfp, Request
from tests.runner.kubeflow.frames import Ran, frame, pod_of

VERDICT_POD = pod_of("Verdict")

VERDICT = """\
INFO passed: DataGate: findings: expected none, found none
INFO passed: Evaluator: accuracy: expected >= 0.97, found 0.9785
INFO served as version 7
"""

REFUSED = """\
INFO REFUSED: Evaluator: accuracy: expected >= 0.97, found 0.1135
refused by Evaluator:
  Evaluator: accuracy: expected >= 0.97, found 0.1135
"""


def done(*names: str, verdict: str = "done") -> list[Ran]:
    """Returns the nodes of an ended run that has a verdict."""
    ended = [Ran(name, "done", 10 * i, 10 * i + 5) for i, name in enumerate(names)]
    return [*ended, Ran("Verdict", verdict, 90, 95)]


def wait(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
    where = ("--package", str(package), "--host", fake.host)
    return run("submit", *where, "--wait", *more)


def test_each_node_is_a_line_as_it_ends_and_the_verdict_the_last(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    first = Ran("ImageExampleGen", "cached", 0, 4)
    gate = Ran("DataGate", "done", 4, 12)
    fake.frames = [
        frame("PENDING"),
        frame("RUNNING", first, Ran("DataGate", "running", 4)),
        frame("RUNNING", first, gate, Ran("Trainer", "driving", 12)),
        frame(
            "SUCCEEDED",
            *(first, gate, Ran("Trainer", "done", 12, 80)),
            Ran("Verdict", "done", 80, 85),
        ),
    ]
    fake.logs[pod_of("Verdict")] = VERDICT

    ended = wait(run, fake, write_package())

    assert ended.code == 0
    assert ended.errors == ""
    page = f"{fake.host}/#/runs/details/run-1"
    assert ended.screen.splitlines() == [
        "mnist: started run run-1",
        f"  {page}",
        "↺ ImageExampleGen           4 s  reused",
        "✓ DataGate                  8 s",
        "✓ Trainer                  68 s",
        "✓ Verdict                   5 s",
        "Gates",
        "  ✓ DataGate: findings: expected none, found none",
        "  ✓ Evaluator: accuracy: expected >= 0.97, found 0.9785",
        "mnist: the model is served as version 7",
        f"  run    {page}",
    ]


def test_a_refusal(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    fake.frames = [frame("FAILED", *done("Trainer", verdict="failed"))]
    fake.logs[pod_of("Verdict")] = REFUSED
    ended = wait(run, fake, write_package())
    assert ended.code == 3
    assert ended.screen.splitlines()[-5:-1] == [
        "Gates",
        "  ✗ Evaluator: accuracy: expected >= 0.97, found 0.1135",
        "mnist: refused by Evaluator, nothing was pushed",
        "  Evaluator: accuracy: expected >= 0.97, found 0.1135",
    ]


def test_a_failure(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    trainer = Ran("Trainer", "failed", 0, 9, tries=2)
    fake.frames = [frame("FAILED", trainer, Ran("Verdict", "omitted"))]
    fake.logs[pod_of("Trainer", attempt=1)] = (
        "error: OSError: disk full\nexit status 1\n"
    )
    ended = wait(run, fake, write_package())
    assert ended.code == 1
    assert ended.screen.splitlines()[-3:-1] == [
        "mnist: Trainer failed",
        "  OSError: disk full",
    ]
    assert "Verdict" not in ended.screen


@pytest.mark.parametrize(
    ("state", "log", "code"), [("done", VERDICT, 0), ("failed", REFUSED, 3)]
)
def test_a_kfp_that_numbers_each_level(
    fake: FakeKfp,
    run: Run,
    write_package: WritePackage,
    state: str,
    log: str,
    code: int,
) -> None:
    """KFP does so from 2.17 on; Verdict has a number there without retries."""
    whole = "SUCCEEDED" if code == 0 else "FAILED"
    nodes = done("Trainer", verdict=state)
    fake.frames = [frame(whole, *nodes, numbered=True)]
    fake.logs[pod_of("Verdict", numbered=True)] = log
    ended = wait(run, fake, write_package())
    assert ended.code == code
    assert "Gates\n" in ended.screen
    assert "cannot be read" not in ended.screen


@pytest.mark.parametrize("numbered", [False, True])
def test_a_list_that_stops_before_the_run(
    fake: FakeKfp, run: Run, write_package: WritePackage, numbered: bool
) -> None:
    """Argo has packed the nodes; the log of an unlisted node has the refusal."""
    trainer = Ran("Trainer", "done", 0, 9)
    fake.frames = [frame("FAILED", trainer, numbered=numbered)]
    fake.logs[pod_of("Verdict", numbered=numbered)] = REFUSED
    ended = wait(run, fake, write_package())
    assert ended.code == 3
    assert "mnist: refused by Evaluator, nothing was pushed\n" in ended.screen


def test_the_log_by_way_of_a_user_interface(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.frames = [frame("SUCCEEDED", *done())]
    fake.logs[pod_of("Verdict")] = VERDICT
    ended = wait(run, fake, write_package(), "--namespace", "team-a")
    assert "served as version 7" in ended.screen
    assert fake.requests[-1].query == {
        "podname": pod_of("Verdict"),
        "runid": "run-1",
        "podnamespace": "team-a",
    }


def test_no_log_to_be_had(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    fake.frames = [frame("SUCCEEDED", *done())]
    ended = wait(run, fake, write_package())
    assert ended.code == 0
    assert ended.screen.splitlines()[-3:-1] == [
        "mnist: the model is served",
        "  the log of Verdict cannot be read here (Could not get main container logs: "
        f"{VERDICT_POD} not found): kubectl logs --namespace kubeflow --container main "
        "--prefix --tail 20 --selector pipeline/runid=run-1",
    ]


def test_the_time_is_up(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    fake.frames = [frame("RUNNING", Ran("Trainer", "running", 0))]
    ended = wait(run, fake, write_package(), "--timeout", "1")
    assert ended.code == 1
    assert "mnist: --timeout is over, and the run continues" in ended.screen
    assert fake.asked > 1


def test_an_api_that_restarts_meanwhile_is_waited_for(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.frames = [frame("SUCCEEDED", *done())]
    fake.failing = 3
    fake.logs[pod_of("Verdict")] = VERDICT
    assert wait(run, fake, write_package()).code == 0
    assert len(fake.sent("GET", "/runs/run-1")) == 4


def test_an_api_that_stays_away(
    fake: FakeKfp,
    run: Run,
    write_package: WritePackage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "_PATIENCE_SECONDS", 0.1)
    fake.failing = 10_000
    ended = wait(run, fake, write_package())
    assert ended.code == 2
    assert ended.errors == (
        f"error: {fake.host}: 503: the database restarts; the run goes on: "
        f"{fake.host}/#/runs/details/run-1\n"
    )


def test_a_token_that_expires_meanwhile(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.token = "short"
    fake.frames = [frame("RUNNING")]

    def accept(request: Request) -> None:
        if fake.asked == 2:
            fake.token = "another"

    fake.accept = accept
    ended = wait(run, fake, write_package(), "--token", "short")
    assert ended.code == 2
    assert "the token is not accepted (401)" in ended.errors
    assert ended.errors.endswith(
        f"; the run goes on: {fake.host}/#/runs/details/run-1\n"
    )


def test_a_kfp_that_has_an_api_of_tasks(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    times = {"create_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:09Z"}
    pods = [{"name": "pod-of-verdict", "type": "EXECUTOR"}]
    fake.tasks = [
        {"name": "Trainer", "state": "CACHED", **times},
        {"name": "Verdict", "state": "SUCCEEDED", "pods": pods, **times},
    ]
    fake.frames = [{"state": "SUCCEEDED", "run_details": {}}]
    fake.logs["pod-of-verdict"] = VERDICT
    ended = wait(run, fake, write_package())
    assert ended.code == 0
    assert "↺ Trainer                   9 s  reused" in ended.screen
    assert "mnist: the model is served as version 7" in ended.screen


def test_a_pod_that_does_not_start_is_told_while_one_waits(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    waiting = frame("RUNNING", Ran("Trainer", "running", 0))
    waiting["run_details"]["task_details"][-1]["state"] = "PENDING"
    fake.frames = [waiting]
    ended = wait(run, fake, write_package(), "--timeout", "1")
    assert ended.screen.count("a pod of Trainer has been waiting for") == 1
