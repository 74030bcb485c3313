"""Decodes Predict requests to arrays, and encodes outputs as responses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.server import tensors, wire
from serving.server.errors import Code, ServingError
from serving.server.flags import Options
from serving.server.plan import Plan
from serving.server.servable import Servable
from serving.server.signatures import DEFAULT_SIGNATURE, Signature

_OUTPUTS = predict_pb2.PredictResponse.OUTPUTS_FIELD_NUMBER
_MODEL_SPEC = predict_pb2.PredictResponse.MODEL_SPEC_FIELD_NUMBER
# Field numbers in an entry of a map: see protobuf's encoding guide.
_KEY, _VALUE = 1, 2
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
_METHODS = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)


def check_method_name(signature: Signature) -> None:
    """Refuses a signature whose method TensorFlow Serving does not know.

    Raises:
        ServingError: INTERNAL, with the text of predict_util.cc.
    """
    if signature.method_name not in _METHODS:
        raise ServingError(
            Code.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(_METHODS)}}}. Was: {signature.method_name}",
        )


class Prediction:
    """One Predict request, decoded and checked against its servable."""

    __slots__ = (
        *("_as_content", "_servable", "_signature"),
        *("aliases", "arrays", "plan", "signature_names"),
    )

    def __init__(self, servable: Servable, request: Any, options: Options):
        """Checks a `PredictRequest`.

        Raises:
            ServingError: FAILED_PRECONDITION, there is no such signature;
                INVALID_ARGUMENT, the request does not fit it.
        """
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = servable.signatures.get(name)
        if signature is None:
            raise ServingError(
                Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        if options.enable_signature_method_name_check:
            check_method_name(signature)
        self.arrays: Sequence[np.ndarray] = signature.decode_inputs(
            request.inputs, options.max_message_bytes
        )
        self.aliases = signature.select_outputs(request.output_filter)
        self.plan: Plan = servable.signature_plan(signature, self.aliases)
        self._as_content = options.enable_serialization_as_tensor_content
        self._servable = servable
        self._signature = signature
        self.signature_names = (signature.name,)

    def response(self, outputs: Sequence[np.ndarray]) -> bytes:
        """Returns the serialised `PredictResponse`."""
        parts = []
        for alias, spec, array in zip(
            self.aliases, self.plan.outputs, outputs, strict=True
        ):
            tensor = tensors.encode(array, spec.dtype, self._as_content)
            entry = wire.field(_KEY, alias.encode()) + wire.field(_VALUE, tensor)
            parts.append(wire.field(_OUTPUTS, entry))
        parts.append(self._model_spec())
        return b"".join(parts)

    def _model_spec(self) -> bytes:
        """Returns the response's `model_spec` field, made once for each signature."""
        cache, key = self._servable.response_specs, self._signature.name
        if key not in cache:
            spec = model_spec(self._servable, key)
            cache[key] = wire.field(_MODEL_SPEC, spec.SerializeToString())
        return cache[key]


def model_spec(servable: Servable, signature_name: str | None) -> Any:
    """Returns the `ModelSpec` of a response, with the version that answered."""
    spec = model_pb2.ModelSpec(name=servable.name, signature_name=signature_name or "")
    spec.version.value = servable.version
    return spec


def row_count(arrays: Sequence[np.ndarray]) -> int:
    """Returns the number of rows of a request, for the example counters."""
    return int(arrays[0].shape[0]) if arrays and arrays[0].ndim else 0
