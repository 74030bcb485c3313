"""Serves a SavedModel from Python in the plain way that tutorials show.

The server uses `tf.saved_model.load`, gRPC's thread pool, and TensorFlow's own
conversions between protos and arrays. It is one of the contenders and runs in its own
process.
"""

import argparse
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    predict_pb2,
    prediction_service_pb2_grpc,
)

WORKERS = 16


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """A service that implements Predict only."""

    def __init__(self, folder: str) -> None:
        self._model = tf.saved_model.load(folder)

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Runs the signature that the request names."""
        name = request.model_spec.signature_name or "serving_default"
        inputs = {
            alias: tf.constant(tf.make_ndarray(tensor))
            for alias, tensor in request.inputs.items()
        }
        outputs = self._model.signatures[name](**inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.signature_name = name
        for alias, tensor in outputs.items():
            response.outputs[alias].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
        return response


def main() -> None:
    """Serve ``--model`` on ``--port`` until killed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    server = grpc.server(
        futures.ThreadPoolExecutor(WORKERS), options=[("grpc.so_reuseport", 0)]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(arguments.model), server
    )
    server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
