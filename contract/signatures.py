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
"""`images` uint8 `[None, *task.shape]` -> `novelty`, `is_novel`: how far a picture is
from all that the model has learnt. Versions of before November 2026 have none."""

PROBABILITIES = "probabilities"
"""Output: float32 `[None, classes]`."""

CLASS_ID = "class_id"
"""Output: int64 `[None]`, the label of the most probable class."""

NOVELTY = "novelty"
"""Output: float32 `[None]`; 0 is not novel at all."""

IS_NOVEL = "is_novel"
"""Output: bool `[None]`, whether a picture is taken for none of this task: whether its
novelty is beyond the bound of `contract.reliability`."""
