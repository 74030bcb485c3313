"""The notebook's network."""

from collections.abc import Sequence

import keras
import numpy as np
import pytest

from pipeline.model import build_model


def test_it_is_the_notebooks_network() -> None:
    model = build_model((128, 32), 1e-3)

    flatten, *dense = model.layers
    assert isinstance(flatten, keras.layers.Flatten)
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (128, "relu"),
        (32, "relu"),
        (10, "softmax"),
    ]
    assert model.input_shape == (None, 28, 28)
    assert model.output_shape == (None, 10)


def test_it_is_compiled_as_the_notebook_does() -> None:
    model = build_model((128, 32), 5e-4)

    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(5e-4)
    assert isinstance(model.loss, keras.losses.SparseCategoricalCrossentropy)
    assert not model.loss.get_config()["from_logits"]


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
    assert build_model(hidden_units, 1e-3).count_params() == parameters


def test_it_answers_with_probabilities() -> None:
    images = np.random.default_rng(0).random((5, 28, 28), np.float32)
    answer = build_model((16,), 1e-3).predict(images, verbose=0)
    assert answer.shape == (5, 10)
    assert answer.min() >= 0
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)


def test_one_seed_one_network() -> None:
    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        weights.append(build_model((16,), 1e-3).get_weights()[0])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()
