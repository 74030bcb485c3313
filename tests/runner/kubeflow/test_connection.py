"""Faults of a connection are reported in one line that says what to do."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import BadInputError
from runner.kubeflow.connection import Connection, connection
from tests.runner.kubeflow.fake_kfp import FakeKfp, Request, serve
from tests.serving.client.pki import Pki

TOKEN_HELP = (
    "kubectl create token default-editor --namespace PROFILE "
    "--audience pipelines.kubeflow.org"
)


def refusal(made: Connection) -> str:
    with pytest.raises(BadInputError) as caught:
        made.check()
    line = str(caught.value)
    assert "\n" not in line
    return line


def token(expires_in: float) -> str:
    payload = json.dumps({"exp": time.time() + expires_in}).encode()
    return f"x.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.x"


def html(text: str) -> tuple[int, dict[str, str], str]:
    return 200, {"Content-Type": "text/html; charset=utf-8"}, text


def test_kfp_says_what_it_is(fake: FakeKfp) -> None:
    fake.multi_user = True
    assert Connection(fake.host).check() == {"multi_user": True}


def test_the_token_goes_with_the_request(fake: FakeKfp) -> None:
    Connection(fake.host, token="abc").check()
    assert fake.requests[0].headers["authorization"] == "Bearer abc"


def test_no_token_no_header_whatever_netrc_says(
    fake: FakeKfp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    Connection(fake.host).check()
    assert "authorization" not in fake.requests[0].headers


def test_a_token_file_is_read_each_time(fake: FakeKfp, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    made = Connection(fake.host, token_file=str(path))
    made.check()
    path.write_text("second\n")
    made.check()
    given = [request.headers["authorization"] for request in fake.requests]
    assert given == ["Bearer first", "Bearer second"]


class TestNobodyThere:
    def test_nothing_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        line = refusal(Connection(f"http://localhost:{port}"))
        assert line.startswith(
            f"http://localhost:{port}: nothing listens there (connection refused): "
        )
        assert "kubectl port-forward" in line

    def test_no_such_name(self) -> None:
        line = refusal(Connection("http://kfp.invalid:8888"))
        assert line == "http://kfp.invalid:8888: no machine has the name kfp.invalid"

    def test_it_takes_connections_and_says_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("runner.kubeflow.connection.PATIENCE_SECONDS", 0.2)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            host = f"http://127.0.0.1:{silent.getsockname()[1]}"
            line = refusal(Connection(host))
        assert line == f"{host}: no answer in time: is it the right address and port?"


class TestCertificates:
    @pytest.fixture(scope="class")
    def pki(self, tmp_path_factory: pytest.TempPathFactory) -> Pki:
        return Pki.make(tmp_path_factory.mktemp("pki"))

    @pytest.fixture
    def secure(self, pki: Pki) -> Iterator[FakeKfp]:
        fake = FakeKfp()
        server = serve(fake, (pki.server_cert, pki.server_key))
        yield fake
        server.shutdown()
        server.server_close()

    def test_one_that_nobody_here_trusts(self, secure: FakeKfp) -> None:
        line = refusal(Connection(secure.host))
        assert line.startswith(f"{secure.host}: its certificate is not trusted: ")
        assert "--ca-cert FILE" in line

    def test_one_for_another_name(self, secure: FakeKfp, pki: Pki) -> None:
        line = refusal(Connection(secure.host, ca_cert=str(pki.ca)))
        assert "Hostname mismatch" in line

    def test_https_where_there_is_none(self, fake: FakeKfp) -> None:
        host = fake.host.replace("http://", "https://")
        assert refusal(Connection(host)) == (
            f"{host}: no TLS there: is it http:// and not https://?"
        )


class TestTokens:
    def test_none_where_one_is_needed(self, fake: FakeKfp) -> None:
        fake.token = "good"
        assert refusal(Connection(fake.host)) == (
            f"{fake.host}: expected a token, found none (401): give one with --token, "
            f"--token-file or KFP_TOKEN: {TOKEN_HELP}"
        )

    def test_a_wrong_one(self, fake: FakeKfp) -> None:
        fake.token = "good"
        line = refusal(Connection(fake.host, token="bad", namespace="team-a"))
        assert "the token is not accepted (401)" in line
        assert "--namespace team-a --audience pipelines.kubeflow.org" in line

    def test_an_expired_one(self, fake: FakeKfp) -> None:
        fake.token = "good"
        old = token(-3600)
        moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(time.time() - 3600))
        line = refusal(Connection(fake.host, token=old))
        # The minute may change between the two.
        assert line.startswith(f"{fake.host}: the token expired {moment[:13]}")
        assert line.endswith(f"UTC (401): {TOKEN_HELP}")

    def test_one_that_is_still_good_elsewhere(self, fake: FakeKfp) -> None:
        fake.token = "good"
        line = refusal(Connection(fake.host, token=token(3600)))
        assert "expired 20" not in line

    def test_one_of_somebody_who_may_not(self, fake: FakeKfp) -> None:
        fake.accept = lambda request: (403, {}, "RBAC: access denied")
        line = refusal(Connection(fake.host, token="known", namespace="team-a"))
        assert "no right to use namespace team-a (403)" in line


class TestSomethingElseThere:
    def test_a_login_page(self, fake: FakeKfp) -> None:
        fake.accept = lambda request: html("<h1>Log in to Your Account</h1>")
        assert refusal(Connection(fake.host)).startswith(
            f"{fake.host}: answers with a login page: no token: give one with"
        )

    def test_a_redirect_to_a_login(self, fake: FakeKfp) -> None:
        target = "https://dex.example.com/auth"
        fake.accept = lambda request: (302, {"Location": f"{target}?client=x"}, "")
        assert refusal(Connection(fake.host, token="old")).startswith(
            f"{fake.host}: redirects to {target}: the token is not accepted: "
        )
        assert len(fake.requests) == 1

    def test_a_redirect_to_https(self, fake: FakeKfp) -> None:
        secure = fake.host.replace("http://", "https://")

        def accept(request: Request) -> tuple[int, dict[str, str], str]:
            return 301, {"Location": secure + request.path}, ""

        fake.accept = accept
        assert refusal(Connection(fake.host)) == (
            f"{fake.host}: it wants HTTPS: --host {secure}"
        )

    def test_another_page(self, fake: FakeKfp) -> None:
        fake.accept = lambda request: html("<h1>It works!</h1>")
        assert "a web page, and not the API" in refusal(Connection(fake.host))

    def test_a_server_without_that_page(self, fake: FakeKfp) -> None:
        line = refusal(Connection(f"{fake.host}/elsewhere"))
        assert "no Kubeflow Pipelines 2.x there (404 for /apis/v2beta1/healthz)" in line

    def test_another_api(self, fake: FakeKfp) -> None:
        fake.accept = lambda request: (200, {"Content-Type": "text/plain"}, "pong")
        assert refusal(Connection(fake.host)).endswith("found 'pong'")

    def test_kfp_that_is_starting(self, fake: FakeKfp) -> None:
        fake.accept = lambda request: (503, {}, "")
        assert refusal(Connection(fake.host)) == (
            f"{fake.host}: not ready: it answers 503 Service Unavailable"
        )


class TestFlags:
    @staticmethod
    def made(host: str | None = "http://localhost:8888", **more: str) -> Connection:
        flags: dict[str, str | None] = dict.fromkeys(
            ("token", "token_file", "ca_cert", "namespace")
        )
        return connection(host=host, **{**flags, **more})

    def test_the_host_is_what_is_before_the_page(self) -> None:
        address = "https://kubeflow.example.com/pipeline/#/experiments"
        assert self.made(address).host == "https://kubeflow.example.com/pipeline"

    @pytest.mark.parametrize(
        ("host", "found"),
        [
            (None, "--host: expected the address of Kubeflow Pipelines"),
            ("localhost:8888", "--host: expected http:// or https:// in front, found"),
            ("ftp://localhost", "--host: expected an address as http://localhost"),
            ("http:///x", "--host: expected an address as http://localhost"),
        ],
    )
    def test_a_host_that_is_none(self, host: str | None, found: str) -> None:
        with pytest.raises(BadInputError, match=found):
            self.made(host)

    def test_files_are_looked_at_first(self, tmp_path: Path) -> None:
        missing = str(tmp_path / "missing")
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "no.pem").write_text("nonsense")
        with pytest.raises(BadInputError, match=f"{missing}: cannot be read: No such"):
            self.made(token_file=missing)
        with pytest.raises(BadInputError, match="expected a token, found nothing"):
            self.made(token_file=str(tmp_path / "empty"))
        with pytest.raises(BadInputError, match="certificates cannot be read: No such"):
            self.made(ca_cert=missing)
        with pytest.raises(BadInputError, match="expected certificates in PEM"):
            self.made(ca_cert=str(tmp_path / "no.pem"))

    def test_in_a_notebook_the_token_is_the_mounted_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "token").write_text("mounted\n")
        monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
        assert self.made().current_token() == "mounted"
        assert self.made(token="given").current_token() == "given"
        service = "http://ml-pipeline-ui.kubeflow.svc.cluster.local"
        assert self.made(service).current_token() == "mounted"
        assert self.made("https://kubeflow.example").current_token() == ""
        monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "gone"))
        with pytest.raises(BadInputError, match=r"^KF_PIPELINES_SA_TOKEN_PATH: "):
            self.made()
        monkeypatch.delenv("KF_PIPELINES_SA_TOKEN_PATH")
        assert self.made().current_token() == ""
        monkeypatch.setattr(
            "runner.kubeflow.connection.MOUNTED_TOKEN", str(tmp_path / "token")
        )
        assert self.made().current_token() == "mounted"

    def test_a_token_file_wins_over_the_environment(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("from file\n")
        made = self.made(token="from variable", token_file=str(tmp_path / "token"))
        assert made.current_token() == "from file"
