"""Recipients and texts of messages; an address that fails does no harm."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract import notifying
from contract.errors import BadInputError
from contract.notifying import ADDRESSES, KINDS_VARIABLE, Event, Settings, begin
from tests.receiver import SECRET, Receiver, receiving

REFUSED = Event(
    "refused",
    "letters",
    "letters: refused by Evaluator, nothing was pushed",
    ("Evaluator: accuracy: expected ≥ 0.97, found 0.9100",),
    report="/home/me/output/runs/letters-20261126-101500/report.html",
    output="/home/me/output",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield f"json://user:{SECRET}@127.0.0.1:{port}/?rto=60&cto=60"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the user's addresses, so that tests send only to their own."""
    monkeypatch.delenv(ADDRESSES, raising=False)
    monkeypatch.delenv(KINDS_VARIABLE, raising=False)


def told(settings: Settings, event: Event = REFUSED) -> bool:
    sending = begin(settings, event)
    assert sending is not None
    return sending.finish()


def file_of(folder: Path, *addresses: str) -> Settings:
    path = folder / "addresses"
    path.write_text("# who is on duty\n" + "\n".join(addresses))
    return Settings(urls_file=str(path))


def test_a_message_has_what_and_why_and_the_report(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESSES, receiver.address)
    assert told(Settings(reports="https://reports.example/"))
    [message] = receiver.messages
    assert message["title"] == "letters: refused"
    assert message["message"].splitlines() == [
        "letters: refused by Evaluator, nothing was pushed",
        "Evaluator: accuracy: expected ≥ 0.97, found 0.9100",
        "Report: https://reports.example/runs/letters-20261126-101500/report.html",
    ]


def test_the_report_of_a_look_at_the_traffic_has_another_place() -> None:
    page = "/home/me/output/monitoring/runs/letters-1/report.html"
    body = replace(REFUSED, kind="finding", report=page).body("https://reports.example")
    link = "https://reports.example/monitoring/runs/letters-1/report.html"
    assert body.splitlines()[-1] == f"Report: {link}"


def test_without_an_address_for_reports_it_has_the_path() -> None:
    assert REFUSED.body("").endswith(f"Report: {REFUSED.report}")


def test_many_reasons_are_counted() -> None:
    event = Event("failed", "letters", "broken", tuple(map(str, range(30))))
    assert event.body("").splitlines()[-1] == "and 18 more"


def test_whoever_is_alive_is_told_whatever_the_others_do(
    receiver: Receiver,
    silent: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(notifying, "SECONDS", 3)
    gone = f"json://user:{SECRET}@127.0.0.1:1/"
    unknown = f"nonsense://{SECRET}"
    settings = file_of(tmp_path, silent, gone, unknown, receiver.address)
    with caplog.at_level(logging.INFO):
        assert not told(settings)
    assert len(receiver.messages) == 1
    assert "sending notifications: waiting for " in capsys.readouterr().err
    assert caplog.messages == [
        "notify: refused: 1 of 4 notifications were sent",
        "notify: refused: address 1 was not told: no answer in time",
        "notify: refused: address 2 (JSON) was not told: the service did not take it: "
        "`apprise -vv` tells more",
        "notify: refused: address 3 was not told: Apprise knows no such address",
    ]


def test_what_a_services_library_prints_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apprise.py").write_text(
        """
class Apprise:
    service_name = "Chatty"
    @classmethod
    def instantiate(cls, address): return cls()
    def notify(self, **message): print({"sent": 1}, flush=True); return True
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert told(file_of(tmp_path, "chatty://1", "chatty://2"))


def test_addresses_are_divided_as_apprise_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESSES, "json://a/x,y, slack://b;mailto://c\n  json://d")
    found = ["json://a/x,y", "slack://b", "mailto://c", "json://d"]
    assert Settings().addresses() == found


def test_passwords_are_nowhere(
    receiver: Receiver,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = file_of(tmp_path, receiver.address, f"nonsense://{SECRET}")
    with caplog.at_level(logging.DEBUG):
        sending = begin(settings, REFUSED)
        assert sending is not None
        # Other users of the machine see a process's arguments.
        arguments = sending._process.args
        sending.finish()
    everything = [*caplog.messages, *capfd.readouterr(), repr(arguments)]
    assert SECRET not in "".join(everything)


def test_kinds_that_were_not_chosen_are_not_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESSES, receiver.address)
    assert begin(Settings(kinds=("pushed", "finding")), REFUSED) is None


def test_without_an_address_nothing_is_started() -> None:
    assert begin(Settings(), REFUSED) is None


def test_a_file_that_has_gone_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert begin(Settings(urls_file="/gone"), REFUSED) is None
    assert caplog.messages == [
        "notify: refused: nobody was told: notify.urls_file: /gone: cannot be read: "
        "No such file or directory"
    ]


def test_commands_without_a_configuration_take_the_kinds_from_the_environment() -> None:
    environ = {KINDS_VARIABLE: "withdrawn, promoted"}
    assert Settings.of_environment(environ).kinds == ("promoted", "withdrawn")
    assert Settings.of_environment({}).kinds == notifying.KINDS
    with pytest.raises(BadInputError, match="NOTIFY_KINDS: pushd: expected one of"):
        Settings.of_environment({KINDS_VARIABLE: "pushd"})


def test_apprise_is_not_imported_where_nothing_is_sent() -> None:
    program = (
        "import sys\n"
        "from contract.notifying import *\n"
        "begin(Settings(), Event('failed', 'letters', 'broken'))\n"
        "sys.exit('apprise' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0
