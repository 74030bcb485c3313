"""The SavedModel: its signatures, its weights, and the Transform graph inside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_serving.apis import prediction_log_pb2

from components.image_example_gen import digits
from contract.features import IMAGE, LABEL, SCALED_IMAGE
from contract.model_run import load_novelty
from contract.reliability import RELIABILITY_FILE, Reliability
from contract.signatures import (
    CLASSIFY_SIGNATURE,
    DESCRIBE_SIGNATURE,
    EXAMPLES_SIGNATURE,
    IMAGES_SIGNATURE,
    NOVELTY_SIGNATURE,
)
from pipeline.model import mlp
from pipeline.preprocessing import preprocessing_fn
from pipeline.training.data import Samples
from pipeline.training.export import WARMUP_BATCH_SIZES, export
from pipeline.training.novelty import Novelty
from pipeline.training.settings import Training
from tests.components.softmax import RELIABILITY
from tests.pipeline.conftest import Trained
from tests.pipeline.transforming import analyze

Answer = dict[str, np.ndarray]
Ask = Callable[[str, np.ndarray], Answer]

INPUTS = {
    IMAGES_SIGNATURE: "images",
    EXAMPLES_SIGNATURE: "examples",
    CLASSIFY_SIGNATURE: "inputs",
    DESCRIBE_SIGNATURE: "text",
    NOVELTY_SIGNATURE: "images",
}
ROWS = 20


def in_python(folder: Path) -> Ask:
    """Loads the model as in Python."""
    loaded = tf.saved_model.load(str(folder))

    def ask(signature: str, value: np.ndarray) -> Answer:
        answer = loaded.signatures[signature](**{INPUTS[signature]: tf.constant(value)})
        return {name: tensor.numpy() for name, tensor in answer.items()}

    return ask


def in_a_session(folder: Path) -> Ask:
    """Loads the model as TensorFlow Serving does."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))

    def ask(signature: str, value: np.ndarray) -> Answer:
        definition = graph.signature_def[signature]
        answer: Answer = session.run(
            {name: tensor.name for name, tensor in definition.outputs.items()},
            {definition.inputs[INPUTS[signature]].name: value},
        )
        return answer

    return ask


LOADERS = pytest.mark.parametrize("load", [in_python, in_a_session])


@pytest.fixture(scope="module")
def records(examples: Path) -> list[bytes]:
    """The first serialised examples of the test split."""
    files = sorted(str(path) for path in (examples / "Split-test").iterdir())
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return list(dataset.take(ROWS).as_numpy_iterator())


@pytest.fixture(scope="module")
def pixels(records: list[bytes]) -> np.ndarray:
    """The same rows as uint8 `[20, 28, 28]`."""
    rows = [
        tf.train.Example.FromString(record).features.feature[IMAGE].int64_list.value
        for record in records
    ]
    return np.array(rows, np.uint8).reshape(-1, 28, 28)


@pytest.fixture(scope="module")
def expected(trained: Trained, pixels: np.ndarray) -> np.ndarray:
    """Keras' own predictions, without the exported model."""
    model = keras.saving.load_model(trained.run / "model.keras")
    answers: np.ndarray = model.predict(pixels.astype(np.float32) / 255, verbose=0)
    return answers


def novelty_of(model: keras.Model, pixels: np.ndarray) -> Novelty:
    """Returns a novelty fitted to these images alone, all of one class."""
    images = tf.constant(pixels.astype(np.float32) / 255)
    labels = tf.zeros(len(pixels), tf.int64)
    return Novelty(model, digits.TASK, Samples(images, labels), seed=1)


def check(answer: Answer, expected: np.ndarray) -> None:
    assert sorted(answer) == ["class_id", "probabilities"]
    assert answer["probabilities"].dtype == np.float32
    assert answer["class_id"].dtype == np.int64
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(answer["class_id"], expected.argmax(axis=1))


@LOADERS
@pytest.mark.parametrize("rows", [1, 7, ROWS])
def test_images_get_keras_answers(
    trained: Trained,
    pixels: np.ndarray,
    expected: np.ndarray,
    load: Callable[[Path], Ask],
    rows: int,
) -> None:
    answer = load(trained.model)(IMAGES_SIGNATURE, pixels[:rows])
    check(answer, expected[:rows])


