"""The compiled loop takes the same steps as Keras and reports the same numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from components.image_example_gen import digits as embedded
from pipeline.model import mlp
from pipeline.training import loop
from pipeline.training.compiling import compile_model
from pipeline.training.data import Reader, Samples
from pipeline.training.loop import Epoch, Loop
from pipeline.training.settings import Training
from pipeline.training.spill import Spill

ROWS = 100
BATCH = 32
"""With it, 100 rows are three full batches and a last one of four."""


@pytest.fixture(scope="module")
def digits(examples: Path, transform: tft.TFTransformOutput) -> Samples:
    """Real digits, scaled."""
    samples = Reader(transform).load([str(examples / "Split-train/*")])
    return Samples(samples.images[:400], samples.labels[:400])


@pytest.fixture(scope="module")
def few(digits: Samples) -> Samples:
    return Samples(digits.images[:ROWS], digits.labels[:ROWS])


@pytest.fixture(scope="module")
def held_out(digits: Samples) -> Samples:
    return Samples(digits.images[ROWS:], digits.labels[ROWS:])


def network(seed: int = 1, learning_rate: float = 1e-3) -> keras.Model:
    keras.utils.set_random_seed(seed)
    settings = Training(hidden_units=(16, 8), learning_rate=learning_rate)
    model = mlp(embedded.TASK, settings)
    compile_model(model, settings, steps=1)
    return model


def fit(
    model: keras.Model,
    train: Samples,
    validation: Samples,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
) -> list[Epoch]:
    return Loop(model, batch_size).fit(train, validation, epochs=epochs, seed=seed)


def trained(
    few: Samples, held_out: Samples, *, seed: int = 1, epochs: int = 2
) -> tuple[keras.Model, list[Epoch]]:
    model = network(seed)
    history = fit(model, few, held_out, epochs=epochs, batch_size=BATCH, seed=seed)
    return model, list(history)


def test_weights_are_those_of_keras_own_steps_in_the_same_order(
    few: Samples, held_out: Samples
) -> None:
    """This includes the step with the four remaining rows."""
    model, _ = trained(few, held_out, seed=3, epochs=2)

    keras_model = network(3)
    orders = np.random.default_rng(3)
    images, labels = few.images.numpy(), few.labels.numpy()
    for _ in range(2):
        order = orders.permutation(ROWS)
        for start in range(0, ROWS, BATCH):
            batch = order[start : start + BATCH]
            keras_model.train_on_batch(images[batch], labels[batch])

    for ours, theirs in zip(
        model.get_weights(), keras_model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def test_rows_that_are_left_over_are_learned_from(
    few: Samples, held_out: Samples
) -> None:
    model, _ = trained(few, held_out, epochs=3)
    assert int(model.optimizer.iterations) == 3 * 4


def test_one_batch_may_be_larger_than_all_rows(few: Samples, held_out: Samples) -> None:
    model = network()
    list(fit(model, few, held_out, epochs=2, batch_size=1000, seed=1))
    assert int(model.optimizer.iterations) == 2


def test_loss_and_accuracy_of_an_epoch_are_over_its_samples_as_they_were_seen(
    few: Samples, held_out: Samples
) -> None:
    """With a learning rate of 0, they equal the metrics of the unchanged weights."""
    model = network(learning_rate=1e-30)
    loss, accuracy = model.evaluate(few.images, few.labels, verbose=0)

    [epoch] = fit(model, few, held_out, epochs=1, batch_size=BATCH, seed=1)

    assert epoch.loss == pytest.approx(loss, rel=1e-5)
    assert epoch.accuracy == pytest.approx(accuracy, abs=1e-6)


def test_validation_is_what_keras_evaluates_after_the_epoch(
    few: Samples, held_out: Samples
) -> None:
    model, history = trained(few, held_out, epochs=3)

    loss, accuracy = model.evaluate(held_out.images, held_out.labels, verbose=0)

    assert [epoch.epoch for epoch in history] == [1, 2, 3]
    assert history[-1].val_loss == pytest.approx(loss, rel=1e-5)
    assert history[-1].val_accuracy == pytest.approx(accuracy, abs=1e-6)


def test_measuring_is_what_keras_evaluates(digits: Samples) -> None:
    # These are more rows than one measurement takes.
    many = Samples(tf.tile(digits.images, [12, 1, 1]), tf.tile(digits.labels, [12]))
    model = network()
    assert Loop(model, BATCH).measure(many) == pytest.approx(
        model.evaluate(many.images, many.labels, verbose=0, return_dict=True), rel=1e-5
    )


@pytest.mark.parametrize("rows_in_memory", [0, 70])
def test_rows_on_disk_give_the_same_weights_bit_by_bit(
    few: Samples,
    held_out: Samples,
    rows_in_memory: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each epoch is read in several parts; the last one has the remaining rows."""
    monkeypatch.setattr(loop, "_PART_BYTES", 70 * 28 * 28 * 4)
    in_memory, history = trained(few, held_out, seed=5)

    model = network(5)
    epochs = fit(
        model,
        partly_on_disk(few, rows_in_memory),
        partly_on_disk(held_out, rows_in_memory),
        epochs=2,
        batch_size=BATCH,
        seed=5,
    )

    assert list(epochs) == history
    for one, other in zip(model.get_weights(), in_memory.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def partly_on_disk(samples: Samples, rows_in_memory: int) -> Samples:
    spill = Spill((28, 28), np.dtype(np.float32))
    spill.append(samples.images[rows_in_memory:].numpy())
    return Samples(
        samples.images[:rows_in_memory],
        samples.labels[:rows_in_memory],
        spill,
        samples.labels[rows_in_memory:].numpy(),
    )


def test_it_learns(few: Samples, held_out: Samples) -> None:
    keras.utils.set_random_seed(1)
    settings = Training(hidden_units=(64,), learning_rate=1e-2)
    model = mlp(embedded.TASK, settings)
    compile_model(model, settings, steps=1)
    history = list(fit(model, few, held_out, epochs=20, batch_size=BATCH, seed=1))
    assert history[-1].accuracy > 0.9
    assert history[-1].loss < history[0].loss / 3


@pytest.fixture(scope="module")
def of_seed_5(few: Samples, held_out: Samples) -> tuple[keras.Model, list[Epoch]]:
    return trained(few, held_out, seed=5)


def test_one_seed_gives_the_same_weights_bit_by_bit(
    few: Samples, held_out: Samples, of_seed_5: tuple[keras.Model, list[Epoch]]
) -> None:
    again, history = trained(few, held_out, seed=5)
    assert history == of_seed_5[1]
    for one, other in zip(again.get_weights(), of_seed_5[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_is_another_order(
    few: Samples, held_out: Samples, of_seed_5: tuple[keras.Model, list[Epoch]]
) -> None:
    """Both begin with the same initial weights."""
    model = network(seed=5)
    list(fit(model, few, held_out, epochs=2, batch_size=BATCH, seed=6))
    assert (model.get_weights()[0] != of_seed_5[0].get_weights()[0]).any()


def test_a_loss_that_is_no_number_ends_the_training(
    few: Samples, held_out: Samples
) -> None:
    broken = Samples(few.images * np.nan, few.labels)
    with pytest.raises(FloatingPointError, match=r"^epoch 1: the loss is nan; "):
        list(fit(network(), broken, held_out, epochs=2, batch_size=BATCH, seed=1))
