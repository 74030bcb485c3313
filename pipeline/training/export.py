"""The SavedModel that is served: network and Transform graph in one."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from pipeline.features import (
    IMAGE,
    IMAGE_HEIGHT,
    IMAGE_SIZE,
    IMAGE_WIDTH,
    SCALED_IMAGE,
)
from pipeline.training import batching_marker

IMAGES_SIGNATURE = "serving_default"
"""`images` uint8 `[None, 28, 28]` -> `probabilities`, `class_id`."""

EXAMPLES_SIGNATURE = "tf_examples"
"""`examples` string `[None]`, serialised tf.Examples -> the same."""

WARMUP_BATCH_SIZES = (1, 32)


class ServedModel(tf.Module):
    """What the signatures call; holds weights and transform so both are saved.

    The Keras model itself must not become part of it. Keras 3 saves each of its
    variables together with a copy (`_export_to_saved_model_graph` in
    keras/src/backend/tensorflow/core.py) and the checkpoint restores the copy:
    `tf.saved_model.load` finds its way, but in a Session, which is what
    TensorFlow Serving runs, the weights stay uninitialised. So this holds the
    TensorFlow variables underneath, and nothing of the optimiser.
    """

    def __init__(self, model: keras.Model, transform: tft.TFTransformOutput) -> None:
        """Takes the trained network and the graph it was trained behind."""
        super().__init__()
        self._weights = [weight.value for weight in model.weights]
        self._predict = lambda images: model(images, training=False)
        layer = transform.transform_features_layer()
        self._transform = lambda raw: layer(raw)
        # The layer is a tf_keras model: as a part of this it would be saved as
        # one, with 5 s of AutoGraph for functions that nobody calls. What its
        # graph needs, such as vocabularies, are its parts.
        self._transform_state = tf.train.TrackableView(layer).children(layer)
        self._examples_spec = {
            IMAGE: transform.raw_feature_spec()[IMAGE],
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, IMAGE_HEIGHT, IMAGE_WIDTH], tf.uint8, name="images")
        ],
        autograph=False,
    )
    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for pixels: uint8 `[batch, 28, 28]`, 0 is background."""
        # Servers check no shapes; a wrong rank must end here and not in a kernel.
        images = tf.ensure_shape(images, [None, IMAGE_HEIGHT, IMAGE_WIDTH])
        pixels = tf.reshape(images, [-1, IMAGE_SIZE])
        return self._answer({IMAGE: tf.cast(pixels, tf.int64)})

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name="examples")],
        autograph=False,
    )
    def from_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialised tf.Examples; they need no label."""
        examples = tf.ensure_shape(examples, [None])
        return self._answer(tf.io.parse_example(examples, self._examples_spec))

    def _answer(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self._transform(raw)
        probabilities = self._predict(transformed[SCALED_IMAGE])
        return {
            "probabilities": tf.identity(probabilities, name="probabilities"),
            "class_id": tf.argmax(probabilities, axis=1, name="class_id"),
        }


def export(
    model: keras.Model,
    transform: tft.TFTransformOutput,
    folder: str,
    warmup_images: np.ndarray,
) -> None:
    """Writes a SavedModel with both signatures, warm-up requests and marker.

    Args:
        model: The trained network.
        transform: The Transform output that its inputs went through.
        folder: Where the SavedModel goes.
        warmup_images: uint8 `[n, 28, 28]`, n at least the largest of
            `WARMUP_BATCH_SIZES`; sent by a server to itself before it serves.
    """
    served = ServedModel(model, transform)
    tf.saved_model.save(
        served,
        folder,
        signatures={
            IMAGES_SIGNATURE: served.from_images,
            EXAMPLES_SIGNATURE: served.from_examples,
        },
    )
    _write_warmup(folder, warmup_images)
    batching_marker.write_marker(folder)


def _write_warmup(folder: str, images: np.ndarray) -> None:
    """Writes the requests where TensorFlow Serving looks for them.

    See tensorflow/serving g3doc/saved_model_warmup.md.
    """
    extra = os.path.join(folder, "assets.extra")
    tf.io.gfile.makedirs(extra)
    path = os.path.join(extra, "tf_serving_warmup_requests")
    with tf.io.TFRecordWriter(path) as writer:
        for size in WARMUP_BATCH_SIZES:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(signature_name=IMAGES_SIGNATURE),
                inputs={"images": tf.make_tensor_proto(images[:size])},
            )
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
