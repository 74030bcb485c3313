"""Signatures of a served model, with their inputs and outputs."""

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
"""`images` uint8 `[None, *task.shape]` -> `novelty`, `is_novel`: distance of a picture
from the training pictures. Versions before November 2026 do not have it."""

PROBABILITIES = "probabilities"
"""Output: float32 `[None, classes]`."""

CLASS_ID = "class_id"
"""Output: int64 `[None]`, the label of the most probable class."""

NOVELTY = "novelty"
"""Output: float32 `[None]`; 0 means not novel at all."""

IS_NOVEL = "is_novel"
"""Output: bool `[None]`, whether a picture counts as one of another task: its novelty
is above the bound of `contract.reliability`."""
