"""Stable and canary on a real server that reads the configuration repeatedly."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from ml_metadata import errors

from contract.errors import BadInputError
from serving import model_config
from tests.serving.server.running import RunningServer, eventually, free_port, spec
from tests.serving.server.saved_models import save_adder
from tests.version_store.pushing import MODEL, push
from version_store import decisions, ledger, operations, rollout, servers
from version_store.inventory import list_versions
from version_store.servers import NoServerError, NotConfirmedError, Servers
from version_store.serving_config import CANARY, STABLE, serving

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def adders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """SavedModels that add one, two, and three."""
    root = tmp_path_factory.mktemp("adders")
    return {
        n: save_adder(root / str(n), float(n), ("serving_default",)) for n in (1, 2, 3)
    }


class Site:
    """A folder of models, and a server that polls its `models.config`."""

    def __init__(self, models: Path, adders: dict[int, Path]):
        self.models, self.base, self._adders = models, str(models / MODEL), adders
        self.first = self.push(1)
        model_config.ensure(str(models), MODEL)
        self.running = RunningServer(
            model_config_file=model_config.path_in(str(models)),
            model_config_file_poll_wait_seconds=0.1,
        )
        self.servers = Servers(f"127.0.0.1:{self.running.options.port}", patience=20)

    def push(self, amount: int) -> int:
        return push(
            self.models, source=self._adders[amount], run=f"adds-{amount}", recipe="r"
        )

    def canary(self, amount: int) -> int:
        """Pushes a version in the way of a push with `arrive_as = "canary"`."""
        rollout.pin(self.base, self.servers)
        number = self.push(amount)
        rollout.bring_up(self.base, number, CANARY, self.servers)
        return number

    def promote(self, number: int | None = None) -> operations.Trial:
        return operations.promote(
            str(self.models), MODEL, number, "better", None, self.servers
        )

    def withdraw(self) -> operations.Trial:
        return operations.withdraw(str(self.models), MODEL, "worse", None)

    def ask(self, label: str | None = None) -> float:
        answer = self.running.predict({"x": [0.0]}, spec(MODEL, label=label))
        return float(answer["y"][0])

    def loaded(self) -> set[int]:
        """Returns the versions that the server has AVAILABLE."""
        return {n for n, state in self.running.states(MODEL).items() if state == 30}


@pytest.fixture
def site(models: Path, adders: dict[int, Path]) -> Iterator[Site]:
    site = Site(models, adders)
    with site.running:
        yield site


@pytest.fixture
def failures(site: Site) -> Iterator[list[str]]:
    """Yields the errors of a client that asks for both labels without a pause."""
    found: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            for label in (STABLE, CANARY):
                try:
                    site.ask(label)
                except grpc.RpcError as error:
                    found.append(f"{label}: {error.code()}: {error.details()}")

    rollout.pin(site.base, site.servers)
    thread = threading.Thread(target=ask)
    thread.start()
    yield found
    stop.set()
    thread.join()


class TestCanary:
    """Callers who ask for the canary get it; the others get the stable version."""

    def test_the_highest_is_labelled_stable_before_a_canary_comes(
        self, site: Site
    ) -> None:
        assert rollout.pin(site.base, site.servers) == site.first
        number = site.push(2)
        assert site.ask(STABLE) == site.ask(CANARY) == site.ask() == 1.0
        assert site.loaded() == {site.first}
        assert serving(site.base).canary is None
        assert number > site.first

    def test_each_label_has_its_version(self, site: Site) -> None:
        number = site.canary(2)
        assert (site.ask(STABLE), site.ask(CANARY)) == (1.0, 2.0)
        # As in TensorFlow Serving, a request without a label gets the highest version.
        assert site.ask() == 2.0
        assert serving(site.base).canary == number

    def test_the_list_says_so_and_prune_leaves_both(self, site: Site) -> None:
        kept = site.push(2)
        number = site.canary(3)
        states = {v.number: v.state for v in list_versions(str(site.models), MODEL)}
        assert states == {
            number: "served canary",
            kept: "served stable",
            site.first: "kept",
        }
        gone = operations.prune(str(site.models), MODEL, 1, None, dry_run=False)
        assert [version.number for version in gone] == [site.first]


class TestPromote:
    def test_no_request_fails_and_the_old_one_is_unloaded(
        self, site: Site, failures: list[str]
    ) -> None:
        number = site.canary(2)
        trial = site.promote()
        eventually(lambda: site.loaded() == {number})
        assert (trial.stable, trial.canary) == (number, None)
        assert site.ask(STABLE) == site.ask(CANARY) == 2.0
        assert failures == []

    def test_it_is_on_record(self, site: Site) -> None:
        number = site.canary(2)
        site.promote()
        [decision] = decisions.read_decisions(site.base)
        assert (decision.what, decision.version) == ("promoted", number)
        assert (decision.reason, decision.allowed) == ("better", True)
        assert decision.by
        assert decision.at

    def test_without_a_canary_there_is_nothing_to_promote(self, site: Site) -> None:
        with pytest.raises(BadInputError, match="expected a canary on trial"):
            site.promote()

    def test_an_older_version_that_is_named_is_loaded_first(self, site: Site) -> None:
        site.canary(2)
        site.promote()
        site.promote(site.first)
        assert site.ask(STABLE) == 1.0


class TestWithdraw:
    def test_no_request_fails_and_the_canary_is_unloaded(
        self, site: Site, failures: list[str]
    ) -> None:
        site.canary(2)
        trial = site.withdraw()
        eventually(lambda: site.loaded() == {site.first})
        assert (trial.stable, trial.canary) == (site.first, None)
        assert site.ask(CANARY) == 1.0
        assert failures == []

    def test_its_model_is_held_back_until_it_is_allowed(self, site: Site) -> None:
        number = site.canary(2)
        site.withdraw()
        [version, _] = list_versions(str(site.models), MODEL)
        assert (version.number, version.state) == (number, "withdrawn")
        assert decisions.barred(site.base, "r")
        with pytest.raises(BadInputError, match=r"was withdrawn at .* \(worse\): "):
            site.promote(number)
        operations.allow(str(site.models), MODEL, str(number), "it was the data")
        assert site.promote(number).stable == number

    def test_said_twice_it_finds_nothing(self, site: Site) -> None:
        site.canary(2)
        site.withdraw()
        with pytest.raises(BadInputError, match="expected a canary on trial"):
            site.withdraw()


def test_a_rollback_moves_the_label(site: Site, failures: list[str]) -> None:
    site.canary(2)
    site.promote()
    done = operations.rollback(
        str(site.models), MODEL, None, "worse", None, None, site.servers
    )
    assert done.made.state == "served stable"
    eventually(lambda: site.loaded() == {done.made.number})
    assert site.ask(STABLE) == 1.0
    assert failures == []


def test_an_older_version_on_trial_is_promoted_and_not_rolled_back_to(
    site: Site,
) -> None:
    site.canary(2)
    site.promote()
    rollout.bring_up(site.base, site.first, CANARY, site.servers)
    with pytest.raises(
        BadInputError,
        match=f"version {site.first}: is on trial: `promote` makes it the stable",
    ):
        operations.rollback(str(site.models), MODEL, None, "worse", None)
    assert site.promote().stable == site.first


def test_a_canary_stays_on_trial_when_the_stable_one_is_replaced(site: Site) -> None:
    canary = site.canary(3)
    stable = site.push(2)
    rollout.bring_up(site.base, stable, STABLE, site.servers)
    assert (site.ask(STABLE), site.ask(CANARY)) == (2.0, 3.0)
    assert serving(site.base).canary == canary


class TestServers:
    def test_what_cannot_be_loaded_gets_no_label(self, site: Site) -> None:
        rollout.pin(site.base, site.servers)
        broken = push(site.models, "no graph")
        impatient = replace(site.servers, patience=2.0)
        with pytest.raises(NotConfirmedError, match=f"version {broken}"):
            rollout.bring_up(site.base, broken, CANARY, impatient)
        assert site.ask(CANARY) == 1.0
        assert serving(site.base).labels == {STABLE: site.first, CANARY: site.first}
        # It is still the canary; only a withdrawal ends the trial.
        assert site.withdraw().canary is None
        assert serving(site.base).versions == {site.first}

    def test_nobody_there_is_told_at_once(self, site: Site) -> None:
        with pytest.raises(NoServerError, match="no server answers at "):
            Servers(f"127.0.0.1:{free_port()}").await_version(MODEL, site.first)


class TestWhatListensIsNoServer:
    """A wrong port or a proxy accepts connections, and the error gives the reason."""

    def test_it_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(servers, "SILENCE_SECONDS", 0.5)
        monkeypatch.setattr(servers, "_CALL_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(
                NotConfirmedError, match=r"no answer from .* for 0\.5 s"
            ):
                Servers(address, patience=20).await_version(MODEL, 1)

    def test_it_speaks_http(self) -> None:
        with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                with pytest.raises(NoServerError, match="HTTP is spoken there"):
                    Servers(f"127.0.0.1:{server.server_port}").await_version(MODEL, 1)
            finally:
                server.shutdown()
                thread.join()


@dataclass(frozen=True)
class Agreeing(Servers):
    """Servers that have every version. `meanwhile` runs while they are asked."""

    meanwhile: Callable[[], object] = lambda: None

    def await_version(self, model: str, version: int, label: str | None = None) -> None:
        if label is None:
            self.meanwhile()


def test_what_was_unloaded_meanwhile_gets_no_label(models: Path) -> None:
    first, second = push(models, "first"), push(models, "second")
    base = str(models / MODEL)
    rollout.put(base, STABLE, first)

    def withdraw() -> None:
        operations.withdraw(str(models), MODEL, "worse", None)

    with pytest.raises(NotConfirmedError, match="another command unloaded it"):
        rollout.bring_up(base, second, CANARY, Agreeing(meanwhile=withdraw))
    assert serving(base).versions == {first}


def _promote_the_canary(models: Path, number: int) -> None:
    operations.promote(str(models), MODEL, None, "better", None, Agreeing())


def _put_on_trial_again(models: Path, number: int) -> None:
    operations.canary(str(models), MODEL, number, Agreeing())


@pytest.mark.parametrize("command", [_promote_the_canary, _put_on_trial_again])
def test_what_is_withdrawn_before_a_command_has_its_turn_is_not_labelled(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[Path, int], None],
) -> None:
    first, second = push(models, "first"), push(models, "second")
    base = str(models / MODEL)
    rollout.put(base, STABLE, first)
    rollout.put(base, CANARY, second)

    def pin_last(*arguments: Any) -> None:
        # Both commands start at once, and the withdrawal gets the lock first.
        operations.withdraw(str(models), MODEL, "worse", None)

    monkeypatch.setattr(rollout, "pin", pin_last)
    with pytest.raises(NotConfirmedError, match=r"withdrawn at .*worse"):
        command(models, second)
    assert serving(base).stable == first
    assert serving(base).versions == {first}
    assert [one.reason for one in decisions.withdrawn(base).values()] == ["worse"]


def test_what_the_store_does_not_take_is_done_and_said(
    models: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: Any) -> None:
        raise errors.UnavailableError("gone")

    monkeypatch.setattr(ledger, "reconcile", gone)
    first, second = push(models, "first"), push(models, "second")
    rollout.put(str(models / MODEL), STABLE, first)
    given = str(models), MODEL
    done = operations.promote(*given, second, "better", store, Agreeing())
    assert (done.stable, done.problem) == (second, "metadata store: gone")
    operations.canary(*given, first, Agreeing())
    done = operations.withdraw(*given, "worse", store)
    assert (done.canary, done.problem) == (None, "metadata store: gone")


KILLED_AT = """
import os, signal, sys
from serving import model_config
from version_store import decisions, operations, rollout
from version_store.servers import Servers
models, model, address, command, step = sys.argv[1:]
left = [int(step)]

