"""What TFX logs while it runs becomes events; TFX still says those things."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from absl import logging as absl_logging
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.champion.component import Champion
from pipeline.training import progress
from runner.events import Event, EventHandler


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """What was told while the test ran; the handler is the root logger's."""
    told: list[Event] = []
    handler = EventHandler(told.append)
    root = logging.getLogger()
    level, verbosity = root.level, absl_logging.get_verbosity()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    absl_logging.set_verbosity(absl_logging.INFO)
    yield told
    root.removeHandler(handler)
    root.setLevel(level)
    absl_logging.set_verbosity(verbosity)


def test_the_installed_local_dag_runner_tells_start_end_and_reuse(
    events: list[Event], tmp_path: Path
) -> None:
    """One real node, run twice."""

    def run() -> None:
        LocalDagRunner().run(
            Pipeline(
                "events",
                str(tmp_path / "artifacts"),
                components=[Champion(models=str(tmp_path / "none"), version="none")],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(tmp_path / "metadata.sqlite")
                ),
            )
        )

    run()
    assert events == [Event("started", "Champion"), Event("finished", "Champion")]

    events.clear()
    run()
    assert events == [
        Event("started", "Champion"),
        Event("cached"),
        Event("finished", "Champion"),
    ]


def test_the_trainers_progress_is_told(events: list[Event]) -> None:
    progress.tell(3, 25, val_accuracy=0.97123, val_loss=0.1)
    assert events == [
        Event("progress", text="epoch 3/25, validation accuracy 0.9712, loss 0.1000")
    ]


def test_nothing_else_is(events: list[Event]) -> None:
    log = logging.getLogger("absl")
    log.info("Component Trainer is running.")
    log.info("Component %s depends on %s.", "Trainer", "Transform")
    log.warning("%(name)s", {"name": "a dictionary"})
    log.error("failed")
    assert events == []
