"""Difficult SavedModels: dependent rows, kernels that abort, long runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

Signature = tuple[Sequence[tf.TensorSpec], Callable[..., Any]]


def spec(shape: Any, dtype: tf.DType = tf.float32, name: str = "x") -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


def save(path: Path, signatures: Mapping[str, Signature]) -> Path:
    """Saves a TF2 model of these signatures, each with the one output `y`."""
    module = tf.Module()
    functions = {}
    for name, (inputs, function) in signatures.items():
        functions[name] = tf.function(
            _named(function), input_signature=inputs, autograph=False
        )
    module.functions = functions
    tf.saved_model.save(module, str(path), functions)
    return path


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    def answer(*values: Any) -> Any:
        found = function(*values)
        return found if isinstance(found, dict) else {"y": found}

    return answer


def mark(path: Path, *signatures: str) -> None:
    """Writes the marker of independent rows, as README.md defines it."""
    (path / "assets.extra").mkdir(exist_ok=True)
    digest = hashlib.sha256((path / "saved_model.pb").read_bytes()).hexdigest()
    content = {"format": 1, "saved_model_sha256": digest, "signatures": signatures}
    (path / "assets.extra" / "rows_apart.json").write_text(json.dumps(content))


def spin(turns: Any) -> Any:
    """Returns 0 after `turns` turns of a loop."""
    return tf.while_loop(
        lambda i, _: i < tf.reduce_max(turns),
        lambda i, m: (i + 1, tf.tanh(m @ m)),
        (0, tf.eye(64)),
    )[1][0, 0]


def kernels() -> tf.Tensor:
    return np.ones([2, 2, 1, 1], np.float32)


ODD: dict[str, Signature] = {
    "words": ([spec([None], tf.string)], lambda x: tf.strings.split(x).to_tensor()),
    "largest": ([spec([None])], lambda x: x / tf.maximum(1000.0, tf.reduce_max(x))),
    "label": ([spec([], tf.string)], tf.identity),
    "spin": ([spec([], tf.int32)], spin),
    "double": ([spec([None, 1])], lambda x: x * 2),
    "square": ([spec([None, None])], lambda x: x @ tf.transpose(x)),
    "sums": ([spec([None, None])], lambda x: tf.reduce_sum(x, axis=1)),
    "blur": (
        [spec([None, 8, 8, 1])],
        lambda x: tf.nn.conv2d(x, kernels(), 1, "SAME"),
    ),
    "blur_any": ([spec(None)], lambda x: tf.nn.conv2d(x, kernels(), 1, "SAME")),
    "blur_perhaps": (
        [spec(None)],
        lambda x: tf.cond(
            tf.size(x) > 0, lambda: tf.nn.conv2d(x, kernels(), 1, "SAME"), lambda: x
        ),
    ),
    "any": ([spec(None)], lambda x: x + 1),
    "pool": (
        [spec(None)],
        lambda x: tf.nn.max_pool3d(x, [1, 2, 2, 2, 1], 1, "SAME"),
    ),
    "scatter": (
        [spec(None, tf.int32)],
        lambda x: tf.scatter_nd(x, tf.ones([2]), [8]),
    ),
    "numbers": ([spec(None)], tf.identity),
    "constant": ([], lambda: tf.constant([1.0, 2.0])),
}


def save_odd(path: Path) -> Path:
    """Saves all of them as one model."""
    return save(path, ODD)
