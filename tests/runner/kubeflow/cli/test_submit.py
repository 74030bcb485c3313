"""A run is started: what is sent, printed and refused."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.kubeflow import cli
from runner.kubeflow.flags import Recipe
from tests.runner.kubeflow.conftest import Run, WritePackage, specification
from tests.runner.kubeflow.fake_kfp import FakeKfp, Request, serve
from tests.runner.kubeflow.frames import Ran, frame
from tests.serving.client.pki import Pki


def test_what_is_sent(fake: FakeKfp, run: Run, write_package: WritePackage) -> None:
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
    fake: FakeKfp, run: Run, write_package: WritePackage
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
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    for _ in range(2):
        run("submit", "--package", str(write_package()), "--host", fake.host)
    assert [made["display_name"] for made in fake.experiments] == ["Default"]
    assert {made["experiment_id"] for made in fake.runs} == {"experiment-1"}
    assert re.fullmatch(r"mnist-\d{8}-\d{6}", fake.runs[0]["display_name"])


def test_host_and_token_come_from_the_environment(
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
    fake: FakeKfp, run: Run, write_package: WritePackage, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    fake.frames = [frame("RUNNING"), frame("SUCCEEDED", Ran("Verdict", "done", 0, 5))]

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
        (("--name", "other"), "--model: expected without --package"),
        (("--set", "a.b=1"), "--set: expected without --package"),
        (("--config", "x.toml"), "--config: expected without --package"),
        (("--pipeline-root", "/tmp"), "--pipeline-root: expected minio://, s3://"),
        (("--timeout", "1h"), "--timeout: expected together with --wait"),
        (("--wait", "--timeout", "soon"), "--timeout: expected seconds"),
    ],
)
def test_flags_that_cannot_be_used_send_nothing(
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
    fake: FakeKfp, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def compiled(recipe: Recipe) -> str:
        asked.append((recipe.name, recipe.data, recipe.deployment.pipeline_root))
        return yaml.safe_dump(specification(data=recipe.data))

    monkeypatch.setattr(cli, "_compiled", compiled)
    ended = run(
        *("submit", "--host", fake.host, "--data", "s3://bucket/scans"),
        *("--model", "scans", "--pipeline-root", "s3://bucket/root"),
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
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.multi_user = True
    ended = run("submit", "--package", str(write_package()), "--host", fake.host)
    assert ended.code == 2
    assert "--namespace: expected the profile's" in ended.errors
    assert fake.runs == []


def test_what_kfp_refuses_is_one_line_with_its_reason(
    fake: FakeKfp, run: Run, write_package: WritePackage
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
        f"error: {fake.host}: 403: User 'me' is not authorized: create runs in team-b\n"
    )


def test_the_root_of_a_package_is_handed_over_as_kfp_does_not_read_it(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    package = str(write_package(root="s3://bucket/root"))
    where = ("submit", "--package", package, "--host", fake.host)
    assert run(*where).code == 0
    assert run(*where, "--pipeline-root", "gs://other/root").code == 0
    roots = [each["runtime_config"]["pipeline_root"] for each in fake.runs]
    assert roots == ["s3://bucket/root", "gs://other/root"]


def test_a_server_that_is_too_old(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.tag_name = "2.2.0"
    ended = run("submit", "--package", str(write_package()), "--host", fake.host)
    assert ended.code == 2
    assert "expected Kubeflow Pipelines 2.14 or later, found 2.2" in ended.errors
    assert fake.runs == []


class TestDataInAnotherBucket:
    DATA = "minio://datasets/mnist"
    ROOT = ("--pipeline-root", "minio://mlpipeline/v2/artifacts")

    def test_is_refused_where_the_root_is_known(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        package = str(write_package(data=self.DATA))
        where = ("submit", "--package", package, "--host", fake.host)
        ended = run(*where, *self.ROOT)
        assert ended.code == 2
        assert f"data: {self.DATA}: in another bucket than the pipeline" in ended.errors
        assert fake.requests == []

    def test_has_a_note_where_it_is_not(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        package = str(write_package(data=self.DATA))
        ended = run("submit", "--package", package, "--host", fake.host)
        assert ended.code == 0
        assert ended.errors.startswith(f"note: {self.DATA}: a bucket other than")

    def test_needs_a_server_with_a_driver_for_it(
        self, fake: FakeKfp, run: Run, write_package: WritePackage
    ) -> None:
        package = str(write_package(data=self.DATA, secret="credentials"))
        where = ("submit", "--package", package, "--host", fake.host)
        fake.tag_name = "2.16.1"
        ended = run(*where, *self.ROOT)
        assert ended.code == 2
        assert "expected Kubeflow Pipelines 2.17 or later for minio://" in ended.errors
        assert fake.runs == []
        fake.tag_name = "2.17.0"
        assert run(*where, *self.ROOT).code == 0
