"""ServingValidator's process is started ahead when it will be needed, and only then."""

from unittest import mock

import pytest

from components.serving_validator import process
from runner.ahead import ProbeAhead
from runner.events import Event

STARTED, FINISHED = Event("started", "Trainer"), Event("finished", "Trainer")
EPOCH = Event("progress", text="epoch 1/2")


@pytest.mark.parametrize(
    ("events", "starts"),
    [
        ([STARTED, EPOCH, EPOCH, FINISHED], 1),
        ([STARTED, EPOCH], 1),
        ([STARTED, Event("cached"), FINISHED], 0),
        ([STARTED], 0),
        ([Event("started", "ImageExampleGen"), EPOCH], 0),
    ],
    ids=["a model", "a training that goes on", "a reused model", "no epoch", "another"],
)
def test_it_is_started_after_the_first_epoch(events: list[Event], starts: int) -> None:
    ahead = ProbeAhead()
    with mock.patch.object(process, "start_ahead") as start:
        for event in events:
            ahead(event)
    assert start.call_count == starts


def test_a_training_goes_on_if_no_process_can_be_started() -> None:
    """The node tries it again, when the training is over and its result is kept."""
    ahead = ProbeAhead()
    ahead(STARTED)
    full = BlockingIOError(11, "Resource temporarily unavailable")
    with mock.patch.object(process, "start_ahead", side_effect=full) as start:
        ahead(EPOCH)
    start.assert_called_once_with()
