"""The marker by which a model says that its rows do not see each other.

A server may run the requests of different callers as one batch only where that cannot
show in an answer. Our graphs are ours to know, so the exporter works it out from the
graph (`rows_apart`) and writes it down beside the model; serving/server/README.md
defines the file. Nothing else writes it: that rows came out right in a trial proves
nothing, while rows that came out wrong take the marker away.
"""

import hashlib
import json
import os
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

# It has no public name. A TensorFlow without it fails tests/contract/rows_apart.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from contract.rows_apart.rules import outputs_of
from contract.rows_apart.values import Fixed, Mixed, Rows, Value

MARKER_FILE = os.path.join("assets.extra", "rows_apart.json")
_FORMAT = 1


def judge(folder: str) -> dict[str, str]:
    """Finds out which signatures of a SavedModel keep rows apart.

    Returns:
        By name of the signature an empty text where its rows are shown not to see
        each other, and why that could not be shown otherwise.
    """
    # A model of several graphs would be marked for whichever a server takes.
    if len(saved_model_pb2.SavedModel.FromString(_content(folder)).meta_graphs) != 1:
        return {}
    loaded = tf.saved_model.load(folder)
    return {
        name: _why_not_apart(function) for name, function in loaded.signatures.items()
    }


def _why_not_apart(function: Any) -> str:
    """Returns why rows of a signature may see each other; empty if they do not."""
    # One graph: the functions in it inlined, the weights constants.
    try:
        whole = convert_variables_to_constants_v2(function)
    except (ValueError, tf.errors.OpError) as error:
        return f"its graph cannot be followed: {error}"
    captured = {inner.name for _, inner in function.graph.captures}
    given = {one.name for one in whole.inputs} - captured
    known: dict[str, Value] = {}
    try:
        for operation in whole.graph.get_operations():
            if operation.type == "Placeholder":
                [output] = operation.outputs
                is_given = output.name in given
                known[output.name] = _rows_of(output) if is_given else Fixed()
                continue
            values = [known.get(one.name) for one in operation.inputs]
            outputs = outputs_of(operation, values)
            for tensor, value in zip(operation.outputs, outputs, strict=True):
                known[tensor.name] = value
    except Mixed as error:
        return str(error)
    for tensor in whole.outputs:
        if not isinstance(known[tensor.name], Rows):
            return f"{tensor.name} does not have a row for each row of the inputs"
    return "" if given else "it has no inputs"


def _rows_of(tensor: tf.Tensor) -> Rows:
    if not tensor.shape.rank or tensor.shape[0] is not None:
        raise Mixed(f"input {tensor.op.name} has no dimension of rows")
    return Rows()


def write_marker(folder: str) -> list[str]:
    """Marks the signatures of a complete SavedModel whose rows do not see each other.

    Returns:
        Their names. Without any no file is written.
    """
    names = sorted(name for name, reason in judge(folder).items() if not reason)
    if names:
        _write(folder, names)
    return names


def marked(folder: str) -> list[str]:
    """Returns the signatures that a SavedModel is marked for; none without a marker."""
    path = os.path.join(folder, MARKER_FILE)
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path, "r") as file:
        return list(json.load(file)["signatures"])


def withdraw_marker(folder: str, signatures: set[str]) -> None:
    """Takes signatures out of the marker; nothing puts them back."""
    if not signatures:
        return
    left = [name for name in marked(folder) if name not in signatures]
    if left:
        _write(folder, left)
    elif tf.io.gfile.exists(path := os.path.join(folder, MARKER_FILE)):
        tf.io.gfile.remove(path)


def _content(folder: str) -> bytes:
    with tf.io.gfile.GFile(os.path.join(folder, "saved_model.pb"), "rb") as file:
        return bytes(file.read())


def _write(folder: str, names: list[str]) -> None:
    content = {
        "format": _FORMAT,
        "saved_model_sha256": hashlib.sha256(_content(folder)).hexdigest(),
        "signatures": names,
    }
    path = os.path.join(folder, MARKER_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
