"""Serves tensorflow.ProfilerService on the gRPC port, with TensorFlow's own profiler.

`tf.profiler.experimental.client.trace("grpc://localhost:8500", ...)` and TensorBoard's
capture work as with tensorflow_model_server. The messages have the used fields of
tsl/profiler/protobuf/{profiler_service,profiler_options}.proto; the pip package has
them only in C++. The answer contains the trace. The path in a request is ignored:
otherwise any client of the port could write to any path.
"""

import asyncio
import glob
import os
import tempfile
import time
from typing import Any

import tensorflow as tf

from serving.server.batching import GRPC
from serving.server.errors import Code, ServingError
from serving.server.messages import declare
from serving.server.service import Caller
from serving.server.workers import Pools

SERVICE = "tensorflow.ProfilerService"
# The thread pool that starts, stops and reads traces.
_GROUP = "profiler"
# A trace slows requests down and is kept in memory.
_LONGEST_SECONDS = 60.0
_STEP_SECONDS = 0.05
_RESULTS = "plugins/profile/*/*.xplane.pb"
# The file name that TensorBoard expects, after the host's name.
_TOOL = "xplane.pb"

message = declare(
    "tensorflow",
    {
        "ProfileOptions": """
            uint32 host_tracer_level = 2;
            uint32 device_tracer_level = 3;
            uint32 python_tracer_level = 4;
        """,
        "ProfileRequest": """
            uint64 duration_ms = 1;
            ProfileOptions opts = 4;
            string session_id = 6;
        """,
        "ProfileToolData": """
            string name = 1;
            bytes data = 2;
        """,
        "ProfileResponse": """
            repeated ProfileToolData tool_data = 6;
            bool empty_trace = 7;
        """,
        "TerminateRequest": "string session_id = 1;",
        "TerminateResponse": "",
    },
)


class Profiler:
    """The methods. They allow one trace at a time: TensorFlow has one profiler."""

    def __init__(self, pools: Pools):
        self._pools = pools
        self._session: str | None = None
        self._ended = False

    async def profile(self, request: Any, caller: Caller) -> Any:
        """Traces for the requested time and returns the trace.

        Raises:
            ServingError: ALREADY_EXISTS, another trace runs.
        """
        if self._session is not None:
            raise ServingError(Code.ALREADY_EXISTS, "Another profiler is running.")
        self._session, self._ended = request.session_id, False
        options = tf.profiler.experimental.ProfilerOptions(
            host_tracer_level=request.opts.host_tracer_level or 2,
            python_tracer_level=request.opts.python_tracer_level,
            device_tracer_level=request.opts.device_tracer_level or 1,
        )
        try:
            with tempfile.TemporaryDirectory() as folder:
                await self._call(tf.profiler.experimental.start, folder, options)
                try:
                    await self._wait(request.duration_ms / 1000)
                finally:
                    await asyncio.shield(self._call(tf.profiler.experimental.stop))
                return await self._call(_response, folder)
        finally:
            self._session = None

    async def _wait(self, seconds: float) -> None:
        end = time.monotonic() + min(seconds, _LONGEST_SECONDS)
        while time.monotonic() < end and not self._ended:
            await asyncio.sleep(_STEP_SECONDS)

    async def terminate(self, request: Any, caller: Caller) -> Any:
        """Ends a trace early."""
        if self._session is None or request.session_id != self._session:
            raise ServingError(
                Code.NOT_FOUND, f"No profiler session {request.session_id}"
            )
        self._ended = True
        return message("TerminateResponse")()

    async def _call(self, function: Any, *arguments: Any) -> Any:
        return await self._pools.call(_GROUP, GRPC, function, *arguments)


def _response(folder: str) -> Any:
    """Returns the answer, with the trace that TensorFlow wrote to `folder`."""
    response = message("ProfileResponse")()
    for path in glob.glob(os.path.join(folder, _RESULTS)):
        with open(path, "rb") as file:
            response.tool_data.add(name=_TOOL, data=file.read())
    response.empty_trace = not response.tool_data
    return response
