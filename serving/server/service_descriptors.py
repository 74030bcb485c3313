"""Declares the descriptors of TensorFlow Serving's two services for reflection.

The pip package's own `prediction_service_pb2` and `model_service_pb2` cannot be
imported: they need an older protobuf that allows assignment to descriptors. Their
messages can be imported, so the services are declared here as in
tensorflow_serving/apis/{prediction,model}_service.proto.
"""

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

# service -> its file.
_FILES = {PREDICTION_SERVICE: "prediction_service", MODEL_SERVICE: "model_service"}
# service -> its methods: the prefix of their messages' names, and the module.
_METHODS: dict[str, dict[str, tuple[str, Any]]] = {
    PREDICTION_SERVICE: {
        "Classify": ("Classification", classification_pb2),
        "Regress": ("Regression", regression_pb2),
        "Predict": ("Predict", predict_pb2),
        "MultiInference": ("MultiInference", inference_pb2),
        "GetModelMetadata": ("GetModelMetadata", get_model_metadata_pb2),
    },
    MODEL_SERVICE: {
        "GetModelStatus": ("GetModelStatus", get_model_status_pb2),
        "HandleReloadConfigRequest": ("ReloadConfig", model_management_pb2),
    },
}


def request_class(service: str, method: str) -> Any:
    """Returns the class of a method's request."""
    prefix, module = _METHODS[service][method]
    return getattr(module, f"{prefix}Request")


def declare() -> None:
    """Adds both services to the default descriptor pool, unless it has them."""
    pool = descriptor_pool.Default()
    for service, methods in _METHODS.items():
        path = f"tensorflow_serving/apis/{_FILES[service]}.proto"
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
        for name, (prefix, module) in methods.items():
            request = getattr(module, f"{prefix}Request").DESCRIPTOR
            response = getattr(module, f"{prefix}Response").DESCRIPTOR
            needed |= {request.file.name, response.file.name}
            declared.method.add(
                name=name,
                input_type=f".{request.full_name}",
                output_type=f".{response.full_name}",
            )
        file.dependency.extend(sorted(needed))
        pool.AddSerializedFile(file.SerializeToString())
