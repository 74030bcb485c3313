"""A gRPC server that answers Predict with the same bytes whatever is asked.

The limit: what gRPC in Python costs when a model costs nothing. It runs on asyncio,
the quicker of gRPC's two servers, and does not even parse the request.
"""

import argparse
import asyncio
from typing import Any

import grpc

from serving.client import calls, protocol


def answer() -> bytes:
    """A response of the size and form of the model's."""
    response = protocol.PredictResponse()
    response.model_spec.name = "mnist"
    response.model_spec.version.value = 1700000000
    response.model_spec.signature_name = calls.DEFAULT_SIGNATURE
    probabilities = response.outputs["probabilities"]
    probabilities.dtype = 1
    probabilities.float_val.extend([0.1] * 10)
    class_id = response.outputs["class_id"]
    class_id.dtype = 9
    class_id.int64_val.append(0)
    for output, shape in ((probabilities, (1, 10)), (class_id, (1,))):
        for size in shape:
            output.tensor_shape.dim.add().size = size
    return response.SerializeToString()


class _Constant(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        content = answer()

        async def predict(request: bytes, context: Any) -> bytes:
            return content

        self._method = grpc.unary_unary_rpc_method_handler(predict)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return self._method if details.method == calls.PREDICT.path else None


async def serve(port: int) -> None:
    """Serve until killed."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Constant(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Serve on ``--port`` until killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
