"""The marker is written only if the graph shows that rows are independent."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from contract.rows_apart import marker

FLOATS = tf.TensorSpec([None, 4], tf.float32, name="x")
TEXTS = tf.TensorSpec([None], tf.string, name="x")
WEIGHTS = np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32)


def save(folder: Path, function: Callable[[Any], Any], spec: tf.TensorSpec) -> Path:
    module = tf.Module()
    module.weights = tf.Variable(WEIGHTS)
    module.call = tf.function(
        lambda x: {"y": function(x)}, input_signature=[spec], autograph=False
    )
    tf.saved_model.save(module, str(folder), {"serving_default": module.call})
    return folder


def variable() -> tf.Variable:
    with tf.init_scope():
        return tf.Variable(WEIGHTS)


def batch_of(x: tf.Tensor) -> tf.Tensor:
    return tf.shape(x)[0]


APART: dict[str, tuple[Callable[[Any], Any], tf.TensorSpec]] = {
    "identity": (tf.identity, FLOATS),
    "dense": (lambda x: tf.nn.softmax(tf.nn.relu(x @ WEIGHTS) + 1.0), FLOATS),
    "a constant of one row": (lambda x: x + WEIGHTS.T[:1], FLOATS),
    "a constant made of another": (
        lambda x: x + tf.squeeze(tf.constant([[1.0, 2.0, 3.0, 4.0]]), [0]),
        FLOATS,
    ),
    "within rows": (lambda x: x / tf.reduce_sum(x, axis=1, keepdims=True), FLOATS),
    "the last axis": (lambda x: tf.argmax(x, axis=-1), FLOATS),
    "reshaped and back": (
        lambda x: tf.reshape(tf.reshape(x, [-1, 2, 2]), [batch_of(x), 4]),
        FLOATS,
    ),
    "flattened by its own shape": (
        lambda x: tf.reshape(tf.reshape(x, [-1, 2, 2]), [batch_of(x), -1]),
        FLOATS,
    ),
    "convolution": (
        lambda x: tf.nn.max_pool2d(
            tf.nn.conv2d(
                tf.reshape(x, [-1, 2, 2, 1]), np.ones([2, 2, 1, 3], "f"), 1, "SAME"
            ),
            2,
            2,
            "VALID",
        ),
        FLOATS,
    ),
    "columns joined": (lambda x: tf.concat([x, x[:, :2]], axis=1), FLOATS),
    "padded within rows": (lambda x: tf.pad(x, [[0, 0], [1, 1]]), FLOATS),
    "rows' own dimensions swapped": (
        lambda x: tf.transpose(tf.reshape(x, [-1, 2, 2]), [0, 2, 1]),
        FLOATS,
    ),
    "labels by rank": (
        lambda x: tf.gather(tf.constant(["a", "b", "c", "d"]), tf.argsort(x)),
        FLOATS,
    ),
    "labels for every row": (
        lambda x: tf.tile(tf.constant([["a", "b"]]), [batch_of(x), 1]),
        FLOATS,
    ),
    "examples of one length": (
        lambda x: tf.io.parse_example(x, {"v": tf.io.FixedLenFeature([3], "float")})[
            "v"
        ],
        TEXTS,
    ),
    "upper case": (tf.strings.upper, TEXTS),
}

MIXED: dict[str, tuple[Callable[[Any], Any], tf.TensorSpec]] = {
    "the mean of all rows": (lambda x: x - tf.reduce_mean(x), FLOATS),
    "the mean of each column": (lambda x: x - tf.reduce_mean(x, axis=0), FLOATS),
    "a maximum that seldom counts": (
        lambda x: x / tf.maximum(1000.0, tf.reduce_max(x)),
        FLOATS,
    ),
    "the number of rows": (
        lambda x: tf.nn.relu(x - tf.cast(batch_of(x), tf.float32)),
        FLOATS,
    ),
    "running sums": (lambda x: tf.cumsum(x, axis=0), FLOATS),
    "reversed": (lambda x: tf.reverse(x, [0]), FLOATS),
    "rows that meet one another": (lambda x: x @ tf.transpose(x), FLOATS),
    "softmax along the batch": (lambda x: tf.nn.softmax(x, axis=0), FLOATS),
    "rows cut elsewhere": (lambda x: tf.reshape(x, [-1, 8]), FLOATS),
    "rows cut in two": (lambda x: tf.reshape(x, [-1, 2]), FLOATS),
    "a constant with rows of its own": (lambda x: x + np.ones([2, 4], "f"), FLOATS),
    "the first row": (lambda x: x[:1], FLOATS),
    "rows joined": (lambda x: tf.concat([x, x], axis=0), FLOATS),
    "a row more": (lambda x: tf.pad(x, [[1, 0], [0, 0]]), FLOATS),
    "transposed": (tf.transpose, FLOATS),
    "squeezed": (lambda x: tf.squeeze(tf.reshape(x, [-1, 4, 1])), FLOATS),
    "random numbers": (lambda x: x + tf.random.uniform(tf.shape(x), seed=1), FLOATS),
    "texts split to the longest": (
        lambda x: tf.strings.split(x).to_tensor(),
        TEXTS,
    ),
    "examples to the longest": (
        lambda x: tf.io.parse_example(
            x, {"v": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)}
        )["v"],
        TEXTS,
    ),
    "sparse examples": (
        lambda x: tf.sparse.to_dense(
            tf.io.parse_example(x, {"v": tf.io.VarLenFeature(tf.float32)})["v"]
        ),
        TEXTS,
    ),
    "a constant answer": (lambda x: tf.constant(["a", "b"]), TEXTS),
    "a loop": (
        lambda x: tf.while_loop(lambda y: tf.reduce_max(y) < 9, lambda y: [y + 1], [x])[
            0
        ],
        FLOATS,
    ),
    "batch normalisation by the batch": (
        lambda x: tf.compat.v1.nn.fused_batch_norm(
            tf.reshape(x, [-1, 2, 2, 1]), [1.0], [0.0], is_training=True
        )[0],
        FLOATS,
    ),
    "rows known by a condition on all": (
        lambda x: tf.cond(tf.reduce_max(x) > 5, lambda: x, lambda: -x),
        FLOATS,
    ),
    "an input without rows": (tf.identity, tf.TensorSpec([3], tf.float32, name="x")),
}


@pytest.mark.parametrize("name", APART)
def test_marked(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "1", *APART[name])
    assert marker.judge(str(folder)) == {"serving_default": ""}
    assert marker.write_marker(str(folder)) == ["serving_default"]


def test_a_keras_convolution_is_marked(tmp_path: Path) -> None:
    network = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.MaxPooling2D(padding="same"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    module = tf.Module()
    module.weights = [weight.value for weight in network.weights]
    module.call = tf.function(
        lambda x: {"y": network(x, training=False)},
        input_signature=[tf.TensorSpec([None, 4, 4, 1], tf.float32, name="x")],
        autograph=False,
    )
    folder = str(tmp_path / "1")
    tf.saved_model.save(module, folder, {"serving_default": module.call})

    assert marker.write_marker(folder) == ["serving_default"]


@pytest.mark.parametrize("name", MIXED)
def test_not_marked(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "1", *MIXED[name])
    assert marker.judge(str(folder))["serving_default"]
    assert marker.write_marker(str(folder)) == []
    assert not (folder / marker.MARKER_FILE).exists()


def test_the_file(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tf.identity, FLOATS)
    marker.write_marker(str(folder))
    model = (folder / "saved_model.pb").read_bytes()
    assert json.loads((folder / marker.MARKER_FILE).read_text()) == {
        "format": 1,
        "saved_model_sha256": hashlib.sha256(model).hexdigest(),
        "signatures": ["serving_default"],
    }


def test_a_withdrawal_is_for_good(tmp_path: Path) -> None:
    module = tf.Module()
    module.call = tf.function(tf.identity, input_signature=[FLOATS])
    folder = str(tmp_path / "1")
    tf.saved_model.save(module, folder, {"one": module.call, "other": module.call})
    assert marker.write_marker(folder) == ["one", "other"]
    marker.withdraw_marker(folder, {"one", "unknown"})
    assert marker.marked(folder) == ["other"]
    marker.withdraw_marker(folder, {"other"})
    assert marker.marked(folder) == []
    marker.withdraw_marker(folder, {"other"})


def test_every_rule_is_of_an_operation_that_draws_and_writes_nothing() -> None:
    from contract.rows_apart.rules import RULES

    handles = {"HashTableV2", "VarHandleOp", "Variable", "VariableV2"}
    reads = {"LookupTableFindV2", "ReadVariableOp", "ResourceGather"}
    graph = tf.Graph()
    stateful = {op for op in RULES if graph.op_def_for_type(op).is_stateful}
    assert stateful <= handles | reads
