"""Serves the REST API, the metrics and the page on one port.

Sources: tensorflow_serving/model_servers/{http_rest_api_handler,
http_rest_api_util,http_server}.cc.
"""

import asyncio
import functools
import re
import time
import urllib.parse
from typing import Any

from aiohttp import web
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)

from serving.server import (
    json_tensors,
    json_texts,
    metrics,
    model_info,
    rest_messages,
)
from serving.server.batching import REST
from serving.server.connections import Connections
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.page import Page
from serving.server.rest_examples import fill_examples
from serving.server.rest_messages import RestPrediction
from serving.server.servable import Servable
from serving.server.service import (
    Caller,
    PredictionService,
    byte_count,
    deadline_after,
)
from serving.server.workers import NO_MODEL

_TARGET = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(
    rf"(?i:/v1/models/(?P<name>[^/:]+){_TARGET}):(?P<method>predict|classify|regress)"
)
_MODEL = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_TARGET}(?P<metadata>/metadata)?", re.I
)
_PREFIX = re.compile("/v1/.*", re.I)
# Scheme and host of a request's target, which proxies send: RFC 9112, 3.2.2.
_ABSOLUTE = re.compile("^https?://[^/?]*", re.I)
_MAX_VERSION = 2**63 - 1
_JSON = "application/json"
# Methods that take examples: request class, and the function that writes the answer.
_OF_EXAMPLES: dict[str, Any] = {
    "classify": (classification_pb2.ClassificationRequest, rest_messages.classify_body),
    "regress": (regression_pb2.RegressionRequest, rest_messages.regress_body),
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Content-Encoding",
}


