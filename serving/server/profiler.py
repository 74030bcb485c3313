"""tensorflow.ProfilerService on the gRPC port, by TensorFlow's own profiler.

So that `tf.profiler.experimental.client.trace("grpc://localhost:8500", ...)` and
TensorBoard's capture work as with tensorflow_model_server. Messages: the fields used of
tsl/profiler/protobuf/{profiler_service,profiler_options}.proto; the pip package has
their C++ only. The trace goes back in the answer. The path that a request names is not
written to: whoever reaches the port would write where they like.
"""

from __future__ import annotations

import asyncio
import functools
import glob
import os
import tempfile
import time
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from serving.server.batching import GRPC
from serving.server.errors import Code, ServingError, as_serving_error
from serving.server.grpc_core import Call
from serving.server.workers import Pools

SERVICE = "tensorflow.ProfilerService"
# Whose threads start, stop and read a trace.
_GROUP = "profiler"
# A trace slows requests down and is kept in memory.
_LONGEST_SECONDS = 60.0
_STEP_SECONDS = 0.05
_RESULTS = "plugins/profile/*/*.xplane.pb"
# What TensorBoard looks for, after the host's name.
_TOOL = "xplane.pb"

_F = descriptor_pb2.FieldDescriptorProto
# message -> fields: name, number, type (a scalar, or the name of a message), repeated.
_MESSAGES: dict[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "ProfileOptions": (
        ("host_tracer_level", 2, _F.TYPE_UINT32, False),
        ("device_tracer_level", 3, _F.TYPE_UINT32, False),
        ("python_tracer_level", 4, _F.TYPE_UINT32, False),
    ),
    "ProfileRequest": (
        ("duration_ms", 1, _F.TYPE_UINT64, False),
        ("opts", 4, "ProfileOptions", False),
        ("session_id", 6, _F.TYPE_STRING, False),
    ),
    "ProfileToolData": (
        ("name", 1, _F.TYPE_STRING, False),
        ("data", 2, _F.TYPE_BYTES, False),
    ),
    "ProfileResponse": (
        ("tool_data", 6, "ProfileToolData", True),
        ("empty_trace", 7, _F.TYPE_BOOL, False),
    ),
    "TerminateRequest": (("session_id", 1, _F.TYPE_STRING, False),),
    "TerminateResponse": (),
}


@functools.cache
def message(name: str) -> Any:
    """Return the class of a message of the service."""
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_server_profiler.proto", package="tensorflow", syntax="proto3"
    )
    for message_name, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message_name)
        for field_name, number, kind, repeated in fields:
            of_message = isinstance(kind, str)
            declared.field.add(
                name=field_name,
                number=number,
                label=_F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL,
                type=_F.TYPE_MESSAGE if isinstance(kind, str) else kind,
                type_name=f".tensorflow.{kind}" if of_message else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(f"tensorflow.{name}")
    return message_factory.GetMessageClass(found)


class Profiler:
    """The handlers; one trace at a time, as TensorFlow has one profiler."""

    def __init__(self, pools: Pools):
        """Prepare them; `pools` has the threads."""
        self._pools = pools
        self._session: str | None = None
        self._ended = False

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what gRPC registers."""
        methods = {
            name: grpc.unary_unary_rpc_method_handler(
                functools.partial(self._answer, call),
                request_deserializer=message(request).FromString,
                response_serializer=lambda response: response.SerializeToString(),
            )
            for name, call, request in (
                ("Profile", self._profile, "ProfileRequest"),
                ("Terminate", self._terminate, "TerminateRequest"),
            )
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _answer(self, call: Any, request: Any, context: Call) -> Any:
        try:
            return await call(request)
        except Exception as failure:
            error = as_serving_error(failure)
            await context.abort(grpc.StatusCode[error.code.name], error.wire_message)
            raise AssertionError("abort raises") from failure

    async def _profile(self, request: Any) -> Any:
        """Trace for a while; return the trace.

        Raises:
            ServingError: ALREADY_EXISTS, another trace is on.
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

    async def _terminate(self, request: Any) -> Any:
        """End a trace before its time."""
        if self._session is None or request.session_id != self._session:
            raise ServingError(
                Code.NOT_FOUND, f"No profiler session {request.session_id}"
            )
        self._ended = True
        return message("TerminateResponse")()

    async def _call(self, function: Any, *arguments: Any) -> Any:
        return await self._pools.call(_GROUP, GRPC, function, *arguments)


def _response(folder: str) -> Any:
    """Return what TensorFlow has written as the answer."""
    response = message("ProfileResponse")()
    for path in glob.glob(os.path.join(folder, _RESULTS)):
        with open(path, "rb") as file:
            response.tool_data.add(name=_TOOL, data=file.read())
    response.empty_trace = not response.tool_data
    return response
