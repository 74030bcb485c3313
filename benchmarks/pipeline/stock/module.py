"""`preprocessing_fn` and `run_fn` of the stock pipeline, as in TFX's templates.

The code has the usual form: `tf_dataset_factory` reads materialised examples, followed
by `repeat` and Keras' `fit` with a number of steps.
"""

import json
import os
import time
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

IMAGE, LABEL = "image", "label"
SCALED_IMAGE = "scaled_image"
FACTS_FILE = "facts.json"


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scales the pixels to 0-1."""
    pixels = tf.cast(inputs[IMAGE], tf.float32) / 255.0
    return {SCALED_IMAGE: pixels, LABEL: inputs[LABEL]}


def _dataset(
    patterns: list[str], accessor: Any, transform: tft.TFTransformOutput, batch: int
) -> tf.data.Dataset:
    options = tfxio.TensorFlowDatasetOptions(batch_size=batch, label_key=LABEL)
    schema = transform.transformed_metadata.schema
    return accessor.tf_dataset_factory(patterns, options, schema).repeat()


def _model() -> Any:
    keras = tf.keras
    inputs = keras.layers.Input(shape=(784,), name=SCALED_IMAGE)
    hidden = keras.layers.Dense(128, activation="relu")(inputs)
    hidden = keras.layers.Dense(32, activation="relu")(hidden)
    outputs = keras.layers.Dense(10, activation="softmax")(hidden)
    model = keras.Model(inputs={SCALED_IMAGE: inputs}, outputs=outputs)
    model.compile(
        loss="sparse_categorical_crossentropy", optimizer="Adam", metrics=["accuracy"]
    )
    return model


def run_fn(fn_args: Any) -> None:
    """Trains with Keras' `fit`; exports a model that takes tf.Examples."""
    transform = tft.TFTransformOutput(fn_args.transform_output)
    settings = fn_args.custom_config
    batch = settings["batch_size"]
    train = _dataset(fn_args.train_files, fn_args.data_accessor, transform, batch)
    validation = _dataset(fn_args.eval_files, fn_args.data_accessor, transform, batch)
    model = _model()
    board = tf.keras.callbacks.TensorBoard(
        log_dir=fn_args.model_run_dir, update_freq="epoch"
    )
    started = time.perf_counter()
    model.fit(
        train,
        epochs=settings["epochs"],
        steps_per_epoch=fn_args.train_steps,
        validation_data=validation,
        validation_steps=fn_args.eval_steps,
        callbacks=[board],
    )
    fit_seconds = time.perf_counter() - started

    model.tft_layer = transform.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = transform.raw_feature_spec()
        spec.pop(LABEL)
        features = model.tft_layer(tf.io.parse_example(examples, spec))
        return {"probabilities": model(features)}

    model.save(
        fn_args.serving_model_dir,
        save_format="tf",
        signatures={"serving_default": serve},
    )
    facts = {
        "steps": int(model.optimizer.iterations.numpy()),
        "parameters": model.count_params(),
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": round(float(model.optimizer.learning_rate.numpy()), 8),
        "fit_seconds": fit_seconds,
    }
    with tf.io.gfile.GFile(os.path.join(fn_args.model_run_dir, FACTS_FILE), "w") as out:
        out.write(json.dumps(facts))
