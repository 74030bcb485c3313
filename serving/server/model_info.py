"""Answers GetModelMetadata and GetModelStatus.

Sources: tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc,
tensorflow_serving/model_servers/get_model_status_impl.cc.
"""

from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.server.errors import invalid_argument
from serving.server.manager import ModelManager

_SIGNATURE_DEF = "signature_def"


def check_model_spec(request: Any) -> None:
    """Refuses a request without a `ModelSpec`."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def signature_defs(manager: ModelManager, spec: Any) -> tuple[str, int, Any]:
    """Returns name, version and `SignatureDefMap` of the servable that `spec` names.

    Raises:
        ServingError: see `ModelManager.acquire`.
    """
    servable = manager.acquire(spec)
    try:
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, definition in servable.signature_defs.items():
            signatures.signature_def[key].CopyFrom(definition)
        return servable.name, servable.version, signatures
    finally:
        manager.release(servable)


def metadata(manager: ModelManager, request: Any) -> Any:
    """Answers a `GetModelMetadataRequest`.

    Raises:
        ServingError: INVALID_ARGUMENT, no model or an unknown field.
    """
    check_model_spec(request)
    if not request.metadata_field:
        raise invalid_argument(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != _SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")
    name, version, signatures = signature_defs(manager, request.model_spec)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    response.metadata[_SIGNATURE_DEF].Pack(signatures)
    return response


def status(manager: ModelManager, request: Any) -> Any:
    """Answers a `GetModelStatusRequest`; the highest version is first.

    Raises:
        ServingError: INVALID_ARGUMENT, no model; NOT_FOUND, an unknown one.
    """
    check_model_spec(request)
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in manager.statuses(request.model_spec):
        item = response.model_version_status.add(version=number, state=state)
        item.status.SetInParent()
        if error is not None:
            item.status.error_code = error.code.value[0]
            item.status.error_message = error.message
    return response
