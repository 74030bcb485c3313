"""How a served model is asked: its signatures, their inputs and outputs."""

IMAGES_SIGNATURE = "serving_default"
"""`images` uint8 `[None, *task.shape]` -> `probabilities`, `class_id`."""

EXAMPLES_SIGNATURE = "tf_examples"
"""`examples` string `[None]`, serialised tf.Examples -> the same."""

CLASSIFY_SIGNATURE = "classify"
"""TensorFlow Serving's Classify: `inputs`, serialised tf.Examples -> `classes`, names
of all classes, and `scores`, both `[None, classes]`."""

DESCRIBE_SIGNATURE = "describe"
"""`text` string `[None]`, any -> `task` string `[None]`, the task as JSON."""

NOVELTY_SIGNATURE = "novelty"
"""`images` as of `serving_default` -> `novelty` float32 `[None]`, how far an image is
from what was trained on, and `is_novel` bool `[None]`. Versions of before November 2026
have none."""

NOVELTY, IS_NOVEL = "novelty", "is_novel"
"""Its outputs."""

PROBABILITIES = "probabilities"
"""Output: float32 `[None, classes]`."""

CLASS_ID = "class_id"
"""Output: int64 `[None]`, the label of the most probable class."""
