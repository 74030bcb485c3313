"""The data contract: the features of an example, before and after Transform.

Everything that writes, checks, transforms or serves examples takes the names
and shapes from here.
"""

IMAGE = "image"
"""Raw feature: `IMAGE_SIZE` int64 values in 0-255, row by row, 0 is background.

Why integers, and not the 784 raw bytes or a PNG: TFDV sees every value, so the
schema checks range (`int_domain`) and size (`shape`) exactly, and drift is
measured on pixels. Bytes are opaque to it: any 784-byte string would pass.
Measured on the 60,000 training images, two cores (`python -m
benchmarks.encoding`, medians of two rounds):

    encoding        write     on disk    statistics   the schema can check
    784 int64       1.7 s     14.5 MB    9.6 s        range, size, drift
    784 raw bytes   2.0 s     11.5 MB    8.3 s        presence only
    PNG            16.6 s     14.8 MB    6.7 s        presence only

So the encoding that can be checked costs about one second in a run. (It is
written by `components.image_example_gen.example`, the others the usual way.)
"""

LABEL = "label"
"""Raw feature: one int64 in 0-9, the digit that was drawn."""

SCALED_IMAGE = "scaled_image"
"""Transformed feature: float32 `[IMAGE_HEIGHT, IMAGE_WIDTH]` in 0-1."""

IMAGE_HEIGHT = 28
IMAGE_WIDTH = 28
IMAGE_SIZE = IMAGE_HEIGHT * IMAGE_WIDTH
NUM_CLASSES = 10

TRAIN, EVAL, TEST = "train", "eval", "test"
"""Splits: to fit on, to watch while fitting, and to be judged by."""

SPLITS = (TRAIN, EVAL, TEST)
