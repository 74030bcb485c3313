"""The metrics for Prometheus agree with the results of the runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from runner import metrics
from runner.watch_state import DONE, QUARANTINED, Record, StateFile
from runner.workspace import Workspace
from version_store.versions import SAVED_MODEL

TEN = 1_795_687_200.0


def run(
    workspace: Workspace, name: str, ended: float, code: int = 0, **more: Any
) -> None:
    """Writes the files of a run of 60 seconds."""
    folder = Path(workspace.run(name))
    folder.mkdir(parents=True)
    content = {
        "model": "letters",
        "started": ended - 60,
        "seconds": 60.0,
        "exit_code": code,
        "data": {"fingerprint": "f"},
        "gates": [],
        "test_accuracy": 0.98,
        "pushed": None if code else {"version": 1, "already_served": False},
        **more,
    }
    (folder / "result.json").write_text(json.dumps(content))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(str(tmp_path))


def value(workspace: Workspace, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(metrics.Runs(workspace))
    return registry.get_sample_value(name, {"model": "letters", **labels})


def test_the_last_run_is_the_one_that_ended_last(workspace: Workspace) -> None:
    run(workspace, "letters-2", TEN, code=3)
    run(workspace, "letters-1", TEN - 100)
    assert value(workspace, "pipeline_last_run_timestamp_seconds") == TEN
    assert value(workspace, "pipeline_last_run_duration_seconds") == 60
    assert value(workspace, "pipeline_last_run_exit_code") == 3
    assert value(workspace, "pipeline_last_push_timestamp_seconds") == TEN - 100


def test_a_gate_tells_how_much_of_it_was_not_met(workspace: Workspace) -> None:
    gates = [
        {"gate": "Evaluator", "refused": True},
        {"gate": "Evaluator", "refused": True},
        {"gate": "DataGate", "refused": False},
    ]
    run(workspace, "letters-1", TEN, code=3, gates=gates)
    name = "pipeline_last_run_refusals"
    assert value(workspace, name, gate="Evaluator") == 2
    assert value(workspace, name, gate="DataGate") == 0


def test_that_nothing_changed_makes_neither_model_nor_data_younger(
    workspace: Workspace,
) -> None:
    run(workspace, "letters-1", TEN)
    run(
        workspace,
        "letters-2",
        TEN + 1000,
        pushed={"version": 1, "already_served": True},
    )
    assert value(workspace, "pipeline_last_push_timestamp_seconds") == TEN
    name = "pipeline_data_first_seen_timestamp_seconds"
    assert value(workspace, name) == TEN - 60
    run(workspace, "letters-3", TEN + 2000, data={"fingerprint": "new"})
    assert value(workspace, name) == TEN + 1940


def test_what_has_not_ended_says_nothing(workspace: Workspace) -> None:
    Path(workspace.run("letters-1")).mkdir(parents=True)
    run(workspace, "letters-0", TEN)
    (Path(workspace.run("letters-0")) / "result.json").write_text('{"run":')
    assert value(workspace, "pipeline_last_run_timestamp_seconds") is None


@pytest.mark.parametrize("key", ["gates", "data", "test_accuracy", "pushed"])
def test_a_result_of_an_older_version_stops_nothing(
    workspace: Workspace, key: str
) -> None:
    run(workspace, "letters-1", TEN - 100)
    path = Path(workspace.run("letters-1")) / "result.json"
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    run(workspace, "letters-2", TEN)
    assert value(workspace, "pipeline_last_run_timestamp_seconds") == TEN
    assert value(workspace, "pipeline_last_push_timestamp_seconds") == TEN


def test_a_watchers_state_that_cannot_be_read_stops_nothing(
    workspace: Workspace,
) -> None:
    run(workspace, "letters-1", TEN)
    state = StateFile(workspace.watcher("letters"))
    Path(state.path).parent.mkdir(parents=True)
    Path(state.path).write_text("none")
    assert value(workspace, "pipeline_last_run_timestamp_seconds") == TEN


def test_a_canary_is_told_while_it_is_on_trial(
    workspace: Workspace, tmp_path: Path
) -> None:
    base = tmp_path / "models" / "letters"
    for version in ("3", "4"):
        (base / version).mkdir(parents=True)
        (base / version / SAVED_MODEL).touch()
    assert value(workspace, "pipeline_stable_version") == 4
    config = tmp_path / "models" / "models.config"
    text = """model_config_list { config {
        name: "letters" base_path: "%s" model_platform: "tensorflow"
        model_version_policy { specific { versions: 3 versions: 4 } }
        version_labels { key: "stable" value: 3 }
        version_labels { key: "canary" value: %d }
    } }"""
    config.write_text(text % (base, 4))
    assert value(workspace, "pipeline_stable_version") == 3
    assert value(workspace, "pipeline_canary_version") == 4
    config.write_text(text.replace("versions: 4", "") % (base, 3))
    assert value(workspace, "pipeline_canary_version") is None


def test_traffic_is_told_by_version(workspace: Workspace) -> None:
    versions = [
        {
            "version": "3",
            "read": 100,
            "gates": [
                {"gate": "TrafficGate", "refused": True},
                {"gate": "TrafficGate", "refused": False},
            ],
            "estimate": {"value": 0.91, "trusted": False},
        },
        {"version": "4", "read": 7, "gates": [], "estimate": None},
    ]
    run(workspace.monitoring, "letters-1", TEN, code=3, traffic={"versions": versions})
    assert value(workspace, "monitor_last_run_timestamp_seconds") == TEN
    assert value(workspace, "monitor_last_run_exit_code") == 3
    assert value(workspace, "monitor_findings", version="3") == 1
    assert value(workspace, "monitor_findings", version="4") == 0
    assert value(workspace, "monitor_requests", version="4") == 7
    assert value(workspace, "monitor_estimated_accuracy", version="3") == 0.91
    assert value(workspace, "monitor_estimate_trusted", version="3") == 0
    assert value(workspace, "monitor_estimated_accuracy", version="4") is None


def test_the_file_is_written_whole(workspace: Workspace, tmp_path: Path) -> None:
    run(workspace, "letters-1", TEN)
    metrics.write(workspace)
    text = (tmp_path / "metrics.prom").read_text()
    assert 'pipeline_last_run_exit_code{model="letters"} 0.0\n' in text
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"metrics.prom", "runs"}


def test_what_cannot_be_told_fails_nothing(
    workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(workspace, "letters-1", TEN)
    (tmp_path / "metrics.prom").mkdir()
    metrics.write(workspace)
    assert caplog.messages == ["metrics.prom could not be written"]


def test_spans_are_told_by_what_became_of_them(workspace: Workspace) -> None:
    with StateFile(workspace.watcher("letters")).changing() as state:
        state.spans["7"] = Record(state=QUARANTINED)
        state.spans["8"] = Record(state=DONE)
        state.spans["9"] = Record(state=DONE)
    assert value(workspace, "watch_spans", state="quarantined") == 1
    assert value(workspace, "watch_spans", state="done") == 2
    assert value(workspace, "watch_spans", state="waiting") == 0
