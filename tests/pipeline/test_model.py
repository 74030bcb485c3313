"""The built-in networks: the notebook's, and a convolutional one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
import pytest

from components.image_example_gen import digits
from contract.task import Task, plain_names
from pipeline.model import cnn, mlp
from pipeline.training.settings import Training
from tests import tasks

TASKS = pytest.mark.parametrize(
    "task", [digits.TASK, tasks.LETTERS, tasks.SHAPES], ids=lambda task: task.name
)


def test_mlp_is_the_notebooks_network() -> None:
    model = mlp(digits.TASK, Training())

    flatten, *dense = model.layers
    assert isinstance(flatten, keras.layers.Flatten)
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (128, "relu"),
        (32, "relu"),
        (10, "softmax"),
    ]


@pytest.mark.parametrize(
    ("hidden_units", "parameters"),
    [
        ((128, 32), (784 * 128 + 128) + (128 * 32 + 32) + (32 * 10 + 10)),
        ((64,), (784 * 64 + 64) + (64 * 10 + 10)),
        ((), 784 * 10 + 10),
    ],
)
def test_hidden_layers_are_as_wide_and_as_many_as_asked_for(
    hidden_units: Sequence[int], parameters: int
) -> None:
    settings = Training(hidden_units=hidden_units)
    assert mlp(digits.TASK, settings).count_params() == parameters


@pytest.mark.parametrize("network", [mlp, cnn])
@TASKS
def test_it_answers_a_task_with_probabilities(network: type, task: Task) -> None:
    images = np.random.default_rng(0).random((5, *task.shape), np.float32)
    model = network(task, Training(hidden_units=(16,)))
    answer = model.predict(images, verbose=0)
    assert model.input_shape == (None, *task.shape)
    assert answer.shape == (5, len(task.classes))
    assert answer.min() >= 0
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("network", [mlp, cnn])
def test_dropout_is_behind_each_hidden_layer_if_asked_for(network: type) -> None:
    def rates(settings: Training) -> list[float]:
        layers = network(digits.TASK, settings).layers
        return [x.rate for x in layers if isinstance(x, keras.layers.Dropout)]

    assert rates(Training()) == []
    assert rates(Training(dropout=0.25)) == [0.25, 0.25]


@pytest.mark.parametrize(
    ("side", "flattened"),
    [(1, 1 * 1 * 64), (28, 7 * 7 * 64), (100, 7 * 7 * 128), (224, 7 * 7 * 128)],
)
def test_the_larger_an_image_the_more_often_cnn_halves_it(
    side: int, flattened: int
) -> None:
    task = Task("scans", side, side, 1, plain_names(2))
    model = cnn(task, Training(hidden_units=()))
    [flatten] = [x for x in model.layers if isinstance(x, keras.layers.Flatten)]
    assert flatten.output.shape == (None, flattened)


def test_one_seed_one_network() -> None:
    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        weights.append(mlp(digits.TASK, Training()).get_weights()[0])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


@pytest.mark.parametrize("background", [255, None])
def test_the_default_network_learns_from_images_on_white(
    background: int | None,
) -> None:
    """A white page of many classes with few strokes has mostly pixels near 1."""
    random = np.random.default_rng(1)
    strokes = random.random((40, 24, 24)) < 0.03
    labels = np.arange(400) % 40
    paper = 1 - random.random((400, 24, 24)) * 0.03
    images = np.where(strokes[labels], 0.1, paper)
    for row, places in enumerate(random.integers(0, 4, 400)):
        images[row] = np.roll(images[row], places, axis=1)
    task = Task("strokes", 24, 24, 1, plain_names(40), "stroke", background)
    keras.utils.set_random_seed(1)
    model = mlp(task, Training())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=8, verbose=0)
    assert model.evaluate(images, labels, verbose=0)[1] > 0.9


@pytest.mark.parametrize("network", [mlp, cnn])
@pytest.mark.parametrize(("background", "wanted"), [(0, 0), (255, 1), (None, 1)])
def test_only_images_on_black_are_taken_as_they_are(
    network: Callable[[Task, Training], keras.Model],
    background: int | None,
    wanted: int,
) -> None:
    model = network(replace(digits.TASK, background=background), Training())
    found = [isinstance(one, keras.layers.BatchNormalization) for one in model.layers]
    assert sum(found) == wanted
