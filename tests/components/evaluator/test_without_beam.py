"""Without Beam the same files are written as with it, also for unusual data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.executor import Executor
from tests.components.datasets import Dataset
from tests.components.evaluator.conftest import (
    BOUNDS,
    TASK,
    Evaluate,
    Evaluated,
    Model,
)
from tests.components.softmax import EXAMPLES, save_softmax

BEAM = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_num_workers=2",
    "--direct_running_mode=in_memory",
    "--sdk_container_image=this-environment",
]

TFMAS_OWN = {
    "example_count": "ExampleCount",
    "multi_class_confusion_matrix_plot": "MultiClassConfusionMatrixPlot",
}
"""TFMA's metrics of the same results, by their names. They process single rows, so
only the path with Beam can have them."""

WITH_TFMAS = {
    "beam": BEAM,
    "further": [
        config_pb2.MetricConfig(class_name=kind, config=f'{{"name": "tfmas_{name}"}}')
        for name, kind in TFMAS_OWN.items()
    ],
}

Rows = tuple[np.ndarray, np.ndarray]

ODD: dict[str, Callable[[Rows], Rows]] = {
    "real digits": lambda rows: rows,
    "16 times the rows": lambda rows: (
        np.concatenate([rows[0]] * 16),
        np.concatenate([rows[1]] * 16),
    ),
    "one class": lambda rows: (rows[0][rows[1] == 3], rows[1][rows[1] == 3]),
    "a class without rows": lambda rows: (rows[0][rows[1] != 3], rows[1][rows[1] != 3]),
    "one row": lambda rows: (rows[0][:1], rows[1][:1]),
}


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model whose probabilities are all 0 for some images and NaN for others."""

    def answer(examples: Any) -> dict[str, Any]:
        spec = {"image": tf.io.FixedLenFeature([784], tf.int64)}
        total = tf.reduce_sum(tf.io.parse_example(examples, spec)["image"], axis=1)
        answers = tf.one_hot(total % 10, 10)
        answers = tf.where((total % 3 == 0)[:, None], 0.0, answers)
        answers = tf.where((total % 7 == 0)[:, None], float("nan"), answers)
        return {"probabilities": answers, "class_id": tf.argmax(answers, axis=1)}

    folder = tmp_path_factory.mktemp("silent")
    save_softmax(str(folder / "Format-Serving"), tf_examples=(EXAMPLES, answer))
    return Model(str(folder), None)


def metrics_of(found: Evaluated) -> dict[tuple[Any, ...], float]:
    """Returns each number in the file, with the candidate's lead over the champion."""
    return {
        (
            entry.key.name,
            entry.key.model_name,
            entry.key.sub_key.class_id.value if entry.key.HasField("sub_key") else None,
            entry.key.is_diff,
        ): entry.value.double_value.value
        for of_slice in tfma.load_metrics(found.folder)
        if not of_slice.slice_key.single_slice_keys
        for entry in of_slice.metric_keys_and_values
    }


def plots_of(found: Evaluated) -> dict[tuple[Any, ...], Any]:
    return {
        (plot.key.name, plot.key.model_name): (
            plot.value.multi_class_confusion_matrix_at_thresholds
        )
        for of_slice in tfma.load_plots(found.folder)
        for plot in of_slice.plot_keys_and_values
    }


def hold_equal(ours: Evaluated, theirs: Evaluated) -> None:
    metrics, plots = metrics_of(theirs), plots_of(theirs)
    assert metrics
    assert plots
    for expected in (metrics, plots):
        for name, *rest in [key for key in expected if key[0].startswith("tfmas_")]:
            value = expected.pop((name, *rest))
            assert value == expected[name.removeprefix("tfmas_"), *rest]
    # With other batch sizes the models' answers differ in float32's last digit.
    assert metrics_of(ours) == pytest.approx(metrics, rel=1e-5, nan_ok=True)
    assert plots_of(ours) == plots


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(name, marks=pytest.mark.whole if "16 times" in name else ())
        for name in ODD
    ],
)
def test_of_two_models_it_writes_what_tfx_writes(
    evaluate: Evaluate, poor: Model, good: Model, all_digits: Dataset, odd: str
) -> None:
    images, labels = ODD[odd]((all_digits.test_images, all_digits.test_labels))
    ours, theirs = (
        evaluate(poor, good, bounds=BOUNDS, images=images, labels=labels, **how)
        for how in ({}, WITH_TFMAS)
    )
    hold_equal(ours, theirs)


def test_of_a_model_without_answers_it_writes_what_tfx_writes(
    evaluate: Evaluate, silent: Model
) -> None:
    ours, theirs = (evaluate(silent, bounds=BOUNDS, **how) for how in ({}, WITH_TFMAS))
    [plot] = plots_of(ours).values()
    answers = {entry.predicted_class_id for entry in plot.matrices[0].entries}
    assert {-1, 1} <= answers
    hold_equal(ours, theirs)


def test_tfma_reads_which_models_were_measured(
    evaluate: Evaluate, poor: Model, good: Model
) -> None:
    ours, theirs = (
        evaluate(poor, good, bounds=BOUNDS, beam=beam) for beam in (None, BEAM)
    )
    one, other = (
        tfma.load_eval_result(found.folder, model_name="candidate")
        for found in (ours, theirs)
    )
    assert one.config == other.config
    assert one.model_location == other.model_location
    assert one.model_location == str(Path(poor.folder, "Format-Serving"))


@pytest.mark.parametrize("beam", [None, BEAM])
def test_an_example_without_a_label_is_an_error(
    evaluate: Evaluate,
    good: Model,
    beam: list[str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("components.image_example_gen.examples.LABEL", "another")
    with pytest.raises(Exception, match="label"):
        evaluate(good, bounds=BOUNDS, task=TASK, beam=beam)


@pytest.mark.parametrize(
    ("beam", "uses_beam"),
    [
        (["--runner=PrismRunner"], True),
        (["--runner=FlinkRunner"], True),
        (["--direct_num_workers=2"], True),
        (["--runner=DirectRunner", "--direct_num_workers=1"], False),
    ],
)
def test_beam_does_the_work_as_soon_as_another_runner_is_named(
    evaluate: Evaluate,
    good: Model,
    beam: list[str],
    uses_beam: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AskedError(Exception):
        pass

    def ask(self: Any) -> None:
        raise AskedError

    monkeypatch.setattr(Executor, "_make_beam_pipeline", ask)
    if uses_beam:
        with pytest.raises(AskedError):
            evaluate(good, beam=beam)
    else:
        assert evaluate(good, beam=beam).evaluation.demands
