"""Novelty: small for pictures of the task, large for others, for any network."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from contract.task import Task, plain_names
from pipeline.model import mlp
from pipeline.training.data import Samples
from pipeline.training.novelty import Novelty
from pipeline.training.settings import Training

GREY = Task("bars", 20, 28, 1, plain_names(4), "bar", 0)
COLOUR = Task("bars", 20, 28, 3, plain_names(4), "bar")


def bars(task: Task, rows: int, seed: int) -> Samples:
    """Returns images of a bar, horizontal or vertical, thin or thick, dark and pale."""
    chance = np.random.default_rng(seed)
    images = np.zeros((rows, *task.shape), np.float32)
    labels = chance.integers(4, size=rows)
    for image, label in zip(images, labels, strict=True):
        at, thick = int(chance.integers(4, 12)), 2 + 4 * (label // 2)
        place = np.s_[at : at + thick] if label % 2 else np.s_[:, at : at + thick]
        image[place] = chance.uniform(0.5, 1)
    return Samples(tf.constant(images), tf.constant(labels))


def discs(task: Task, rows: int) -> tf.Tensor:
    down, across = np.mgrid[: task.height, : task.width]
    disc = (down - 10) ** 2 + (across - 14) ** 2 < 64
    disc = disc if task.channels == 1 else disc[..., None]
    return tf.constant(np.broadcast_to(disc, (rows, *task.shape)).astype(np.float32))


class OnesOwn(keras.Model):
    """A subclassed network whose layers are not visible from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.answer = keras.layers.Dense(4, activation="softmax")

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.answer(self.flatten(images))


def ones_own(task: Task) -> keras.Model:
    model = OnesOwn()
    model(tf.zeros((1, *task.shape)))
    return model


def pooled(task: Task) -> keras.Model:
    """Returns a network whose last layer with weights is a convolution."""
    return keras.Sequential(
        [
            keras.Input(task.shape),
            keras.layers.Reshape((task.height, task.width, task.channels)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Softmax(),
        ]
    )


def wide(task: Task) -> keras.Model:
    """Returns a network whose last layer has more inputs than the novelty uses."""
    return keras.Sequential(
        [
            keras.Input(task.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(5_000),
            keras.layers.Dense(4, activation="softmax"),
        ]
    )


NETWORKS: dict[str, Callable[[Task], keras.Model]] = {
    "offered": lambda task: mlp(task, Training(hidden_units=(16, 8))),
    "a class of one's own": ones_own,
    "convolutions to the end": pooled,
    "a wide last layer": wide,
}


@pytest.mark.parametrize("task", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_other_pictures_are_farther_away_than_those_of_the_task(
    network: Callable[[Task], keras.Model], task: Task
) -> None:
    keras.utils.set_random_seed(1)
    novelty = Novelty(network(task), task, bars(task, 400, seed=1), seed=1)
    held = novelty.of(bars(task, 400, seed=2).images).numpy()
    assert (held >= -1e-5).all()
    assert (novelty.of(discs(task, 3)) > np.quantile(held, 0.99)).numpy().all()


def test_ink_that_is_paler_makes_a_picture_no_more_novel_to_the_eye() -> None:
    novelty = Novelty(ones_own(GREY), GREY, bars(GREY, 400, seed=1), seed=1)
    images = bars(GREY, 50, seed=2).images
    # The mean of all images is subtracted first, so the result is not quite equal.
    paler, plain = (novelty.of(share * images).numpy() for share in (0.8, 1))
    np.testing.assert_allclose(paler, plain, atol=0.05)


def test_a_blank_picture_and_one_row_have_a_novelty() -> None:
    novelty = Novelty(mlp(GREY, Training()), GREY, bars(GREY, 100, seed=1), seed=1)
    assert np.isfinite(novelty.of(tf.zeros((1, *GREY.shape))).numpy()).all()


def test_one_seed_learns_the_same() -> None:
    keras.utils.set_random_seed(1)
    model, train = mlp(GREY, Training()), bars(GREY, 300, seed=1)
    images = bars(GREY, 20, seed=2).images
    first, again = (Novelty(model, GREY, train, seed=3).of(images) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_many_classes_and_few_rows_of_each_stay_small() -> None:
    task = Task("many", 20, 28, 1, plain_names(1_000))
    rows = np.random.default_rng(0).random((2_000, *task.shape)).astype(np.float32)
    labels = tf.constant(np.arange(2_000) % 900)
    keras.utils.set_random_seed(1)
    novelty = Novelty(
        mlp(task, Training()), task, Samples(tf.constant(rows), labels), seed=1
    )
    assert sum(int(tf.size(it)) for it in novelty.variables) < 1 << 20
    assert novelty.of(tf.constant(rows[:3])).shape == (3,)
