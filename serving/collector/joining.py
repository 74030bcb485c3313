"""Joins each request with its answer; they come as two events in either order."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
"""Types of the events of KServe's logger (kserve pkg/logger/worker.go)."""

NO_PARTNER, ID_TWICE, NO_ROOM = "no_partner", "id_twice", "no_room"
"""Reasons for which events are dropped; they are label values of the metric."""


@dataclass(frozen=True)
class Exchange:
    """The bodies of a request and of its answer.

    Attributes:
        path: The request's path, as far as its event has it.
    """

    request: bytes
    response: bytes
    path: str = ""


@dataclass(frozen=True)
class _Waiting:
    """An event that waits for its partner.

    For an id that was used twice, kind and body are empty.
    """

    kind: str
    body: bytes
    since: float
    path: str = ""

    @property
    def bytes(self) -> int:
        """Returns the memory that it takes, roughly."""
        return len(self.body) + len(self.path) + _EVENT_BYTES


_EVENT_BYTES = 1 << 10
"""Memory of an event besides its body and path, roughly: a body may be empty."""


class Joiner:
    """Holds events until their partners come, in bounded memory for a bounded time.

    KServe sends no event for an answer that was an error, so some requests get no
    partner. A caller may choose the id (`Ce-Id`), and may use it twice. Then nothing
    tells which answer belongs to which request, so all events of that id are dropped
    for the waiting time.
    """

    def __init__(
        self, seconds: float, max_bytes: int, dropped: Callable[[str, int], None]
    ) -> None:
        """Starts with no waiting events.

        Args:
            seconds: How long an event waits.
            max_bytes: Most bytes that wait; the oldest events are dropped for new ones.
            dropped: Called with the reason and the number of dropped events.
        """
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._waiting: OrderedDict[Hashable, _Waiting] = OrderedDict()
        self._bytes = 0

    def add(
        self, key: Hashable, kind: str, body: bytes, now: float, path: str = ""
    ) -> Exchange | None:
        """Takes an event; returns the exchange that it completes, or None.

        Args:
            key: Identifies the request; the same for both of its events.
            kind: `REQUEST` or `RESPONSE`.
            body: The event's body.
            now: Seconds of a monotonic clock.
            path: The request's path, if the event has it.
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
        """Drops the events that have waited for too long."""
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
