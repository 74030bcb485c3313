"""The smallest possible model of digits, with all signatures."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.image_example_gen import digits
from contract.reliability import RELIABILITY_FILE, Reliability

WEIGHTS = np.random.default_rng(3).normal(0, 0.05, (784, 10)).astype(np.float32)

IMAGES = tf.TensorSpec([None, 28, 28], tf.uint8, name="images")
EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")
INPUTS = tf.TensorSpec([None], tf.string, name="inputs")
TEXT = tf.TensorSpec([None], tf.string, name="text")


def answer(pixels: Any, weights: Any = WEIGHTS) -> dict[str, Any]:
    """Returns a softmax regression's outputs for `[rows, 784]` pixels of any type."""
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


def novelty(images: Any) -> dict[str, Any]:
    """Uses the share of white as novelty, because nothing was learnt."""
    images = tf.ensure_shape(images, [None, 28, 28])
    share = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2]) / 255
    return {"novelty": share, "is_novel": share > RELIABILITY.novelty_bound}


RELIABILITY = Reliability(
    edges=(0.0,),
    rows=(10,),
    right=(1,),
    answered=(1,) * 10,
    confidence_edges=(0.1,) * 9,
    confidence_rows=(1,) * 10,
    novelty_edges=(0.1,) * 9,
    novelty_rows=(1,) * 10,
    novelty_bound=0.15,
)

RIGHT = {
    "serving_default": (IMAGES, from_images),
    "tf_examples": (EXAMPLES, from_examples),
    "classify": (INPUTS, classify),
    "novelty": (IMAGES, novelty),
    "describe": (TEXT, describe),
}


def of_weights(weights: np.ndarray, bias: np.ndarray) -> dict[str, Any]:
    """Signatures of another softmax regression on 784 pixels in 0-1."""

    def from_examples(examples: Any) -> dict[str, Any]:
        spec = {"image": tf.io.FixedLenFeature([784], tf.int64)}
        pixels = tf.cast(tf.io.parse_example(examples, spec)["image"], tf.float32)
        logits = pixels / 255.0 @ weights.astype(np.float32) + bias.astype(np.float32)
        probabilities = tf.nn.softmax(logits)
        return {
            "probabilities": probabilities,
            "class_id": tf.argmax(probabilities, axis=1),
        }

    return {"tf_examples": (EXAMPLES, from_examples)}


def save_softmax(folder: str, **signatures: Any) -> str:
    """Saves a correct model with some signatures replaced.

    Args:
        folder: Folder of the SavedModel.
        **signatures: Input and function by name; None leaves a signature out.
    """
    chosen = {k: v for k, v in {**RIGHT, **signatures}.items() if v is not None}
    tf.saved_model.save(
        tf.Module(),
        folder,
        signatures={
            name: tf.function(function, input_signature=[spec], autograph=False)
            for name, (spec, function) in chosen.items()
        },
    )
    # `tf.saved_model.save` gives every signature Predict's method.
    if "classify" in chosen:
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater
        methods = updater(folder)
        methods.replace_method_name("classify", "tensorflow/serving/classify")
        methods.save()
    path = Path(folder, RELIABILITY_FILE)
    path.parent.mkdir()
    path.write_text(RELIABILITY.to_json())
    return folder
