"""The data contract: the features of an example, before and after Transform.

All code that writes, checks, transforms or serves examples uses these names, and the
shapes and classes of the task (`contract.task`).
"""

IMAGE = "image"
"""Raw feature: the int64 values of all pixels in 0-255, row by row.

Integers are used, and not the raw bytes or a PNG, because TFDV then sees every value:
the schema checks range (`int_domain`) and size (`shape`) exactly, and drift is measured
on pixels. TFDV cannot look into bytes: any string of the right length would pass.
Measured on MNIST's 60,000 training images, two cores, medians of two rounds
(November 2026):

    encoding        write     on disk    statistics   the schema can check
    int64 values    1.7 s     14.5 MB    9.6 s        range, size, drift
    raw bytes       2.0 s     11.5 MB    8.3 s        presence only
    PNG            16.6 s     14.8 MB    6.7 s        presence only

So the encoding that can be checked costs about one second in a run.
"""

LABEL = "label"
"""Raw feature: one int64, the index of the image's class in the task's classes."""

PREDICTION = "prediction"
"""Feature of a logged request: one int64, the index of the predicted class. It is not
called `label`, as it may be wrong."""

ANSWER = "probabilities"
"""Feature of a logged request: predicted probabilities, a float32 for each class."""

VERSION = "version"
"""Feature of a logged request: one int64, the model version; empty if it is unknown."""

TIMESTAMP = "timestamp_secs"
"""Feature of a logged request: one int64, time of the answer in seconds since 1970."""

REQUEST_ID = "request_id"
"""Feature of a logged request: one string."""

ROW = "row"
"""Feature of a logged request: one int64, index of the image within the request."""

NOVELTY = "novelty"
"""Feature of a logged request: one float32, the novelty of the image for the model that
answered (see `pipeline.training.novelty`); empty if the model has no such signature."""

SCALED_IMAGE = "scaled_image"
"""Transformed feature: float32 of the image's shape, in 0-1."""

TRAIN, EVAL, TEST = "train", "eval", "test"
"""Splits: for fitting, for validation during the fit, and for the evaluation."""

SPLITS = (TRAIN, EVAL, TEST)
