"""Scaling in the function, and in the graph that Transform makes from it."""

import numpy as np
import pytest
import tensorflow as tf

from contract.features import IMAGE, LABEL, SCALED_IMAGE
from pipeline.preprocessing import preprocessing_fn
from tests.pipeline.conftest import Case

CASES = pytest.mark.parametrize("case", ["digits_case", "letters_case", "shapes_case"])


def raw(shape: tuple[int, ...]) -> dict[str, tf.Tensor]:
    """Returns two images of all grey values; the second one is upside down."""
    values = np.arange(np.prod(shape)) % 256
    pixels = np.stack([values, values[::-1]]).astype(np.int64).reshape(2, *shape)
    return {IMAGE: tf.constant(pixels), LABEL: tf.constant([[3], [1]], tf.int64)}


@pytest.mark.parametrize("shape", [(28, 28), (28, 20), (12, 16, 3)])
def test_pixels_are_divided_by_255_where_they_are(shape: tuple[int, ...]) -> None:
    inputs = raw(shape)

    scaled = preprocessing_fn(inputs)[SCALED_IMAGE].numpy()

    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(
        scaled, inputs[IMAGE].numpy().astype(np.float32) / np.float32(255)
    )


def test_labels_are_left_alone() -> None:
    inputs = raw((28, 28))
    outputs = preprocessing_fn(inputs)
    assert outputs[LABEL].dtype == tf.int64
    np.testing.assert_array_equal(outputs[LABEL], inputs[LABEL])


@CASES
def test_the_transform_graph_does_the_same(
    case: str, request: pytest.FixtureRequest
) -> None:
    of_case: Case = request.getfixturevalue(case)
    inputs = raw(of_case.task.shape)

    outputs = of_case.transform.transform_features_layer()(inputs)

    expected = preprocessing_fn(inputs)
    assert sorted(outputs) == sorted(expected)
    np.testing.assert_array_equal(outputs[LABEL], expected[LABEL])
    # The optimised graph multiplies by 1/255, with one bit of difference.
    np.testing.assert_allclose(
        outputs[SCALED_IMAGE], expected[SCALED_IMAGE], rtol=2e-7, atol=0
    )


@CASES
def test_the_transformed_features_are_declared_as_the_network_takes_them(
    case: str, request: pytest.FixtureRequest
) -> None:
    of_case: Case = request.getfixturevalue(case)
    spec = of_case.transform.transformed_feature_spec()
    assert (spec[SCALED_IMAGE].shape, spec[SCALED_IMAGE].dtype) == (
        list(of_case.task.shape),
        tf.float32,
    )
    assert (spec[LABEL].shape, spec[LABEL].dtype) == ([1], tf.int64)
