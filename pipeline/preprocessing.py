"""What happens to an example before the network sees it, in training and serving.

Transform traces this function into a graph; training reads through that graph
and the pushed model carries the very same one inside.
"""

from typing import Any

import tensorflow as tf

from contract.features import IMAGE, LABEL, SCALED_IMAGE


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scales pixels to 0-1.

    Args:
        inputs: `image` int64 `[batch, *shape]`, as the schema has the task's shape;
            `label` int64 `[batch, 1]`.

    Returns:
        `scaled_image` float32 `[batch, *shape]`, `label` int64 `[batch, 1]`.
    """
    return {
        SCALED_IMAGE: tf.cast(inputs[IMAGE], tf.float32) / 255.0,
        LABEL: inputs[LABEL],
    }
