"""A small model server over real sockets, on the client's own messages.

test_protocol.py compares the client's messages with the official ones, so this server
needs no TensorFlow. The embedded server has its own tests.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from contract.task import Task
from serving.client import calls, protocol, tensors
from tests.serving.tasks import DIGITS


@dataclass
class FakeServer:
    """Serves a model whose answer is the image's brightest row, modulo the classes.

    Attributes:
        task: Its task; its name is the model's.
        tells: Whether it has the signature `describe`.
        tells_novelty: Whether it has `novelty`: an image is novel if its brightest row
            has a higher index than the last class.
        on_predict: Called before each Predict request is answered.
        metadata_of: Replaces GetModelMetadata's answer about `serving_default`: inputs
            and outputs, each as alias to (DataType, shape).
    """

    task: Task = DIGITS
    tells: bool = True
    tells_novelty: bool = False
    on_predict: Callable[[], Any] | None = None
    metadata_of: tuple[dict[str, Any], dict[str, Any]] | None = None

    versions: dict[int, str] = field(default_factory=lambda: {3: "AVAILABLE"})
    labels: dict[str, int] = field(default_factory=lambda: {"stable": 3})
    failures: deque[tuple[grpc.StatusCode, str]] = field(default_factory=deque)
    requests: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
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
        if spec.name != self.task.name:
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
        if self.on_predict and request.model_spec.signature_name != "describe":
            self.on_predict()
        version = self._enter(request, context)
        response = protocol.PredictResponse()
        response.model_spec.name = self.task.name
        response.model_spec.version.value = version
        response.model_spec.signature_name = request.model_spec.signature_name
        if request.model_spec.signature_name == "describe":
            if not self.tells:
                context.abort(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    'Serving signature key "describe" not found.',
                )
            texts = [self.task.to_json()] * len(request.inputs["text"].string_val)
            response.outputs["task"].CopyFrom(tensors.encode(texts))
            return response
        self.asked.append(request)
        images = tensors.decode(request.inputs["images"])
        if request.model_spec.signature_name == "novelty":
            brightest = images.reshape(*images.shape[:2], -1).sum(axis=2).argmax(axis=1)
            novelty = brightest.astype(np.float32)
            novel = brightest >= len(self.task.classes)
            response.outputs["novelty"].CopyFrom(tensors.encode(novelty))
            response.outputs["is_novel"].CopyFrom(tensors.encode(novel))
            return response
        classes = len(self.task.classes)
        rest = 0.09 / (classes - 1)
        probabilities = np.full((len(images), classes), rest, np.float32)
        for row, image in zip(probabilities, images, strict=True):
            rows = image.reshape(len(image), -1).sum(1)
            row[rows.argmax() % classes] = 0.91
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
        default = self.metadata_of or (
            {"images": (4, [-1, *self.task.shape])},
            {"probabilities": (1, [-1, len(self.task.classes)]), "class_id": (9, [-1])},
        )
        declared = {"serving_default": default}
        if self.tells_novelty:
            declared["novelty"] = (
                {"images": (4, [-1, *self.task.shape])},
                {"novelty": (1, [-1]), "is_novel": (10, [-1])},
            )
        if self.tells:
            declared["describe"] = ({"text": (7, [-1])}, {"task": (7, [-1])})
        for name, (inputs, outputs) in declared.items():
            signature = signatures.signature_def[name]
            signature.method_name = "tensorflow/serving/predict"
            for infos, specs in (
                (signature.inputs, inputs),
                (signature.outputs, outputs),
            ):
                for alias, (dtype, shape) in specs.items():
                    infos[alias].dtype = dtype
                    for size in shape:
                        infos[alias].tensor_shape.dim.add().size = size
        response = protocol.GetModelMetadataResponse()
        response.model_spec.name = self.task.name
        response.model_spec.version.value = version
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response


def serve(
    fake: FakeServer,
    credentials: grpc.ServerCredentials | None = None,
    port: int = 0,
) -> grpc.Server:
    """Starts `fake` on a port of the loopback and notes its address."""
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
