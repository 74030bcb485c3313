"""Registers the gRPC services: tensorflow.serving's two, health and reflection."""

import functools
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from tensorflow_serving.apis import model_management_pb2

from serving.server import model_info, profiler, service_descriptors
from serving.server.batching import GRPC
from serving.server.direct import DirectPredict
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.grpc_call import Call
from serving.server.grpc_core import CoreServer
from serving.server.service import (
    APIS,
    LARGE,
    Caller,
    PredictionService,
    deadline_after,
)
from serving.server.service_descriptors import MODEL_SERVICE, PREDICTION_SERVICE
from serving.server.workers import NO_MODEL

# Names that the health service knows: "" for the whole server, the full names, and the
# short names that tensorflow_model_server sets (server.cc).
HEALTH_SERVICES = (
    "",
    PREDICTION_SERVICE,
    MODEL_SERVICE,
    "PredictionService",
    "ModelService",
)

# Calls that the metrics count, as in TensorFlow Serving.
_COUNTED = ("Predict", "Classify", "Regress")

# Takes a request message and its caller; returns a message or its bytes.
_Call = Callable[[Any, Caller], Awaitable[Any]]


class GrpcServices:
    """The handlers of one server."""

    def __init__(self, service: PredictionService):
        self._service = service
        self.health = health.aio.HealthServicer()
        self.direct = DirectPredict(service)

    def add_to(self, server: CoreServer) -> None:
        """Registers all services with `server`."""
        service = self._service
        calls: dict[str, dict[str, _Call]] = {
            PREDICTION_SERVICE: {
                **{api: functools.partial(service.answer, api) for api in APIS},
                "GetModelMetadata": self._metadata,
            },
            MODEL_SERVICE: {
                "GetModelStatus": self._status,
                "HandleReloadConfigRequest": self._reload,
            },
        }
        if service.options.enable_profiler:
            # It traces the whole process; `--bind_address` limits who reaches it.
            traces = profiler.Profiler(service.pools)
            calls[profiler.SERVICE] = {
                "Profile": traces.profile,
                "Terminate": traces.terminate,
            }
        for name, methods in calls.items():
            handlers = {
                method: self._handler(_request_class(name, method), call, method)
                for method, call in methods.items()
            }
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(name, handlers),)
            )
        service_descriptors.declare()
        names = [PREDICTION_SERVICE, MODEL_SERVICE, reflection.SERVICE_NAME]
        if service.options.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
            names.append(health.SERVICE_NAME)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            reflection.aio.ReflectionServicer(names), server
        )

    async def set_serving(self, serving: bool) -> None:
        """Sets the health status: whether the server takes requests."""
        status = health_pb2.HealthCheckResponse
        for name in HEALTH_SERVICES:
            await self.health.set(
                name, status.SERVING if serving else status.NOT_SERVING
            )

    def _handler(self, message: Any, call: _Call, api: str) -> grpc.RpcMethodHandler:
        """Wraps a call: it takes and returns bytes, and turns errors into statuses.

        With bytes, a response need not be built as a message first.
        """
        parse = message.FromString
        counted = api in _COUNTED
        pools = self._service.pools

        async def handle(data: bytes, context: Call) -> bytes:
            start = time.perf_counter()
            name = ""
            try:
                if context.parsed is not None:
                    request = context.parsed
                elif len(data) <= LARGE:
                    request = parse(data)
                else:
                    request = await pools.call(NO_MODEL, GRPC, parse, data)
                if counted:
                    name = request.model_spec.name
                caller = Caller(
                    GRPC,
                    deadline_after(context.time_remaining()),
                    context.invocation_metadata,
                    len(data),
                )
                response = await call(request, caller)
                if not isinstance(response, bytes):
                    response = response.SerializeToString()
                if caller.logged_as:
                    context.set_trailing_metadata((("x-request-id", caller.logged_as),))
            except DecodeError:
                # gRPC's own code for this error: doc/statuscodes.md.
                error = ServingError(
                    Code.INTERNAL, f"Error parsing request: no {message.__name__}"
                )
            except Exception as failure:
                error = as_serving_error(failure)
            else:
                if counted:
                    self._service.answered(name, api, "GRPC", "OK", start)
                return bytes(response)
            if counted:
                status = error.code.name
                self._service.answered(name, api, "GRPC", status, start)
            await context.abort(error.code, error.wire_message)
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(handle)

    async def _metadata(self, request: Any, caller: Caller) -> Any:
        return model_info.metadata(self._service.manager, request)

    async def _status(self, request: Any, caller: Caller) -> Any:
        return model_info.status(self._service.manager, request)

    async def _reload(self, request: Any, caller: Caller) -> Any:
        """Replaces the served models, if the flags allow it."""
        if not self._service.options.enable_reload_config_rpc:
            raise ServingError(
                Code.UNIMPLEMENTED,
                "HandleReloadConfigRequest is off; --enable_reload_config_rpc turns "
                "it on",
            )
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        before = self._service.metrics.totals()
        gone = threading.Event()
        manager = self._service.manager
        try:
            await self._service.pools.call(
                NO_MODEL, GRPC, manager.reload, request.config, gone.is_set
            )
        finally:
            gone.set()
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        after = self._service.metrics.totals()
        for name in request.metric_names:
            family = name.replace("/", ":")
            # An unknown metric counts as unchanged, as in TensorFlow Serving.
            response.metric.add(
                name=name,
                int64_value_increase=after.get(family, 0) - before.get(family, 0),
            )
        return response


def _request_class(service: str, method: str) -> Any:
    if service == profiler.SERVICE:
        return profiler.message(f"{method}Request")
    return service_descriptors.request_class(service, method)
