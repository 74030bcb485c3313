"""`python local_runner.py watch`: its refusals and its messages."""

import json
import logging
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from filelock import FileLock

from contract import notifying
from contract.errors import BadInputError
from runner import watch as watching
from runner import watch_cli
from runner.cli import main
from runner.watch_state import QUARANTINED, Record, StateFile
from runner.workspace import Workspace


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Call":
    return Call(tmp_path, monkeypatch, capsys)


class Call:
    """Runs the command in an empty folder."""

    def __init__(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Changes to the folder."""
        self._patch, self._capsys = monkeypatch, capsys
        self.state = StateFile(str(tmp_path / "output" / "watch" / "in"))
        monkeypatch.chdir(tmp_path)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Returns the exit code and everything that was printed."""
        self._patch.setattr("sys.argv", ["local_runner.py", "watch", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, errors = self._capsys.readouterr()
        return int(ended.value.code or 0), out + errors


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--data", "in"], "--data: expected spans to watch for, as 'incoming/{SPAN}'"),
        ([], "found none"),
        (["--data", "in/{SPAN}", "--set", 'data.spans=["1"]'], "data.spans: expected"),
        (["--data", "in/{SPAN}", "--set", "watch.tries=0"], "watch.tries"),
        (
            ["--data", "in/{SPAN}", "--set", "watch.monitor_hours=1"],
            "expected together with monitoring.log",
        ),
        (["--data", "in/{SPAN}", "--release", "7"], "expected a span in quarantine"),
        (["--data", "in/{SPAN}"], "in: missing: expected a folder with spans in it"),
    ],
)
def test_what_cannot_be_watched_is_refused(
    call: Call, arguments: list[str], problem: str
) -> None:
    code, said = call(*arguments)
    assert code == 2
    assert problem in said


def test_a_span_in_quarantine_is_listed_and_released(call: Call) -> None:
    with call.state.changing() as state:
        state.spans["7"] = Record(state=QUARANTINED, tries=3, reason="no form")
    code, said = call("--data", "in/{SPAN}", "--list")
    assert code == 0
    assert "quarantined" in said
    assert "no form" in said
    assert call("--data", "in/{SPAN}", "--release", "7") == (
        0,
        "in: span 7 will be tried again\n",
    )
    _, said = call("--data", "in/{SPAN}", "--json")
    assert json.loads(said)["spans"]["7"]["state"] == "waiting"


def test_two_watch_no_model_at_the_same_time(call: Call, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    folder = Path(call.state.path).parent
    folder.mkdir(parents=True)
    with FileLock(str(folder / ".lock")):
        code, said = call("--data", "in/{SPAN}")
    assert code == 2
    assert "another process watches already" in said


def test_prometheus_is_answered_where_there_is_a_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    workspace = Workspace(str(tmp_path))
    with StateFile(workspace.watcher("letters")).changing() as state:
        state.spans["7"] = Record(state=QUARANTINED)
    with (
        watch_cli._measured(workspace, port),
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer,
    ):
        text = answer.read().decode()
    assert 'watch_spans{model="letters",state="quarantined"} 1.0\n' in text
    with watch_cli._measured(workspace, port):
        # The port is released again.
        pass


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(BadInputError, match=f"watch.metrics_port: {port}: cannot"),
            watch_cli._measured(Workspace(str(tmp_path)), port),
        ):
            pass


def test_after_the_watch_messages_go_where_they_went_before(call: Call) -> None:
    """Else a later run of this process would lack them in its log."""
    code, _ = call("--data", "in/{SPAN}")
    assert code == 2
    for log in (watching.log, notifying.log):
        assert (log.propagate, log.level, log.handlers) == (True, logging.NOTSET, [])
