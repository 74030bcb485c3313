"""Accepts the REST port's connections, limits their number, and closes silent ones.

aiohttp waits for ever for a request's head, and asyncio logs every failed accept. Here
a connection is closed after a time limit if it has no complete request, or if its
client does not read the answer (libevent's servers have a read timeout, too). There are
never more connections than files that may be open. If all are taken, a new connection
replaces the one that has been idle for the longest time.
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
# Open files that models, gRPC and the log need in addition.
_RESERVED_FILES = 64
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def _affordable(most: int) -> int:
    """Returns how many connections the file limit allows; gRPC gets the other half."""
    wanted = 2 * most + _RESERVED_FILES
    files, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < wanted:
        # A process may raise its soft limit up to the hard limit.
        files = wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, limit))
    if files == resource.RLIM_INFINITY:
        return most
    return max(8, (files - _RESERVED_FILES) // 2)


class Connections:
    """All connections of one port."""

    def __init__(self, most: int, patience: float):
        """Sets the limits.

        Args:
            most: connections at a time; fewer if fewer files may be open.
            patience: seconds to receive a request's head, or to send an answer.
        """
        self._most = min(most, _affordable(most))
        self._patience = patience
        # Connections without a running request; the longest idle one is first.
        self._idle: dict[_Guard, None] = {}
        self._open: set[_Guard] = set()
        self._socket: socket.socket | None = None
        self._factory: Callable[[], Any] | None = None

    def listen(self, host: str, port: int, factory: Callable[[], Any]) -> None:
        """Opens the port.

        Raises:
            OSError: the port is not available.
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
        """Stops accepting connections; the open ones stay."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def drained(self, deadline: float) -> None:
        """Waits until no request runs, or until `time.monotonic()` is `deadline`."""
        while len(self._open) > len(self._idle) and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)

    def drop_all(self) -> None:
        """Closes every connection."""
        for guard in tuple(self._open):
            guard.close()

    @contextlib.contextmanager
    def busy(self, transport: Any) -> Iterator[None]:
        """Marks a connection as busy while its request runs."""
        # A connection that its client has closed has no transport.
        guard = transport.get_protocol() if transport is not None else None
        if guard not in self._open:
            yield
            return
        self._idle.pop(guard, None)
        guard.stop_timer()
        try:
            yield
        finally:
            guard.start_timer()

    # --- accepting -----------------------------------------------------------

    def _resume(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        """Leaves new connections in the kernel's queue for `_RETRY_SECONDS`."""
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
                # The dropped connection's file is closed before the next accept.
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            guard = _Guard(self._factory(), self)
            self._open.add(guard)
            guard.connecting = loop.create_task(self._connect(guard, accepted))

    async def _connect(self, guard: "_Guard", accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: guard, accepted)
        except OSError:
            self._open.discard(guard)
            accepted.close()

    def _drop_idle(self) -> bool:
        """Closes the longest idle connection; returns whether there was one."""
        guard = next(iter(self._idle), None)
        if guard is None:
            return False
        guard.drop()
        return True

    # --- called by guards ----------------------------------------------------

    def closed(self, guard: "_Guard") -> None:
        """Removes a closed connection."""
        self._idle.pop(guard, None)
        self._open.discard(guard)

    def idle(self, guard: "_Guard") -> asyncio.TimerHandle:
        """Makes a connection the last idle one; returns the timer that closes it."""
        self._idle.pop(guard, None)
        self._idle[guard] = None
        return asyncio.get_running_loop().call_later(self._patience, guard.expire)


class _Guard(asyncio.Protocol):
    """Passes events of a transport to aiohttp's protocol, and applies time limits."""

    def __init__(self, inner: Any, connections: Connections):
        self._inner = inner
        self._connections = connections
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = sys.maxsize
        # The task that connects it: the event loop alone would not keep it alive.
        self.connecting: Any = None

    def expire(self) -> None:
        """Closes the connection, unless its client still reads the answer."""
        if self._transport is None:
            return
        unsent = self._transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self._timer = self._connections.idle(self)
        else:
            self.drop()

    def drop(self) -> None:
        """Closes the connection at once, even during a request."""
        if self._transport is not None:
            self._connections.closed(self)
            self._transport.abort()

    def close(self) -> None:
        """Closes the connection after the written data is sent."""
        if self._transport is not None:
            self._transport.close()

    def start_timer(self) -> None:
        """Starts it again: the answer must be sent and the next head must arrive."""
        self.stop_timer()
        if self._transport is not None:
            self._unsent = sys.maxsize
            self._timer = self._connections.idle(self)

    def stop_timer(self) -> None:
        """Stops the timer: a request runs, which has a limit of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_made(self, transport: Any) -> None:
        """Starts the timer."""
        self._transport = transport
        self.start_timer()
        self._inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Stops the timer."""
        self.stop_timer()
        self._connections.closed(self)
        self._transport = None
        self._inner.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Passes the data on; a byte now and then does not stop the timer."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        result: bool | None = self._inner.eof_received()
        return result

    def pause_writing(self) -> None:
        """Passes it on; the timer also runs while the client does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
