"""What happens in a run, as it happens.

LocalDagRunner has no listeners, but it logs; the messages below are its and the
launcher's (tfx/orchestration/local/local_dag_runner.py, portable/launcher.py).
Only what is shown while a run goes on and what is begun ahead hang on them: without,
a run comes to the same. Results are read from ML Metadata.
`tests/runner/test_events.py` tells when a TFX no longer says them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from contract import progress

STARTED_MESSAGE = "Component %s is running."
FINISHED_MESSAGE = "Component %s is finished."
CACHED_MESSAGE = "A cached execution %d is used."


@dataclass(frozen=True)
class Event:
    """Something that happened to a component.

    Attributes:
        kind: `started`, `cached` (its outputs were reused), `finished`, or what a
            node tells of itself: `progress`, `refused` or `skipped`.
        node: The component's node id; empty where it is the one that runs.
        text: What it tells.
    """

    kind: str
    node: str = ""
    text: str = ""


class EventHandler(logging.Handler):
    """Turns log records into events and passes them on."""

    def __init__(self, listener: Callable[[Event], None]) -> None:
        super().__init__(logging.INFO)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        """Tells the listener, if the record is one of those that matter."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        if record.name == progress.LOGGER:
            kind = getattr(record, progress.KIND, progress.NOTE)
            self._listener(Event(kind, text=record.getMessage()))
        elif record.msg == STARTED_MESSAGE:
            self._listener(Event("started", str(arguments[0])))
        elif record.msg == FINISHED_MESSAGE:
            self._listener(Event("finished", str(arguments[0])))
        elif record.msg == CACHED_MESSAGE:
            self._listener(Event("cached"))
