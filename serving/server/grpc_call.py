"""Handles one gRPC call on grpcio's C core, and is its handler's context.

Only this module and `grpc_core` use `grpc._cython.cygrpc`, which is private.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
from grpc._cython import cygrpc

from serving.server.workers import call_on, settle

NO_FLAGS = 0
# Longer than any deadline. Without one, the core reports the year 292 billion.
_NEVER_SECONDS = 1e12
_OK = grpc.StatusCode.OK


class Aborted(Exception):
    """A handler has called `abort`."""


class Call:
    """One call, and the context that its handler gets.

    Attributes:
        method: its path.
        gone: whether the caller no longer waits; kept up to date after `watch`.
        parsed: the request's message, if `direct` has already parsed it.
        status: code and details that it ends with.
        task: the task that answers it on the event loop.
    """

    __slots__ = (
        "_begun",
        "_call",
        "_deadline",
        "_ended",
        "_finished",
        "_metadata",
        "_trailing",
        "_watched",
        "gone",
        "handler",
        "method",
        "parsed",
        "status",
        "task",
    )

    def __init__(self, event: Any, handler: Any, ended: Callable[["Call"], None]):
        self._ended = ended
        self._call = event.call
        self._deadline = event.call_details.deadline
        self._metadata = event.invocation_metadata
        self.status: tuple[grpc.StatusCode, str] = (_OK, "")
        self._trailing: tuple[tuple[str, str], ...] | None = None
        self._begun = self._finished = self._watched = False
        self.gone = False
        self.method = event.call_details.method
        self.handler = handler
        self.parsed: Any = None
        self.task: asyncio.Task[None] | None = None

    # --- used by handlers -----------------------------------------------------

    def invocation_metadata(self) -> Any:
        """Returns the names and values of the request's metadata."""
        return self._metadata

    def time_remaining(self) -> float | None:
        """Returns the seconds until the caller's deadline, or None without one."""
        seconds = self._deadline - time.time()
        return None if seconds > _NEVER_SECONDS else max(0.0, seconds)

    def set_trailing_metadata(self, metadata: tuple[tuple[str, str], ...]) -> None:
        """Sets the names and values to send after the answer."""
        self._trailing = metadata

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None:
        """Ends the call with an error, by raising `Aborted`."""
        self.status = code, details
        raise Aborted

    async def write(self, message: Any) -> None:
        """Sends one message of a streamed answer."""
        data = self.handler.response_serializer(message)
        sent = cygrpc.SendMessageOperation(data, NO_FLAGS)
        if not await self._batch((*self._beginning(), sent)):
            raise asyncio.CancelledError

    async def requests(self) -> AsyncIterator[Any]:
        """Yields the messages of a streamed request."""
        while True:
            operation = cygrpc.ReceiveMessageOperation(NO_FLAGS)
            await self._batch((operation,))
            data = operation.message()
            if data is None:
                return
            yield self.handler.request_deserializer(data)

    # --- used by the server and `direct` ---------------------------------------

    def finish(
        self,
        response: bytes | None,
        code: grpc.StatusCode = _OK,
        details: str = "",
    ) -> None:
        """Sends the answer, if there is one, and the status. Any thread may call it."""
        if self._finished:
            return
        self._finished = True
        operations = [*self._beginning()]
        if response is not None:
            operations.append(cygrpc.SendMessageOperation(response, NO_FLAGS))
        operations.append(
            cygrpc.SendStatusFromServerOperation(
                self._trailing, code.value[0], details.encode(), NO_FLAGS
            )
        )
        if not self._watched:
            operations.append(cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS))
        self.start(operations, self._end)

    def start(self, operations: Sequence[Any], then: Callable[[Any], None]) -> None:
        """Starts operations of the core; it calls `then` on its thread at their end."""
        self._call.start_server_batch(operations, then)

    def watch(self) -> None:
        """Sets `gone` and cancels `task` as soon as the caller no longer waits."""
        self._watched = True
        operation = cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS)

        def closed(event: Any) -> None:
            self.gone = bool(operation.cancelled())
            if self.gone and self.task is not None:
                call_on(self.task.get_loop(), self.task.cancel)

        self.start((operation,), closed)

    def _beginning(self) -> tuple[Any, ...]:
        if self._begun:
            return ()
        self._begun = True
        return (cygrpc.SendInitialMetadataOperation(None, NO_FLAGS),)

    def _end(self, event: Any) -> None:
        self._ended(self)

    async def _batch(self, operations: Sequence[Any]) -> bool:
        """Runs operations of the core; returns whether they succeeded."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()

        def completed(event: Any) -> None:
            call_on(loop, settle, future, bool(event.success))

        self.start(operations, completed)
        return await future
