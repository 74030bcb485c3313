"""Reads single rows of a split without holding the whole split in memory."""

from collections.abc import Collection

import numpy as np
import tensorflow as tf

from components.image_example_gen.examples import (
    Rows,
    parsing_spec,
    read_blocks,
    read_rows,
)
from contract.features import IMAGE, LABEL
from contract.task import Task

_FEW = 12
"""Maximum number of images of a class on the page."""


def read_labels(split_uri: str, task: Task) -> np.ndarray:
    """Reads the labels of a whole split, int64 `[rows]`, in order."""
    spec = {LABEL: parsing_spec(task)[LABEL]}
    blocks = read_blocks(split_uri, task)
    labels = [tf.io.parse_example(block, spec)[LABEL].numpy() for block in blocks]
    return np.concatenate([np.empty(0, np.int64), *labels])


def read_images(
    split_uri: str, task: Task, rows: Collection[int]
) -> dict[int, np.ndarray]:
    """Reads some images of a split, uint8 `task.shape`, by row."""
    spec = {IMAGE: parsing_spec(task)[IMAGE]}
    images: dict[int, np.ndarray] = {}
    first = 0
    for block in read_blocks(split_uri, task):
        here = sorted(row for row in rows if first <= row < first + len(block))
        if here:
            chosen = tf.gather(block, np.subtract(here, first))
            parsed = tf.io.parse_example(chosen, spec)[IMAGE].numpy()
            images.update(zip(here, parsed.astype(np.uint8), strict=True))
        first += len(block)
    return images


def sample_rows(split_uri: str, task: Task, limit: int) -> tuple[Rows, bool]:
    """Reads a sample of rows, and tells whether it was chosen by class.

    It is the first rows. If a class has too few rows among them, as when the rows are
    ordered by class, it is the first rows of each class.
    """
    rows = read_rows(split_uri, task, limit)
    classes = len(task.classes)
    found = np.bincount(rows.labels, minlength=classes)[:classes]
    if len(rows) < limit or found.min() >= min(_FEW, limit // classes):
        return rows, False
    labels = read_labels(split_uri, task)
    each = max(1, limit // classes)
    chosen = np.concatenate(
        [np.flatnonzero(labels == label)[:each] for label in range(classes)]
    )[:limit]
    images = read_images(split_uri, task, set(chosen.tolist()))
    return Rows(np.stack([images[row] for row in chosen]), labels[chosen]), True
