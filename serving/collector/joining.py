"""Joins requests with their answers, which come as two events in either order."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
"""Types of the events of KServe's logger (kserve pkg/logger/worker.go)."""

NO_PARTNER, ID_TWICE, NO_ROOM = "no_partner", "id_twice", "no_room"
"""Why events are dropped: for the metric."""


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as their bodies.

    Attributes:
        path: What the request's event says of where it went.
    """

    request: bytes
    response: bytes
    path: str = ""


@dataclass(frozen=True)
class _Waiting:
    """An event without its partner; after an id came twice, neither kind nor body."""

    kind: str
    body: bytes
    since: float
    path: str = ""

    @property
    def bytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.body) + len(self.path) + _EVENT_BYTES


_EVENT_BYTES = 1 << 10
"""What an event takes beside its body and path, about: a body may be empty."""


class Joiner:
    """Holds events until their partners come, in bounded memory for a bounded time.

    KServe sends no answer that was an error, so some requests wait in vain. A caller
    may choose ids (`Ce-Id`), and may use one twice: which answer belongs to which
    request cannot be known then, and all events of that id are dropped for a while.
    """

    def __init__(
        self, seconds: float, max_bytes: int, dropped: Callable[[str, int], None]
    ) -> None:
        """Starts with none.

        Args:
            seconds: How long an event waits.
            max_bytes: Most bytes that wait; the oldest go for new ones.
            dropped: Told why events are dropped, and how many.
        """
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._waiting: OrderedDict[Hashable, _Waiting] = OrderedDict()
        self._bytes = 0

    def add(
        self, key: Hashable, kind: str, body: bytes, now: float, path: str = ""
    ) -> Exchange | None:
        """Takes an event; returns what it completes.

        Args:
            key: What both events of a request have in common.
            kind: `REQUEST` or `RESPONSE`.
            body: Of the event.
            now: Seconds, of a clock that never goes back.
            path: Where the request went, if the event says so.
        """
        self.expire(now)
        other = self._waiting.pop(key, None)
        if other is None:
            self._wait(key, _Waiting(kind, body, now, path))
            return None
        self._bytes -= other.bytes
        if {kind, other.kind} != {REQUEST, RESPONSE}:
            self._dropped(ID_TWICE, 1 if not other.kind else 2)
            self._wait(key, _Waiting("", b"", now))
            return None
        if kind == RESPONSE:
            return Exchange(other.body, body, other.path)
        return Exchange(body, other.body, path)

    def expire(self, now: float) -> None:
        """Drops what has waited for too long."""
        while self._waiting:
            first = next(iter(self._waiting.values()))
            if now - first.since < self._seconds:
                break
            self._drop_first(NO_PARTNER)

    def _wait(self, key: Hashable, event: _Waiting) -> None:
        self._waiting[key] = event
        self._bytes += event.bytes
        while self._bytes > self._max_bytes:
            self._drop_first(NO_ROOM)

    def _drop_first(self, why: str) -> None:
        _, event = self._waiting.popitem(last=False)
        self._bytes -= event.bytes
        if event.kind:
            self._dropped(why, 1)
