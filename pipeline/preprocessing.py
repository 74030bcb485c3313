"""What happens to an example before the network sees it, in training and serving.

Transform traces this function into a graph; training reads through that graph
and the pushed model carries the very same one inside.
"""

from typing import Any

import tensorflow as tf

from contract.features import (
    IMAGE,
    IMAGE_HEIGHT,
    IMAGE_WIDTH,
    LABEL,
    SCALED_IMAGE,
)


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scales pixels to 0-1 and gives images their shape.

    Args:
        inputs: `image` int64 `[batch, 784]`, `label` int64 `[batch, 1]`.

    Returns:
        `scaled_image` float32 `[batch, 28, 28]`, `label` int64 `[batch, 1]`.
    """
    pixels = tf.cast(inputs[IMAGE], tf.float32) / 255.0
    return {
        SCALED_IMAGE: tf.reshape(pixels, [-1, IMAGE_HEIGHT, IMAGE_WIDTH]),
        LABEL: inputs[LABEL],
    }
