"""Preprocesses examples for the network, in training and in serving.

Transform traces this function into a graph. The Trainer reads examples through this
graph, and the pushed model contains the same graph.
"""

from typing import Any

import tensorflow as tf

from contract.features import IMAGE, LABEL, SCALED_IMAGE


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scales pixels to 0-1.

    Args:
        inputs: `image` int64 `[batch, *shape]`, with the task's shape from the schema;
            `label` int64 `[batch, 1]`.

    Returns:
        `scaled_image` float32 `[batch, *shape]`, `label` int64 `[batch, 1]`.
    """
    return {
        SCALED_IMAGE: tf.cast(inputs[IMAGE], tf.float32) / 255.0,
        LABEL: inputs[LABEL],
    }
