"""The REST port's connections: accepted, bounded, and dropped when they say nothing.

aiohttp waits for ever for a request's head, and asyncio logs every failed accept. Here
a connection without a whole request, or whose client does not take its answer, is
dropped after a while (libevent's servers have a read timeout, too); there are never
more connections than files that may be open; and where all are taken, a new one
replaces the one that has been idle for longest.
"""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

_log = logging.getLogger(__name__)

_BACKLOG = 128
# Files that models, gRPC and the log need besides.
_RESERVED_FILES = 64
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _affordable(most: int) -> int:
    """Return for how many connections files may be open; gRPC's need some, too."""
    wanted = 2 * most + _RESERVED_FILES
    files, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < wanted:
        # Up to its hard limit a process may raise the soft one itself.
        files = wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, limit))
    if files == resource.RLIM_INFINITY:
        return most
    return max(8, (files - _RESERVED_FILES) // 2)


class Connections:
    """All connections of one port."""

    def __init__(self, most: int, patience: float):
        """Prepare it.

        Args:
            most: connections at a time; fewer where fewer files may be open.
            patience: seconds for a request's head to come, or an answer to go.
        """
        self._most = min(most, _affordable(most))
        self._patience = patience
        # Those without a request at hand, the one idle for longest first.
        self._idle: dict[_Guard, None] = {}
        self._open: dict[Any, _Guard] = {}
        self._socket: socket.socket | None = None
        self._factory: Callable[[], Any] | None = None

    def listen(self, host: str, port: int, factory: Callable[[], Any]) -> None:
        """Open the port.

        Raises:
            OSError: it cannot be had.
        """
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self._socket, self._factory = listening, factory
        self._resume()

    def close(self) -> None:
        """Take no more connections; those there are stay."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def drained(self, deadline: float) -> None:
        """Wait until no request is worked on, or `time.monotonic()` is `deadline`."""
        while len(self._open) > len(self._idle) and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)

    def drop_all(self) -> None:
        """Close every connection."""
        for guard in tuple(self._open.values()):
            guard.close()

    @contextlib.contextmanager
    def busy(self, transport: Any) -> Iterator[None]:
        """Mark a connection as one whose request is worked on."""
        guard = self._open.get(transport)
        if guard is None:
            yield
            return
        guard.work()
        try:
            yield
        finally:
            guard.rest()

    # --- accepting -----------------------------------------------------------

    def _resume(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        """Leave what knocks to the kernel's queue for a moment."""
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.call_later(_RETRY_SECONDS, self._resume)

    def _accept(self) -> None:
        assert self._socket is not None
        assert self._factory is not None
        loop = asyncio.get_running_loop()
        for _ in range(_BACKLOG):
            if len(self._open) >= self._most and not self._drop_idle():
                _log.warning("All %d REST connections are at work", self._most)
                self._pause()
                return
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_FILES:
                    raise
                if not self._drop_idle():
                    _log.warning("No REST connection can be taken: %s", error)
                    self._pause()
                # Its file is closed by the time the loop comes back here.
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            guard = _Guard(self._factory(), self)
            self._open[guard] = guard
            task = loop.create_task(self._connect(guard, accepted))
            guard.connecting = task

    async def _connect(self, guard: "_Guard", accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: guard, accepted)
        except OSError:
            self._open.pop(guard, None)
            accepted.close()

    def _drop_idle(self) -> bool:
        """Close the connection that has been idle for longest, if there is one."""
        guard = next(iter(self._idle), None)
        if guard is None:
            return False
        guard.drop()
        return True

    # --- what a guard tells --------------------------------------------------

    def opened(self, guard: "_Guard", transport: Any) -> None:
        """Know a connection by its transport."""
        self._open.pop(guard, None)
        self._open[transport] = guard

    def closed(self, guard: "_Guard", transport: Any) -> None:
        """Forget one."""
        self._idle.pop(guard, None)
        self._open.pop(transport, None)

    def idle(self, guard: "_Guard") -> asyncio.TimerHandle:
        """Put it last among the idle ones; return what looks after it in the end."""
        self._idle.pop(guard, None)
        self._idle[guard] = None
        return asyncio.get_running_loop().call_later(self._patience, guard.expire)

    def at_work(self, guard: "_Guard") -> None:
        """Take it from the idle ones."""
        self._idle.pop(guard, None)


class _Guard(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol, and keeps the time."""

    def __init__(self, inner: Any, connections: Connections):
        self._inner = inner
        self._connections = connections
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = sys.maxsize
        # The task that connects it, which the loop itself would not keep alive.
        self.connecting: Any = None

    def work(self) -> None:
        """A whole head is there: its request has time limits of its own."""
        self._stop_timer()
        self._connections.at_work(self)

    def rest(self) -> None:
        """Its answer is on its way: the next head has to come in time."""
        if self._transport is not None:
            self._start_timer()

    def expire(self) -> None:
        """Close it, unless its client still takes what it is sent."""
        if self._transport is None:
            return
        unsent = self._transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._timer = self._connections.idle(self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection, whatever is under way."""
        if self._transport is not None:
            self._connections.closed(self, self._transport)
            self._transport.abort()

    def close(self) -> None:
        """Close the connection once what is written is sent."""
        if self._transport is not None:
            self._transport.close()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._unsent = sys.maxsize
        self._timer = self._connections.idle(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        self._transport = transport
        self._connections.opened(self, transport)
        self._start_timer()
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Stop it."""
        self._stop_timer()
        self._connections.closed(self, self._transport)
        self._transport = None
        self._inner.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Pass it on; a byte now and then does not stop the clock."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        result: bool | None = self._inner.eof_received()
        return result

    def pause_writing(self) -> None:
        """The client does not take its answer: the clock runs (see `rest`)."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()
