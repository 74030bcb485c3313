"""Serves gRPC on grpcio's C core, without its asyncio or thread-pool server.

Those two spend 0.15 to 0.2 ms of processor time on an empty call: a completion of
gRPC's core crosses two threads and several tasks, four times a call. Here one thread
takes the completions, offers each call to `direct` at once, and passes the others to
the event loop: 0.05 ms a call. Calls that arrive while it answers are taken together
afterwards. So calls come in groups under load, and no call waits for others to arrive.

`grpc._cython.cygrpc` is private; grpcio's own servers (`grpc/_server.py`) use these
classes in the same way. Only this module and `grpc_call` use them, and
test_grpc_core.py fails if they change.

Handlers are those of `grpc.aio`: coroutines that take a context, or asynchronous
generators. Unary and streaming answers are served; a streamed request has a streamed
answer (no service here needs another kind).
"""

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import grpc
from grpc._cython import cygrpc

from serving.server.grpc_call import NO_FLAGS, Aborted, Call
from serving.server.workers import call_on

_log = logging.getLogger(__name__)

# Number of completions that are taken before their calls are answered.
_GROUP = 64
# A deadline in the past: `poll` returns at once.
_AT_ONCE = 0.0
# Time for cancelled calls to end.
_LAST_SECONDS = 2.0
_CANCELLED = grpc.StatusCode.CANCELLED


class Direct(Protocol):
    """Answers calls without the event loop."""

    def take(self, call: Call, request: bytes) -> bool:
        """Takes a call, to answer it in `flush` or on a thread; False leaves it."""
        ...

    def flush(self) -> None:
        """Answers the calls that `take` kept for it; they arrived as one group."""
        ...


class _Details(NamedTuple):
    """The argument of `GenericRpcHandler.service`."""

    method: str
    invocation_metadata: Any


