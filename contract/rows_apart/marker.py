"""The marker file of a model whose rows do not influence each other.

A server may join the requests of different callers into one batch only if this cannot
change an answer. The exporter proves it from the graph (`rows_apart`) and writes the
result beside the model; serving/server/README.md defines the file. Only the exporter
writes it: correct rows in a trial are no proof. Wrong rows in a trial remove the
marker.
"""

import hashlib
import json
import os
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

# Private API, as there is no public one. tests/contract/rows_apart fails without it.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from contract.rows_apart.rules import outputs_of
from contract.rows_apart.values import Fixed, Mixed, Rows, Value

MARKER_FILE = os.path.join("assets.extra", "rows_apart.json")
_FORMAT = 1


def judge(folder: str) -> dict[str, str]:
    """Finds out which signatures of a SavedModel compute their rows separately.

    Returns:
        For each signature, by name: an empty text if there is a proof that its rows do
        not influence each other, otherwise the reason why there is none.
    """
    # With several graphs, the marker would not say which of them it is about.
    if len(saved_model_pb2.SavedModel.FromString(_content(folder)).meta_graphs) != 1:
        return {}
    loaded = tf.saved_model.load(folder)
    return {
        name: _why_not_apart(function) for name, function in loaded.signatures.items()
    }


def _why_not_apart(function: Any) -> str:
    """Returns why rows of a signature may influence each other; "" if they do not."""
    # This makes one graph, with inlined functions and with the weights as constants.
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
    """Writes the marker of a complete SavedModel, with the signatures that are proved.

    Returns:
        The names of these signatures. If there is none, no file is written.
    """
    names = sorted(name for name, reason in judge(folder).items() if not reason)
    if names:
        _write(folder, names)
    return names


def marked(folder: str) -> list[str]:
    """Returns the signatures in a SavedModel's marker; none without a marker."""
    path = os.path.join(folder, MARKER_FILE)
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path, "r") as file:
        return list(json.load(file)["signatures"])


def withdraw_marker(folder: str, signatures: set[str]) -> None:
    """Removes signatures from the marker; no code adds them again."""
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
