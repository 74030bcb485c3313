"""The calls of the protocol: pure codecs that both clients share.

A `Call` pairs an RPC with its request and with the function that reads its
response, so `serving.client.Client` and `serving.client.AsyncClient` differ only
in how they wait.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from serving.client import protocol, tensors
from serving.client.results import (
    Answer,
    DigitAnswer,
    ModelMetadata,
    ModelSpec,
    Signature,
    TensorSpec,
    VersionStatus,
)

Result = TypeVar("Result")

DEFAULT_SIGNATURE = "serving_default"
IMAGES = "images"
PROBABILITIES = "probabilities"


class UnexpectedResponse(Exception):
    """The server answered OK with something the client cannot use."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """A unary method of the server."""

    path: str
    request: Any
    response: Any


PREDICT = Rpc(
    "/tensorflow.serving.PredictionService/Predict",
    protocol.PredictRequest,
    protocol.PredictResponse,
)
GET_MODEL_STATUS = Rpc(
    "/tensorflow.serving.ModelService/GetModelStatus",
    protocol.GetModelStatusRequest,
    protocol.GetModelStatusResponse,
)
GET_MODEL_METADATA = Rpc(
    "/tensorflow.serving.PredictionService/GetModelMetadata",
    protocol.GetModelMetadataRequest,
    protocol.GetModelMetadataResponse,
)
RPCS = (PREDICT, GET_MODEL_STATUS, GET_MODEL_METADATA)


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """One request, and how its response is read."""

    rpc: Rpc
    request: Any
    read: Callable[[Any], Result]


def predict(
    model: ModelSpec,
    inputs: Mapping[str, Any],
    *,
    signature: str = DEFAULT_SIGNATURE,
    outputs: Sequence[str] = (),
) -> Call[Answer]:
    """Run a signature on arrays; `outputs` names the ones wanted (all if empty)."""
    request = protocol.PredictRequest(output_filter=outputs)
    _fill_spec(request.model_spec, model)
    request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tensors.encode(value))
    return Call(PREDICT, request, _read_answer)


def predict_digits(
    model: ModelSpec,
    images: np.ndarray,
    *,
    signature: str = DEFAULT_SIGNATURE,
) -> Call[list[DigitAnswer]]:
    """Run the digit model on `images`, uint8 of shape [n, 28, 28].

    Raises:
      ValueError: `images` has another dtype or shape, or holds no image.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or not len(images):
        raise ValueError(
            "expected images of dtype uint8 and shape [n, 28, 28], n at least 1; "
            f"got {images.dtype} {list(images.shape)}"
        )
    call = predict(
        model, {IMAGES: images}, signature=signature, outputs=[PROBABILITIES]
    )

    def read(response: Any) -> list[DigitAnswer]:
        return _read_digits(_read_answer(response), len(images))

    return Call(call.rpc, call.request, read)


def status(model: ModelSpec) -> Call[list[VersionStatus]]:
    """Ask for the state of every version, newest first, or of one version.

    Raises:
      ValueError: The model is chosen by label, which TensorFlow Serving ignores
        here (``get_model_status_impl.cc`` looks at the version only).
    """
    if model.label is not None:
        raise ValueError("status knows versions, not labels")
    request = protocol.GetModelStatusRequest()
    _fill_spec(request.model_spec, model)
    return Call(GET_MODEL_STATUS, request, _read_status)


def metadata(model: ModelSpec) -> Call[ModelMetadata]:
    """Ask for a model's signatures; answered only by a version that serves."""
    request = protocol.GetModelMetadataRequest(metadata_field=["signature_def"])
    _fill_spec(request.model_spec, model)
    return Call(GET_MODEL_METADATA, request, _read_metadata)


def _fill_spec(spec: Any, model: ModelSpec) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    elif model.label is not None:
        spec.version_label = model.label


def _read_answer(response: Any) -> Answer:
    try:
        outputs = {
            alias: tensors.decode(tensor) for alias, tensor in response.outputs.items()
        }
    except ValueError as error:
        raise UnexpectedResponse(str(error)) from error
    spec = response.model_spec
    return Answer(outputs, spec.name, spec.version.value, spec.signature_name)


def _read_digits(answer: Answer, count: int) -> list[DigitAnswer]:
    rows = answer.outputs.get(PROBABILITIES)
    if rows is None or rows.shape != (count, 10):
        found = "none" if rows is None else f"{rows.dtype} {list(rows.shape)}"
        raise UnexpectedResponse(
            f"expected output '{PROBABILITIES}' of shape [{count}, 10], found {found}"
        )
    return [
        DigitAnswer(tuple(float(value) for value in row), answer.model, answer.version)
        for row in rows
    ]


def _read_status(response: Any) -> list[VersionStatus]:
    return sorted(
        (
            VersionStatus(
                item.version,
                _enum_name(protocol.VersionState, item.state),
                _enum_name(protocol.ErrorCode, item.status.error_code),
                item.status.error_message,
            )
            for item in response.model_version_status
        ),
        key=lambda item: -item.version,
    )


def _read_metadata(response: Any) -> ModelMetadata:
    signatures = protocol.SignatureDefMap()
    signatures.ParseFromString(response.metadata["signature_def"].value)
    return ModelMetadata(
        response.model_spec.name,
        response.model_spec.version.value,
        {
            name: Signature(
                _tensor_specs(signature.inputs),
                _tensor_specs(signature.outputs),
                signature.method_name,
            )
            for name, signature in sorted(signatures.signature_def.items())
        },
    )


def _tensor_specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        alias: TensorSpec(tensors.dtype_name(info.dtype), _shape(info.tensor_shape))
        for alias, info in sorted(infos.items())
    }


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in shape.dim)


def _enum_name(enum: Any, number: int) -> str:
    value = enum.values_by_number.get(number)
    return value.name if value else str(number)
