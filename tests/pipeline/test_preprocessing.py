"""Scaling, in the function and in the graph that Transform makes of it."""

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from contract.features import IMAGE, LABEL, SCALED_IMAGE
from pipeline.preprocessing import preprocessing_fn

# Two images of all grey values, the second upside down.
PIXELS = np.stack([np.arange(784) % 256, np.arange(784)[::-1] % 256]).astype(np.int64)
LABELS = np.array([[3], [7]], np.int64)


def test_pixels_are_divided_by_255_and_take_their_places() -> None:
    outputs = preprocessing_fn({IMAGE: tf.constant(PIXELS), LABEL: tf.constant(LABELS)})

    scaled = outputs[SCALED_IMAGE].numpy()
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(
        scaled, (PIXELS.astype(np.float32) / np.float32(255)).reshape(2, 28, 28)
    )
    # Row by row: the 29th value is the first pixel of the second row.
    assert scaled[0, 1, 0] == np.float32(28 / 255)


def test_labels_are_left_alone() -> None:
    outputs = preprocessing_fn({IMAGE: tf.constant(PIXELS), LABEL: tf.constant(LABELS)})
    assert outputs[LABEL].dtype == tf.int64
    np.testing.assert_array_equal(outputs[LABEL], LABELS)


def test_the_transform_graph_does_the_same(transform: tft.TFTransformOutput) -> None:
    raw = {IMAGE: tf.constant(PIXELS), LABEL: tf.constant(LABELS)}

    outputs = transform.transform_features_layer()(raw)

    expected = preprocessing_fn(raw)
    assert sorted(outputs) == sorted(expected)
    np.testing.assert_array_equal(outputs[LABEL], expected[LABEL])
    # The graph is optimised: it multiplies by 1/255, a bit of the mantissa off.
    np.testing.assert_allclose(
        outputs[SCALED_IMAGE], expected[SCALED_IMAGE], rtol=2e-7, atol=0
    )


def test_the_transformed_features_are_declared_as_the_network_takes_them(
    transform: tft.TFTransformOutput,
) -> None:
    spec = transform.transformed_feature_spec()
    assert (spec[SCALED_IMAGE].shape, spec[SCALED_IMAGE].dtype) == (
        [28, 28],
        tf.float32,
    )
    assert (spec[LABEL].shape, spec[LABEL].dtype) == ([1], tf.int64)
