"""The calls of the protocol: pure codecs that both clients use.

A `Call` pairs an RPC with its request and with the function that reads its
response, so `serving.client.Client` and `serving.client.AsyncClient` differ only
in how they wait.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from contract.signatures import IS_NOVEL, NOVELTY, NOVELTY_SIGNATURE
from serving.client import protocol, tensors
from serving.client.errors import UnexpectedResponse
from serving.client.results import (
    Answer,
    ClassAnswer,
    ModelMetadata,
    ModelSpec,
    ServedTask,
    Signature,
    TensorSpec,
    VersionStatus,
)
from serving.client.tasks import (
    DEFAULT_SIGNATURE,
    DESCRIBE,
    IMAGES,
    PROBABILITIES,
    TEXT,
    NoTaskError,
    told_task,
)

Result = TypeVar("Result")

MAX_REQUEST_VALUES = 1 << 24
"""Limit of pixel values in one request of images (16 MiB), for any batch size."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """A unary method of the server, with its request and response messages."""

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
    """A request, with the function that reads its response."""

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
    """Runs a signature on arrays; `outputs` names the ones wanted (all if empty)."""
    request = protocol.PredictRequest(output_filter=outputs)
    _fill_spec(request.model_spec, model)
    request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tensors.encode(value))
    return Call(PREDICT, request, _read_answer)


def describe(metadata: ModelMetadata) -> Call[ServedTask]:
    """Asks a version for its task; `tasks.is_told` says whether it can answer."""
    call = predict(
        ModelSpec(metadata.model, metadata.version),
        {TEXT: [DESCRIBE]},
        signature=DESCRIBE,
    )

    def read(response: Any) -> ServedTask:
        try:
            return told_task(metadata, _read_answer(response).outputs.get("task"))
        except NoTaskError as error:
            raise UnexpectedResponse(str(error)) from error

    return Call(call.rpc, call.request, read)


def predict_images(
    model: ModelSpec,
    images: np.ndarray,
    served: ServedTask,
    *,
    signature: str = DEFAULT_SIGNATURE,
) -> Call[Answer]:
    """Asks for the probabilities of `images`, uint8 of shape [n, *task.shape].

    Raises:
        ValueError: `images` has another dtype or shape, or holds no image.
    """
    shape = served.task.shape
    if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        raise ValueError(
            f"expected images of dtype uint8 and shape [n, {str(shape)[1:-1]}], n at "
            f"least 1; got {images.dtype} {list(images.shape)}"
        )
    return predict(
        model, {IMAGES: images}, signature=signature, outputs=[PROBABILITIES]
    )


def novelty(model: ModelSpec, images: np.ndarray) -> Call[list[tuple[float, bool]]]:
    """Asks how far images are from everything that the model has learnt.

    Args:
        model: A version whose `ServedTask.tells_novelty` is true.
        images: As for `predict_images`.

    Returns:
        A call that reads, for each image, its novelty and whether it is novel.
    """
    call = predict(model, {IMAGES: images}, signature=NOVELTY_SIGNATURE)

    def read(response: Any) -> list[tuple[float, bool]]:
        return novelties(_read_answer(response).outputs, len(images))

    return Call(call.rpc, call.request, read)


def novelties(
    outputs: Mapping[str, np.ndarray], count: int
) -> list[tuple[float, bool]]:
    """Reads the outputs of the signature `novelty` for `count` images.

    Raises:
        UnexpectedResponse: The outputs have other names or shapes.
    """
    found = [outputs.get(name) for name in (NOVELTY, IS_NOVEL)]
    if any(values is None or values.shape != (count,) for values in found):
        raise UnexpectedResponse(
            f"expected outputs '{NOVELTY}' and '{IS_NOVEL}' of shape [{count}], found "
            f"{', '.join(f'{k} {list(v.shape)}' for k, v in outputs.items()) or 'none'}"
        )
    distances, verdicts = (values.tolist() for values in found if values is not None)
    return list(zip(distances, verdicts, strict=True))


def marked(
    answers: Sequence[ClassAnswer], novelties: list[tuple[float, bool]]
) -> list[ClassAnswer]:
    """Returns the answers with the novelty of their images."""
    return [
        replace(answer, novelty=distance, is_novel=verdict)
        for answer, (distance, verdict) in zip(answers, novelties, strict=True)
    ]


def batches(images: np.ndarray, size: int, served: ServedTask) -> Iterator[np.ndarray]:
    """Yields requests of `size` images each, or of fewer if the images are large."""
    size = max(1, min(size, MAX_REQUEST_VALUES // served.task.size))
    for start in range(0, len(images), size):
        yield images[start : start + size]


def class_answers(
    rows: np.ndarray | None, count: int, served: ServedTask
) -> list[ClassAnswer]:
    """Reads the output `probabilities` of `count` images.

    Args:
        rows: float of shape [count, classes]; None if the output is missing.
        count: Number of images in the request.
        served: The task of the version that answered.

    Raises:
        UnexpectedResponse: The output is missing or has another shape.
    """
    wanted = (count, len(served.task.classes))
    if rows is None or rows.shape != wanted:
        found = "none" if rows is None else f"{rows.dtype} {list(rows.shape)}"
        raise UnexpectedResponse(
            f"expected output '{PROBABILITIES}' of shape {list(wanted)}, found {found}"
        )
    return [
        ClassAnswer(
            tuple(float(value) for value in row),
            served.model,
            served.version,
            served.task,
        )
        for row in rows
    ]


def status(model: ModelSpec) -> Call[list[VersionStatus]]:
    """Asks for the state of every version, newest first, or of one version.

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
    """Asks for a model's signatures; only an AVAILABLE version answers."""
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
        signatures_of(signatures.signature_def),
    )


def signatures_of(definitions: Mapping[str, Any]) -> dict[str, Signature]:
    """Reads a `map<string, SignatureDef>` of an answer or of a SavedModel."""
    return {
        name: Signature(
            _tensor_specs(definition.inputs),
            _tensor_specs(definition.outputs),
            definition.method_name,
        )
        for name, definition in sorted(definitions.items())
    }


def signatures_in(folder: str) -> dict[str, Signature]:
    """Reads the signatures of the SavedModel in a folder, without loading the model.

    Raises:
        OSError: The file cannot be read.
        DecodeError: The file is no SavedModel.
    """
    with open(os.path.join(folder, "saved_model.pb"), "rb") as stream:
        graphs = protocol.SavedModel.FromString(stream.read()).meta_graphs
    return signatures_of(graphs[0].signature_def) if graphs else {}


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
