"""A run's end is derived from the records of its nodes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lineage.endings import (
    LOCK_FILE,
    Result,
    goes_on,
    judge,
    read_result,
    read_unrecorded,
)
from lineage.records import Artifact, Run, Step

Named = tuple[str, Step]


def step(node: str, state: str = "complete", **outputs: dict[str, Any]) -> Named:
    made = {
        key: [Artifact(1, "nowhere", True, properties)]
        for key, properties in outputs.items()
    }
    return node, Step(state, {}, {}, made)


def run(*steps: Named) -> Run:
    return Run("id", "a-run", "scans", 0, dict(steps))


def pushed(version: int, *, already: bool) -> Named:
    properties = {
        "pushed": 1,
        "pushed_version": str(version),
        "pushed_destination": f"models/scans/{version}",
        "already_served": int(already),
    }
    return step("Pusher", pushed_model=properties)


@pytest.mark.parametrize(("already", "words"), [(False, "pushed"), (True, "unchanged")])
def test_a_version_is_served(already: bool, words: str) -> None:
    verdict = judge(run(step("Trainer"), pushed(7, already=already)), Result())
    assert (str(verdict), verdict.version) == (words, 7)


@pytest.mark.parametrize("gate", ["Evaluator", "ServingValidator"])
def test_a_gate_did_not_bless(gate: str) -> None:
    refused = run(
        step("Evaluator", blessing={"blessed": int(gate != "Evaluator")}),
        step("ServingValidator", blessing={"blessed": int(gate == "Evaluator")}),
        step("Pusher", pushed_model={"pushed": 0}),
    )
    verdict = judge(refused, Result(reasons=("not good enough",)))
    assert str(verdict) == f"refused by {gate}"
    assert verdict.reasons == ("not good enough",)
    assert verdict.version is None


def test_the_pusher_did_not_push_what_was_rolled_back_from() -> None:
    held = step("Pusher", pushed_model={"pushed": 0, "held_back": "it was worse"})
    verdict = judge(run(step("Evaluator"), held), Result())
    assert (str(verdict), verdict.reasons) == ("refused by Pusher", ("it was worse",))


@pytest.mark.parametrize(
    ("node", "code", "words"),
    [
        ("DataGate", 3, "refused by DataGate"),
        ("DataGate", 1, "broken in DataGate"),
        # A gate fails in order to stop a run; no record tells a refusal from an error.
        ("DataGate", None, "unknown at DataGate"),
        ("Trainer", None, "broken in Trainer"),
        ("ImageExampleGen", 2, "broken in ImageExampleGen"),
    ],
)
def test_a_node_failed(node: str, code: int | None, words: str) -> None:
    result = Result(exit_code=code)
    assert str(judge(run(step("Champion"), step(node, "failed")), result)) == words


@pytest.mark.parametrize(
    ("state", "result", "words"),
    [
        ("running", Result(exit_code=130), "interrupted at Trainer"),
        ("running", Result(exit_code=143), "interrupted at Trainer"),
        ("running", Result(exit_code=1), "broken in Trainer"),
        ("canceled", Result(exit_code=130), "interrupted at Trainer"),
        ("canceled", Result(exit_code=1), "broken in Trainer"),
        # The runner had no time to write a result.
        ("running", Result(), "running or killed at Trainer"),
        ("canceled", Result(), "killed at Trainer"),
        # Its folder is not here.
        ("canceled", None, "interrupted at Trainer"),
    ],
)
def test_it_did_not_come_to_its_end(
    state: str, result: Result | None, words: str
) -> None:
    assert str(judge(run(step("Transform"), step("Trainer", state)), result)) == words


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Result(exit_code=130), "interrupted at Transform"),
        (Result(exit_code=1), "broken in Transform"),
        (Result(), "killed at Transform"),
        (None, "interrupted at Transform"),
    ],
)
def test_it_ended_between_two_nodes(result: Result | None, words: str) -> None:
    assert str(judge(run(step("Champion"), step("Transform")), result)) == words


def test_a_node_that_could_not_be_recorded_is_named_by_the_result() -> None:
    content = {"exit_code": 1, "components": [{"node": "Trainer"}], "reasons": ["full"]}
    verdict = judge(run(), Result.model_validate(content))
    assert (str(verdict), verdict.reasons) == ("broken in Trainer", ("full",))


def test_a_push_that_could_not_be_recorded_is_known_by_the_version() -> None:
    verdict = judge(run(step("Pusher", "running")), Result(exit_code=1), 7)
    assert (str(verdict), verdict.version) == ("pushed", 7)


def test_a_run_that_was_refused_before_its_first_node_is_known_by_its_result(
    tmp_path: Path,
) -> None:
    result = {
        "model": "scans",
        "started": 1700000000.5,
        "exit_code": 3,
        "gates": [{"gate": "Pusher", "refused": True}],
    }
    for name in ("refused", "on-record", "killed"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("refused", "on-record"):
        (tmp_path / "runs" / name / "result.json").write_text(json.dumps(result))
    [found] = read_unrecorded(str(tmp_path), ["on-record", None])
    assert (found.name, found.model, found.steps) == ("refused", "scans", {})
    assert found.began == "2023-11-14T22:13:20+00:00"
    ended = read_result(str(tmp_path), "refused")
    assert str(judge(found, ended)) == "refused by Pusher"


class TestGoesOn:
    """A run's process holds a lock as long as it lives."""

    HOLDER = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); "
    HOLDER += "fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"

    @pytest.fixture
    def lock(self, tmp_path: Path) -> Path:
        (tmp_path / "runs/scans-20261126-155726").mkdir(parents=True)
        return tmp_path / "runs/scans-20261126-155726" / LOCK_FILE

    def test_a_killed_run_is_known_at_once(self, lock: Path, tmp_path: Path) -> None:
        def told() -> tuple[str, ...]:
            alive = goes_on(str(tmp_path), lock.parent.name)
            [early] = read_unrecorded(str(tmp_path), [])
            trained = run(step("Transform"), step("Trainer", "running"))
            between = run(step("Transform"))
            found = [early, trained, between]
            return tuple(str(judge(one, Result(), alive=alive)) for one in found)

        command = [sys.executable, "-c", self.HOLDER, str(lock)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            assert told() == ("running", "running at Trainer", "running at Transform")
            process.kill()
        assert told() == ("killed", "killed at Trainer", "killed at Transform")

    def test_a_run_without_a_lock_is_not_known(
        self, lock: Path, tmp_path: Path
    ) -> None:
        assert goes_on(str(tmp_path), lock.parent.name) is None
        assert goes_on(str(tmp_path), "gone") is None
        assert goes_on(None, "elsewhere") is None
        assert read_unrecorded(str(tmp_path), []) == []

    def test_one_that_never_came_to_a_node_has_its_models_name(
        self, lock: Path, tmp_path: Path
    ) -> None:
        lock.touch()
        [found] = read_unrecorded(str(tmp_path), [])
        assert (found.name, found.model) == (lock.parent.name, "scans")
        assert found.started == int(1000 * lock.stat().st_mtime)


def test_without_records_the_result_tells_what_was_pushed() -> None:
    pushed = {"version": 7, "already_served": True}
    verdict = judge(run(), Result.model_validate({"exit_code": 0, "pushed": pushed}))
    assert (str(verdict), verdict.version) == ("unchanged", 7)


class TestReadResult:
    def test_it_is_the_runners(self, tmp_path: Path) -> None:
        (tmp_path / "runs/a-run").mkdir(parents=True)
        (tmp_path / "runs/a-run/result.json").write_text(json.dumps({"exit_code": 3}))
        assert read_result(str(tmp_path), "a-run") == Result(exit_code=3)

    @pytest.mark.parametrize(
        "content", [None, "", "[]", '{"exit_code', '{"exit_code":3,"started":"now"}']
    )
    def test_a_run_without_one_did_not_end(
        self, tmp_path: Path, content: str | None
    ) -> None:
        (tmp_path / "runs/a-run").mkdir(parents=True)
        if content is not None:
            (tmp_path / "runs/a-run/result.json").write_text(content)
        assert read_result(str(tmp_path), "a-run") == Result()

    def test_without_the_runs_folder_it_is_unknown(self, tmp_path: Path) -> None:
        assert read_result(str(tmp_path), None) is None
        assert read_result(None, "a-run") is None
        assert read_result(str(tmp_path), "a-run") is None
