"""A run that is killed, one that is interrupted, and the one after both."""

import os
import signal
from dataclasses import dataclass

import pytest
from ml_metadata.proto import metadata_store_pb2

from tests.local_runner.conftest import Ended, Place


class TestInterrupted:
    """Three runs on the embedded digits; the first two do not come to their end."""

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
        killed = place.run_until("epoch 2/40", signal.SIGKILL)
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
        assert finished.states()["Trainer"] == "cached"
        assert finished.states()["Evaluator"] == "done"
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
