"""How far a picture is from all that the network has learnt: its novelty.

A picture is brought to a vector of two parts of length 1: what it looks like from afar
(its pixels, averaged over at most `_CELLS` x `_CELLS` cells, less their mean), and
what the network makes of it (the input of its last layer). The vectors of each class
lie near a flat space, their mean and the directions in which they vary most (PCA).
The novelty is the squared distance to the nearest of these spaces.

Measured on MNIST with a bound at 1 % false alarms, in shares of printed letters
(without those that look like digits) that lie beyond it, for the networks `mlp` and
`cnn`: this 0.39 and 0.55; with pixels in 14x14 cells 0.35 and 0.46; Mahalanobis'
distance in PCA's space of all pixels, of all images or by class, at most 0.03; one less
the network's largest probability 0.12 and 0.26. The nearest of 5,000 training vectors,
in place of the spaces, 0.52 and 0.72: a SavedModel would be 1.6 MB larger, and hold
what single training pictures look like. `benchmarks/estimation` has the study of this
one.
"""

import keras
import numpy as np
import tensorflow as tf

from contract.task import Task
from pipeline.training.data import Samples

_CELLS = 8
"""Most cells of a side. Finer ones see more of the hand that wrote than of what."""

_DIRECTIONS = 20
"""Most directions in which a class varies."""

_ROWS = 5_000
"""Most training rows that the spaces are fitted to; 10,000 find no more."""

_ROWS_A_DIRECTION = 10
"""Fewer would fit the directions to chance."""

_MOST_FEATURES = 4096
"""A last layer with more inputs is left out: the pixels have to do."""

_MOST_NUMBERS = 1 << 20
"""Of the spaces, together: 4 MB. With many classes they have fewer directions."""

_ROWS_A_CLASS = 5
"""As many on the average, where there are more than 1,000 classes."""

_BLOCK_BYTES = 4 << 20
"""Of images that the network is asked at once."""

_LEAST = 1e-6
"""Length below which a vector is one of nothing."""


class Novelty:
    """The novelty of pictures to one network.

    Attributes:
        variables: What it has learnt; a SavedModel has to hold them.
    """

    def __init__(
        self, model: keras.Model, task: Task, train: Samples, seed: int
    ) -> None:
        self._grid = (-1, task.height, task.width, task.channels)
        self._window = -(-max(task.height, task.width) // _CELLS)
        self._features = _features(model)
        rows = min(len(train), max(_ROWS, _ROWS_A_CLASS * len(task.classes)))
        chosen = np.random.default_rng(seed).choice(len(train), rows, replace=False)
        looks, features, labels = self._seen(train, np.sort(chosen).astype(np.int32))
        self._mean = tf.Variable(looks.mean(axis=0), trainable=False)
        vectors = self._joined(tf.constant(looks), tf.constant(features)).numpy()
        means, directions = _spaces(vectors, labels)
        learnt = (
            means.T,
            np.square(means).sum(axis=1),
            directions.reshape(-1, directions.shape[-1]).T,
            np.einsum("cd,ckd->ck", means, directions).ravel(),
        )
        self._learnt = [tf.Variable(np.float32(it), trainable=False) for it in learnt]
        self._directions = directions.shape[:2]
        self.variables = [self._mean, *self._learnt]

    def of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the novelty of images; by operations that keep rows apart.

        Args:
            images: float32 `[rows, *task.shape]`, as the network takes them.

        Returns:
            float32 `[rows]`.
        """
        vectors = self._joined(self._look(images), self._made_of(images))
        means, lengths, directions, offsets = self._learnt
        # The squared distance to a mean, less what lies along the directions.
        apart = (
            tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True)
            - 2 * tf.matmul(vectors, means)
            + lengths
        )
        along = tf.reshape(
            tf.matmul(vectors, directions) - offsets, [-1, *self._directions]
        )
        return tf.reduce_min(apart - tf.reduce_sum(tf.square(along), axis=2), axis=1)

    def _seen(
        self, samples: Samples, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns looks, features and labels of rows, a block of them at a time."""
        block = max(1, _BLOCK_BYTES // max(1, samples.row_bytes))
        seen = []
        for start in range(0, len(rows), block):
            for images, labels, order in samples.parts(
                rows[start : start + block], block
            ):
                taken = tf.gather(images, order)
                seen.append(
                    (
                        self._look(taken).numpy(),
                        self._made_of(taken).numpy(),
                        tf.gather(labels, order).numpy(),
                    )
                )
        looks, features, labels = map(np.concatenate, zip(*seen, strict=True))
        return looks, features, labels

    def _look(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the cells of images, float32 `[rows, cells]`."""
        height, width, channels = self._grid[1:]
        cells = tf.nn.avg_pool2d(
            tf.reshape(images, self._grid), self._window, self._window, "SAME"
        )
        down, across = -(-height // self._window), -(-width // self._window)
        return tf.reshape(cells, [-1, down * across * channels])

    def _made_of(self, images: tf.Tensor) -> tf.Tensor:
        """Returns what the network makes of images, float32 `[rows, n]`."""
        if self._features is None:
            return tf.zeros([tf.shape(images)[0], 0])
        features = tf.cast(self._features(images, training=False), tf.float32)
        return tf.reduce_mean(features, list(range(1, features.shape.rank - 1)))

    def _joined(self, looks: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        return tf.concat([_unit(looks - self._mean), _unit(features)], axis=1)


def _features(model: keras.Model) -> keras.Model | None:
    """Returns the network up to its last layer; None if it is not of layers in a row.

    A network that is a class of one's own has no such layers, and one may be too wide.
    """
    try:
        [images] = model.inputs
        last = [layer for layer in model.layers if layer.weights][-1].input
        if last.shape[-1] <= _MOST_FEATURES:
            return keras.Model(images, last)
    except (AttributeError, IndexError, ValueError):
        pass
    return None


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    lengths = tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True))
    return vectors / tf.maximum(lengths, _LEAST)


def _spaces(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits a flat space to the vectors of each class that has any.

    Returns:
        The means, `[classes, n]`, and directions of length 1, `[classes, k, n]`; a
        class of fewer rows than k has directions of length 0 for the others.
    """
    classes = np.unique(labels)
    rows, size = vectors.shape
    most = min(
        _DIRECTIONS,
        rows // (_ROWS_A_DIRECTION * len(classes)),
        _MOST_NUMBERS // (len(classes) * size),
    )
    directions = np.zeros((len(classes), max(1, most), size), np.float32)
    means = np.empty((len(classes), size), np.float32)
    for place, label in enumerate(classes):
        of_class = vectors[labels == label]
        means[place] = of_class.mean(axis=0)
        _, _, axes = np.linalg.svd(of_class - means[place], full_matrices=False)
        found = axes[: directions.shape[1]]
        directions[place, : len(found)] = found
    return means, directions
