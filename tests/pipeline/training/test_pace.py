"""The number of steps in a compiled call, and the executor of the call."""

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from pipeline.training import pace
from pipeline.training.pace import Pace

ROWS, BATCH = 1000, 10
LABELS = tf.zeros(ROWS, tf.int64)
IMAGES = tf.zeros((ROWS, 1))
ORDER = np.arange(ROWS, dtype=np.int32)


def steps(body: object = None) -> object:
    """Returns a loop over batches, with an optional body."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 1]),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None], tf.int32),
        ],
        autograph=False,
    )
    def run(images: tf.Tensor, labels: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
        def step(start: tf.Tensor) -> tuple[tf.Tensor]:
            if body:
                tf.cond(start > 3, lambda: tf.print(end=""), lambda: tf.print(end=""))
            return (start + BATCH,)

        return tf.while_loop(lambda start: start < tf.size(order), step, (0,))[0]

    return run


@pytest.fixture
def seconds_a_step(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Simulates the duration of each step with a fake clock."""
    clock, cost = [0.0], [0.0]

    def tick() -> Iterator[float]:
        while True:
            yield clock[0]
            clock[0] += cost[0]
            yield clock[0]

    ticks = tick()
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(ticks))
    return cost


def run(seconds: list[float], of_call: float, body: object = None) -> tuple[list, Pace]:
    seconds[0] = of_call
    paced = Pace(BATCH, lambda: steps(body), lambda *rows: None)
    return list(paced.run(IMAGES, LABELS, ORDER)), paced


def test_calls_grow_while_they_are_short(seconds_a_step: list[float]) -> None:
    taken, _ = run(seconds_a_step, 1e-6)
    assert taken == [1, 1, 32, 66]


def test_a_call_of_long_steps_has_one(seconds_a_step: list[float]) -> None:
    taken, paced = run(seconds_a_step, 0.6)
    assert taken == [1] * (ROWS // BATCH)
    assert not paced._one_thread


def test_what_is_left_over_is_one_step_more(seconds_a_step: list[float]) -> None:
    paced = Pace(BATCH, steps, lambda *rows: None)
    assert list(paced.run(IMAGES, LABELS, ORDER[:13])) == [1, 1]


@pytest.mark.parametrize(("body", "one_thread"), [(None, True), ("cond", False)])
def test_a_condition_inside_of_a_step_is_not_run_where_it_would_hang(
    seconds_a_step: list[float], body: object, one_thread: bool
) -> None:
    _, paced = run(seconds_a_step, 1e-6, body)
    assert paced._one_thread is one_thread
