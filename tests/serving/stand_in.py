"""A small real model with the pushed model's signatures, made in seconds.

``python -m tests.serving.stand_in FOLDER`` pushes one to FOLDER/mnist/VERSION.
"""

import functools
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from serving.client.prepare import digit_from_grey

HIDDEN_UNITS = (128, 32)


@functools.cache
def train() -> MLPClassifier:
    """Train on scikit-learn's digits brought to MNIST's form."""
    digits = load_digits()
    pages = (np.kron(im * 15, np.ones((5, 5))) for im in digits.images)
    images = np.stack([digit_from_grey(page.astype(np.float32)) for page in pages])
    model = MLPClassifier(HIDDEN_UNITS, max_iter=25, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(images.reshape(-1, 784) / 255, digits.target)


def push(models: Path, classifier: MLPClassifier, version: int | None = None) -> Path:
    """Write `classifier` as a SavedModel to `models`/mnist/`version`."""
    import tensorflow as tf

    class Served(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [
                (tf.Variable(np.float32(weights)), tf.Variable(np.float32(biases)))
                for weights, biases in zip(
                    classifier.coefs_, classifier.intercepts_, strict=True
                )
            ]

        def answer(self, images: Any) -> dict[str, Any]:
            images = tf.ensure_shape(images, [None, 28, 28])
            values = tf.cast(tf.reshape(images, [-1, 784]), tf.float32) / 255.0
            for weights, biases in self.layers[:-1]:
                values = tf.nn.relu(values @ weights + biases)
            weights, biases = self.layers[-1]
            probabilities = tf.nn.softmax(values @ weights + biases)
            return {
                "probabilities": tf.identity(probabilities, name="probabilities"),
                "class_id": tf.argmax(probabilities, axis=1, name="class_id"),
            }

    served = Served()
    signature = tf.function(
        served.answer,
        input_signature=[tf.TensorSpec([None, 28, 28], tf.uint8, name="images")],
    )
    served.signature = signature
    folder = models / "mnist" / str(version or int(time.time()))
    tf.saved_model.save(served, str(folder), {"serving_default": signature})
    return folder


if __name__ == "__main__":
    print(push(Path(sys.argv[1]), train()))
