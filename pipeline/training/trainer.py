"""`run_fn`: what TFX's Trainer calls."""

import json
import os
import time
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from contract import model_run as answers
from contract.features import EVAL, TEST
from pipeline.config import Training
from pipeline.model import build_model
from pipeline.training import loop, progress
from pipeline.training.data import Reader, Samples
from pipeline.training.export import WARMUP_BATCH_SIZES, export

EVAL_SPLITS = (EVAL, TEST)
"""The splits that `run_fn` expects as `eval_args.splits`, in this order."""

CONFIG_KEY = "training"

HISTORY_FILE = "history.json"
TIMING_FILE = "timing.json"
SUMMARY_FILE = "summary.json"

_PREDICTED_ROWS = 16_384
"""Keras makes a data set of each array it is given, at a fixed cost: 51 MB."""


def run_fn(fn_args: Any) -> None:
    """Trains, measures, and writes the model and what is worth keeping of its run.

    Into `serving_model_dir`: the SavedModel, see `pipeline.training.export`.
    Into `model_run_dir`: `model.keras`; `history.json` (loss and accuracy by
    epoch, on both splits, and on the test split at the end); `summary.json`
    (the layers, and how the model was fitted); `tensorboard/`; `answers.npy`
    (the probabilities that Keras itself gives for the test split, against which
    ServingValidator holds the SavedModel).

    Args:
        fn_args: TFX's FnArgs; `custom_config["training"]` holds a `Training`.
    """
    training = Training.model_validate(fn_args.custom_config[CONFIG_KEY])
    eval_pattern, test_pattern = fn_args.eval_files
    keras.utils.set_random_seed(training.seed)
    _fix_order_of_sums()

    transform = tft.TFTransformOutput(fn_args.transform_output)
    reader = Reader(transform)
    cache_bytes = training.cache_mb * 1_000_000
    train = reader.load(fn_args.train_files, cache_bytes)
    validation = reader.load([eval_pattern], cache_bytes - train.cached_bytes)
    left = cache_bytes - train.cached_bytes - validation.cached_bytes
    test = reader.load([test_pattern], left)
    model = build_model(training.hidden_units, training.learning_rate)

    started = time.perf_counter()
    history = _fit(model, train, validation, training, fn_args.model_run_dir)
    fit_seconds = time.perf_counter() - started
    test_loss, test_accuracy = loop.measure(model, test)
    _write_json(
        os.path.join(fn_args.model_run_dir, HISTORY_FILE),
        {
            "epochs": [asdict(epoch) for epoch in history],
            "test": {"loss": test_loss, "accuracy": test_accuracy},
        },
    )
    _write_json(
        os.path.join(fn_args.model_run_dir, SUMMARY_FILE), _summary(model, training)
    )
    _write_json(
        os.path.join(fn_args.model_run_dir, TIMING_FILE), {"fit_seconds": fit_seconds}
    )
    model.save(os.path.join(fn_args.model_run_dir, "model.keras"))
    # Keras' own predictions, made without anything that is exported.
    predicted = [
        model.predict(images, batch_size=answers.BATCH, verbose=0)
        for images, _ in test.blocks(_PREDICTED_ROWS)
    ]
    answers.save_answers(fn_args.model_run_dir, np.concatenate(predicted))
    export(
        model,
        transform,
        fn_args.serving_model_dir,
        warmup_images=_pixels(next(validation.blocks(max(WARMUP_BATCH_SIZES)))[0]),
    )


def _fix_order_of_sums() -> None:
    """Makes two runs with one seed give the same weights, bit by bit.

    One thread adds up in one order by itself (see `runner/environment.py`). Elsewhere
    TensorFlow has to be told, and then takes other ways that are slower: a hundred
    operations a step in place of one for the loss alone.
    """
    one_thread = os.environ.get("TF_NUM_INTRAOP_THREADS") == "1"
    if not one_thread or tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _fit(
    model: keras.Model,
    train: Samples,
    validation: Samples,
    training: Training,
    run_dir: str,
) -> list[loop.Epoch]:
    """Trains; tells of each epoch in the log and to TensorBoard."""
    boards = {
        name: tf.summary.create_file_writer(os.path.join(run_dir, "tensorboard", name))
        for name in ("train", "validation")
    }
    history = []
    for epoch in loop.fit(
        model,
        train,
        validation,
        epochs=training.epochs,
        batch_size=training.batch_size,
        seed=training.seed,
    ):
        history.append(epoch)
        progress.tell(epoch.epoch, training.epochs, epoch.val_accuracy, epoch.val_loss)
        for board, loss, accuracy in (
            (boards["train"], epoch.loss, epoch.accuracy),
            (boards["validation"], epoch.val_loss, epoch.val_accuracy),
        ):
            with board.as_default(step=epoch.epoch):
                tf.summary.scalar("epoch_loss", loss)
                tf.summary.scalar("epoch_accuracy", accuracy)
    for board in boards.values():
        board.close()
    return history


def _summary(model: keras.Model, training: Training) -> dict[str, Any]:
    """Returns Keras' `model.summary()` as data, and the settings."""
    return {
        "layers": [
            {
                "name": layer.name,
                "kind": type(layer).__name__,
                "output_shape": list(layer.output.shape[1:]),
                "activation": getattr(
                    getattr(layer, "activation", None), "__name__", ""
                ),
                "parameters": layer.count_params(),
            }
            for layer in model.layers
        ],
        "parameters": model.count_params(),
        "optimizer": type(model.optimizer).__name__,
        "training": training.model_dump(mode="json"),
    }


def _pixels(images: tf.Tensor) -> np.ndarray:
    """Returns scaled images as the uint8 pixels that they were."""
    return np.rint(images.numpy() * 255).astype(np.uint8)


def _write_json(path: str, content: dict[str, Any]) -> None:
    with tf.io.gfile.GFile(path, "w") as stream:
        stream.write(json.dumps(content, indent=2))


def read_history(folder: str) -> dict[str, Any]:
    """Returns `history.json` of a ModelRun's folder."""
    return _read_json(os.path.join(folder, HISTORY_FILE))


def read_summary(folder: str) -> dict[str, Any]:
    """Returns `summary.json` of a ModelRun's folder."""
    return _read_json(os.path.join(folder, SUMMARY_FILE))


def _read_json(path: str) -> dict[str, Any]:
    with tf.io.gfile.GFile(path) as stream:
        content: dict[str, Any] = json.load(stream)
    return content
