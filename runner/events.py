"""Turns TFX's log messages into events of a run.

LocalDagRunner has no listeners, but it logs. The messages below come from it and from
the launcher (tfx/orchestration/local/local_dag_runner.py, portable/launcher.py).
Only the live screen and the early start of a process depend on them: without them, a
run has the same results, which are read from ML Metadata.
`tests/runner/test_events.py` fails when a new TFX no longer logs these messages.
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
    """An event of a component.

    Attributes:
        kind: `started`, `cached` (its outputs were reused), `finished`, or a message
            of the node itself: `progress`, `refused` or `skipped`.
        node: The component's node id; empty for the component that runs now.
        text: The node's message.
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
        """Passes an event to the listener if the record stands for one."""
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