@LOADERS
@pytest.mark.parametrize("rows", [1, ROWS])
def test_examples_get_keras_answers(
    trained: Trained,
    records: list[bytes],
    expected: np.ndarray,
    load: Callable[[Path], Ask],
    rows: int,
) -> None:
    value = np.array(records[:rows], object)
    check(load(trained.model)(EXAMPLES_SIGNATURE, value), expected[:rows])


def test_examples_need_no_label(
    trained: Trained, pixels: np.ndarray, expected: np.ndarray
) -> None:
    example = tf.train.Example()
    example.features.feature[IMAGE].int64_list.value.extend(pixels[0].ravel().tolist())
    value = np.array([example.SerializeToString()], object)
    check(in_a_session(trained.model)(EXAMPLES_SIGNATURE, value), expected[:1])


@LOADERS
@pytest.mark.parametrize(
    ("signature", "value"),
    [
        (IMAGES_SIGNATURE, np.zeros((1, 27, 28), np.uint8)),
        (IMAGES_SIGNATURE, np.zeros((1, 14, 56), np.uint8)),
        (IMAGES_SIGNATURE, np.zeros((784,), np.uint8)),
        (IMAGES_SIGNATURE, np.zeros((1, 28, 28, 1), np.uint8)),
        (EXAMPLES_SIGNATURE, np.array([[b""]], object)),
        (EXAMPLES_SIGNATURE, np.array(b"", object)),
    ],
    ids=["27x28", "14x56", "flat", "with channels", "matrix", "no batch"],
)
def test_another_shape_is_refused(
    trained: Trained,
    load: Callable[[Path], Ask],
    signature: str,
    value: np.ndarray,
) -> None:
    ask = load(trained.model)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
        ask(signature, value)


@pytest.mark.parametrize(
    "content", [b"no example", tf.train.Example().SerializeToString()]
)
def test_what_is_no_example_is_refused(trained: Trained, content: bytes) -> None:
    ask = in_a_session(trained.model)
    with pytest.raises(tf.errors.InvalidArgumentError):
        ask(EXAMPLES_SIGNATURE, np.array([content], object))


def test_signatures_say_what_they_take_and_give(trained: Trained) -> None:
    loaded = tf.saved_model.load(str(trained.model))
    assert set(loaded.signatures) == set(INPUTS)
    taken = {
        name: {
            key: (spec.shape.as_list(), spec.dtype)
            for key, spec in signature.structured_input_signature[1].items()
        }
        for name, signature in loaded.signatures.items()
    }
    assert taken == {
        IMAGES_SIGNATURE: {"images": ([None, 28, 28], tf.uint8)},
        EXAMPLES_SIGNATURE: {"examples": ([None], tf.string)},
        CLASSIFY_SIGNATURE: {"inputs": ([None], tf.string)},
        DESCRIBE_SIGNATURE: {"text": ([None], tf.string)},
        NOVELTY_SIGNATURE: {"images": ([None, 28, 28], tf.uint8)},
    }
    for name in (IMAGES_SIGNATURE, EXAMPLES_SIGNATURE):
        signature = loaded.signatures[name]
        given = {
            key: (spec.shape.as_list(), spec.dtype)
            for key, spec in signature.structured_outputs.items()
        }
        assert given == {
            "probabilities": ([None, 10], tf.float32),
            "class_id": ([None], tf.int64),
        }


def test_the_networks_weights_are_inside_and_nothing_of_the_optimiser(
    trained: Trained,
) -> None:
    checkpoint = tf.train.load_checkpoint(str(trained.model / "variables/variables"))
    shapes = checkpoint.get_variable_to_shape_map()
    shapes.pop("_CHECKPOINTABLE_OBJECT_GRAPH")
    cells, classes, directions = 7 * 7, 10, 11
    usual = cells + 32
    assert sorted(shapes.values()) == sorted(
        [
            *([784, 128], [128], [128, 32], [32], [32, 10], [10]),
            # Then come the variables of the novelty.
            *([cells], [usual, classes], [classes]),
            *([usual, classes * directions], [classes * directions]),
        ]
    )


