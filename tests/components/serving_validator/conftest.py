"""Requests of real digits, and a model as small as one can be that answers them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen import digits
from components.image_example_gen.examples import serialize
from components.serving_validator.requests import Requests
from tests.components.datasets import Dataset

WEIGHTS = np.random.default_rng(3).normal(0, 0.05, (784, 10)).astype(np.float32)

IMAGES = tf.TensorSpec([None, 28, 28], tf.uint8, name="images")
EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


def answer(pixels: Any, weights: Any = WEIGHTS) -> dict[str, Any]:
    """Softmax regression on `[rows, 784]` pixels of any type."""
    probabilities = tf.nn.softmax(tf.cast(pixels, tf.float32) / 255.0 @ weights)
    return {
        "probabilities": probabilities,
        "class_id": tf.argmax(probabilities, axis=1),
    }


def from_images(images: Any) -> dict[str, Any]:
    images = tf.ensure_shape(images, [None, 28, 28])
    return answer(tf.reshape(images, [-1, 784]))


def classify(inputs: Any) -> dict[str, Any]:
    scores = from_examples(inputs)["probabilities"]
    names = tf.constant([list(digits.TASK.classes)])
    return {"classes": tf.tile(names, [tf.shape(scores)[0], 1]), "scores": scores}


def describe(text: Any) -> dict[str, Any]:
    return {"task": tf.fill(tf.shape(text), digits.TASK.to_json())}


def from_examples(examples: Any) -> dict[str, Any]:
    spec = {"image": tf.io.FixedLenFeature([784], tf.int64)}
    return answer(tf.io.parse_example(examples, spec)["image"])


RIGHT = {
    "serving_default": (IMAGES, from_images),
    "tf_examples": (EXAMPLES, from_examples),
    "classify": (tf.TensorSpec([None], tf.string, name="inputs"), classify),
    "describe": (tf.TensorSpec([None], tf.string, name="text"), describe),
}


@pytest.fixture(scope="session")
def requests(dataset: Dataset) -> Requests:
    """The 20 images of the test part, and the right answers."""
    images = dataset.test_images
    return Requests(
        images=images,
        examples=serialize(images, dataset.test_labels),
        probabilities=from_images(images)["probabilities"].numpy(),
        task=digits.TASK.to_json(),
    )


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Saves a model of the right signatures, but for those that are given."""

    def save(**signatures: Any) -> str:
        module = tf.Module()
        chosen = {k: v for k, v in {**RIGHT, **signatures}.items() if v is not None}
        folder = str(tmp_path / "model")
        tf.saved_model.save(
            module,
            folder,
            signatures={
                name: tf.function(function, input_signature=[spec], autograph=False)
                for name, (spec, function) in chosen.items()
            },
        )
        return folder

    return save
