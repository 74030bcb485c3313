"""Prepares MultiInference: several Classify and Regress tasks in one run.

Source: tensorflow_serving/servables/tensorflow/multi_inference.cc.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_serving.apis import inference_pb2

from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.inference import (
    Inference,
    classify_tensors,
    fill_classes,
    fill_values,
    find_signature,
    regress_tensors,
    serialized_examples,
)
from serving.server.predict import CLASSIFY_METHOD, REGRESS_METHOD, model_spec
from serving.server.servable import Servable
from serving.server.signatures import DEFAULT_SIGNATURE, Signature
from serving.server.tensors import TensorSpec


def check_tasks(request: Any) -> None:
    """Checks the parts of a `MultiInferenceRequest` that do not depend on the model.

    Raises:
        ServingError: INVALID_ARGUMENT; no tasks, a model without a name, several
            models, or one signature twice.
    """
    if not request.tasks:
        raise invalid_argument("Inference request must have at least one task")
    names = [task.model_spec.name for task in request.tasks]
    if not all(names):
        raise invalid_argument("Found ModelSpec with an empty model name.")
    if len(set(names)) > 1:
        raise invalid_argument(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name."
        )
    seen: set[str] = set()
    for task in request.tasks:
        key = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if key in seen:
            raise invalid_argument(f"Duplicate evaluation of signature: {key}")
        seen.add(key)


def multi_inference(servable: Servable, request: Any, options: Options) -> Inference:
    """Prepares a `MultiInferenceRequest`: all its tasks share one run.

    If the signatures have different inputs, each input gets the same examples.
    Arguments and errors are those of `inference.classify`; `check_tasks` has already
    accepted the request.
    """
    sources: dict[str, TensorSpec] = {}
    union: dict[str, TensorSpec] = {}
    parts: list[tuple[Signature, bool, list[TensorSpec]]] = []
    for task in request.tasks:
        signature = find_signature(
            servable,
            task.model_spec.signature_name,
            "Requested signature not found in model graph",
        )
        classifies = task.method_name == CLASSIFY_METHOD
        if not classifies and task.method_name != REGRESS_METHOD:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Unsupported signature method_name: {task.method_name}",
            )
        pick = classify_tensors if classifies else regress_tensors
        source, specs = pick(signature, options)
        sources[source.name] = source
        union.update({spec.name: spec for spec in specs})
        parts.append((signature, classifies, specs))
    fetched = [union[name] for name in sorted(union)]
    return Inference(
        servable,
        [sources[name] for name in sorted(sources)],
        fetched,
        serialized_examples(request.input),
        functools.partial(_respond_all, servable, parts, fetched),
        [signature.name for signature, _, _ in parts],
    )


def _respond_all(
    servable: Servable,
    parts: Sequence[tuple[Signature, bool, list[TensorSpec]]],
    fetched: Sequence[TensorSpec],
    outputs: Sequence[np.ndarray],
    count: int,
) -> Any:
    values = {spec.name: array for spec, array in zip(fetched, outputs, strict=True)}
    response = inference_pb2.MultiInferenceResponse()
    for signature, classifies, specs in parts:
        result = response.results.add(model_spec=model_spec(servable, signature.name))
        arrays = [values[spec.name] for spec in specs]
        if classifies:
            fill_classes(result.classification_result, specs, arrays, count)
        else:
            fill_values(result.regression_result, specs[0], arrays[0], count)
    return response