class CoreServer:
    """Listens and answers calls. Its coroutines belong to one event loop."""

    def __init__(
        self,
        options: Iterable[tuple[str, Any]],
        maximum_concurrent_rpcs: int | None,
        direct: Direct,
    ):
        """Creates the server, which does not listen yet.

        Args:
            options: arguments of the channels, as `grpc.server` takes them.
            maximum_concurrent_rpcs: more calls are refused with RESOURCE_EXHAUSTED.
            direct: gets every call with a unary request first.
        """
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(tuple(options), False)
        self._server.register_completion_queue(self._queue)
        self._limit = maximum_concurrent_rpcs
        self._direct = direct
        self._generic: list[grpc.GenericRpcHandler] = []
        # By path. Unknown paths are not kept: a client could fill the memory with them.
        self._handlers: dict[bytes, Any] = {}
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._stopping = self._is_shut_down = False
        self._thread = threading.Thread(
            target=self._serve, name="grpc-core", daemon=True
        )
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event

    def add_generic_rpc_handlers(
        self, handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        """Registers handlers, as `grpc.aio.Server` does."""
        self._generic.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Does nothing: generated code also registers them as generic handlers."""

    def add_insecure_port(self, address: str) -> int:
        """Listens; returns the port, or 0 if it is not available."""
        return int(self._server.add_http2_port(address.encode()))

    def add_secure_port(self, address: str, credentials: Any) -> int:
        """Listens with TLS; returns the port, or 0 if it is not available."""
        own = credentials._credentials
        return int(self._server.add_http2_port(address.encode(), own))

    async def start(self) -> None:
        """Starts to take calls."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._server.start()
        self._request_call()
        self._thread.start()

    async def stop(self, grace: float) -> None:
        """Stops taking calls; cancels those that still run after `grace` seconds."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            self._server.shutdown(self._queue, self._shut_down)
        try:
            await asyncio.wait_for(self._ended.wait(), grace)
        except TimeoutError:
            with self._lock:
                if not self._is_shut_down:
                    self._server.cancel_all_calls()
            for call in tuple(self._calls):
                if call.task is not None:
                    call.task.cancel()
            try:
                await asyncio.wait_for(self._ended.wait(), _LAST_SECONDS)
            except TimeoutError:
                _log.warning("%d calls did not end", len(self._calls))

    # --- on the core's thread -------------------------------------------------

    def _serve(self) -> None:
        """Takes completions until the server has shut down."""
        queue, none_there = self._queue, cygrpc.CompletionType.queue_timeout
        while not self._is_shut_down:
            event = queue.poll()
            for number in range(1, _GROUP + 1):
                try:
                    event.tag(event)
                except Exception:
                    _log.exception("A completion of gRPC's core failed")
                # The event may hold the last reference to a call, and the next poll
                # would wait for the end of that call (grpc/_server.py, _serve).
                event = None
                if number < _GROUP:
                    event = queue.poll(_AT_ONCE)
                    if event.completion_type == none_there:
                        break
            event = None
            self._direct.flush()
        # The lock waits for the end of `shutdown`, which still uses the server after
        # its completion has arrived (as in grpc/_server.py, _stop_serving).
        with self._lock:
            self._server.destroy()

    def _shut_down(self, event: Any) -> None:
        self._is_shut_down = True
        call_on(self._loop, self._ended.set)

    def _request_call(self) -> None:
        with self._lock:
            if not self._stopping:
                self._server.request_call(self._queue, self._queue, self._accept)

    def _accept(self, event: Any) -> None:
        """Takes a new call, and requests the next one."""
        if not event.success:
            return
        self._request_call()
        call = Call(event, self._find(event), self._calls.discard)
        self._calls.add(call)
        if call.handler is None:
            call.finish(None, grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        elif self._limit is not None and len(self._calls) > self._limit:
            call.finish(
                None,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "Concurrent RPC limit exceeded!",
            )
        elif call.handler.request_streaming:
            call_on(self._loop, self._begin, call, b"")
        else:
            operation = cygrpc.ReceiveMessageOperation(NO_FLAGS)
            call.start((operation,), functools.partial(self._received, call))

    def _find(self, event: Any) -> Any:
        path, metadata = event.call_details.method, event.invocation_metadata
        if path in self._handlers:
            return self._handlers[path]
        details = _Details(path.decode(errors="replace"), metadata)
        for handlers in self._generic:
            handler = handlers.service(details)
            if handler is not None:
                self._handlers[path] = handler
                return handler
        return None

    def _received(self, call: Call, event: Any) -> None:
        """Offers a call and its request to `direct`, or gives it to the event loop."""
        data = event.batch_operations[0].message()
        if data is None:
            # Cancelled, or a message over the limit: the core has already reported it.
            call.finish(None, _CANCELLED)
        elif not self._direct.take(call, data):
            call_on(self._loop, self._begin, call, data)

    # --- on the event loop ----------------------------------------------------

    def _begin(self, call: Call, data: bytes) -> None:
        call.task = self._loop.create_task(self._answer(call, data))
        # A task that is cancelled before its first step does not call `finish`.
        call.task.add_done_callback(lambda _: call.finish(None, _CANCELLED))
        call.watch()

    async def _answer(self, call: Call, data: bytes) -> None:
        """Runs a call's handler and sends its answer."""
        response, status = None, call.status
        try:
            response = await self._handled(call, data)
        except Aborted:
            status = call.status
        except asyncio.CancelledError:
            status = _CANCELLED, ""
        except Exception as error:
            _log.exception("%s failed", call.method)
            status = grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}"
        call.finish(response, *status)

    async def _handled(self, call: Call, data: bytes) -> bytes | None:
        handler = call.handler
        if handler.unary_unary is not None:
            response = await handler.unary_unary(_parsed(handler, data), call)
            serializer = handler.response_serializer
            return bytes(serializer(response) if serializer else response)
        if handler.stream_stream is not None:
            answers = handler.stream_stream(call.requests(), call)
        else:
            answers = handler.unary_stream(_parsed(handler, data), call)
        if inspect.isasyncgen(answers):
            async for answer in answers:
                await call.write(answer)
        else:
            await answers
        return None


def _parsed(handler: Any, data: bytes) -> Any:
    deserializer = handler.request_deserializer
    return deserializer(data) if deserializer else data
