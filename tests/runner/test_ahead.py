"""ServingValidator's process is started ahead when it will be needed, and only then."""

from unittest import mock

import pytest

from components.serving_validator import process
from runner.ahead import ProbeAhead
from runner.events import Event

STARTED, FINISHED = Event("started", "Trainer"), Event("finished", "Trainer")


@pytest.mark.parametrize(
    ("events", "starts"),
    [
        ([STARTED, Event("progress", text="epoch 1/1"), FINISHED], 1),
        ([STARTED, Event("cached"), FINISHED], 0),
        ([STARTED], 0),
        (
            [
                Event("started", "Transform"),
                Event("cached"),
                Event("finished", "Transform"),
                STARTED,
                FINISHED,
            ],
            1,
        ),
        ([Event("started", "Evaluator"), Event("finished", "Evaluator")], 0),
    ],
    ids=["a new model", "a reused one", "no model yet", "reused before", "another"],
)
def test_it_is_started_after_a_new_model(events: list[Event], starts: int) -> None:
    ahead = ProbeAhead()
    with mock.patch.object(process, "start_ahead") as start:
        for event in events:
            ahead(event)
    assert start.call_count == starts
