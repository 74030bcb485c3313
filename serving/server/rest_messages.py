"""Converts REST request bodies to arrays and messages, and outputs to JSON.

Source: tensorflow_serving/util/json_tensor.cc.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf import json_format
from tensorflow_serving.apis import predict_pb2

from serving.server import json_tensors, json_texts, tensors
from serving.server.errors import ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.json_tensors import shown
from serving.server.predict import check_method_name, model_spec
from serving.server.servable import Servable
from serving.server.signatures import DEFAULT_SIGNATURE, Signature
from serving.server.tensors import TensorSpec

INSTANCES, INPUTS = "instances", "inputs"
PREDICTIONS, OUTPUTS, RESULTS = "predictions", "outputs", "results"


def signature_name(body: Mapping[str, Any]) -> str:
    """Returns `signature_name` of a body, or an empty string without one."""
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {shown(body)} not formatted correctly. 'signature_name' key "
            "must be a string value."
        )
    return json_texts.check_text(name, "signature_name")


def predict_inputs(
    body: Mapping[str, Any], signature: Signature
) -> tuple[tuple[np.ndarray, ...], bool]:
    """Reads the tensors of a predict body.

    Returns:
        The arrays, in the order of the signature's inputs, and whether the body
        has the row format (`instances`) rather than the column format (`inputs`).

    Raises:
        ServingError: INVALID_ARGUMENT; the body does not fit the signature.
    """
    specs = signature.inputs
    if not specs:
        raise invalid_argument(
            f"Failed to get input map for signature: {signature.name}"
        )
    if INSTANCES in body and INPUTS in body:
        raise invalid_argument(
            f"JSON Value: {shown(body)} Not formatted correctly expecting only one of "
            f"'{INPUTS}' or '{INSTANCES}' keys to exist "
        )
    if INSTANCES in body:
        by_alias = _from_rows(body[INSTANCES], specs, body)
    elif INPUTS in body:
        by_alias = _from_columns(body[INPUTS], specs)
    else:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    return tuple(by_alias[alias] for alias in specs), INSTANCES in body


class RestPrediction:
    """A checked predict body: its plan, its inputs and its response."""

    __slots__ = ("_rows", "_servable", "arrays", "plan", "signature_names")

    def __init__(self, servable: Servable, data: bytes, options: Options):
        """Reads and checks the body.

        Raises:
            ServingError: the body does not fit the signature.
        """
        body = json_tensors.parse_object(data)
        name = signature_name(body) or DEFAULT_SIGNATURE
        signature = servable.signatures.get(name)
        if signature is None:
            raise invalid_argument(
                f'Serving signature name: "{name}" not found in signature def'
            )
        self.arrays, self._rows = predict_inputs(body, signature)
        if options.enable_signature_method_name_check:
            check_method_name(signature)
        self.plan = servable.signature_plan(signature, tuple(signature.outputs))
        self.signature_names = (name,)
        self._servable = servable

    def body(self, outputs: Sequence[np.ndarray]) -> bytes:
        """Writes the answer."""
        return predict_body(self.plan.outputs, outputs, self._rows)

    def request(self) -> Any:
        """Returns the equivalent `PredictRequest` of the gRPC API."""
        spec = model_spec(self._servable, self.signature_names[0])
        message = predict_pb2.PredictRequest(model_spec=spec)
        for one, array in zip(self.plan.inputs, self.arrays, strict=True):
            message.inputs[one.alias].ParseFromString(tensors.encode(array, one.dtype))
        return message

    def response(self, outputs: Sequence[np.ndarray]) -> Any:
        """Returns the equivalent `PredictResponse` of the gRPC API."""
        spec = model_spec(self._servable, self.signature_names[0])
        message = predict_pb2.PredictResponse(model_spec=spec)
        for one, array in zip(self.plan.outputs, outputs, strict=True):
            encoded = tensors.encode(array, one.dtype)
            message.outputs[one.alias].ParseFromString(encoded)
        return message


def _from_columns(value: Any, specs: Mapping[str, TensorSpec]) -> dict[str, np.ndarray]:
    """Reads `inputs`: one value, or an object with one value per alias."""
    if not isinstance(value, dict) or json_tensors.is_base64(value):
        if len(specs) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((alias, spec),) = specs.items()
        return {alias: json_tensors.to_array(value, spec)}
    arrays = {}
    for alias, spec in specs.items():
        if alias not in value:
            raise invalid_argument(f"Missing named input: {alias} in 'inputs' object.")
        arrays[alias] = json_tensors.to_array(value[alias], spec)
    return arrays


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not json_tensors.is_base64(value)


def _from_rows(
    value: Any, specs: Mapping[str, TensorSpec], body: Any
) -> dict[str, np.ndarray]:
    """Reads `instances`: a list of values, or of objects with one value per alias."""
    if not isinstance(value, list):
        raise invalid_argument(
            f"JSON Value: {shown(body)} Expecting '{INSTANCES}' to be an list/array"
        )
    if not value:
        raise invalid_argument(
            f"JSON Value: {shown(body)} No values in '{INSTANCES}' array"
        )
    if not isinstance(value[0], dict) and len(specs) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    if not _is_object(value[0]):
        for index, item in enumerate(value):
            if _is_object(item):
                raise invalid_argument(
                    f"Expecting value/list but got object at item {index} of input list"
                )
        alias, spec = next(iter(specs.items()))
        return {alias: _stack(value, spec, "")}
    for index, item in enumerate(value):
        if not _is_object(item):
            raise invalid_argument(
                f"Expecting object but got list at item {index} of input list"
            )
        for alias in item:
            if alias not in specs:
                raise invalid_argument(
                    f"Failed to process element: {index} key: {alias} of 'instances' "
                    "list. Error: INVALID_ARGUMENT: JSON object: does not have named "
                    f"input: {alias}"
                )
        if item.keys() != specs.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{shown(item)} keys must be equal to: {','.join(specs)}"
            )
    return {
        alias: _stack([item[alias] for item in value], spec, f" key: {alias}")
        for alias, spec in specs.items()
    }


def _stack(values: list[Any], spec: TensorSpec, key: str) -> np.ndarray:
    """Makes one array of all instances' values; errors name the faulty instance."""
    try:
        return json_tensors.to_array(values, spec)
    except ServingError as failure:
        shape: tuple[int, ...] | None = None
        for index, value in enumerate(values):
            where = (
                f"Failed to process element: {index}{key} of 'instances' list. Error: "
            )
            try:
                array = json_tensors.to_array(value, spec)
            except ServingError as error:
                raise invalid_argument(f"{where}{error}") from failure
            if shape is None:
                shape = array.shape
            elif array.size != int(np.prod(shape)):
                raise invalid_argument(
                    f"{where}INVALID_ARGUMENT: Expecting tensor size: "
                    f"{int(np.prod(shape))} but got: {array.size}"
                ) from failure
            elif array.shape != shape:
                raise invalid_argument(
                    f"{where}INVALID_ARGUMENT: Expecting shape {_dims(shape)} but got: "
                    f"{_dims(array.shape)}"
                ) from failure
        raise


