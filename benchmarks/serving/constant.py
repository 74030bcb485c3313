"""A gRPC server that answers each Predict call with the same bytes.

It shows the cost of gRPC in Python without a model; the request is not even parsed. It
runs on grpc.aio (contender `limit`), or on the embedded server's own interface to
gRPC's core (contender `core`).
"""

import argparse
import asyncio
from typing import Any

import grpc

from components.image_example_gen.mnist import TASK
from serving.client import calls, protocol
from serving.server.grpc_call import Call
from serving.server.grpc_core import CoreServer


def answer() -> bytes:
    """Returns a response with the size and fields of an MNIST model's responses."""
    response = protocol.PredictResponse()
    response.model_spec.name = "mnist"
    response.model_spec.version.value = 1700000000
    response.model_spec.signature_name = calls.DEFAULT_SIGNATURE
    probabilities = response.outputs["probabilities"]
    probabilities.dtype = 1
    classes = len(TASK.classes)
    probabilities.float_val.extend([1 / classes] * classes)
    class_id = response.outputs["class_id"]
    class_id.dtype = 9
    class_id.int64_val.append(0)
    for output, shape in ((probabilities, (1, classes)), (class_id, (1,))):
        for size in shape:
            output.tensor_shape.dim.add().size = size
    return response.SerializeToString()


class _Constant(grpc.GenericRpcHandler):
    """Answers on the event loop, or on the thread of gRPC's core."""

    def __init__(self) -> None:
        content = answer()

        async def predict(request: bytes, context: Any) -> bytes:
            return content

        self._content = content
        self._method = grpc.unary_unary_rpc_method_handler(predict)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._method if details.method == calls.PREDICT.path else None

    def take(self, call: Call, request: bytes) -> bool:
        call.finish(self._content)
        return True

    def flush(self) -> None:
        """Does nothing, because no call waits."""


async def serve(port: int, core: bool) -> None:
    """Serves until killed."""
    options, constant = [("grpc.so_reuseport", 0)], _Constant()
    server: Any
    if core:
        server = CoreServer(options, None, constant)
    else:
        server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((constant,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve on ``--port`` until killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--core", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.core))


if __name__ == "__main__":
    main()
