"""TFX's log messages become events. The test fails if TFX changes them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from absl import logging as absl_logging
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.image_example_gen import digits
from components.image_example_gen.component import ImageExampleGen
from contract import progress
from runner.events import Event, EventHandler


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """The events during the test; the handler is the root logger's."""
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
    """One real node runs twice."""
    digits.write(str(tmp_path / "digits"))
    node = ImageExampleGen(source=str(tmp_path / "digits"))

    def run() -> None:
        LocalDagRunner().run(
            Pipeline(
                "events",
                str(tmp_path / "artifacts"),
                components=[node],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(tmp_path / "metadata.sqlite")
                ),
            )
        )

    run()
    assert events == [Event("started", node.id), Event("finished", node.id)]

    events.clear()
    run()
    assert events == [
        Event("started", node.id),
        Event("cached"),
        Event("finished", node.id),
    ]


def test_what_a_node_tells_of_itself_is_told(events: list[Event]) -> None:
    progress.tell("epoch 3/25")
    progress.tell_refused("2 of 12 demands are not met")
    progress.tell_skipped("not blessed")
    assert events == [
        Event("progress", text="epoch 3/25"),
        Event("refused", text="2 of 12 demands are not met"),
        Event("skipped", text="not blessed"),
    ]


def test_nothing_else_is(events: list[Event]) -> None:
    log = logging.getLogger("absl")
    log.info("Component Trainer is running.")
    log.info("Component %s depends on %s.", "Trainer", "Transform")
    log.warning("%(name)s", {"name": "a dictionary"})
    log.error("failed")
    assert events == []
