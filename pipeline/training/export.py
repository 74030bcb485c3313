"""Exports the SavedModel that is served: the network with the Transform graph."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from contract import signatures
from contract.features import IMAGE, SCALED_IMAGE
from contract.reliability import RELIABILITY_FILE, Reliability
from contract.rows_apart import marker
from contract.task import Task
from pipeline.training.novelty import Novelty

WARMUP_BATCH_SIZES = (1, 32)

_CLASSIFY_METHOD = "tensorflow/serving/classify"
"""Method name that TensorFlow Serving's Classify expects of a signature
(tensorflow_serving/servables/tensorflow/classifier.cc)."""


class ServedModel(tf.Module):
    """The functions behind the signatures; it holds the weights and the transform.

    The Keras model itself must not be an attribute. Keras 3 saves each of its variables
    together with a copy (`_export_to_saved_model_graph` in
    keras/src/backend/tensorflow/core.py) and the checkpoint restores the copy.
    `tf.saved_model.load` can read that, but in a Session, which TensorFlow Serving
    uses, the weights stay uninitialised. So this holds the underlying TensorFlow
    variables, and none of the optimiser's.
    """

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        task: Task,
        novelty: Novelty,
        novelty_bound: float,
    ) -> None:
        super().__init__()
        self._weights = [weight.value for weight in model.weights]
        self._usual = novelty.variables
        self._predict = lambda images: model(images, training=False)
        self._novelty = lambda images: novelty.of(images)
        self._novelty_bound = novelty_bound
        layer = transform.transform_features_layer()
        self._transform = lambda raw: layer(raw)
        # The layer is a tf_keras model. As an attribute it would be saved as one, with
        # 5 s of AutoGraph for functions that nobody calls. Its graph needs only its
        # children, such as vocabularies.
        self._transform_state = tf.train.TrackableView(layer).children(layer)
        self._examples_spec = {IMAGE: transform.raw_feature_spec()[IMAGE]}
        self._task = task

    def signatures(self) -> dict[str, Any]:
        """Returns the signatures by name; see `contract.signatures`."""
        texts = tf.TensorSpec([None], tf.string)
        images = tf.TensorSpec([None, *self._task.shape], tf.uint8)
        return {
            signatures.IMAGES_SIGNATURE: _traced(self.from_images, images=images),
            signatures.EXAMPLES_SIGNATURE: _traced(self.from_examples, examples=texts),
            signatures.CLASSIFY_SIGNATURE: _traced(self.classify, inputs=texts),
            signatures.NOVELTY_SIGNATURE: _traced(self.novelty, images=images),
            signatures.DESCRIBE_SIGNATURE: _traced(self.describe, text=texts),
        }

    def from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the prediction for pixels, uint8 `[batch, *task.shape]`."""
        return self._answer(self._raw(images))

    def from_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the prediction for serialised tf.Examples; they need no label."""
        examples = tf.ensure_shape(examples, [None])
        return self._answer(tf.io.parse_example(examples, self._examples_spec))

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns names and scores of the classes for serialised tf.Examples."""
        scores = self.from_examples(inputs)[signatures.PROBABILITIES]
        names = tf.constant([list(self._task.classes)])
        return {
            "classes": tf.tile(names, [tf.shape(scores)[0], 1]),
            "scores": tf.identity(scores),
        }

    def novelty(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the novelty of pictures, and whether they are outside of the task.

        Args:
            images: Pixels as for `from_images`.
        """
        scaled = self._transform(self._raw(images))[SCALED_IMAGE]
        novelty = tf.cast(self._novelty(scaled), tf.float32)
        return {
            signatures.NOVELTY: tf.identity(novelty),
            # The comparison is this way round so that NaN counts as novel.
            signatures.IS_NOVEL: tf.logical_not(novelty <= self._novelty_bound),
        }

    def describe(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the task as JSON for each text; the text itself is ignored."""
        return {"task": tf.fill(tf.shape(text), tf.constant(self._task.to_json()))}

    def _raw(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        # Servers do not check shapes: a wrong rank must fail here, not in a kernel.
        images = tf.ensure_shape(images, [None, *self._task.shape])
        return {IMAGE: tf.cast(images, tf.int64)}

    def _answer(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self._transform(raw)
        # With mixed precision, a network may return float16.
        probabilities = tf.cast(self._predict(transformed[SCALED_IMAGE]), tf.float32)
        return {
            signatures.PROBABILITIES: tf.identity(probabilities),
            signatures.CLASS_ID: tf.argmax(probabilities, axis=1),
        }


def read_weights(folder: str) -> list[np.ndarray]:
    """Returns the weights of a model that `export` wrote, in `model.weights`' order.

    Raises:
        ValueError: Another program wrote the model, or it cannot be read.
    """
    try:
        reader = tf.train.load_checkpoint(
            os.path.join(folder, "variables", "variables")
        )
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError("its weights cannot be read") from error
    names = [
        f"_weights/{place}/.ATTRIBUTES/VARIABLE_VALUE"
        for place in range(len(reader.get_variable_to_shape_map()))
    ]
    weights = [reader.get_tensor(name) for name in names if reader.has_tensor(name)]
    if not weights:
        raise ValueError("it was not written by this pipeline")
    return weights


def _traced(function: Any, **arguments: tf.TensorSpec) -> Any:
    """Traces a function for inputs of these names, types and shapes."""
    named = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for name, spec in arguments.items()
    }
    return tf.function(function, autograph=False).get_concrete_function(**named)


def export(
    model: keras.Model,
    transform: tft.TFTransformOutput,
    task: Task,
    novelty: Novelty,
    reliability: Reliability,
    folder: str,
    warmup_images: np.ndarray,
) -> None:
    """Writes a SavedModel with all signatures, warm-up requests and further assets.

    The further assets are the marker of `contract.rows_apart` and the file of
    `contract.reliability`.

    Args:
        model: The trained network.
        transform: The Transform output that its training data went through.
        task: The task of the network.
        novelty: The novelty function that was fitted to the network.
        reliability: The measured reliability of the network's predictions.
        folder: Destination of the SavedModel.
        warmup_images: uint8 `[n, *task.shape]`. A server sends them to itself before it
            serves, in batches of `WARMUP_BATCH_SIZES`, as far as n allows.
    """
    bound = reliability.novelty_bound
    served = ServedModel(model, transform, task, novelty, bound)
    tf.saved_model.save(served, folder, signatures=served.signatures())
    # `tf.saved_model.save` gives each signature the method name of Predict.
    methods = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(folder)
    methods.replace_method_name(signatures.CLASSIFY_SIGNATURE, _CLASSIFY_METHOD)
    methods.save()
    _write_warmup(folder, warmup_images)
    with tf.io.gfile.GFile(os.path.join(folder, RELIABILITY_FILE), "w") as stream:
        stream.write(reliability.to_json())
    marker.write_marker(folder)


def _write_warmup(folder: str, images: np.ndarray) -> None:
    """Writes the warm-up requests to the place where TensorFlow Serving reads them.

    See tensorflow/serving g3doc/saved_model_warmup.md.
    """
    extra = os.path.join(folder, "assets.extra")
    tf.io.gfile.makedirs(extra)
    path = os.path.join(extra, "tf_serving_warmup_requests")
    with tf.io.TFRecordWriter(path) as writer:
        for size in WARMUP_BATCH_SIZES:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(
                    signature_name=signatures.IMAGES_SIGNATURE
                ),
                inputs={"images": tf.make_tensor_proto(images[:size])},
            )
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
