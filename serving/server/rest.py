"""The REST API, the metrics and the page, on one port.

Sources: tensorflow_serving/model_servers/{http_rest_api_handler,
http_rest_api_util,http_server}.cc.
"""

from __future__ import annotations

import asyncio
import json
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
    metrics,
    model_info,
    page,
    rest_examples,
    rest_messages,
)
from serving.server.errors import Code, ServingError, as_serving_error, invalid_argument
from serving.server.predict import row_count
from serving.server.service import PredictionService, deadline_after
from serving.server.signatures import DEFAULT_SIGNATURE

_TARGET = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_TARGET}:(?P<method>predict|classify|regress)", re.I
)
_MODEL = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_TARGET}(?P<metadata>/metadata)?", re.I
)
_PREFIX = re.compile("/v1/.*", re.I)
_MAX_VERSION = 2**63 - 1
_JSON = "application/json"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Content-Encoding",
}


class RestApi:
    """The handlers of one server."""

    def __init__(self, service: PredictionService, metrics_path: str | None):
        """Prepare them.

        Args:
            service: answers the requests.
            metrics_path: where the metrics are; None: nowhere.
        """
        self._service = service
        self._options = service.options
        self._metrics_path = metrics_path

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=self._options.max_message_bytes)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever it asks for."""
        path = request.raw_path.partition("?")[0]
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
            if path == "/" and (found := page.load()) is not None:
                return web.Response(body=found.body, headers=found.headers)
        missing = "the page is not installed" if path == "/" else "nothing is here"
        return _error_response(404, f"{request.method} {path}: {missing}")

    async def _api(self, request: web.Request, path: str) -> web.Response:
        """Answer a request under `/v1/`."""
        start = time.perf_counter()
        name, method, status = "", "", "OK"
        try:
            if match := _INFERENCE.fullmatch(path):
                method = match["method"].lower()
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
            if method:
                limit = self._options.rest_api_timeout_in_ms / 1000
                body = await asyncio.wait_for(
                    self._infer(request, method, spec, limit), limit
                )
            elif match["metadata"]:
                body = self._metadata(spec)
            else:
                body = self._status(spec)
            return web.Response(body=body, content_type=_JSON)
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
            self._count(name, method, status, start)

    def _count(self, name: str, method: str, status: str, start: float) -> None:
        known = name if name in self._service.manager.names() else ""
        self._service.metrics.request_count.add((known, status))
        if method:
            elapsed = (time.perf_counter() - start) * 1e6
            latency = self._service.metrics.request_latency
            latency.observe((known, method, "REST"), elapsed)

    async def _infer(
        self, request: web.Request, method: str, spec: Any, limit: float
    ) -> bytes:
        """Answer predict, classify or regress."""
        deadline = deadline_after(limit)
        try:
            data = await request.read()
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:
            raise invalid_argument(f"Cannot read the request body: {error}") from error
        body = json_tensors.parse_object(data)
        if method == "predict":
            return await self._predict(body, spec, deadline)
        if method == "classify":
            classification = classification_pb2.ClassificationRequest(model_spec=spec)
            rest_examples.fill_examples(body, classification)
            response = await self._service.classify(classification, deadline)
            return rest_messages.classify_body(response)
        regression = regression_pb2.RegressionRequest(model_spec=spec)
        rest_examples.fill_examples(body, regression)
        response = await self._service.regress(regression, deadline)
        return rest_messages.regress_body(response)

    async def _predict(
        self, body: dict[str, Any], spec: Any, deadline: float | None
    ) -> bytes:
        key = rest_messages.signature_name(body) or DEFAULT_SIGNATURE
        service = self._service
        servable = service.manager.acquire(spec)
        try:
            signature = servable.signatures.get(key)
            if signature is None:
                raise invalid_argument(
                    f'Serving signature name: "{key}" not found in signature def'
                )
            arrays, rows = rest_messages.predict_inputs(body, signature)
            plan = servable.signature_plan(signature, tuple(signature.outputs))
            outputs = await service.run(plan, arrays, deadline, spec.name, "predict")
            service.metrics.record_examples(servable.name, row_count(arrays))
            return rest_messages.predict_body(plan.outputs, outputs, rows)
        finally:
            service.manager.release(servable)

    def _status(self, spec: Any) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        response = model_info.status(self._service.manager, request)
        return _dump(rest_messages.to_dict(response))

    def _metadata(self, spec: Any) -> bytes:
        name, version, signatures = model_info.signature_defs(
            self._service.manager, spec
        )
        return _dump(
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
    """Read the model, version and label out of a path."""
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


def _dump(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _error_response(status: int, message: str) -> web.Response:
    return web.Response(
        status=status, body=_dump({"error": message}), content_type=_JSON
    )
