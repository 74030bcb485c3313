"""Reads the examples of REST classify and regress requests from JSON.

Source: tensorflow_serving/util/json_tensor.cc.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from serving.server import json_tensors, json_texts
from serving.server.errors import invalid_argument
from serving.server.json_tensors import shown
from serving.server.rest_messages import signature_name


def fill_examples(data: bytes, request: Any) -> None:
    """Fills a Classification- or RegressionRequest from its JSON.

    Raises:
        ServingError: INVALID_ARGUMENT; the body is invalid.
    """
    body = json_tensors.parse_object(data)
    request.model_spec.signature_name = signature_name(body)
    if "examples" not in body:
        raise invalid_argument(
            f"JSON Value: {shown(body)} When method is classify, key 'examples' is "
            "expected and was not found"
        )
    examples = body["examples"]
    if not isinstance(examples, list):
        raise invalid_argument(
            f"JSON Value: {shown(body)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise invalid_argument(
            f"JSON Value: {shown(body)} 'examples' value is an empty array"
        )
    target = request.input.example_list
    if "context" in body:
        target = request.input.example_list_with_context
        target.context.CopyFrom(_example(body["context"]))
    target.examples.extend(_example(item) for item in examples)


def _example(value: Any) -> tf.train.Example:
    """Converts a JSON object of features to a `tf.train.Example`."""
    if not isinstance(value, dict):
        raise invalid_argument(
            f"Example must be JSON object but got JSON {json_tensors.type_name(value)}"
        )
    example = tf.train.Example()
    for name, content in value.items():
        json_texts.check_text(name, "The name of a feature")
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add_to_feature(feature, name, item)
    return example


def _add_to_feature(feature: Any, name: str, value: Any) -> None:
    """Adds one JSON value to a feature, whose values must all be of one kind."""
    content: int | float | bytes
    if isinstance(value, bool):
        kind, content = "int64_list", int(value)
    elif isinstance(value, int):
        kind, content = "int64_list", value
        if not -(2**63) <= value < 2**63:
            raise invalid_argument(
                f"Feature: {name} has uint64_t element. Only int64_t is supported."
            )
    elif isinstance(value, float):
        # A number that is too large becomes infinite, as in TensorFlow Serving.
        with np.errstate(over="ignore"):
            kind, content = "float_list", float(np.float32(value))
    elif isinstance(value, str):
        kind, content = "bytes_list", json_texts.encode_text(value)
    elif json_tensors.is_base64(value):
        kind, content = "bytes_list", json_tensors.decode_base64(value)
    else:
        raise invalid_argument(
            f"Feature: {name} has element with unexpected JSON type: "
            f"{json_tensors.type_name(value)}"
        )
    found = feature.WhichOneof("kind")
    if found not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{found.removesuffix('_list')}"
        )
    getattr(feature, kind).value.append(content)
