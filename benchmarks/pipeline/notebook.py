"""Runs the notebook as a script, with exactly its Keras calls.

    python -m benchmarks.pipeline.notebook --data mnist.npz --facts facts.json

The script reads the npz that `keras.datasets.mnist.load_data` keeps, scales the images,
fits with Keras' own loop and computes the test accuracy. It has no validation of data,
no gates, and no model that could be served. Only the clock around `fit` and the facts
at the end were added.
"""

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Trains as the notebook does; writes the facts of the training as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=25)
    arguments = parser.parse_args()

    import numpy as np
    from tensorflow import keras

    with np.load(arguments.data) as content:
        x_train, y_train = content["x_train"], content["y_train"]
        x_test, y_test = content["x_test"], content["y_test"]
    x_train = x_train / 255
    x_test = x_test / 255

    model = keras.Sequential()
    model.add(keras.Input(shape=(28, 28)))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(128, activation="relu"))
    model.add(keras.layers.Dense(32, activation="relu"))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        loss="sparse_categorical_crossentropy", optimizer="Adam", metrics=["accuracy"]
    )
    started = time.perf_counter()
    model.fit(x_train, y_train, epochs=arguments.epochs, validation_split=0.2)
    fit_seconds = time.perf_counter() - started

    predicted = model.predict(x_test).argmax(axis=1)
    facts = {
        "steps": int(model.optimizer.iterations.numpy()),
        "parameters": model.count_params(),
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": round(float(model.optimizer.learning_rate.numpy()), 8),
        "test_accuracy": float((predicted == y_test).mean()),
        "fit_seconds": fit_seconds,
    }
    arguments.facts.write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
