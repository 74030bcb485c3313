"""The Trainer's outputs of a run."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from contract.model_run import load_answers, load_novelty, read_history, read_summary
from contract.reliability import read_reliability
from pipeline.training import trainer
from pipeline.training.data import HELD, WATCHED, Reader, Samples
from pipeline.training.settings import Training
from tests.pipeline.conftest import Trained


@pytest.fixture(scope="module")
def test_rows(examples: Path, transform: tft.TFTransformOutput) -> Samples:
    return Reader(transform).load([str(examples / "Split-test/*")])


@pytest.fixture(scope="module")
def model(trained: Trained) -> keras.Model:
    """The network as Keras saved it."""
    return keras.saving.load_model(trained.run / "model.keras")


def test_the_history_has_every_epoch_and_the_final_test(
    trained: Trained, model: keras.Model, test_rows: Samples
) -> None:
    history = read_history(str(trained.run))

    assert [epoch["epoch"] for epoch in history["epochs"]] == list(range(1, 9))
    assert set(history["epochs"][0]) == {
        "epoch",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    }
    loss, accuracy = model.evaluate(test_rows.images, test_rows.labels, verbose=0)
    assert history["test"]["loss"] == pytest.approx(loss, rel=1e-5)
    assert history["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert accuracy > 0.93


def test_the_answers_are_keras_own_to_the_test_split(
    trained: Trained, model: keras.Model, test_rows: Samples
) -> None:
    np.testing.assert_array_equal(
        load_answers(str(trained.run)),
        model.predict(test_rows.images.numpy(), batch_size=256, verbose=0),
    )


def test_the_novelty_is_of_the_first_rows_of_the_test_split(trained: Trained) -> None:
    assert load_novelty(str(trained.run)).shape == (256,)


def test_the_reliability_is_measured_on_the_eval_split(trained: Trained) -> None:
    reliability = read_reliability(str(trained.model))
    assert reliability is not None
    assert sum(reliability.rows) == sum(reliability.answered) == 288
    history = read_history(str(trained.run))
    assert reliability.accuracy == pytest.approx(history["epochs"][-1]["val_accuracy"])


def test_early_stopping_sees_one_half_of_the_eval_split_and_reliability_the_other(
    train: Callable[[Training], Trained], examples: Path, transform: Any
) -> None:
    settings = Training.model_validate(
        {"epochs": 2, "hidden_units": [8], "early_stopping": 1}
    )
    with mock.patch.object(trainer, "export", wraps=trainer.export) as exported:
        run = train(settings)
    reader, pattern = Reader(transform), [str(examples / "Split-eval/*")]
    held, watched = (reader.load(pattern, half=half) for half in (HELD, WATCHED))
    model = keras.saving.load_model(run.run / "model.keras")
    kept = read_summary(str(run.run))["kept"]["epoch"]
    of_epoch = read_history(str(run.run))["epochs"][kept - 1]
    loss, _ = model.evaluate(watched.images, watched.labels, verbose=0)
    assert of_epoch["val_loss"] == pytest.approx(loss, rel=1e-5)
    right = model.predict(held.images, verbose=0).argmax(axis=1) == held.labels
    [(_, _, _, _, reliability, _), _] = exported.call_args
    assert reliability.accuracy == pytest.approx(np.mean(right))
    assert sum(reliability.rows) == len(held) == len(watched) == 144


def test_the_summary_has_layers_parameters_and_settings(
    trained: Trained, model: keras.Model
) -> None:
    summary = read_summary(str(trained.run))
    assert [
        (layer["kind"], layer["output_shape"], layer["activation"], layer["parameters"])
        for layer in summary["layers"]
    ] == [
        ("Flatten", [784], "", 0),
        ("Dense", [128], "relu", 784 * 128 + 128),
        ("Dense", [32], "relu", 128 * 32 + 32),
        ("Dense", [10], "softmax", 32 * 10 + 10),
    ]
    assert summary["parameters"] == model.count_params()
    assert summary["optimizer"] == "Adam"
    assert Training.model_validate(summary["training"]) == Training(epochs=8)


def test_tensorboard_has_the_same_curves(trained: Trained) -> None:
    history = read_history(str(trained.run))["epochs"]
    for board, prefix in (("train", ""), ("validation", "val_")):
        events = EventAccumulator(str(trained.run / "tensorboard" / board))
        events.Reload()
        for tag in ("loss", "accuracy"):
            points = events.Tensors(f"epoch_{tag}")
            assert [point.step for point in points] == list(range(1, 9))
            assert [
                float(tf.make_ndarray(point.tensor_proto)) for point in points
            ] == pytest.approx([epoch[prefix + tag] for epoch in history])


def test_the_saved_model_is_where_tfx_looks_for_it(trained: Trained) -> None:
    assert (trained.model / "saved_model.pb").is_file()
    assert trained.model.parts[-2:] == ("model", "Format-Serving")


@pytest.fixture(scope="module")
def train_only(train: Callable[[Training], Trained]) -> Callable[[int], Trained]:
    """Trains a small network with a seed, without an export."""

    def call(seed: int) -> Trained:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trainer, "export", lambda *args, **kwargs: None)
            return train(Training(epochs=2, hidden_units=(8,), seed=seed))

    return call


@pytest.fixture(scope="module")
def told(train_only: Callable[[int], Trained]) -> tuple[Trained, list[str]]:
    """Such a training, with the progress that it logged."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("contract.progress")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    run = train_only(1)
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)
    return run, lines


def test_each_epoch_is_told_in_the_log(told: tuple[Trained, list[str]]) -> None:
    run, lines = told
    assert lines == [
        f"epoch {epoch['epoch']}/2, validation accuracy {epoch['val_accuracy']:.4f}, "
        f"loss {epoch['val_loss']:.4f}"
        for epoch in read_history(str(run.run))["epochs"]
    ]


def test_one_seed_gives_one_model_and_another_seed_another(
    train_only: Callable[[int], Trained], told: tuple[Trained, list[str]]
) -> None:
    first, again, other = (run.run for run in (told[0], train_only(1), train_only(2)))
    np.testing.assert_array_equal(load_answers(str(first)), load_answers(str(again)))
    assert read_history(str(first)) == read_history(str(again))
    assert (load_answers(str(first)) != load_answers(str(other))).any()


@pytest.mark.parametrize(("threads", "told_to"), [("1", False), ("4", True)])
def test_tensorflow_is_told_to_keep_the_order_of_sums_where_threads_could_change_it(
    train_only: Callable[[int], Trained],
    monkeypatch: pytest.MonkeyPatch,
    threads: str,
    told_to: bool,
) -> None:
    """One thread is deterministic anyway and does not need the slower mode."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", threads)
    with mock.patch.object(tf.config.experimental, "enable_op_determinism") as enable:
        train_only(1)
    assert enable.called is told_to
