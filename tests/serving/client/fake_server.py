"""A small model server over real sockets, on the client's own messages.

The client's messages are held equal to the official ones in test_protocol.py, so
this server needs no TensorFlow; the embedded server has its own tests.
"""

import threading
from collections import deque
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from serving.client import calls, protocol, tensors


@dataclass
class FakeServer:
    """Serves a model whose answer is the image's brightest row, modulo ten."""

    versions: dict[int, str] = field(default_factory=lambda: {3: "AVAILABLE"})
    labels: dict[str, int] = field(default_factory=lambda: {"stable": 3})
    failures: deque[tuple[grpc.StatusCode, str]] = field(default_factory=deque)
    requests: list[Any] = field(default_factory=list)
    attempts: int = 0
    address: str = ""
    hold: threading.Event | None = None

    def handler(self) -> grpc.GenericRpcHandler:
        methods = dict(
            zip(
                calls.RPCS,
                (self.predict, self.status, self.metadata),
                strict=True,
            )
        )

        class Handler(grpc.GenericRpcHandler):
            def service(self, details: Any) -> Any:
                for rpc, method in methods.items():
                    if rpc.path == details.method:
                        return grpc.unary_unary_rpc_method_handler(
                            method,
                            rpc.request.FromString,
                            rpc.response.SerializeToString,
                        )
                return None

        return Handler()

    def _enter(self, request: Any, context: grpc.ServicerContext) -> int:
        self.attempts += 1
        self.requests.append(request)
        if self.hold is not None:
            self.hold.wait(10)
        if self.failures:
            context.abort(*self.failures.popleft())
        spec = request.model_spec
        if spec.name != "mnist":
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Latest({spec.name})",
            )
        if spec.version_label and spec.version_label not in self.labels:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Unrecognized servable version label: {spec.version_label}",
            )
        serving = [v for v, state in self.versions.items() if state == "AVAILABLE"]
        if spec.HasField("version"):
            version = spec.version.value
        elif spec.version_label:
            version = self.labels[spec.version_label]
        else:
            version = max(serving, default=-1)
        if version not in serving and not isinstance(
            request, protocol.GetModelStatusRequest
        ):
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Specific({spec.name}, {version})",
            )
        return version

    def predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        version = self._enter(request, context)
        images = tensors.decode(request.inputs["images"])
        probabilities = np.full((len(images), 10), 0.01, np.float32)
        for row, image in zip(probabilities, images, strict=True):
            row[image.sum(1).argmax() % 10] = 0.91
        response = protocol.PredictResponse()
        response.model_spec.name = "mnist"
        response.model_spec.version.value = version
        response.model_spec.signature_name = request.model_spec.signature_name
        output = response.outputs["probabilities"]  # as TensorFlow Serving writes it
        output.dtype = 1
        for size in probabilities.shape:
            output.tensor_shape.dim.add().size = size
        output.float_val.extend(probabilities.ravel().tolist())
        return response

    def status(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter(request, context)
        response = protocol.GetModelStatusResponse()
        for version, state in self.versions.items():
            item = response.model_version_status.add()
            item.version = version
            item.state = protocol.VersionState.values_by_name[state].number
            if state == "END":
                item.status.error_code = 15
                item.status.error_message = "Can't parse it as binary proto"
        return response

    def metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        version = self._enter(request, context)
        signatures = protocol.SignatureDefMap()
        signature = signatures.signature_def["serving_default"]
        signature.method_name = "tensorflow/serving/predict"
        signature.inputs["images"].dtype = 4
        for size in (-1, 28, 28):
            signature.inputs["images"].tensor_shape.dim.add().size = size
        signature.outputs["probabilities"].dtype = 1
        signature.outputs["probabilities"].tensor_shape.unknown_rank = True
        response = protocol.GetModelMetadataResponse()
        response.model_spec.name = "mnist"
        response.model_spec.version.value = version
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response


def serve(
    fake: FakeServer,
    credentials: grpc.ServerCredentials | None = None,
    port: int = 0,
) -> grpc.Server:
    """Start `fake` on a port of the loopback and note its address."""
    server = grpc.server(
        futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)]
    )
    server.add_generic_rpc_handlers((fake.handler(),))
    where = f"127.0.0.1:{port}"
    bound = (
        server.add_secure_port(where, credentials)
        if credentials
        else server.add_insecure_port(where)
    )
    fake.address = f"localhost:{bound}"
    server.start()
    return server
