"""The loop gives the same results as Keras' `fit` on the same order of rows."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.image_example_gen import digits
from contract.task import Task
from pipeline.model import cnn, mlp
from pipeline.training import compiling
from pipeline.training.callbacks import Kept, reducing
from pipeline.training.data import Samples
from pipeline.training.loop import Epoch, Loop
from pipeline.training.settings import Training
from tests.pipeline.conftest import Case

ROWS, BATCH = 320, 32
OF_LOSS = 1e-4

Arrays = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def rows(digits_case: Case) -> Arrays:
    """Real digits, scaled."""
    source = str(digits_case.examples / "Split-train")
    from components.image_example_gen.examples import read_rows

    found = read_rows(source, digits.TASK, ROWS)
    return found.images.astype(np.float32) / 255, found.labels


def samples(rows: Arrays) -> Samples:
    return Samples(tf.constant(rows[0]), tf.constant(rows[1]))


def network(dropout: float = 0.0, seed: int = 1) -> keras.Model:
    """Returns a network with convolution, batch normalisation, L2, maybe dropout."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(4, 3, strides=2, kernel_regularizer="l2"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            *([keras.layers.Dropout(dropout)] if dropout else []),
            keras.layers.Dense(10, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.05),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def by_loop(
    model: keras.Model, rows: Arrays, *, epochs: int = 1, **options: object
) -> list[Epoch]:
    loop = Loop(model, BATCH, options.pop("weights", None))  # type: ignore[arg-type]
    return loop.fit(
        samples(rows),
        samples(rows),
        epochs=epochs,
        seed=4,
        callbacks=options.pop("callbacks", ()),  # type: ignore[arg-type]
    )


def by_fit(model: keras.Model, rows: Arrays, **options: object) -> dict[str, list]:
    order = np.random.default_rng(4).permutation(ROWS)
    history = model.fit(
        rows[0][order],
        rows[1][order],
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
        validation_data=rows,
        **options,
    )
    found: dict[str, list] = history.history
    return found


def test_a_cnn_with_batch_normalisation_and_l2_agrees_with_fit(rows: Arrays) -> None:
    [ours] = by_loop(network(), rows)
    theirs = by_fit(network(), rows)
    assert ours.loss == pytest.approx(theirs["loss"][0], abs=OF_LOSS)
    assert ours.val_loss == pytest.approx(theirs["val_loss"][0], abs=OF_LOSS)
    assert ours.accuracy == pytest.approx(theirs["accuracy"][0], abs=1e-6)


@pytest.mark.parametrize("seeds", [4, pytest.param(10, marks=pytest.mark.whole)])
def test_with_dropout_it_agrees_in_the_mean_of_seeds(rows: Arrays, seeds: int) -> None:
    ours = [by_loop(network(0.3, s), rows)[0].val_loss for s in range(seeds)]
    theirs = [by_fit(network(0.3, s), rows)["val_loss"][0] for s in range(seeds)]
    spread = np.std(np.subtract(ours, theirs)) / np.sqrt(seeds)
    assert abs(np.mean(ours) - np.mean(theirs)) <= max(3 * spread, OF_LOSS)


def test_class_weights_count_as_in_fit(rows: Arrays) -> None:
    weights = np.linspace(0.2, 3, 10, dtype=np.float32)
    [ours] = by_loop(network(), rows, weights=weights)
    theirs = by_fit(network(), rows, class_weight=dict(enumerate(map(float, weights))))
    assert ours.loss == pytest.approx(theirs["loss"][0], abs=OF_LOSS)
    assert ours.val_loss == pytest.approx(theirs["val_loss"][0], abs=OF_LOSS)


