"""Runs that are killed or interrupted at any moment, and the runs after them."""

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2

from components.serving_validator import probe
from contract import nodes, progress
from runner.events import STARTED_MESSAGE
from tests.local_runner.conftest import Ended, Place, Run, scans_in


class TestInterrupted:
    """Three runs on the embedded digits; the first two are ended early."""

    @dataclass(frozen=True)
    class History:
        place: Place
        killed: Ended
        running_after_kill: int
        trainer_outputs_of_killed: set[str]
        interrupted: Ended
        finished: Ended

    @pytest.fixture(scope="class")
    def history(self, tmp_path_factory: pytest.TempPathFactory) -> History:
        root = tmp_path_factory.mktemp("interrupted")
        place = Place(root, "digits", ["--dataset", "digits", "--epochs", "40"])
        killed = place.run_until("epoch 1/40", signal.SIGKILL)
        running = place.executions(metadata_store_pb2.Execution.RUNNING)
        left = {str(path) for path in place.output.glob("artifacts/*/Trainer/model*/*")}
        interrupted = place.run_until("✓ Trainer", signal.SIGINT)
        finished = place.run()
        return self.History(place, killed, running, left, interrupted, finished)

    def test_a_kill_in_training_leaves_nothing_half_published(
        self, history: History
    ) -> None:
        assert history.killed.code == -signal.SIGKILL
        assert history.running_after_kill == 1
        assert history.trainer_outputs_of_killed
        assert history.killed.pushed == []

    def test_the_next_run_picks_up_what_was_finished(self, history: History) -> None:
        reused = [
            line.split()[1]
            for line in history.interrupted.screen.splitlines()
            if line.startswith("↺ ")
        ]
        assert set(reused) == {
            "Champion",
            "TaskSchemaGen",
            "ImageExampleGen",
            "StatisticsGen",
            "ExampleValidator",
            "DataGate",
            "Transform",
            "DataReport",
        }

    def test_what_the_killed_run_had_half_written_is_gone(
        self, history: History
    ) -> None:
        assert not [p for p in history.trainer_outputs_of_killed if os.path.exists(p)]
        of_store = history.place.executions
        assert of_store(metadata_store_pb2.Execution.RUNNING) == 0

    def test_ctrl_c_ends_the_run_with_130_and_no_traceback(
        self, history: History
    ) -> None:
        assert history.interrupted.code == 130
        assert "interrupted" in history.interrupted.screen
        assert "Traceback" not in history.interrupted.screen
        assert history.interrupted.errors == ""
        verdict = history.interrupted.verdict()
        assert verdict["kind"] == "interrupted"
        assert verdict["headline"].startswith("Interrupted")
        assert history.interrupted.pushed == []

    def test_the_run_after_both_ends_well(self, history: History) -> None:
        finished = history.finished
        assert finished.code == 0
        # On a busy machine, some nodes after the Trainer may have finished, too.
        states = history.interrupted.states()
        before = {node for node in states if states[node] in ("done", "cached")}
        assert "Trainer" in before
        cached = {n for n, state in finished.states().items() if state == "cached"}
        assert before - {"Pusher", "Report"} <= cached
        assert "Report" not in before
        assert finished.pushed == [finished.result["pushed"]["version"]]

    def test_a_run_on_the_stand_in_says_so_everywhere(self, history: History) -> None:
        finished = history.finished
        assert finished.result["model"] == "digits"
        assert finished.result["run"].startswith("digits-")
        assert (history.place.output / "models/digits").is_dir()
        assert "mnist" not in finished.screen.replace("ImageExampleGen", "").lower()
        assert "scikit-learn's digits" in finished.screen
        assert finished.gate("accuracy")["bound"] == 0.93
        assert finished.gate("accuracy", "0")["bound"] == 0.75


class Signals(logging.Handler):
    """Sends this process a signal when a node begins or logs a message."""

    def __init__(self, moment: str, signum: signal.Signals) -> None:
        super().__init__(logging.INFO)
        self._moment = moment
        self._signum = signum
        self.sent = False

    def emit(self, record: logging.LogRecord) -> None:
        begins = record.msg == STARTED_MESSAGE and record.args == (self._moment,)
        told = record.name == progress.LOGGER
        tells = told and record.getMessage().startswith(self._moment)
        if not self.sent and (begins or tells):
            self.sent = True
            os.kill(os.getpid(), self._signum)


@contextmanager
def signalled(moment: str, signum: signal.Signals) -> Iterator[Signals]:
    handler = Signals(moment, signum)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


MOMENTS = (
    *(nodes.EXAMPLE_GEN, nodes.STATISTICS_GEN, nodes.DATA_GATE, nodes.TRANSFORM),
    *(nodes.TRAINER, "epoch 1/", "epoch 7/", nodes.EVALUATOR),
    *(nodes.SERVING_VALIDATOR, nodes.PUSHER, nodes.REPORT),
)
"""Starts of nodes, and their messages; other nodes are very short."""


def test_it_can_be_interrupted_at_each_node_and_goes_on_from_there(
    tmp_path: Path, run_in: Callable[[Place], Run]
) -> None:
    """Ctrl-C and SIGTERM by turns, all in one folder that is empty at first."""
    scans = scans_in(tmp_path)
    run_here = run_in(scans)
    ends = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
    for turn, moment in enumerate(MOMENTS):
        signum = (signal.SIGINT, signal.SIGTERM)[turn % 2]
        code, word = ends[signum]
        with signalled(moment, signum) as sent:
            ended = run_here()
        assert (moment, sent.sent, ended.code) == (moment, True, code)
        assert f"scans: {word}; the next run continues from here" in ended.screen
        assert "Traceback" not in ended.errors
        assert ended.result["exit_code"] == code
        # Versions are whole or absent; only the last interruption came after the push.
        assert len(ended.pushed) == (moment == nodes.REPORT)
        assert not list(scans.output.glob("models/scans/.incoming-*"))
        probes = ["pgrep", "-P", str(os.getpid()), "-f", probe.__name__]
        assert subprocess.run(probes, check=False, capture_output=True).stdout == b""

    finished = run_here()

    assert finished.code == 0
    assert len(finished.pushed) == 1
    assert finished.states()[nodes.TRAINER] == "cached"
    assert scans.executions(metadata_store_pb2.Execution.RUNNING) == 0