def _dims(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def predict_body(
    specs: Sequence[TensorSpec], outputs: Sequence[np.ndarray], rows: bool
) -> bytes:
    """Writes the answer to a predict request: `predictions` by rows, or `outputs`.

    Raises:
        ServingError: INVALID_ARGUMENT; the outputs differ in their number of rows.
    """
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    count = -1
    for spec, array in zip(specs, outputs, strict=True):
        if rows:
            if not array.ndim:
                raise invalid_argument(
                    f"Tensor name: {spec.alias} has no shape information "
                )
            if count not in (-1, len(array)):
                raise invalid_argument(
                    f"Tensor name: {spec.alias} has inconsistent batch size: "
                    f"{len(array)} expecting: {count}"
                )
            count = len(array)
    key = PREDICTIONS if rows else OUTPUTS
    if len(specs) == 1:
        return json_texts.dump_value(key, outputs[0], specs[0])
    arrays = {
        spec.alias: (array, spec) for spec, array in zip(specs, outputs, strict=True)
    }
    dump = json_texts.dump_records if rows else json_texts.dump_columns
    return dump(key, arrays)


def classify_body(response: Any) -> bytes:
    """Writes a `ClassificationResponse`: `[label, score]` pairs per example."""
    rows = [result.classes for result in response.result.classifications]
    scores = iter(json_texts.numbers([item.score for row in rows for item in row]))
    return json_texts.dump_rows(
        RESULTS, [[[item.label, next(scores)] for item in row] for row in rows]
    )


def regress_body(response: Any) -> bytes:
    """Writes a `RegressionResponse`: one value per example."""
    values = [item.value for item in response.result.regressions]
    return json_texts.dump_rows(RESULTS, json_texts.numbers(values))


# The option has two names: protobuf 5.26 renamed it, and 6 dropped the old one.
_EVERY_FIELD = next(
    name
    for name in (
        "always_print_fields_with_no_presence",
        "including_default_value_fields",
    )
    if name in inspect.signature(json_format.MessageToDict).parameters
)


def to_dict(message: Any) -> dict[str, Any]:
    """Converts a message to JSON types as the REST API does: with every field."""
    options: Any = {"preserving_proto_field_name": True, _EVERY_FIELD: True}
    return json_format.MessageToDict(message, **options)
