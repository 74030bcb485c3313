"""A server on a thread of the test's process, and calls to it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server.app import ModelServer
from serving.server.flags import Options

TIMEOUT = 30.0
State = get_model_status_pb2.ModelVersionStatus


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spec(
    name: str = "adder",
    signature: str = "",
    version: int | None = None,
    label: str | None = None,
) -> Any:
    out = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        out.version.value = version
    if label is not None:
        out.version_label = label
    return out


def predict_request(
    inputs: Mapping[str, Any], model_spec: Any = None, output_filter: Any = ()
) -> Any:
    request = predict_pb2.PredictRequest(model_spec=model_spec or spec())
    for alias, value in inputs.items():
        if not isinstance(value, (np.ndarray, np.generic)):
            value = np.array(value, np.float32)
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    request.output_filter.extend(output_filter)
    return request


@dataclasses.dataclass(frozen=True)
class Failure:
    """The code and message of a failed call."""

    code: grpc.StatusCode
    message: str


def failure_of(call: Callable[..., Any], *arguments: Any) -> Failure:
    """Makes a call that must fail; returns its failure."""
    try:
        answer = call(*arguments)
    except grpc.RpcError as error:
        return Failure(error.code(), error.details())
    raise AssertionError(f"the call succeeded: {answer}")


def eventually(condition: Callable[[], Any], timeout: float = TIMEOUT) -> Any:
    """Waits until `condition()` is true; returns its result."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {condition}"
        time.sleep(0.02)
    return value


class RunningServer:
    """A `ModelServer` with its own event loop on its own thread."""

    def __init__(self, **options: Any):
        options.setdefault("port", free_port())
        options.setdefault("rest_api_port", free_port())
        options.setdefault("file_system_poll_wait_seconds", 0.1)
        self.options = Options(**options)
        self.server = ModelServer(self.options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.options.port}")
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self.channel
        )
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def run(self, coroutine: Any, timeout: float = TIMEOUT) -> Any:
        """Runs a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def start(self) -> RunningServer:
        self.run(self.server.start())
        return self

    def start_soon(self) -> Any:
        """Starts without waiting for it; returns the future."""
        return asyncio.run_coroutine_threadsafe(self.server.start(), self._loop)

    def stop(self, grace: float = 5.0) -> None:
        self.channel.close()
        self.run(self.server.stop(grace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> RunningServer:
        try:
            return self.start()
        except BaseException:
            # The server's threads would keep the test process alive.
            self.stop()
            raise

    def __exit__(self, *error: object) -> None:
        self.stop()

    # --- calls -----------------------------------------------------------------

    def call(self, request: Any, timeout: float = TIMEOUT) -> Any:
        return self.prediction.Predict(request, timeout=timeout)

    def predict(
        self, inputs: Mapping[str, Any], model_spec: Any = None, output_filter: Any = ()
    ) -> dict[str, Any]:
        """Calls Predict; returns the outputs as arrays."""
        response = self.call(predict_request(inputs, model_spec, output_filter))
        return {
            alias: tf.make_ndarray(tensor) for alias, tensor in response.outputs.items()
        }

    def refused(
        self, inputs: Mapping[str, Any], model_spec: Any = None, output_filter: Any = ()
    ) -> Failure:
        """Calls Predict, which must fail; returns the failure."""
        request = predict_request(inputs, model_spec, output_filter)
        return failure_of(self.prediction.Predict, request, TIMEOUT)

    def states(self, name: str = "adder") -> dict[int, int]:
        """Returns the state of every version."""
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec(name))
        response = self.models.GetModelStatus(request, timeout=TIMEOUT)
        return {item.version: item.state for item in response.model_version_status}

    def await_states(self, name: str = "adder", **wanted: int) -> None:
        """Waits until versions `v1`, `v2` ... have the states `wanted`."""
        numbers = {int(key[1:]): state for key, state in wanted.items()}
        eventually(lambda: numbers.items() <= self.states(name).items())

    def rest(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Makes a REST call; returns its status and the content of its JSON."""
        status, data, _ = self.http(path, body, method=method, headers=headers)
        return status, json.loads(data)

    def http(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Any]:
        """Makes an HTTP call; returns its status, body and headers."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.options.rest_api_port}{path}",
            data=body,
            method=method,
            headers=dict(headers or {}),
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers
