"""Fixtures of the client's tests."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from serving.client import cli
from tests.serving.client.asking import ask_async, ask_sync
from tests.serving.client.fake_server import FakeServer, serve


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A running fake server."""
    fake = FakeServer()
    server = serve(fake)
    yield fake
    server.stop(None)


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable:
    """Returns a function that makes one call with either client."""
    return request.param


@dataclass
class Run:
    """The result of a command."""

    code: int
    out: str
    err: str

    def objects(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(
    fake: FakeServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Run]:
    """Runs the command line against the fake server, in this process."""
    monkeypatch.setenv("SERVING_ADDRESS", fake.address)

    def run(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["client", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        code = caught.value.code
        assert isinstance(code, int)
        return Run(int(code), captured.out, captured.err)

    return run
