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

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from contract.rows_apart.analysis import Analysis
from contract.rows_apart.rules import RULES
from contract.rows_apart.values import Mixed

MARKER_FILE = os.path.join("assets.extra", "rows_apart.json")
_FORMAT = 1


def judge(folder: str) -> dict[str, str]:
    """Finds out which signatures of a SavedModel keep rows apart.

    Args:
        folder: Of the SavedModel.

    Returns:
        By name of the signature an empty text where its rows are shown not to see
        each other, and why that could not be shown otherwise.
    """
    model = _read(folder)
    # A model of several graphs would be marked for whichever a server takes.
    if len(model.meta_graphs) != 1:
        return {}
    graph = model.meta_graphs[0]
    analysis = Analysis(graph.graph_def, RULES)
    found = {}
    for name, signature in graph.signature_def.items():
        if name.startswith("__saved_model"):
            continue
        inputs, reason = {}, ""
        for alias, info in signature.inputs.items():
            shape = info.tensor_shape
            if shape.unknown_rank or not shape.dim or shape.dim[0].size != -1:
                reason = f"input {alias} has no dimension of rows"
            dims = [dim.size if dim.size >= 0 else None for dim in shape.dim]
            inputs[info.name] = dims
        if not inputs:
            reason = "it has no inputs"
        try:
            if not reason:
                analysis.check(inputs, [i.name for i in signature.outputs.values()])
        except Mixed as error:
            reason = str(error)
        found[name] = reason
    return found


def write_marker(folder: str) -> list[str]:
    """Marks the signatures of a SavedModel whose rows do not see each other.

    Args:
        folder: Of the SavedModel, complete but for this file.

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
    """Takes signatures out of the marker; nothing puts them back.

    Args:
        folder: Of the SavedModel.
        signatures: Names of those whose rows came out otherwise together than alone.
    """
    if not signatures:
        return
    left = [name for name in marked(folder) if name not in signatures]
    if left:
        _write(folder, left)
    elif tf.io.gfile.exists(path := os.path.join(folder, MARKER_FILE)):
        tf.io.gfile.remove(path)


def _read(folder: str) -> saved_model_pb2.SavedModel:
    return saved_model_pb2.SavedModel.FromString(_content(folder))


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
