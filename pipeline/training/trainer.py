"""`run_fn`, the function that TFX's Trainer calls."""

import os
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from contract import model_run, progress
from contract.reliability import Reliability, measure
from contract.task import Task, task_of_split
from pipeline.training import compiling, network, warm_start
from pipeline.training.callbacks import Kept, Telling, reducing
from pipeline.training.data import HELD, WATCHED, Reader, Samples
from pipeline.training.export import WARMUP_BATCH_SIZES, export
from pipeline.training.loop import Loop
from pipeline.training.novelty import Novelty
from pipeline.training.optimizer import kernel_adam
from pipeline.training.settings import Training
from pipeline.training.summary import summarize

CONFIG_KEY = "training"

_HELD_ROWS = 1024
"""Most rows of the eval split that are measured at once, within `_HELD_BYTES`."""

_HELD_BYTES = 4 << 20

_BATCH_BYTES = 64 << 20
"""Most bytes of images in a batch of predictions, besides `ANSWER_BATCH` rows."""


def run_fn(fn_args: Any) -> None:
    """Trains and measures a model, and writes it with the records of its training.

    `serving_model_dir` gets the SavedModel, see `pipeline.training.export`.
    `model_run_dir` gets the files that `contract.model_run` names, and `tensorboard/`.
    Among these files are the probabilities that Keras itself gives for the test split,
    and the novelty of its first rows; ServingValidator compares the SavedModel with
    them.

    With early stopping, one half of the eval split decides when to stop and the
    reliability is measured on the other half. Without it, both use the whole split.

    Args:
        fn_args: TFX's FnArgs; `custom_config["training"]` holds a `Training`, and the
            splits of `eval_files` are eval and test, in this order.

    Raises:
        BadInputError: The network, the optimiser or the class weights cannot be used;
            it is raised before any data is read.
    """
    training = Training.model_validate(fn_args.custom_config[CONFIG_KEY])
    keras.utils.set_random_seed(training.seed)
    _fix_order_of_sums()
    task = task_of_split(fn_args.eval_files[-1])
    model, comes_compiled = _prepare(task, training)
    started_from = (
        warm_start.start(model, task, training, fn_args.base_model)
        if training.warm_start
        else None
    )

    transform = tft.TFTransformOutput(fn_args.transform_output)
    rows = _read(Reader(transform), fn_args, training)
    run_dir = fn_args.model_run_dir
    if not comes_compiled:
        steps = -(-len(rows.train) // training.batch_size)
        compiling.compile_model(model, training, steps)
    weights = compiling.class_weights(training, task, rows.train.all_labels)
    loop = Loop(model, training.batch_size, weights)
    kept = Kept(training)
    started = time.perf_counter()
    with nullcontext() if comes_compiled else kernel_adam(model):
        history = loop.fit(
            rows.train,
            rows.validation,
            epochs=training.epochs,
            seed=training.seed,
            callbacks=[
                Telling(training.epochs, os.path.join(run_dir, "tensorboard")),
                *reducing(training),
                kept,
            ],
        )
    fit_seconds = time.perf_counter() - started
    of_kept = kept.describe(history)
    if kept.watched:
        progress.tell(f"kept: epoch {of_kept['epoch']}, {of_kept['why']}")
    measured = loop.measure(rows.test)

    keys = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    history_content = {
        "epochs": [{key: asdict(epoch)[key] for key in keys} for epoch in history],
        "test": {"loss": measured["loss"], "accuracy": measured["accuracy"]},
    }
    summary = summarize(
        model, training, task, weights=weights, history=history, kept=of_kept
    )
    if started_from:
        summary[model_run.WARM_START] = started_from
    model_run.write_json(run_dir, model_run.HISTORY_FILE, history_content)
    model_run.write_json(run_dir, model_run.SUMMARY_FILE, summary)
    model_run.write_json(run_dir, model_run.TIMING_FILE, {"fit_seconds": fit_seconds})
    model.save(os.path.join(run_dir, model_run.MODEL_FILE))
    model_run.save_answers(run_dir, _answers(model, rows.test))
    novelty = Novelty(model, task, rows.train, training.seed)
    first, _ = next(rows.test.blocks(model_run.ANSWER_BATCH))
    model_run.save_novelty(run_dir, novelty.of(first).numpy())
    export(
        model,
        transform,
        task,
        novelty,
        _reliability(model, novelty, rows.held),
        fn_args.serving_model_dir,
        warmup_images=_pixels(next(rows.validation.blocks(max(WARMUP_BATCH_SIZES)))[0]),
    )


@dataclass(frozen=True)
class _Rows:
    """The splits. `held` are rows of the eval split that measure the reliability."""

    train: Samples
    validation: Samples
    held: Samples
    test: Samples


def _read(reader: Reader, fn_args: Any, training: Training) -> _Rows:
    """Reads the splits; rows that do not fit into `training.cache_mb` stay on disk."""
    eval_pattern, test_pattern = fn_args.eval_files
    left = training.cache_mb * 1_000_000

    def load(patterns: list[str], half: int | None = None) -> Samples:
        nonlocal left
        samples = reader.load(patterns, left, half)
        left -= samples.cached_bytes
        return samples

    train = load(fn_args.train_files)
    validation = load([eval_pattern], WATCHED if training.early_stopping else None)
    held = load([eval_pattern], HELD) if training.early_stopping else validation
    return _Rows(train, validation, held, load([test_pattern]))


def try_network(task: Task, training: Training) -> None:
    """Checks the training settings long before `run_fn` uses them.

    Raises:
        BadInputError: The network, the optimiser or the class weights cannot be used.
    """
    _prepare(task, training)
    # Keras numbers the layers of a process: this lets the trained ones count from 1.
    keras.utils.clear_session()


def _prepare(task: Task, training: Training) -> tuple[keras.Model, bool]:
    """Builds and compiles the network, and makes all checks that need no data.

    Returns:
        The network, and whether its own function compiled it.
    """
    compiling.check_class_weights(training, task)
    model = network.build(task, training)
    comes_compiled = bool(model.compiled)
    if comes_compiled:
        compiling.check_compiled(model, training)
    else:
        # The real number of steps in an epoch is known once the rows have been read.
        compiling.compile_model(model, training, steps=1)
    compiling.check_optimizer(model, training)
    compiling.try_measuring(model, training, task)
    return model, comes_compiled


def _fix_order_of_sums() -> None:
    """Makes runs with the same seed give the same weights, bit by bit.

    A single thread always sums in the same order (see `contract/environment.py`).
    Otherwise TensorFlow needs this option, which makes it slower: the loss alone then
    takes a hundred operations a step instead of one.
    """
    one_thread = os.environ.get("TF_NUM_INTRAOP_THREADS") == "1"
    if not one_thread or tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _answers(model: keras.Model, test: Samples) -> np.ndarray:
    """Returns Keras' own predictions, made without the exported model."""
    row_bytes = max(1, test.row_bytes)
    batch = min(model_run.ANSWER_BATCH, max(1, _BATCH_BYTES // row_bytes))
    predicted = [model.predict_on_batch(images) for images, _ in test.blocks(batch)]
    return np.concatenate(predicted).astype(np.float32)


def _reliability(model: keras.Model, novelty: Novelty, held: Samples) -> Reliability:
    """Measures the reliability of predictions on rows that did not choose the epoch."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *held.images.shape[1:]], held.images.dtype)
        ],
        autograph=False,
    )
    def ask(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        answer = tf.cast(model(images, training=False), tf.float32)
        return answer, novelty.of(images)

    rows = min(_HELD_ROWS, max(1, _HELD_BYTES // max(1, held.row_bytes)))
    answers = [ask(images) for images, _ in held.blocks(rows)]
    probabilities, novelties = (
        np.concatenate([tensor.numpy() for tensor in tensors])
        for tensors in zip(*answers, strict=True)
    )
    return measure(probabilities, held.all_labels, novelties)


def _pixels(images: tf.Tensor) -> np.ndarray:
    """Returns the uint8 pixels of scaled images."""
    return np.clip(np.rint(images.numpy() * 255), 0, 255).astype(np.uint8)
