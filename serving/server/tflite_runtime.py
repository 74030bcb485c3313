"""Runs a TensorFlow Lite model with a pool of interpreters.

Sources: tensorflow_serving/servables/tensorflow/{tflite_session,
tflite_interpreter_pool}.cc. Signatures are those in the file, as the converter writes
them; for a file without signatures, one is made from the tensors' names, as in
TensorFlow Serving.
"""

import dataclasses
import importlib
import os
import queue
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.errors import Code, ServingError, invalid_argument
from serving.server.flags import Options
from serving.server.plan import Program
from serving.server.shapes import ShapeRule
from serving.server.signatures import DEFAULT_SIGNATURE, Signature
from serving.server.tensors import TensorSpec

TFLITE_FILE = "model.tflite"
_METHOD = "tensorflow/serving/predict"


def wanted(path: str, options: Options) -> bool:
    """Tells whether this runtime should serve a version folder."""
    return options.prefer_tflite_model and tf.io.gfile.exists(
        os.path.join(path, TFLITE_FILE)
    )


def _interpreter_class() -> Any:
    """Returns the interpreter of TensorFlow, or of the package that replaces it."""
    if hasattr(tf.lite, "Interpreter"):
        return tf.lite.Interpreter
    try:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError as error:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            "TensorFlow Lite models need the package ai-edge-litert with this "
            "TensorFlow; it is not installed",
        ) from error


class TfliteRuntime:
    """A loaded `model.tflite`; it has the attributes of `GraphRuntime`."""

    def __init__(self, path: str, options: Options):
        """Loads the model; the arguments are those of `Servable`.

        Raises:
            ServingError: INVALID_ARGUMENT; it is not a TensorFlow Lite model.
        """
        file = os.path.join(path, TFLITE_FILE)
        with tf.io.gfile.GFile(file, "rb") as opened:
            content = opened.read()
        make = _interpreter_class()
        self._pool: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            for _ in range(options.num_tflite_pools):
                interpreter = make(model_content=content, num_threads=1)
                interpreter.allocate_tensors()
                self._pool.put(interpreter)
        except (ValueError, RuntimeError) as error:
            raise invalid_argument(
                f"Cannot build FlatBufferModel from buffer: {file}: {error}"
            ) from error
        self.signature_defs, self.signatures = _signatures(interpreter)

    def compile(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
    ) -> Program:
        """Returns the program that computes `outputs` from `inputs`."""
        # Every tensor is called SIGNATURE/INDEX here; see `_signatures`.
        if len({spec.name.rpartition("/")[0] for spec in (*inputs, *outputs)}) > 1:
            raise ServingError(
                Code.UNIMPLEMENTED, "Signatures of TensorFlow Lite run one at a time"
            )
        feeds, fetches = (
            [int(spec.name.rpartition("/")[2]) for spec in specs]
            for specs in (inputs, outputs)
        )

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            interpreter = self._pool.get()
            try:
                return _run(interpreter, feeds, fetches, arrays)
            finally:
                self._pool.put(interpreter)

        # Its kernels were not tested with other ranks, so only the declared ones pass.
        risky = frozenset(spec.name for spec in inputs)
        return Program(run, ShapeRule(inputs, risky, lambda shapes: None), None)

    def close(self) -> None:
        """Frees the interpreters. No run may be active."""
        while not self._pool.empty():
            self._pool.get()


def _run(
    interpreter: Any,
    feeds: Sequence[int],
    fetches: Sequence[int],
    arrays: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Runs an interpreter, which no other thread may use meanwhile.

    Raises:
        ServingError: INTERNAL; it cannot run on these arrays.
    """
    try:
        resized = False
        for index, array in zip(feeds, arrays, strict=True):
            if tuple(interpreter.tensor(index)().shape) != array.shape:
                interpreter.resize_tensor_input(index, array.shape)
                resized = True
        if resized:
            interpreter.allocate_tensors()
        for index, array in zip(feeds, arrays, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [np.asarray(interpreter.get_tensor(index)) for index in fetches]
    except (ValueError, RuntimeError) as error:
        raise ServingError(
            Code.INTERNAL, f"Failed to invoke TfLite interpreter: {error}"
        ) from error


def _signatures(interpreter: Any) -> tuple[dict[str, Any], dict[str, Signature]]:
    """Returns a model's signatures in two forms: for the metadata and the checks."""
    primary = {
        "inputs": {_plain(d["name"]): d for d in interpreter.get_input_details()},
        "outputs": {_plain(d["name"]): d for d in interpreter.get_output_details()},
    }
    own = {d["index"] for tensors in primary.values() for d in tensors.values()}
    found = {}
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        tensors = {
            "inputs": runner.get_input_details(),
            "outputs": runner.get_output_details(),
        }
        # Others belong to subgraphs, which TensorFlow Serving does not run either.
        if own.issuperset(d["index"] for t in tensors.values() for d in t.values()):
            found[name] = tensors
    if not found:
        found[DEFAULT_SIGNATURE] = primary
    definitions, signatures = {}, {}
    for name, tensors in found.items():
        definition = meta_graph_pb2.SignatureDef(method_name=_METHOD)
        for kind, by_alias in tensors.items():
            for alias, details in by_alias.items():
                info = getattr(definition, kind)[alias]
                info.name = f"{name}/{details['index']}"
                info.dtype = tf.dtypes.as_dtype(_type(details)).as_datatype_enum
                for size in details["shape_signature"].tolist():
                    info.tensor_shape.dim.add(size=size)
        definitions[name] = definition
        signatures[name] = _of_any_batch(Signature.from_def(name, definition))
    return definitions, signatures


def _plain(name: str) -> str:
    """Removes the suffix that TensorFlow appends to a tensor's name."""
    return name.partition(":")[0]


def _type(details: Any) -> Any:
    """Returns the type of a tensor; the interpreter's type of strings is `bytes_`."""
    return tf.string if details["dtype"] in (np.bytes_, np.str_) else details["dtype"]


def _of_any_batch(signature: Signature) -> Signature:
    """Allows any size of the first dimension: the interpreter is resized to it."""

    def freed(spec: TensorSpec) -> TensorSpec:
        if not spec.shape:
            return spec
        return dataclasses.replace(spec, shape=(None, *spec.shape[1:]))

    return dataclasses.replace(
        signature,
        inputs={alias: freed(spec) for alias, spec in signature.inputs.items()},
    )
