"""A gRPC server on grpcio's core, as a client sees it.

The server uses private classes of grpcio; these tests fail if those change.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from serving.server.grpc_call import Call
from serving.server.grpc_core import CoreServer

TIMEOUT = 20.0


class Echo(grpc.GenericRpcHandler):
    """Handlers of every kind, chosen by the last part of the path."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.left = asyncio.Event()
        self.gate = asyncio.Event()

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        name = details.method.rpartition("/")[2]
        behavior = getattr(self, name, None)
        if behavior is None:
            return None
        if name == "each":
            kind = grpc.stream_stream_rpc_method_handler
        elif name in ("spell", "write"):
            kind = grpc.unary_stream_rpc_method_handler
        else:
            kind = grpc.unary_unary_rpc_method_handler
        return kind(behavior, bytes, bytes)

    async def same(self, request: bytes, call: Call) -> bytes:
        return request

    async def remaining(self, request: bytes, call: Call) -> bytes:
        return str(call.time_remaining()).encode()

    async def metadata(self, request: bytes, call: Call) -> bytes:
        call.set_trailing_metadata((("x-back", "there"),))
        return str(dict(call.invocation_metadata())["x-out"]).encode()

    async def refuse(self, request: bytes, call: Call) -> bytes:
        await call.abort(grpc.StatusCode.NOT_FOUND, "nothing at all: é")
        raise AssertionError("abort raises")

    async def fail(self, request: bytes, call: Call) -> bytes:
        raise ValueError("a fault")

    async def wait(self, request: bytes, call: Call) -> bytes:
        self.entered.set()
        try:
            await self.gate.wait()
        finally:
            self.left.set()
        return request

    async def spell(self, request: bytes, call: Call) -> AsyncIterator[bytes]:
        for letter in request:
            yield bytes((letter,))

    async def write(self, request: bytes, call: Call) -> None:
        await call.write(request)
        await call.write(request)

    async def each(self, requests: Any, call: Call) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request.upper()


class Nothing:
    """Takes no call, unless the test allows it."""

    def __init__(self, path: bytes = b""):
        self.path = path
        self.taken: list[tuple[Call, bytes]] = []

    def take(self, call: Call, request: bytes) -> bool:
        if call.method != self.path:
            return False
        self.taken.append((call, request))
        return True

    def flush(self) -> None:
        for call, request in self.taken:
            call.finish(b"quick " + request)
        self.taken = []


