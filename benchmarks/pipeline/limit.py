"""The bare matrix work of the training: what no training loop here can beat by far.

    python -m benchmarks.pipeline.limit --epochs 25 --rows 48000 --eval-rows 12000

For each step of 32 rows the eight products of forward and backward pass of the
network 784-128-32-10 (three forward; three for the weights' gradients, two for the
rows' gradients: none is needed for the pixels), in float32, by NumPy's BLAS; and for
each epoch the three forward products over the validation rows. No activation, no
loss, no optimiser, no reading. One epoch's worth is timed after a warm-up and
multiplied.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

_LAYERS = ((784, 128), (128, 32), (32, 10))
_VALIDATION_ROWS = 4096


def epoch_seconds(steps: int, batch: int, eval_rows: int) -> float:
    """Returns the seconds that one epoch's products take."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(shape, np.float32) for shape in _LAYERS]
    inputs = [rng.standard_normal((batch, rows), np.float32) for rows, _ in _LAYERS]
    gradients = [rng.standard_normal((batch, out), np.float32) for _, out in _LAYERS]
    validation = [
        rng.standard_normal((_VALIDATION_ROWS, rows), np.float32) for rows, _ in _LAYERS
    ]

    def step() -> None:
        for rows, weight in zip(inputs, weights, strict=True):
            rows @ weight
        for rows, gradient in zip(inputs, gradients, strict=True):
            rows.T @ gradient
        for gradient, weight in zip(gradients[1:], weights[1:], strict=True):
            gradient @ weight.T

    for _ in range(100):
        step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    for start in range(0, eval_rows, _VALIDATION_ROWS):
        count = min(_VALIDATION_ROWS, eval_rows - start)
        for rows, weight in zip(validation, weights, strict=True):
            rows[:count] @ weight
    return time.perf_counter() - started


def main() -> None:
    """Writes the seconds of all epochs as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--eval-rows", type=int, required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=Path, required=True)
    arguments = parser.parse_args()
    steps = -(-arguments.rows // arguments.batch)
    of_one = epoch_seconds(steps, arguments.batch, arguments.eval_rows)
    arguments.seconds.write_text(json.dumps(of_one * arguments.epochs))


if __name__ == "__main__":
    main()