@LOADERS
@pytest.mark.parametrize("rows", [1, ROWS])
def test_novelty_is_the_trainers_and_a_negative_is_of_no_task(
    trained: Trained, pixels: np.ndarray, load: Callable[[Path], Ask], rows: int
) -> None:
    ask = load(trained.model)
    answer = ask(NOVELTY_SIGNATURE, pixels[:rows])
    expected = load_novelty(str(trained.run))[:rows]
    np.testing.assert_allclose(answer["novelty"], expected, atol=1e-5)
    bound = Reliability.from_json((trained.model / RELIABILITY_FILE).read_bytes())
    np.testing.assert_array_equal(answer["is_novel"], expected > bound.novelty_bound)
    assert not answer["is_novel"][0]
    assert ask(NOVELTY_SIGNATURE, 255 - pixels[:rows])["is_novel"].all()


def test_warm_up_requests_run(trained: Trained, expected: np.ndarray) -> None:
    path = trained.model / "assets.extra/tf_serving_warmup_requests"
    ask = in_a_session(trained.model)
    sizes = []
    for record in tf.data.TFRecordDataset([str(path)]).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        images = tf.make_ndarray(request.inputs["images"])
        answer = ask(request.model_spec.signature_name, images)
        assert answer["probabilities"].shape == (len(images), 10)
        # Real digits, as kernels may treat blank images differently.
        assert images.dtype == np.uint8
        assert images.max() > 200
        sizes.append(len(images))
    assert tuple(sizes) == WARMUP_BATCH_SIZES


def test_the_transform_graph_is_inside(
    tmp_path: Path, pixels: np.ndarray, records: list[bytes]
) -> None:
    """With another preprocessing, the same network gives other answers."""

    def inverted(inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = preprocessing_fn(inputs)
        return {SCALED_IMAGE: 1.0 - outputs[SCALED_IMAGE], LABEL: outputs[LABEL]}

    keras.utils.set_random_seed(1)
    model = mlp(digits.TASK, Training(hidden_units=(8,)))
    transform: tft.TFTransformOutput = analyze(
        inverted, digits.TASK, tmp_path / "transform"
    )
    warmup = np.resize(pixels, (32, 28, 28))
    novelty = novelty_of(model, pixels)
    folder = str(tmp_path / "model")
    export(model, transform, digits.TASK, novelty, RELIABILITY, folder, warmup)

    ask = in_a_session(tmp_path / "model")
    expected = model.predict(1 - pixels.astype(np.float32) / 255, verbose=0)
    check(ask(IMAGES_SIGNATURE, pixels), expected)
    check(ask(EXAMPLES_SIGNATURE, np.array(records, object)), expected)
    plain = model.predict(pixels.astype(np.float32) / 255, verbose=0)
    assert np.abs(plain - expected).max() > 0.01
    inverse = 1 - pixels.astype(np.float32) / 255
    np.testing.assert_allclose(
        ask(NOVELTY_SIGNATURE, pixels)["novelty"], novelty.of(inverse), atol=1e-5
    )


def test_a_vocabulary_of_the_transform_graph_travels_along(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    """Its table and its file are part of the model, wherever the graph came from."""

    def blanked_unless_known(inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = preprocessing_fn(inputs)
        first_pixel = tf.strings.as_string(inputs[IMAGE][:, 0, :1])
        # With one analysed row, the vocabulary is "0": index 0, all others -1.
        index = tft.compute_and_apply_vocabulary(first_pixel)
        known = tf.reshape(tf.cast(index + 1, tf.float32), [-1, 1, 1])
        return {SCALED_IMAGE: outputs[SCALED_IMAGE] * known, LABEL: outputs[LABEL]}

    keras.utils.set_random_seed(1)
    model = mlp(digits.TASK, Training(hidden_units=(8,)))
    transform = analyze(blanked_unless_known, digits.TASK, tmp_path / "transform")
    warmup = np.resize(pixels, (32, 28, 28))
    novelty, folder = novelty_of(model, pixels), str(tmp_path / "model")
    export(model, transform, digits.TASK, novelty, RELIABILITY, folder, warmup)
    (tmp_path / "transform").rename(tmp_path / "gone")

    images = pixels[:2].copy()
    images[:, 0, 0] = [0, 9]
    scaled = images.astype(np.float32) / 255
    scaled[1] = 0
    expected = model.predict(scaled, verbose=0)
    for load in (in_python, in_a_session):
        check(load(tmp_path / "model")(IMAGES_SIGNATURE, images), expected)
    assert len(list((tmp_path / "model/assets").iterdir())) == 1
