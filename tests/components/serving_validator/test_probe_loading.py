"""The probe's messages for models that cannot be loaded or fed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.serving_validator import probe
from components.serving_validator.requests import Requests
from serving.server import session
from serving.server.errors import Code, ServingError
from tests.components.serving_validator.checks import (
    EXAMPLE_CHECKS,
    FURTHER_CHECKS,
    IMAGE_CHECKS,
    REFUSAL,
)
from tests.components.softmax import (
    EXAMPLES,
    IMAGES,
    answer,
    from_examples,
)

Save = Callable[..., str]
Report = dict[str, list[str]]


@pytest.mark.parametrize("what", ["load", "make_callable"])
def test_where_memory_does_not_suffice_there_is_no_outcome(
    save: Save,
    ask: Callable[[str], Report],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """A problem of the machine is neither a passed check nor a failure of the model."""

    def exhausted(*_: Any, **__: Any) -> Any:
        if what == "load":
            raise ServingError(Code.RESOURCE_EXHAUSTED, "OOM when allocating")

        def call(value: Any) -> Any:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

        return call

    monkeypatch.setattr(session, what, exhausted)
    with pytest.raises(probe.MachineError, match="OOM when allocating"):
        ask(save())


def test_an_input_of_another_name_is_refused(
    save: Save, ask: Callable[[str], Report]
) -> None:
    spec = tf.TensorSpec([None], tf.string, name="inputs")
    (failure,) = ask(save(tf_examples=(spec, from_examples)))["failures"]
    assert failure == (
        "tf_examples, batch of 1: LookupError: expected the one input examples, found "
        "['inputs']"
    )


def test_examples_that_need_a_label_are_no_signature_for_serving(
    save: Save, ask: Callable[[str], Report]
) -> None:
    def wants_more(examples: Any) -> dict[str, Any]:
        spec = {
            "image": tf.io.FixedLenFeature([784], tf.int64),
            "writer": tf.io.FixedLenFeature([1], tf.int64),
        }
        return answer(tf.io.parse_example(examples, spec)["image"])

    (failure,) = ask(save(tf_examples=(EXAMPLES, wants_more)))["failures"]
    assert failure.startswith("tf_examples, batch of 1: InvalidArgumentError: ")
    assert "writer" in failure


@pytest.mark.parametrize(
    "spec", [IMAGES, tf.TensorSpec(None, tf.uint8, name="images")], ids=str
)
def test_images_of_another_size_must_be_an_error_and_not_an_answer(
    save: Save, ask: Callable[[str], Report], spec: Any
) -> None:
    def of_any_shape(images: Any) -> dict[str, Any]:
        return answer(tf.reshape(images, [-1, 784]))

    assert ask(save(serving_default=(spec, of_any_shape))) == {
        "checks": IMAGE_CHECKS + EXAMPLE_CHECKS + FURTHER_CHECKS,
        "failures": [f"{REFUSAL}: expected an error, found an answer"],
        "withdrawn": [],
    }


def test_weights_that_a_server_cannot_initialise_are_found(
    requests: Requests, tmp_path: Path, ask: Callable[[str], Report]
) -> None:
    """A Keras 3 model inside a tf.Module: Python loads it, a Session does not."""

    class Served(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = keras.Sequential(
                [keras.Input((784,)), keras.layers.Dense(10, "softmax")]
            )
            self.model.layers[-1].set_weights([np.zeros((784, 10)), np.zeros(10)])

        @tf.function(input_signature=[IMAGES], autograph=False)
        def __call__(self, images: Any) -> dict[str, Any]:
            pixels = tf.reshape(images, [-1, 784])
            probabilities = self.model(tf.cast(pixels, tf.float32))
            return {
                "probabilities": probabilities,
                "class_id": tf.argmax(probabilities, axis=1),
            }

    folder = str(tmp_path / "model")
    served = Served()
    tf.saved_model.save(served, folder, signatures=served.__call__)
    in_python = tf.saved_model.load(folder)(requests.images[:1])
    np.testing.assert_allclose(in_python["probabilities"], np.full((1, 10), 0.1))

    report = ask(folder)
    assert report["checks"] == []
    assert report["failures"][0].startswith("serving_default, batch of 1: ")
    assert "Could not find variable" in report["failures"][0]


def test_a_folder_without_a_model_is_a_failure_to_load(
    tmp_path: Path, ask: Callable[[str], Report]
) -> None:
    report = ask(str(tmp_path))
    (failure,) = report["failures"]
    assert failure.startswith("loading: ServingError: NOT_FOUND: ")
    assert report["checks"] == []


def test_a_model_without_its_weights_is_a_failure_to_load(
    tmp_path: Path, ask: Callable[[str], Report]
) -> None:
    module = tf.Module()
    module.weights = tf.Variable(tf.zeros([784, 10]))
    signature = tf.function(
        lambda images: answer(tf.reshape(images, [-1, 784]), module.weights),
        input_signature=[IMAGES],
    )
    folder = tmp_path / "model"
    tf.saved_model.save(module, str(folder), signatures=signature)
    for path in (folder / "variables").glob("*.data*"):
        path.unlink()
    (failure,) = ask(str(folder))["failures"]
    assert failure.startswith("loading: ")