class Served:
    """A server and a channel to it."""

    def __init__(self, quick: Nothing | None = None, limit: int | None = None):
        self.echo = Echo()
        self.server = CoreServer([("grpc.so_reuseport", 0)], limit, quick or Nothing())
        self.server.add_generic_rpc_handlers((self.echo,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    async def __aenter__(self) -> Served:
        await self.server.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.server.stop(0)
        await self.channel.close()

    def ask(self, name: str, request: bytes = b"", **options: Any) -> Any:
        options.setdefault("timeout", TIMEOUT)
        return self.channel.unary_unary(f"/test/{name}")(request, **options)

    async def code_of(self, name: str, **options: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await self.ask(name, **options)
        return failure.value.code(), failure.value.details()


async def test_it_answers() -> None:
    async with Served() as served:
        answers = await asyncio.gather(
            *(served.ask("same", b"%d" % i) for i in range(200))
        )
        assert answers == [b"%d" % i for i in range(200)]
        assert await served.ask("same", b"") == b""
        large = bytes(1 << 20)
        assert await served.ask("same", large) == large


async def test_names_and_values_go_both_ways() -> None:
    async with Served() as served:
        call = served.ask("metadata", metadata=(("x-out", "here"),))
        assert await call == b"here"
        assert ("x-back", "there") in tuple(await call.trailing_metadata())


async def test_handlers_know_the_deadline() -> None:
    async with Served() as served:
        # The core rounds the time up.
        assert 10 < float(await served.ask("remaining")) < TIMEOUT + 1
        assert await served.ask("remaining", timeout=None) == b"None"


async def test_errors() -> None:
    async with Served() as served:
        assert await served.code_of("nobody") == (
            grpc.StatusCode.UNIMPLEMENTED,
            "Method not found!",
        )
        assert await served.code_of("refuse") == (
            grpc.StatusCode.NOT_FOUND,
            "nothing at all: é",
        )
        code, details = await served.code_of("fail")
        assert code is grpc.StatusCode.UNKNOWN
        assert "a fault" in details


async def test_streams() -> None:
    async with Served() as served:
        spelt = served.channel.unary_stream("/test/spell")(b"abc", timeout=TIMEOUT)
        assert [letter async for letter in spelt] == [b"a", b"b", b"c"]
        written = served.channel.unary_stream("/test/write")(b"a", timeout=TIMEOUT)
        assert [letter async for letter in written] == [b"a", b"a"]
        each = served.channel.stream_stream("/test/each")
        answers = each(iter([b"a", b"b"]), timeout=TIMEOUT)
        assert [answer async for answer in answers] == [b"A", b"B"]
        never = each(itertools.repeat(b"a"), timeout=TIMEOUT)
        async for answer in never:
            assert answer == b"A"
            break
        never.cancel()


async def test_who_goes_away_ends_the_handler() -> None:
    async with Served() as served:
        call = served.ask("wait")
        await asyncio.wait_for(served.echo.entered.wait(), TIMEOUT)
        call.cancel()
        await asyncio.wait_for(served.echo.left.wait(), TIMEOUT)
        code, _ = await served.code_of("wait", timeout=0.2)
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await served.ask("same", b"x") == b"x"


async def test_nothing_is_left_of_those_who_go_away_at_once() -> None:
    async with Served() as served:
        for turn in range(40):
            call = served.ask("wait", timeout=TIMEOUT if turn % 2 else 0.001)
            await asyncio.sleep(turn % 4 / 1000)
            call.cancel()
        # The stop would wait for a call that is not finished.
        await asyncio.wait_for(served.server.stop(2 * TIMEOUT), TIMEOUT)


async def test_more_calls_than_the_limit() -> None:
    async with Served(limit=1) as served:
        waiting = served.ask("wait")
        await asyncio.wait_for(served.echo.entered.wait(), TIMEOUT)
        code, _ = await served.code_of("same")
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        served.echo.gate.set()
        assert await waiting == b""
        assert await served.ask("same", b"x", wait_for_ready=True) == b"x"


async def test_quick_calls_are_answered_on_the_core_s_thread() -> None:
    async with Served(Nothing(b"/test/same")) as served:
        # These are more than one group of completions.
        asked = [served.ask("same", b"%d" % i) for i in range(200)]
        assert await asyncio.gather(*asked) == [b"quick %d" % i for i in range(200)]
        assert await served.ask("remaining", timeout=None) == b"None"


async def test_stopping_waits_for_what_runs() -> None:
    async with Served() as served:
        waiting = served.ask("wait", b"x")
        await asyncio.wait_for(served.echo.entered.wait(), TIMEOUT)
        stopping = asyncio.create_task(served.server.stop(TIMEOUT))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        served.echo.gate.set()
        assert await waiting == b"x"
        await stopping


async def test_stopping_ends_what_outlasts_the_grace() -> None:
    async with Served() as served:
        waiting = served.ask("wait")
        await asyncio.wait_for(served.echo.entered.wait(), TIMEOUT)
        await served.server.stop(0.05)
        with pytest.raises(grpc.aio.AioRpcError):
            await waiting
        assert served.echo.left.is_set()


class SlowToReturn:
    """The core's server; its shutdown ends before the call returns."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def shutdown(self, *arguments: Any) -> None:
        self._server.shutdown(*arguments)
        # Meanwhile the core's thread takes the completion.
        time.sleep(0.3)
        self.done.append("shutdown returned")

    def destroy(self) -> None:
        self.done.append("destroyed")
        self._server.destroy()


async def test_the_core_is_kept_until_its_shutdown_has_returned() -> None:
    """Use after free would end the process."""
    async with Served() as served:
        slow = SlowToReturn(served.server._server)
        served.server._server = slow
        await served.server.stop(TIMEOUT)
        served.server._thread.join(TIMEOUT)
        assert slow.done == ["shutdown returned", "destroyed"]
