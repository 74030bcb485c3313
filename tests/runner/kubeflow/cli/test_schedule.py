"""Recurring runs, started by KFP by cron or interval."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runner.kubeflow.conftest import Run, WritePackage
from tests.runner.kubeflow.fake_kfp import FakeKfp, Request


def schedule(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
    return run("schedule", "--package", str(package), "--host", fake.host, *more)


def test_by_cron(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    ended = schedule(
        *(run, fake, write_package(), "--cron", "0 3 * * *", "-p", "epochs=3"),
    )
    assert (ended.code, ended.errors) == (0, "")
    assert ended.screen == (
        "mnist: scheduled, 0 0 3 * * *: schedule-1\n"
        f"  {fake.host}/#/recurringrun/details/schedule-1\n"
    )
    [sent] = [r.json() for r in fake.sent("POST", "/recurringruns")]
    assert sent["display_name"] == "mnist"
    assert sent["mode"] == "ENABLE"
    assert sent["no_catchup"] is True
    assert int(sent["max_concurrency"]) == 1
    assert sent["runtime_config"]["parameters"] == {"epochs": 3}
    assert sent["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}


def test_by_interval(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
    ended = schedule(
        *(run, fake, write_package(), "--every", "6h", "--catch-up"),
        *("--max-concurrency", "3", "--job-name", "often"),
    )
    assert ended.screen.startswith("often: scheduled, every 21600 s: schedule-1\n")
    [sent] = [r.json() for r in fake.sent("POST", "/recurringruns")]
    assert int(sent["trigger"]["periodic_schedule"]["interval_second"]) == 21600
    assert sent["no_catchup"] is False
    assert int(sent["max_concurrency"]) == 3


def test_one_of_that_name_is_there_already(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    package = write_package()
    schedule(run, fake, package, "--every", "1h")
    again = schedule(run, fake, package, "--every", "2h")
    assert again.code == 2
    assert again.errors == (
        "error: --job-name: mnist: experiment Default has a schedule of that name "
        "(schedule-1): give another, or --replace\n"
    )
    assert len(fake.recurring_runs) == 1

    replaced = schedule(run, fake, package, "--every", "2h", "--replace")

    assert replaced.code == 0
    assert replaced.screen.endswith("  instead of schedule-1\n")
    [left] = fake.recurring_runs
    assert left["recurring_run_id"] == "schedule-2"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "--cron, --every: expected one of them, found neither"),
        (
            ("--cron", "0 3 * * *", "--every", "1h"),
            "--cron, --every: expected one of them, found both",
        ),
        (("--cron", "tomorrow"), "--cron: expected five fields"),
        (("--every", "0"), "--every: expected seconds"),
    ],
)
def test_no_schedule(
    fake: FakeKfp,
    run: Run,
    write_package: WritePackage,
    arguments: tuple[str, ...],
    problem: str,
) -> None:
    ended = schedule(run, fake, write_package(), *arguments)
    assert ended.code == 2
    assert ended.errors.startswith(f"error: {problem}")
    assert fake.requests == []


def test_kfp_says_what_is_wrong_in_a_cron_expression(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    """KFP's API server reads it (backend/src/apiserver/server/api_converter.go)."""
    said = "Schedule cron is not a supported format. Error: End of range (24) above 23"

    def refuse(request: Request) -> tuple[int, dict[str, str], str] | None:
        if request.method == "POST" and request.path.endswith("/recurringruns"):
            return 400, {}, json.dumps({"message": said})
        return None

    fake.accept = refuse
    ended = schedule(run, fake, write_package(), "--cron", "0 24 * * *")
    assert (ended.code, ended.errors) == (2, f"error: {fake.host}: 400: {said}\n")


def test_the_root_of_a_package_is_handed_over_as_kfp_does_not_read_it(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    package = str(write_package(root="s3://bucket/root"))
    where = ("schedule", "--package", package, "--host", fake.host)
    assert run(*where, "--every", "6h").code == 0
    [made] = fake.recurring_runs
    assert made["runtime_config"]["pipeline_root"] == "s3://bucket/root"
