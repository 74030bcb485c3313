"""The few rows of a split that a page shows, without holding all of it."""

from collections.abc import Collection

import numpy as np
import tensorflow as tf

from components.image_example_gen.examples import parsing_spec, read_serialized
from contract.features import IMAGE, LABEL
from contract.task import Task

_BATCH = 1024


def read_labels(split_uri: str, task: Task) -> np.ndarray:
    """Returns the labels of a whole split, int64 `[rows]`, in its order."""
    spec = {LABEL: parsing_spec(task)[LABEL]}
    labels = [np.empty(0, np.int64)]
    for block in read_serialized(split_uri).batch(_BATCH):
        labels.append(tf.io.parse_example(block, spec)[LABEL].numpy())
    return np.concatenate(labels)


def read_images(
    split_uri: str, task: Task, rows: Collection[int]
) -> dict[int, np.ndarray]:
    """Returns some images of a split, uint8 `task.shape`, by their rows."""
    spec = {IMAGE: parsing_spec(task)[IMAGE]}
    images = {}
    records = read_serialized(split_uri, max(rows, default=-1) + 1)
    for row, record in enumerate(records.as_numpy_iterator()):
        if row in rows:
            image = tf.io.parse_single_example(record, spec)[IMAGE]
            images[row] = image.numpy().astype(np.uint8)
    return images
