"""Rollback and prune while a server answers, and while others push."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.serving.server.running import RunningServer, eventually, spec
from tests.serving.server.saved_models import save_adder
from tests.version_store.pushing import MODEL, push, record_push
from version_store import versions
from version_store.inventory import list_versions
from version_store.metadata import open_store
from version_store.verification import verify

REPOSITORY = Path(__file__).resolve().parents[2]

PUSH_OFTEN = """
import pathlib, sys
from tests.version_store.pushing import push
for index in range(6):
    print(push(pathlib.Path(sys.argv[1]), sys.argv[2] + str(index)), flush=True)
"""


def start(*command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def models_command(*arguments: str) -> str:
    """Runs `python -m version_store` as a process; returns its output."""
    process = start("-m", "version_store", *arguments)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return printed


@dataclass
class Asker:
    """Asks a server without a pause; keeps answers and failures."""

    server: RunningServer
    answers: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                answer = self.server.predict(
                    {"x": [0.0]}, spec(MODEL, "serving_default")
                )
                self.answers.append(float(answer["y"][0]))
            except grpc.RpcError as error:
                self.failures.append(f"{error.code()}: {error.details()}")

    def await_answer(self, amount: float) -> None:
        eventually(lambda: self.answers[-1:] == [amount] or self.failures)


@pytest.fixture(scope="module")
def adders(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """SavedModels that add one, and two."""
    root = tmp_path_factory.mktemp("adders")
    return {n: save_adder(root / str(n), n, ("serving_default",)) for n in (1.0, 2.0)}


@pytest.fixture
def asker(models: Path, adders: dict[float, Path]) -> Iterator[Asker]:
    """Asks a server of `scans`, whose newest version adds two."""
    for amount, source in adders.items():
        push(models, source=source, run=f"adds-{amount:g}")
    with RunningServer(model_name=MODEL, model_base_path=str(models / MODEL)) as server:
        asker, stop = Asker(server), threading.Event()
        thread = threading.Thread(target=asker.ask, args=[stop])
        thread.start()
        try:
            yield asker
        finally:
            stop.set()
            thread.join()


def test_rollback_and_prune_fail_no_request(
    models: Path, output: Path, store: Any, asker: Asker
) -> None:
    old, new = versions.list_versions(str(models / MODEL))
    for number in (old, new):
        record_push(store, models / MODEL / str(number))
    asker.await_answer(2.0)

    models_command("rollback", "--output", str(output), "--reason", "adds too much")
    asker.await_answer(1.0)
    models_command("prune", "--keep", "1", "--output", str(output))
    [left] = versions.list_versions(str(models / MODEL))
    state = asker.server.states(MODEL)
    asked = len(asker.answers)
    eventually(lambda: len(asker.answers) > asked + 20 or asker.failures)

    assert asker.failures == []
    assert asker.answers[-1] == 1.0
    # The answers change from two to one, and never back.
    assert sorted(asker.answers, reverse=True) == asker.answers
    assert state[left] == 30
    [execution] = store.get_executions_by_type("Rollback")
    assert execution.properties["reason"].string_value == "adds too much"


def test_changes_from_many_processes_at_once_leave_every_version_whole(
    models: Path, output: Path, store: Any
) -> None:
    first = push(models, "first")
    push(models, "second")
    arguments = ("--output", str(output))
    processes = [
        start("-c", PUSH_OFTEN, str(models), "a"),
        start("-m", "version_store", "rollback", str(first), *arguments),
        start("-c", PUSH_OFTEN, str(models), "b"),
        start("-m", "version_store", "prune", "--keep", "3", *arguments),
        start("-m", "version_store", "rollback", *arguments),
    ]
    ended = [
        (*process.communicate(timeout=60), process.returncode) for process in processes
    ]

    pushed = [int(n) for index in (0, 2) for n in ended[index][0].split()]
    assert len(set(pushed)) == 12
    assert {ended[index][2] for index in (0, 2, 3)} == {0}
    # A rollback may find that its version was just pruned; no other error is allowed.
    for printed, errors, code in (ended[1], ended[4]):
        assert (code, errors) == (0, "") or (code == 2 and "expected" in errors), errors
        assert printed or errors
    left = list_versions(str(models), MODEL)
    assert {str(v.number): verify(v) for v in left} == {str(v.number): [] for v in left}
    assert left[0].number >= max(pushed)
    others = {p.name for p in (models / MODEL).iterdir() if not p.name.isdigit()}
    assert others == {".lock", ".decisions.json"}

    # After one more change the record agrees with the folder.
    models_command("prune", "--keep", "1", *arguments)
    reader = open_store(str(output / "metadata.sqlite"))
    live = {
        artifact.custom_properties["pushed_version"].string_value
        for artifact in reader.get_artifacts_by_type("PushedModel")
        if artifact.state == 2
    }
    assert live <= {str(left[0].number)}
