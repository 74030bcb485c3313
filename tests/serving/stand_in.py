"""A small real model with the pushed model's signatures, trained in seconds.

``python -m tests.serving.stand_in FOLDER`` pushes one model of each task to
FOLDER/NAME/VERSION.
"""

import functools
import math
import string
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from contract.task import Task
from serving.client.prepare import from_drawing
from tests.serving.tasks import DIGITS, LETTERS, SHAPES

HIDDEN_UNITS = (128, 32)


def fitted(images: np.ndarray, labels: np.ndarray, rounds: int) -> MLPClassifier:
    """Trains on uint8 images."""
    model = MLPClassifier(
        HIDDEN_UNITS, max_iter=rounds, learning_rate_init=0.003, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(images.reshape(len(images), -1) / 255, labels)


@functools.cache
def train() -> MLPClassifier:
    """Trains on scikit-learn's digits, converted to MNIST's form."""
    digits = load_digits()
    pages = (np.kron(im * 15, np.ones((5, 5))) for im in digits.images)
    images = np.stack([from_drawing(page.astype(np.float32), DIGITS) for page in pages])
    return fitted(images, digits.target, 25)


@functools.cache
def train_letters() -> MLPClassifier:
    """Trains on shifted letters in three of Matplotlib's fonts."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(26), 60)
    images = [
        letter(string.ascii_lowercase[label], FACES[int(rng.integers(3))], rng)
        for label in labels
    ]
    return fitted(np.stack(images), labels, 60)


FACES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf")


def letter(name: str, face: str, rng: np.random.Generator) -> np.ndarray:
    """Returns a letter in black on white, uint8 of the task's shape."""
    file = Path(get_data_path(), "fonts", "ttf", face)
    font = ImageFont.truetype(str(file), int(rng.integers(16, 18)))
    page = Image.new("L", (LETTERS.width, LETTERS.height), 255)
    moved = rng.integers(-1, 2, 2)
    middle = (LETTERS.width // 2 + int(moved[0]), LETTERS.height // 2 + int(moved[1]))
    ImageDraw.Draw(page).text(middle, name, 0, font, anchor="mm")
    return np.asarray(page)


@functools.cache
def train_shapes() -> MLPClassifier:
    """Trains on coloured shapes."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(4), 200)
    return fitted(np.stack([shape(int(label), rng) for label in labels]), labels, 25)


def shape(label: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a shape of one colour on another, uint8 of the task's shape."""
    ground, ink = (tuple(int(v) for v in rng.integers(*r, 3)) for r in GROUND_AND_INK)
    page = Image.new("RGB", (SHAPES.width, SHAPES.height), ground)
    pen = ImageDraw.Draw(page)
    x, y = (int(v) for v in (rng.integers(2, 6), rng.integers(1, 3)))
    if label == 0:
        pen.ellipse([x, y, x + 8, y + 8], ink)
    elif label == 1:
        pen.rectangle([x, y, x + 8, y + 8], ink)
    elif label == 2:
        pen.polygon([(x, y + 8), (x + 4, y), (x + 8, y + 8), (x + 4, y + 5)], ink)
    else:
        pen.line([(x, y + 6), (x + 3, y + 3), (x + 5, y + 6), (x + 8, y + 3)], ink, 2)
    return np.asarray(page)


GROUND_AND_INK = ((0, 90), (140, 256))

MODELS: dict[Task, Callable[[], MLPClassifier]] = {
    DIGITS: train,
    LETTERS: train_letters,
    SHAPES: train_shapes,
}


def answering(classifier: MLPClassifier) -> Callable[[Any], Any]:
    """Returns the classifier for TensorFlow: uint8 images to probabilities."""
    import tensorflow as tf

    layers = [
        (tf.Variable(np.float32(weights)), tf.Variable(np.float32(biases)))
        for weights, biases in zip(
            classifier.coefs_, classifier.intercepts_, strict=True
        )
    ]

    def probabilities(images: Any) -> Any:
        size = math.prod(images.shape[1:])
        values = tf.cast(tf.reshape(images, [-1, size]), tf.float32) / 255.0
        for weights, biases in layers[:-1]:
            values = tf.nn.relu(values @ weights + biases)
        weights, biases = layers[-1]
        return tf.nn.softmax(values @ weights + biases)

    probabilities.layers = layers  # type: ignore[attr-defined]
    return probabilities


def push(
    models: Path,
    classifier: MLPClassifier,
    version: int | None = None,
    task: Task = DIGITS,
    tells: bool = True,
) -> Path:
    """Writes `classifier` as a SavedModel to `models`/NAME/`version`.

    Its signatures are those of a pushed model; `describe` only if it `tells`.
    """
    import tensorflow as tf

    answer = answering(classifier)
    served = tf.Module()
    served.layers = answer.layers  # type: ignore[attr-defined]

    def serving_default(images: Any) -> dict[str, Any]:
        probabilities = answer(tf.ensure_shape(images, [None, *task.shape]))
        return {
            "probabilities": tf.identity(probabilities, name="probabilities"),
            "class_id": tf.argmax(probabilities, axis=1, name="class_id"),
        }

    told = task.to_json()

    def describe(text: Any) -> dict[str, Any]:
        return {"task": tf.fill(tf.shape(text), told)}

    signatures = {
        "serving_default": tf.function(
            serving_default,
            input_signature=[tf.TensorSpec([None, *task.shape], tf.uint8, "images")],
        )
    }
    if tells:
        signatures["describe"] = tf.function(
            describe, input_signature=[tf.TensorSpec([None], tf.string, "text")]
        )
    folder = models / task.name / str(version or int(time.time()))
    tf.saved_model.save(served, str(folder), signatures)
    return folder


if __name__ == "__main__":
    for each, make in MODELS.items():
        print(push(Path(sys.argv[1]), make(), task=each))
