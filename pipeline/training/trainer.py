"""`run_fn`: what TFX's Trainer calls."""

import os
import time
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from contract import model_run, progress
from contract.features import EVAL, TEST
from contract.task import task_of_split
from pipeline.config import Training
from pipeline.model import build_model
from pipeline.training import loop
from pipeline.training.data import Reader, Samples
from pipeline.training.export import WARMUP_BATCH_SIZES, export

EVAL_SPLITS = (EVAL, TEST)
"""The splits that `run_fn` expects as `eval_args.splits`, in this order."""

CONFIG_KEY = "training"

_PREDICTED_ROWS = 16_384
"""Keras makes a data set of each array it is given, at a fixed cost: 51 MB."""


def run_fn(fn_args: Any) -> None:
    """Trains, measures, and writes the model and what is worth keeping of its run.

    Into `serving_model_dir`: the SavedModel, see `pipeline.training.export`.
    Into `model_run_dir`: what `contract.model_run` names, and `tensorboard/`; among
    it the probabilities that Keras itself gives for the test split, against which
    ServingValidator holds the SavedModel.

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
    task = task_of_split(test_pattern)
    model = build_model(task, training.hidden_units, training.learning_rate)

    started = time.perf_counter()
    history = _fit(model, train, validation, training, fn_args.model_run_dir)
    fit_seconds = time.perf_counter() - started
    test_loss, test_accuracy = loop.measure(model, test)
    run_dir = fn_args.model_run_dir
    history_content = {
        "epochs": [asdict(epoch) for epoch in history],
        "test": {"loss": test_loss, "accuracy": test_accuracy},
    }
    model_run.write_json(run_dir, model_run.HISTORY_FILE, history_content)
    model_run.write_json(run_dir, model_run.SUMMARY_FILE, _summary(model, training))
    model_run.write_json(run_dir, model_run.TIMING_FILE, {"fit_seconds": fit_seconds})
    model.save(os.path.join(run_dir, model_run.MODEL_FILE))
    # Keras' own predictions, made without anything that is exported.
    predicted = [
        model.predict(images, batch_size=model_run.ANSWER_BATCH, verbose=0)
        for images, _ in test.blocks(_PREDICTED_ROWS)
    ]
    model_run.save_answers(run_dir, np.concatenate(predicted))
    export(
        model,
        transform,
        task,
        fn_args.serving_model_dir,
        warmup_images=_pixels(next(validation.blocks(max(WARMUP_BATCH_SIZES)))[0]),
    )


def _fix_order_of_sums() -> None:
    """Makes two runs with one seed give the same weights, bit by bit.

    One thread adds up in one order by itself (see `contract/environment.py`). Elsewhere
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
        progress.tell(
            f"epoch {epoch.epoch}/{training.epochs}, validation accuracy "
            f"{epoch.val_accuracy:.4f}, loss {epoch.val_loss:.4f}"
        )
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
