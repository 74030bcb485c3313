"""The data contract: the features of an example, before and after Transform.

Everything that writes, checks, transforms or serves examples takes the names from
here, and shapes and classes from the task (`contract.task`).
"""

IMAGE = "image"
"""Raw feature: the int64 values of all pixels in 0-255, row by row.

Why integers, and not the raw bytes or a PNG: TFDV sees every value, so the schema
checks range (`int_domain`) and size (`shape`) exactly, and drift is measured on
pixels. Bytes are opaque to it: any string of that length would pass.
Measured on MNIST's 60,000 training images, two cores, medians of two rounds
(November 2026):

    encoding        write     on disk    statistics   the schema can check
    int64 values    1.7 s     14.5 MB    9.6 s        range, size, drift
    raw bytes       2.0 s     11.5 MB    8.3 s        presence only
    PNG            16.6 s     14.8 MB    6.7 s        presence only

So the encoding that can be checked costs about one second in a run.
"""

LABEL = "label"
"""Raw feature: one int64, the place of the image's class among the task's classes."""

PREDICTION = "prediction"
"""Of a logged request: one int64, the label of the class that was answered. It is no
`label`: nobody has said that it is right."""

ANSWER = "probabilities"
"""Of a logged request: float32 for each class, the answer."""

VERSION = "version"
"""Of a logged request: one int64, what answered; none where it is not known."""

TIMESTAMP = "timestamp_secs"
"""Of a logged request: one int64, when it was answered, in seconds since 1970."""

REQUEST_ID = "request_id"
"""Of a logged request: one string."""

ROW = "row"
"""Of a logged request: one int64, the place of the image in it."""

NOVELTY = "novelty"
"""Of a logged request: one float32, how far the image is from what was trained on, as
the model that answered says it; none where the model cannot tell."""

SCALED_IMAGE = "scaled_image"
"""Transformed feature: float32 of the image's shape, in 0-1."""

TRAIN, EVAL, TEST = "train", "eval", "test"
"""Splits: to fit on, to watch while fitting, and to be judged by."""

SPLITS = (TRAIN, EVAL, TEST)
