"""The commands against a KFP: what is sent, shown and returned."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.kubeflow import cli, client
from runner.kubeflow.flags import Recipe
from tests.runner.kubeflow.conftest import Run, WritePackage, specification
from tests.runner.kubeflow.fake_kfp import (
    FakeKfp,
    Ran,
    Request,
    frame,
    pod_of,
    serve,
)
from tests.serving.client.pki import Pki

REPOSITORY = Path(__file__).resolve().parents[3]

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
    """The nodes of a run that has ended, with a verdict of its own."""
    ended = [Ran(name, "done", 10 * i, 10 * i + 5) for i, name in enumerate(names)]
    return [*ended, Ran("Verdict", verdict, 90, 95)]


class TestSubmit:
    def test_what_is_sent(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        ended = run(
            *("submit", "--package", str(write_package()), "--host", fake.host),
            *("--token", "abc", "--namespace", "team-a", "--experiment", "nightly"),
            *("--run-name", "first", "--service-account", "mnist-pipeline"),
            *("--pipeline-root", "s3://bucket/root", "-p", "epochs=3"),
        )

        assert (ended.code, ended.errors) == (0, "")
        assert ended.screen == (
            f"mnist: started run run-1\n  {fake.host}/#/runs/details/run-1\n"
        )
        [experiment] = fake.sent("POST", "/experiments")
        assert experiment.json()["display_name"] == "nightly"
        assert experiment.json()["namespace"] == "team-a"
        [request] = fake.sent("POST", "/runs")
        sent = request.json()
        assert sent["display_name"] == "first"
        assert sent["experiment_id"] == "experiment-1"
        assert sent["service_account"] == "mnist-pipeline"
        assert sent["runtime_config"] == {
            "parameters": {"epochs": 3},
            "pipeline_root": "s3://bucket/root",
        }
        spec = sent["pipeline_spec"]
        assert spec["pipeline_spec"]["pipelineInfo"]["name"] == "mnist"
        assert spec["platform_spec"]["platforms"]["kubernetes"]
        tokens = {request.headers.get("authorization") for request in fake.requests}
        assert tokens == {"Bearer abc"}

    def test_the_cache_is_the_pipelines_own_unless_it_is_turned_off(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        host = ("--host", fake.host)
        for cached in (True, False):
            package = str(write_package(cached=cached))
            run("submit", "--package", package, *host)
        run("submit", "--package", str(write_package(cached=True)), *host, "--no-cache")

        def caching(request: Request) -> set[Any]:
            spec = request.json()["pipeline_spec"]["pipeline_spec"]
            return {
                task["cachingOptions"].get("enableCache")
                for task in spec["root"]["dag"]["tasks"].values()
            }

        sent = fake.sent("POST", "/runs")
        assert [caching(request) for request in sent] == [{True}, {None}, {None}]

    def test_an_experiment_that_is_there_is_taken(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        for _ in range(2):
            run("submit", "--package", str(write_package()), "--host", fake.host)
        assert [made["display_name"] for made in fake.experiments] == ["Default"]
        assert {made["experiment_id"] for made in fake.runs} == {"experiment-1"}
        assert re.fullmatch(r"mnist-\d{8}-\d{6}", fake.runs[0]["display_name"])

    def test_host_and_token_come_from_the_environment(
        self,
        fake: FakeKfp,
        run: Run,
        write_package: WritePackage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fake.token = "secret"
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", fake.host)
        monkeypatch.setenv("KFP_TOKEN", "secret")
        assert run("submit", "--package", str(write_package())).code == 0

    def test_over_tls_with_an_authority_of_ones_own(
        self,
        run: Run,
        write_package: WritePackage,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pki = Pki.make(tmp_path)
        secure = FakeKfp(token="secret")
        server = serve(secure, (pki.server_cert, pki.server_key))
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more),
        )
        ended = run(
            *("submit", "--package", str(write_package()), "--token", "secret"),
            *("--host", secure.host.replace("localhost", "digits.test")),
            *("--ca-cert", str(pki.ca)),
        )
        server.shutdown()
        server.server_close()
        assert (ended.code, ended.errors) == (0, "")
        assert len(secure.runs) == 1

    def test_a_renewed_token_file_is_read_again(
        self, fake: FakeKfp, run: Run, write_package: WritePackage, tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("old")
        fake.frames = [frame("RUNNING"), frame("SUCCEEDED", *done())]

        def accept(request: Request) -> None:
            if request.path.endswith("/runs/run-1"):
                token.write_text("new")

        fake.accept = accept
        arguments = ("--package", str(write_package()), "--token-file", str(token))
        assert run("submit", *arguments, "--host", fake.host, "--wait").code == 0

        given = [
            request.headers["authorization"].removeprefix("Bearer ")
            for request in fake.requests
        ]
        first = given.index("new")
        assert set(given[:first]) == {"old"}
        assert fake.requests[first].path == "/apis/v2beta1/runs/run-1"
        assert set(given[first:]) == {"new"}

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("-p", "epochs=many"), "parameter epochs: expected a whole number"),
            (("-p", "epoch=1"), "parameter epoch: the pipeline has no such one"),
            (("--name", "other"), "--name: expected without --package"),
            (("--set", "a.b=1"), "--set: expected without --package"),
            (("--config", "x.toml"), "--config: expected without --package"),
            (("--pipeline-root", "/tmp"), "--pipeline-root: expected minio://, s3://"),
            (("--timeout", "1h"), "--timeout: expected together with --wait"),
            (("--wait", "--timeout", "soon"), "--timeout: expected seconds"),
        ],
    )
    def test_flags_that_cannot_be_used_send_nothing(
        self,
        fake: FakeKfp,
        run: Run,
        write_package: WritePackage,
        arguments: tuple[str, ...],
        problem: str,
    ) -> None:
        package = ("--package", str(write_package()))
        ended = run("submit", *package, "--host", fake.host, *arguments)
        assert ended.code == 2
        assert ended.errors.startswith(f"error: {problem}")
        assert ended.errors.count("\n") == 1
        assert fake.requests == []

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("-p", "epochs=0"), "parameter epochs: "),
            (("-p", "data=digits"), "parameter data: digits: the pipeline was comp"),
            (("--data", "./mnist"), "data: expected mnist, digits, a path"),
        ],
    )
    def test_nothing_is_compiled_for_a_run_that_cannot_be(
        self,
        fake: FakeKfp,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        arguments: tuple[str, ...],
        problem: str,
    ) -> None:
        monkeypatch.setattr(cli, "_compiled", lambda recipe: pytest.fail("compiled"))
        ended = run("submit", "--host", fake.host, *arguments)
        assert ended.code == 2
        assert ended.errors.startswith(f"error: {problem}")
        assert fake.requests == []

    def test_without_a_package_it_is_compiled_and_sent(
        self, fake: FakeKfp, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def compiled(recipe: Recipe) -> str:
            asked.append((recipe.name, recipe.data, recipe.deployment.pipeline_root))
            return yaml.safe_dump(specification(data=recipe.data))

        monkeypatch.setattr(cli, "_compiled", compiled)
        ended = run(
            *("submit", "--host", fake.host, "--data", "s3://bucket/scans"),
            *("--name", "scans", "--pipeline-root", "s3://bucket/root"),
            *("-p", "data=s3://bucket/more"),
        )
        assert ended.screen.splitlines()[:2] == [
            "scans: compiling",
            "mnist: started run run-1",
        ]
        assert asked == [("scans", "s3://bucket/scans", "s3://bucket/root")]
        [sent] = [request.json() for request in fake.sent("POST", "/runs")]
        assert sent["runtime_config"]["parameters"] == {"data": "s3://bucket/more"}

    def test_a_kubeflow_with_profiles_wants_a_namespace(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.multi_user = True
        ended = run("submit", "--package", str(write_package()), "--host", fake.host)
        assert ended.code == 2
        assert "--namespace: expected the profile's" in ended.errors
        assert fake.runs == []

    def test_what_kfp_refuses_is_one_line_with_its_reason(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        message = "User 'me' is not authorized: create runs in team-b\nstack\ntrace"

        def accept(request: Request) -> tuple[int, dict[str, str], str] | None:
            if (request.method, request.path) != ("POST", "/apis/v2beta1/runs"):
                return None
            return 403, {}, json.dumps({"message": message, "code": 7})

        fake.accept = accept
        ended = run("submit", "--package", str(write_package()), "--host", fake.host)
        assert ended.code == 2
        assert ended.errors == (
            f"error: {fake.host}: 403: User 'me' is not authorized: create runs in "
            "team-b\n"
        )


class TestWait:
    @staticmethod
    def wait(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
        where = ("--package", str(package), "--host", fake.host)
        return run("submit", *where, "--wait", *more)

    def test_each_node_is_a_line_as_it_ends_and_the_verdict_the_last(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        first = Ran("MnistExampleGen", "cached", 0, 4)
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

        ended = self.wait(run, fake, write_package())

        assert ended.code == 0
        assert ended.errors == ""
        page = f"{fake.host}/#/runs/details/run-1"
        assert ended.screen.splitlines() == [
            "mnist: started run run-1",
            f"  {page}",
            "↺ MnistExampleGen           4 s  reused",
            "✓ DataGate                  8 s",
            "✓ Trainer                  68 s",
            "✓ Verdict                   5 s",
            "Gates",
            "  ✓ DataGate: findings: expected none, found none",
            "  ✓ Evaluator: accuracy: expected >= 0.97, found 0.9785",
            "mnist: pushed: the model is served as version 7",
            f"  run    {page}",
        ]

    def test_a_refusal(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.frames = [frame("FAILED", *done("Trainer", verdict="failed"))]
        fake.logs[pod_of("Verdict")] = REFUSED
        ended = self.wait(run, fake, write_package())
        assert ended.code == 3
        assert ended.screen.splitlines()[-5:-1] == [
            "Gates",
            "  ✗ Evaluator: accuracy: expected >= 0.97, found 0.1135",
            "mnist: refused by Evaluator, nothing was pushed",
            "  Evaluator: accuracy: expected >= 0.97, found 0.1135",
        ]

    def test_a_failure(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        trainer = Ran("Trainer", "failed", 0, 9, tries=2)
        fake.frames = [frame("FAILED", trainer, Ran("Verdict", "omitted"))]
        fake.logs[pod_of("Trainer", attempt=1)] = (
            "error: OSError: disk full\nexit status 1\n"
        )
        ended = self.wait(run, fake, write_package())
        assert ended.code == 1
        assert ended.screen.splitlines()[-3:-1] == [
            "mnist: Trainer failed",
            "  OSError: disk full",
        ]
        assert "Verdict" not in ended.screen

    def test_the_log_by_way_of_a_user_interface(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.has_log_route = False
        fake.frames = [frame("SUCCEEDED", *done())]
        fake.logs[pod_of("Verdict")] = VERDICT
        ended = self.wait(run, fake, write_package(), "--namespace", "team-a")
        assert "served as version 7" in ended.screen
        assert fake.requests[-1].query == {
            "podname": pod_of("Verdict"),
            "runid": "run-1",
            "podnamespace": "team-a",
        }

    def test_no_log_to_be_had(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.frames = [frame("SUCCEEDED", *done())]
        ended = self.wait(run, fake, write_package())
        assert ended.code == 0
        assert ended.screen.splitlines()[-3:-1] == [
            "mnist: pushed: the model is served",
            f'  the log of Verdict cannot be read here (500: pods "{VERDICT_POD}" not '
            "found): kubectl logs --namespace kubeflow --container main --prefix "
            "--tail 20 --selector pipeline/runid=run-1",
        ]

    def test_the_time_is_up(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.frames = [frame("RUNNING", Ran("Trainer", "running", 0))]
        ended = self.wait(run, fake, write_package(), "--timeout", "1")
        assert ended.code == 1
        assert "mnist: the time is up, and the run goes on" in ended.screen
        assert fake.asked > 1

    def test_an_api_that_restarts_meanwhile_is_waited_for(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.frames = [frame("SUCCEEDED", *done())]
        fake.failing = 3
        fake.logs[pod_of("Verdict")] = VERDICT
        assert self.wait(run, fake, write_package()).code == 0
        assert len(fake.sent("GET", "/runs/run-1")) == 4

    def test_an_api_that_stays_away(
        self,
        fake: FakeKfp,
        run: Run,
        write_package: WritePackage,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(client, "_PATIENCE_SECONDS", 0.1)
        fake.failing = 10_000
        ended = self.wait(run, fake, write_package())
        assert ended.code == 2
        assert ended.errors == (
            f"error: {fake.host}: 503: the database restarts; the run goes on: "
            f"{fake.host}/#/runs/details/run-1\n"
        )

    def test_a_token_that_expires_meanwhile(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        fake.token = "short"
        fake.frames = [frame("RUNNING")]

        def accept(request: Request) -> None:
            if fake.asked == 2:
                fake.token = "another"

        fake.accept = accept
        ended = self.wait(run, fake, write_package(), "--token", "short")
        assert ended.code == 2
        assert "the token is not accepted (401)" in ended.errors
        assert ended.errors.endswith(
            f"; the run goes on: {fake.host}/#/runs/details/run-1\n"
        )


class TestSchedule:
    @staticmethod
    def schedule(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
        return run("schedule", "--package", str(package), "--host", fake.host, *more)

    def test_by_cron(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        ended = self.schedule(
            *(run, fake, write_package(), "--cron", "0 3 * * *", "-p", "epochs=3"),
            *("--start", "2026-12-31T00:00Z", "--end", "2027-12-31T00:00Z"),
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
        assert sent["trigger"] == {
            "cron_schedule": {
                "cron": "0 0 3 * * *",
                "start_time": "2026-12-31T00:00:00Z",
                "end_time": "2027-12-31T00:00:00Z",
            }
        }

    def test_by_interval(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        ended = self.schedule(
            *(run, fake, write_package(), "--every", "6h", "--catch-up"),
            *("--max-concurrency", "3", "--job-name", "often"),
        )
        assert ended.screen.startswith("often: scheduled, every 21600 s: schedule-1\n")
        [sent] = [r.json() for r in fake.sent("POST", "/recurringruns")]
        assert int(sent["trigger"]["periodic_schedule"]["interval_second"]) == 21600
        assert sent["no_catchup"] is False
        assert int(sent["max_concurrency"]) == 3

    def test_one_of_that_name_is_there_already(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        package = write_package()
        self.schedule(run, fake, package, "--every", "1h")
        again = self.schedule(run, fake, package, "--every", "2h")
        assert again.code == 2
        assert again.errors == (
            "error: --job-name: mnist: experiment Default has a schedule of that name "
            "(schedule-1): give another, or --replace\n"
        )
        assert len(fake.recurring_runs) == 1

        replaced = self.schedule(run, fake, package, "--every", "2h", "--replace")

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
            (
                ("--every", "1h", "--start", "2027-01-01", "--end", "2026-01-01"),
                "--end: expected a time after 2027-01-01, found 2026-01-01",
            ),
        ],
    )
    def test_no_schedule(
        self,
        fake: FakeKfp,
        run: Run,
        write_package: WritePackage,
        arguments: tuple[str, ...],
        problem: str,
    ) -> None:
        ended = self.schedule(run, fake, write_package(), *arguments)
        assert ended.code == 2
        assert ended.errors.startswith(f"error: {problem}")
        assert fake.requests == []


class TestUpload:
    @staticmethod
    def upload(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
        return run("upload", "--package", str(package), "--host", fake.host, *more)

    def test_the_pipeline_and_its_first_version(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        package = write_package()
        ended = self.upload(run, fake, package, "--namespace", "team-a")
        assert (ended.code, ended.errors) == (0, "")
        names = [version["display_name"] for version in fake.versions]
        # KFP's own first version, and the one that says what is in it.
        assert names[0] == "mnist"
        assert re.fullmatch(r"mnist-[0-9a-f]{12}", names[1])
        assert ended.screen == (
            f"mnist: version {names[1]} uploaded\n"
            "  pipeline pipeline-1\n  version  version-2\n"
            f"  {fake.host}/#/pipelines/details/pipeline-1/version/version-2\n"
        )
        [sent] = fake.sent("POST", "/pipelines/upload")
        assert sent.query["namespace"] == "team-a"
        assert package.read_bytes() in sent.body

    def test_the_same_again_is_known_and_another_is_a_version(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        first = self.upload(run, fake, write_package())
        again = self.upload(run, fake, write_package())
        other = self.upload(run, fake, write_package(data="digits"))
        named = self.upload(run, fake, write_package(), "--version", "release-1")

        assert "is there already" in again.screen
        assert again.screen.split()[-1] == first.screen.split()[-1]
        assert "version  version-3\n" in other.screen
        assert "version release-1 uploaded" in named.screen
        assert len(fake.pipelines) == 1
        assert len(fake.versions) == 4


class TestAsProcess:
    """What only a process of its own shows."""

    @staticmethod
    def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
        clean = {
            key: value
            for key, value in os.environ.items()
            if key not in ("KF_PIPELINES_ENDPOINT", "KFP_TOKEN")
        }
        return subprocess.Popen(
            [sys.executable, str(REPOSITORY / "kubeflow_runner.py"), *arguments],
            env={**clean, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_no_host(self) -> None:
        process = self.start("submit", "--wait")
        screen, errors = process.communicate(timeout=60)
        assert (process.returncode, screen) == (2, "")
        assert errors.startswith("error: --host: expected the address of Kubeflow")
        assert errors.count("\n") == 1

    def test_a_refused_connection_imports_no_tensorflow(
        self, write_package: WritePackage
    ) -> None:
        process = self.start(
            *("submit", "--package", str(write_package())),
            *("--host", "http://localhost:1"),
            PYTHONVERBOSE="1",
        )
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2
        assert "error: http://localhost:1: nothing listens there" in errors
        imported = set(re.findall(r"^import '([\w.]+)'", errors, re.MULTILINE))
        assert "requests" in imported
        assert not {"tensorflow", "tfx", "kfp", "rich"} & imported

    def test_ctrl_c_leaves_the_run_running(
        self, fake: FakeKfp, write_package: WritePackage
    ) -> None:
        fake.frames = [
            frame("RUNNING", Ran("MnistExampleGen", "done", 0, 9)),
        ]
        process = self.start(
            *("submit", "--package", str(write_package()), "--host", fake.host),
            "--wait",
        )
        assert process.stdout is not None
        for line in process.stdout:
            if "MnistExampleGen" in line:
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        page = f"{fake.host}/#/runs/details/run-1"
        assert errors == f"interrupted: the run goes on: {page}\n"
        assert not fake.sent("POST", "/runs/run-1:terminate")
