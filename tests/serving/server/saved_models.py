"""SavedModels for the tests: small, quick to load, one of every served kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

v1 = tf.compat.v1
METHOD = "tensorflow/serving/"


def _info(**tensors: Any) -> dict[str, Any]:
    build = v1.saved_model.utils.build_tensor_info
    return {alias: build(tensor) for alias, tensor in tensors.items()}


def _signature(inputs: Any, outputs: Any, method: str = "predict") -> Any:
    build = v1.saved_model.signature_def_utils.build_signature_def
    return build(_info(**inputs), _info(**outputs), METHOD + method)


def save_adder(path: Path, amount: float, only: tuple[str, ...] = ()) -> Path:
    """Saves a TF1 model of reference variables that adds `amount`.

    It has one signature for every kind of request, or only those named in `only`.
    """
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        variable = v1.get_variable(
            "amount", initializer=tf.constant(amount), use_resource=False
        )
        x = v1.placeholder(tf.float32, [None], name="x")
        a = v1.placeholder(tf.float32, [None], name="a")
        b = v1.placeholder(tf.float32, [None], name="b")
        scalar = v1.placeholder(tf.float32, [], name="scalar")
        text = v1.placeholder(tf.string, [None], name="text")
        turns = v1.placeholder(tf.int32, [], name="turns")
        checked = v1.placeholder(tf.float32, [None], name="checked")
        matrix = v1.placeholder(tf.float32, [None, None], name="matrix")
        examples = v1.placeholder(tf.string, [None], name="examples")
        others = v1.placeholder(tf.string, [None], name="others")
        value = tf.io.parse_example(
            examples, {"v": tf.io.FixedLenFeature([1], tf.float32)}
        )["v"]
        scores = tf.concat([value + variable, -value], axis=1)
        classes = tf.tile([["up", "down"]], [tf.shape(value)[0], 1])
        with tf.control_dependencies([tf.debugging.assert_non_negative(checked)]):
            root = tf.sqrt(checked)
        loop = tf.while_loop(
            lambda i, _: i < turns,
            lambda i, m: (i + 1, tf.tanh(m @ m)),
            (0, tf.eye(64)),
        )[1]
        calls = v1.get_variable("calls", initializer=0.0, use_resource=False)
        pair = tf.stack([x, x * 2], axis=1)
        signatures = {
            "serving_default": _signature({"x": x}, {"y": x + variable}),
            "two_inputs": _signature(
                {"a": a, "b": b}, {"difference": a - b, "sum": a + b}
            ),
            "pair": _signature({"x": x}, {"pair": pair, "y": x + variable}),
            "scalar": _signature({"x": scalar}, {"y": scalar + variable}),
            "text": _signature(
                {"text": text},
                {"echo": tf.identity(text), "raw_bytes": tf.strings.join([text, "!"])},
            ),
            "centred": _signature({"x": x}, {"y": x - tf.reduce_mean(x)}),
            # With a seed, as the trainer's tests require one everywhere in the process.
            "noise": _signature(
                {"x": x}, {"y": x + tf.random.uniform(tf.shape(x), seed=1)}
            ),
            "counter": _signature(
                {"x": x}, {"y": x + v1.assign_add(calls, 1.0, use_locking=True)}
            ),
            "root": _signature({"x": checked}, {"y": root}),
            "rows": _signature(
                {"matrix": matrix}, {"sum": tf.reduce_sum(matrix, axis=1)}
            ),
            "slow": _signature({"turns": turns}, {"trace": tf.linalg.trace(loop)}),
            "classify": _signature(
                {"inputs": examples}, {"classes": classes, "scores": scores}, "classify"
            ),
            "scores_only": _signature(
                {"inputs": examples}, {"scores": scores}, "classify"
            ),
            "regress": _signature(
                {"inputs": examples}, {"outputs": value * 2}, "regress"
            ),
            "regress_elsewhere": _signature(
                {"inputs": others}, {"outputs": tf.zeros([1])}, "regress"
            ),
        }
        signatures = {key: signatures[key] for key in only or signatures}
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map=signatures
        )
        builder.save()
    return path


# Every dtype a request can carry, with two values of it.
DTYPE_VALUES: dict[tf.DType, list[Any]] = {
    tf.float32: [0.1, -2.5],
    tf.float64: [0.1, -2.5],
    tf.float16: [0.5, -2.5],
    tf.bfloat16: [0.5, -2.5],
    tf.int8: [-128, 127],
    tf.int16: [-32768, 32767],
    tf.int32: [-(2**31), 2**31 - 1],
    tf.int64: [-(2**63), 2**63 - 1],
    tf.uint8: [0, 255],
    tf.uint16: [0, 65535],
    tf.uint32: [0, 2**32 - 1],
    tf.uint64: [0, 2**64 - 1],
    tf.bool: [True, False],
    tf.string: [b"text", b"\xff\x00"],
    tf.complex64: [1 + 2j, -0.5j],
    tf.complex128: [1 + 2j, -0.5j],
}


def save_types(path: Path) -> Path:
    """Saves a model with a signature per dtype that returns its input."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        signatures = {}
        for dtype in DTYPE_VALUES:
            x = v1.placeholder(dtype, [None], name=dtype.name)
            signatures[dtype.name] = _signature({"x": x}, {"y": tf.identity(x)})
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map=signatures
        )
        builder.save()
    return path


class _Digits(tf.Module):
    """A dense model of images with two signatures, like a pushed model."""

    def __init__(self) -> None:
        super().__init__()
        generator = tf.random.Generator.from_seed(7)
        self.weights = tf.Variable(generator.normal([784, 10]) / 28)

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.reshape(tf.cast(images, tf.float32) / 255, [-1, 784])
        probabilities = tf.nn.softmax(rows @ self.weights)
        return {
            "class_id": tf.argmax(probabilities, axis=-1),
            "probabilities": probabilities,
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, "images")])
    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(images)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def from_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(
            examples, {"image": tf.io.FixedLenFeature([784], tf.int64)}
        )
        return self._answer(parsed["image"])


def save_digits(path: Path) -> Path:
    """Saves a TF2 model by `tf.saved_model.save`."""
    module = _Digits()
    signatures = {
        "serving_default": module.from_images,
        "tf_examples": module.from_examples,
    }
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


def save_convolution(path: Path) -> Path:
    """Saves a Keras model by `Model.export`.

    Its Conv2D aborts the process on input of another rank if oneDNN is on and the input
    is not checked before (tensorflow/tensorflow #85250).
    """
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="images"),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    model.export(str(path), verbose=False)
    return path
