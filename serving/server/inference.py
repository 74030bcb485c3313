"""Prepares Classify and Regress requests, and fills their responses.

Sources: tensorflow_serving/servables/tensorflow/{classifier,regressor,util}.cc.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    regression_pb2,
)

from serving.server.errors import invalid_argument
from serving.server.flags import Options
from serving.server.plan import Plan
from serving.server.predict import CLASSIFY_METHOD, REGRESS_METHOD, model_spec
from serving.server.servable import Servable
from serving.server.signatures import DEFAULT_SIGNATURE, Signature
from serving.server.tensors import TensorSpec, dtype_name

_INPUTS = "inputs"
_CLASSES, _SCORES = "classes", "scores"
_OUTPUTS = "outputs"

# Receives the outputs of the plan and the number of examples.
Responder = Callable[[Sequence[np.ndarray], int], Any]


class Inference:
    """A checked request: its plan, its inputs and its response.

    Attributes:
        plan: the plan that runs it.
        arrays: for each input one string vector: the serialised examples.
        signature_names: the requested signatures.
    """

    __slots__ = ("_count", "_respond", "arrays", "plan", "signature_names")

    def __init__(
        self,
        servable: Servable,
        sources: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        examples: np.ndarray,
        respond: Responder,
        signature_names: Sequence[str],
    ):
        for position, source in enumerate(sources):
            if source.dtype != types_pb2.DT_STRING:
                raise invalid_argument(
                    f"Expects arg[{position}] to be {dtype_name(source.dtype)} but "
                    "string is provided"
                )
        self.plan: Plan = servable.plan(sources, outputs, signature_names)
        self.arrays = (examples,) * len(sources)
        self.signature_names = tuple(signature_names)
        self._count = len(examples)
        self._respond = respond

    def response(self, outputs: Sequence[np.ndarray]) -> Any:
        """Returns the response message."""
        return self._respond(outputs, self._count)


def serialized_examples(request_input: Any) -> np.ndarray:
    """Returns the examples of an `Input`, serialised, as a vector of `bytes`.

    A context is put in front of each example: parsing the two together merges them.

    Raises:
        ServingError: INVALID_ARGUMENT, there are no examples.
    """
    kind = request_input.WhichOneof("kind")
    context = b""
    examples: Any = ()
    if kind == "example_list":
        examples = request_input.example_list.examples
    elif kind == "example_list_with_context":
        listed = request_input.example_list_with_context
        context, examples = listed.context.SerializeToString(), listed.examples
    if not examples:
        raise invalid_argument("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = [context + example.SerializeToString() for example in examples]
    return array


def find_signature(servable: Servable, name: str, text: str) -> Signature:
    """Returns the signature `name`; empty means `serving_default`.

    Raises:
        ServingError: INVALID_ARGUMENT; the signature does not exist. The message has
            `text` and the name.
    """
    key = name or DEFAULT_SIGNATURE
    signature = servable.signatures.get(key)
    if signature is None:
        raise invalid_argument(f"{text}: {key}")
    return signature


def _source(
    signature: Signature, method: str, what: str, options: Options
) -> TensorSpec:
    """Returns the only input of a signature that takes examples."""
    checks = options.enable_signature_method_name_check
    if checks and signature.method_name != method:
        raise invalid_argument(
            f"Expected {what} signature method_name to be {method}. Was: "
            f"{signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if _INPUTS not in signature.inputs:
        raise invalid_argument(
            f"No {what} inputs found in SignatureDef: {signature.name} has "
            f"{sorted(signature.inputs)}",
        )
    return signature.inputs[_INPUTS]


def classify_tensors(
    signature: Signature, options: Options
) -> tuple[TensorSpec, list[TensorSpec]]:
    """Returns the input and the outputs of a signature that classifies.

    Raises:
        ServingError: its tensors do not fit, or its checked `method_name` does not.
    """
    source = _source(signature, CLASSIFY_METHOD, "classification", options)
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    outputs = [
        signature.outputs[alias]
        for alias in (_CLASSES, _SCORES)
        if alias in signature.outputs
    ]
    if not outputs:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least one of "
            f'"{_CLASSES}" or "{_SCORES}". Signature was: {signature.name} with '
            f"{sorted(signature.outputs)}",
        )
    return source, outputs


def regress_tensors(
    signature: Signature, options: Options
) -> tuple[TensorSpec, list[TensorSpec]]:
    """Returns the input and the output of a signature that regresses.

    Raises:
        ServingError: as in `classify_tensors`.
    """
    source = _source(signature, REGRESS_METHOD, "regression", options)
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if _OUTPUTS not in signature.outputs:
        raise invalid_argument(
            f"No regression outputs found in SignatureDef: {signature.name} has "
            f"{sorted(signature.outputs)}",
        )
    return source, [signature.outputs[_OUTPUTS]]


def fill_classes(
    result: Any,
    specs: Sequence[TensorSpec],
    outputs: Sequence[np.ndarray],
    count: int,
) -> None:
    """Fills a `ClassificationResult`."""
    columns: dict[str, np.ndarray] = {}
    for spec, array in zip(specs, outputs, strict=True):
        if array.ndim != 2:
            raise invalid_argument(
                "Expected Tensor shape: [batch_size num_classes] but got "
                f"{list(array.shape)}"
            )
        expected = types_pb2.DT_STRING if spec.alias == _CLASSES else types_pb2.DT_FLOAT
        if spec.dtype != expected:
            raise invalid_argument(
                f"Expected {spec.alias} Tensor of {types_pb2.DataType.Name(expected)}. "
                f"Got: {types_pb2.DataType.Name(spec.dtype)}"
            )
        if len(array) != count:
            raise invalid_argument(
                f"Expected {spec.alias} output batch size of {count}. Got: {len(array)}"
            )
        columns[spec.alias] = array
    widths = {array.shape[1] for array in columns.values()}
    if len(widths) > 1:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{columns[_CLASSES].shape[1]} vs. {columns[_SCORES].shape[1]}"
        )
    labels = columns[_CLASSES].tolist() if _CLASSES in columns else None
    scores = columns[_SCORES].tolist() if _SCORES in columns else None
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(widths.copy().pop()):
            item = classes.add()
            if labels is not None:
                item.label = _text(labels[row][column])
            if scores is not None:
                item.score = scores[row][column]


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise invalid_argument(f"Class label {label!r} is not UTF-8") from error


def fill_values(result: Any, spec: TensorSpec, output: np.ndarray, count: int) -> None:
    """Fills a `RegressionResult`."""
    if not (output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {list(output.shape)}"
        )
    if len(output) != count:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {count} vs. "
            f"{len(output)}"
        )
    if spec.dtype != types_pb2.DT_FLOAT:
        raise invalid_argument(
            "Expected output Tensor of DT_FLOAT. Got: "
            f"{types_pb2.DataType.Name(spec.dtype)}"
        )
    for value in output.ravel().tolist():
        result.regressions.add(value=value)


_NO_SIGNATURE = "No signature was found with the name"


def classify(servable: Servable, request: Any, options: Options) -> Inference:
    """Prepares a `ClassificationRequest`.

    Raises:
        ServingError: the request or the signature does not fit.
    """
    name = request.model_spec.signature_name
    signature = find_signature(servable, name, _NO_SIGNATURE)
    source, specs = classify_tensors(signature, options)

    def respond(outputs: Sequence[np.ndarray], count: int) -> Any:
        response = classification_pb2.ClassificationResponse(
            model_spec=model_spec(servable, signature.name)
        )
        fill_classes(response.result, specs, outputs, count)
        return response

    examples = serialized_examples(request.input)
    return Inference(servable, [source], specs, examples, respond, [signature.name])


def regress(servable: Servable, request: Any, options: Options) -> Inference:
    """Prepares a `RegressionRequest`; arguments and errors as in `classify`."""
    name = request.model_spec.signature_name
    signature = find_signature(servable, name, _NO_SIGNATURE)
    source, specs = regress_tensors(signature, options)

    def respond(outputs: Sequence[np.ndarray], count: int) -> Any:
        response = regression_pb2.RegressionResponse(
            model_spec=model_spec(servable, signature.name)
        )
        fill_values(response.result, specs[0], outputs[0], count)
        return response

    examples = serialized_examples(request.input)
    return Inference(servable, [source], specs, examples, respond, [signature.name])
