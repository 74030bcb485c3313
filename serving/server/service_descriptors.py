"""The descriptors of TensorFlow Serving's two services, which reflection shows.

The pip package's own `prediction_service_pb2` and `model_service_pb2` cannot be
imported: they are written for a protobuf that let descriptors be assigned to.
Their messages can, so the services are declared here as
tensorflow_serving/apis/{prediction,model}_service.proto have them.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

_PACKAGE = "tensorflow.serving"
PREDICTION_SERVICE = f"{_PACKAGE}.PredictionService"
MODEL_SERVICE = f"{_PACKAGE}.ModelService"

# service -> its file, and request and response of each method.
_SERVICES: dict[str, tuple[str, dict[str, tuple[Any, Any]]]] = {
    PREDICTION_SERVICE: (
        "tensorflow_serving/apis/prediction_service.proto",
        {
            "Classify": (
                classification_pb2.ClassificationRequest,
                classification_pb2.ClassificationResponse,
            ),
            "Regress": (
                regression_pb2.RegressionRequest,
                regression_pb2.RegressionResponse,
            ),
            "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
            "MultiInference": (
                inference_pb2.MultiInferenceRequest,
                inference_pb2.MultiInferenceResponse,
            ),
            "GetModelMetadata": (
                get_model_metadata_pb2.GetModelMetadataRequest,
                get_model_metadata_pb2.GetModelMetadataResponse,
            ),
        },
    ),
    MODEL_SERVICE: (
        "tensorflow_serving/apis/model_service.proto",
        {
            "GetModelStatus": (
                get_model_status_pb2.GetModelStatusRequest,
                get_model_status_pb2.GetModelStatusResponse,
            ),
            "HandleReloadConfigRequest": (
                model_management_pb2.ReloadConfigRequest,
                model_management_pb2.ReloadConfigResponse,
            ),
        },
    ),
}


def declare() -> None:
    """Put both services into the default pool, unless they are there."""
    pool = descriptor_pool.Default()
    for service, (path, methods) in _SERVICES.items():
        try:
            pool.FindFileByName(path)
            continue
        except KeyError:
            file = descriptor_pb2.FileDescriptorProto(
                name=path,
                package=_PACKAGE,
                syntax="proto3",
                options=descriptor_pb2.FileOptions(cc_enable_arenas=True),
            )
        declared = file.service.add(name=service.rpartition(".")[2])
        needed = set()
        for name, messages in methods.items():
            request, response = (message.DESCRIPTOR for message in messages)
            needed |= {request.file.name, response.file.name}
            declared.method.add(
                name=name,
                input_type=f".{request.full_name}",
                output_type=f".{response.full_name}",
            )
        file.dependency.extend(sorted(needed))
        pool.AddSerializedFile(file.SerializeToString())