class RestApi:
    """The handlers of one server."""

    def __init__(
        self,
        service: PredictionService,
        metrics_path: str | None,
        page: Page | None,
        connections: Connections,
    ):
        """Creates the handlers; `metrics_path` and `page` are optional."""
        self._service = service
        self._options = service.options
        self._metrics_path = metrics_path
        self._page = page
        self._connections = connections

    def application(self) -> web.Application:
        """Returns the aiohttp application."""
        application = web.Application(client_max_size=self._options.max_message_bytes)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answers a request for any path."""
        with self._connections.busy(request.transport):
            path = _ABSOLUTE.sub("", request.raw_path).partition("?")[0] or "/"
            if _PREFIX.fullmatch(path):
                response = await self._api(request, path)
                if self._options.rest_api_enable_cors_support:
                    response.headers.update(_CORS)
                return response
            if request.method in ("GET", "HEAD"):
                if path == self._metrics_path:
                    body = self._service.metrics.page().encode()
                    headers = {"Content-Type": metrics.CONTENT_TYPE}
                    return web.Response(body=body, headers=headers)
                if path == "/" and self._page is not None:
                    return web.Response(
                        body=self._page.body, headers=self._page.headers
                    )
            return _error_response(404, f"{request.method} {path}: nothing is here")

    async def _api(self, request: web.Request, path: str) -> web.Response:
        """Answers a request under `/v1/`."""
        start = time.perf_counter()
        name, method, status = "", "", "OK"
        try:
            if match := _INFERENCE.fullmatch(path):
                method = match["method"]
            else:
                match = _MODEL.fullmatch(path)
            if self._options.rest_api_enable_cors_support and (
                request.method == "OPTIONS"
            ):
                return web.Response()
            if match is None or request.method != ("POST" if method else "GET"):
                raise invalid_argument(f"Malformed request: {request.method} {path}")
            spec = _model_spec(match)
            name = spec.name
            headers = {}
            if method:
                limit = self._options.rest_api_timeout_in_ms / 1000
                caller = Caller(REST, deadline_after(limit), request.headers.items)
                body = await asyncio.wait_for(
                    self._infer(request, method, spec, caller), limit
                )
                if caller.logged_as:
                    headers["X-Request-Id"] = caller.logged_as
            elif match["metadata"]:
                body = self._metadata(spec)
            else:
                body = self._status(spec)
            return web.Response(body=body, content_type=_JSON, headers=headers)
        except web.HTTPRequestEntityTooLarge:
            status = Code.RESOURCE_EXHAUSTED.name
            return _error_response(
                413,
                f"Request body too large; the limit is "
                f"{self._options.max_message_bytes} bytes",
            )
        except TimeoutError:
            status = Code.DEADLINE_EXCEEDED.name
            error = ServingError(
                Code.DEADLINE_EXCEEDED, "Timed out waiting for notification"
            )
            return _error_response(error.http_status, error.message)
        except asyncio.CancelledError:
            status = Code.CANCELLED.name
            raise
        except Exception as failure:
            error = as_serving_error(failure)
            status = error.code.name
            return _error_response(error.http_status, error.message)
        finally:
            self._service.answered(name, method, "REST", status, start)

    async def _infer(
        self, request: web.Request, method: str, spec: Any, caller: Caller
    ) -> bytes:
        try:
            data = await request.read()
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:
            raise invalid_argument(f"Cannot read the request body: {error}") from error
        caller.size = len(data)
        service = self._service
        if method == "predict":
            return await self._predict(data, spec, caller)
        kind, write = _OF_EXAMPLES[method]
        message = kind(model_spec=spec)
        servable = await self._acquire(spec, data)
        try:
            await service.work(
                len(data), servable, caller, fill_examples, data, message
            )
            response = await service.answer(method.capitalize(), message, caller)
            size = response.ByteSize()
            return await service.work(size, servable, caller, write, response)
        finally:
            service.manager.release(servable)

    async def _acquire(self, spec: Any, data: bytes) -> Servable:
        """Acquires the servable of `spec`; of two errors, the body's comes first."""
        try:
            return self._service.manager.acquire(spec)
        except ServingError:
            await self._service.pools.call(
                NO_MODEL, REST, json_tensors.parse_object, data
            )
            raise

    async def _predict(self, data: bytes, spec: Any, caller: Caller) -> bytes:
        """Answers a predict body, without a conversion of the arrays to protobuf."""
        service = self._service
        servable = await self._acquire(spec, data)
        try:
            options = self._options
            asked = await service.work(
                len(data), servable, caller, RestPrediction, servable, data, options
            )
            outputs = await service.run(
                servable, asked.plan, asked.arrays, caller, "Predict"
            )
            response = functools.partial(asked.response, outputs)
            service.log(servable, "Predict", asked, asked.request, response, caller)
            return await service.work(
                byte_count(outputs), servable, caller, asked.body, outputs
            )
        finally:
            service.manager.release(servable)

    def _status(self, spec: Any) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        response = model_info.status(self._service.manager, request)
        return json_texts.dump_message(rest_messages.to_dict(response))

    def _metadata(self, spec: Any) -> bytes:
        name, version, signatures = model_info.signature_defs(
            self._service.manager, spec
        )
        return json_texts.dump_message(
            {
                "model_spec": {
                    "name": name,
                    "signature_name": "",
                    "version": str(version),
                },
                "metadata": {"signature_def": rest_messages.to_dict(signatures)},
            }
        )


def _model_spec(match: re.Match[str]) -> model_pb2.ModelSpec:
    if not match["name"]:
        raise invalid_argument("Missing model name in request.")
    spec = model_pb2.ModelSpec(name=urllib.parse.unquote(match["name"]))
    if match["version"]:
        if int(match["version"]) > _MAX_VERSION:
            raise invalid_argument(
                f"Failed to convert version: {match['version']} to numeric."
            )
        spec.version.value = int(match["version"])
    elif match["label"]:
        spec.version_label = urllib.parse.unquote(match["label"])
    return spec


def _error_response(status: int, message: str) -> web.Response:
    return web.Response(
        status=status,
        body=json_texts.dump_message({"error": message}),
        content_type=_JSON,
    )