@pytest.mark.parametrize("network_of", [mlp, cnn])
def test_one_seed_gives_the_same_weights_with_dropout(
    rows: Arrays, network_of: Callable[[Task, Training], keras.Model]
) -> None:
    def weights() -> Sequence[np.ndarray]:
        settings = Training(hidden_units=(8,), dropout=0.5)
        keras.utils.set_random_seed(2)
        model = network_of(digits.TASK, settings)
        compiling.compile_model(model, settings, steps=ROWS // BATCH)
        by_loop(model, rows)
        found: Sequence[np.ndarray] = model.get_weights()
        return found

    for one, other in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def fitted(rows: Arrays, settings: Training) -> tuple[keras.Model, list[Epoch], Kept]:
    keras.utils.set_random_seed(1)
    model = mlp(digits.TASK, settings)
    compiling.compile_model(model, settings, steps=ROWS // BATCH)
    kept = Kept(settings)
    history = by_loop(
        model, rows, epochs=settings.epochs, callbacks=[*reducing(settings), kept]
    )
    return model, history, kept


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"kind": "constant"}, [0.1, 0.1, 0.1, 0.1]),
        ({"kind": "exponential", "factor": 0.5}, [0.05, 0.025, 0.0125, 0.00625]),
        (
            {"kind": "piecewise", "epochs": [1, 3], "factors": [0.5, 0.1]},
            [0.05, 0.05, 0.01, 0.01],
        ),
        ({"kind": "cosine", "warmup_epochs": 2}, [0.05, 0.1, 0.05, 0.0]),
        ({"kind": "cosine", "final": 0.5}, [0.0927, 0.075, 0.0573, 0.05]),
        ({"kind": "plateau", "patience": 1, "factor": 0.1}, [0.1, 0.1, 0.01, 0.001]),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else "",
)
def test_schedules_move_the_learning_rate_by_epochs(
    rows: Arrays, schedule: dict[str, object], rates: list[float]
) -> None:
    settings = Training.model_validate(
        {
            "epochs": 4,
            "hidden_units": (),
            "learning_rate": 0.1,
            "optimizer": "SGD",
            "schedule": schedule,
        }
    )
    broken = (rows[0] * 0, rows[1])
    of_rows = broken if schedule["kind"] == "plateau" else rows
    if schedule["kind"] == "plateau":
        settings = settings.model_copy(
            update={"learning_rate": 0.1, "optimizer_options": {"clipnorm": 1e-9}}
        )
    _, history, _ = fitted(of_rows, settings)
    assert [e.others["learning_rate"] for e in history] == pytest.approx(
        rates, rel=1e-2
    )


def test_early_stopping_keeps_the_best_epochs_weights_and_says_so(rows: Arrays) -> None:
    settings = Training.model_validate(
        {
            "epochs": 30,
            "learning_rate": 2.0,
            "optimizer": "SGD",
            "hidden_units": (16,),
            "early_stopping": 2,
        }
    )
    model, history, kept = fitted(rows, settings)

    described = kept.describe(history)

    best = min(history, key=lambda epoch: epoch.val_loss)
    assert len(history) == best.epoch + 2 < 30
    assert described["epoch"] == best.epoch
    assert described["why"] == (
        f"the lowest loss on half of the eval split, {best.val_loss:.4f}; stopped "
        f"after epoch {len(history)}, 2 epochs without a better one"
    )
    measured = Loop(model, BATCH).measure(samples(rows))
    assert measured["loss"] == pytest.approx(best.val_loss, rel=1e-5)


def test_label_smoothing_is_keras_own(rows: Arrays) -> None:
    settings = Training(hidden_units=(8,), label_smoothing=0.2)
    keras.utils.set_random_seed(1)
    model = mlp(digits.TASK, settings)
    compiling.compile_model(model, settings, steps=1)
    found = Loop(model, BATCH).measure(samples(rows))
    one_hot = keras.utils.to_categorical(rows[1], 10)
    expected = model.evaluate(rows[0], one_hot, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-5)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat(np.arange(10), np.arange(1, 11))
    found = compiling.class_weights(
        Training(class_weights="balanced"), digits.TASK, labels
    )
    expected = compute_class_weight("balanced", classes=np.arange(10), y=labels)
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-6)