def counted(function):
    def call(*arguments):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments)
    return call

model_config._write = counted(model_config._write)
decisions.keep = counted(decisions.keep)
servers = Servers(address)
if command == "promote":
    operations.promote(models, model, None, "better", None, servers)
elif command == "withdraw":
    operations.withdraw(models, model, "worse", None)
else:
    operations.canary(models, model, int(command), servers)
"""


class TestKilled:
    """Each command can be repeated after a kill between its two files."""

    @pytest.fixture
    def kill_at(self, site: Site) -> Callable[[str, int], None]:
        def kill(command: str, step: int) -> None:
            ended = subprocess.run(
                [
                    *(sys.executable, "-c", KILLED_AT, str(site.models), MODEL),
                    *(site.servers.address, command, str(step)),
                ],
                check=False,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                timeout=60,
            )
            assert ended.returncode == -signal.SIGKILL

        return kill

    @pytest.mark.parametrize("step", [0, 1])
    def test_promote(
        self, site: Site, kill_at: Callable[[str, int], None], step: int
    ) -> None:
        number = site.canary(2)
        kill_at("promote", step)
        assert (site.ask(STABLE), site.ask(CANARY)) == (1.0, 2.0)
        assert site.promote().stable == number
        assert [d.what for d in decisions.read_decisions(site.base)] == ["promoted"]

    def test_withdraw(self, site: Site, kill_at: Callable[[str, int], None]) -> None:
        site.canary(2)
        kill_at("withdraw", 1)
        assert decisions.barred(site.base, "r")
        assert site.withdraw().canary is None
        assert [d.what for d in decisions.read_decisions(site.base)] == ["withdrawn"]

    @pytest.mark.parametrize("step", [0, 1])
    def test_canary(
        self, site: Site, kill_at: Callable[[str, int], None], step: int
    ) -> None:
        rollout.pin(site.base, site.servers)
        number = site.push(2)
        kill_at(str(number), step)
        assert site.ask(CANARY) == 1.0
        # Once the version is loaded, the file names it.
        named = None if step else number
        done: Any = operations.canary(str(site.models), MODEL, named, site.servers)
        assert (done.canary, site.ask(CANARY)) == (number, 2.0)
