"""The accuracy gates, on what TFX's Evaluator really writes for real models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.champion.executor import VERSION_PROPERTY
from components.evaluator.executor import Executor
from components.evaluator.results import eval_config, read_gates
from contract.demands import GateResult
from contract.features import TEST
from pipeline.config import Beam, Gates, Training
from tests.pipeline.conftest import Trained

CHANGE = "accuracy change"


@pytest.fixture(scope="session")
def weak(train: Callable[[Training], Trained]) -> Trained:
    """The same network after one epoch: far behind `trained`."""
    return train(Training(epochs=1))


def evaluate(
    folder: Path,
    examples: Path,
    gates: Gates,
    candidate: Trained,
    champion: Trained | None,
) -> Path:
    """Runs the Evaluator's executor; returns its ModelEvaluation."""
    data = standard_artifacts.Examples()
    data.uri = str(examples)
    data.split_names = artifact_utils.encode_split_names([TEST])
    examples_utils.set_payload_format(
        data, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
    data.set_string_custom_property("file_format", "tfrecords_gzip")
    models = []
    for trained in (candidate, champion):
        model = standard_artifacts.Model()
        # The artifact's folder holds the SavedModel in Format-Serving.
        model.uri = str(trained.model.parent if trained else folder / "none")
        model.set_string_custom_property(VERSION_PROPERTY, "1" if trained else "")
        models.append(model)
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(folder / "evaluation")
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder / "blessing")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=Beam().pipeline_args(), tmp_dir=str(folder / "tmp")
    )
    Executor(context).Do(
        {"examples": [data], "model": models[:1], "baseline_model": models[1:]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": json_format.MessageToJson(eval_config(gates)),
            "example_splits": f'["{TEST}"]',
            "fairness_indicator_thresholds": "null",
        },
    )
    return Path(evaluation.uri)


def accuracies(trained: Trained, test: tuple[np.ndarray, np.ndarray]) -> dict[Any, str]:
    """A model's accuracy by digit, and by None over all; from Keras' own answers."""
    import keras

    images, labels = test
    model = keras.saving.load_model(trained.run / "model.keras")
    right = model.predict(images, verbose=0).argmax(axis=1) == labels
    by_digit: dict[Any, str] = {
        digit: f"{right[labels == digit].mean():.4f}" for digit in range(10)
    }
    return {None: f"{right.mean():.4f}", **by_digit}


@pytest.fixture(scope="module")
def test_rows(examples: Path, transform: Any) -> tuple[np.ndarray, np.ndarray]:
    from pipeline.training.data import Reader

    rows = Reader(transform).load([str(examples / "Split-test/*")])
    return rows.images.numpy(), rows.labels.numpy()


WORSE = Gates(min_accuracy=0.5, min_digit_accuracy=0.85, max_champion_loss=0.01)


@pytest.fixture(scope="module")
def worse_than_champion(
    tmp_path_factory: pytest.TempPathFactory,
    examples: Path,
    weak: Trained,
    trained: Trained,
) -> list[GateResult]:
    """A weak candidate against a good champion, with a low bound over all."""
    folder = tmp_path_factory.mktemp("worse")
    return read_gates(
        str(evaluate(folder, examples, WORSE, weak, champion=trained)), WORSE
    )


ALONE = Gates(min_accuracy=0.999, min_digit_accuracy=0.5, max_champion_loss=0)


@pytest.fixture(scope="module")
def first_model(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, trained: Trained
) -> list[GateResult]:
    """A good model, no champion, and a bound over all that it cannot reach."""
    folder = tmp_path_factory.mktemp("alone")
    return read_gates(
        str(evaluate(folder, examples, ALONE, trained, champion=None)), ALONE
    )


def test_every_demand_is_listed(worse_than_champion: list[GateResult]) -> None:
    assert [(result.gate, result.metric) for result in worse_than_champion] == [
        ("Evaluator", "accuracy"),
        ("Evaluator", CHANGE),
        *(("Evaluator", metric(digit)) for digit in range(10)),
    ]


def test_values_are_the_accuracies_that_keras_finds(
    worse_than_champion: list[GateResult],
    test_rows: tuple[np.ndarray, np.ndarray],
    weak: Trained,
    trained: Trained,
) -> None:
    found = {r.metric: (r.value, r.champion) for r in worse_than_champion}
    ours, theirs = accuracies(weak, test_rows), accuracies(trained, test_rows)
    for digit in (None, *range(10)):
        assert found[metric(digit)] == (ours[digit], theirs[digit])


def test_a_model_worse_than_the_champion_is_refused_though_it_is_good_enough(
    worse_than_champion: list[GateResult],
) -> None:
    overall, change, *_ = worse_than_champion
    assert overall.passed
    assert not change.passed
    assert float(change.value) == pytest.approx(
        float(overall.value) - float(overall.champion), abs=1.1e-4
    )
    assert str(change) == (
        f"Evaluator: accuracy change: expected >= -0.01, found {change.value}, "
        f"champion {overall.champion}"
    )


def test_the_bound_for_a_digit_holds_each_digit_and_not_the_whole(
    worse_than_champion: list[GateResult],
) -> None:
    overall, _, *digits = worse_than_champion
    assert float(overall.value) < 0.85
    assert overall.passed
    assert {result.bound for result in digits} == {">= 0.85"}
    verdicts = {result.passed for result in digits}
    assert verdicts == {True, False}
    for result in digits:
        assert result.passed == (float(result.value) >= 0.85)


def test_the_bound_for_the_whole_holds_no_digit(first_model: list[GateResult]) -> None:
    overall, *digits = first_model
    assert not overall.passed
    assert min(float(result.value) for result in digits) < 0.999
    assert all(result.passed for result in digits)


def test_a_first_model_has_nothing_to_be_compared_with(
    first_model: list[GateResult],
) -> None:
    assert CHANGE not in [result.metric for result in first_model]
    assert {result.champion for result in first_model} == {""}


def test_a_refusal_names_value_and_bound(first_model: list[GateResult]) -> None:
    overall = first_model[0]
    assert str(overall) == (
        f"Evaluator: accuracy: expected >= 0.999, found {overall.value}"
    )


def test_the_champion_may_be_beaten_by_nothing_at_all() -> None:
    """No loss allowed is a bound as well, not the absence of one."""
    config = eval_config(Gates(max_champion_loss=0))
    [metrics] = config.metrics_specs
    [threshold] = [
        per_slice.threshold.change_threshold
        for metric_config in metrics.metrics
        for per_slice in metric_config.per_slice_thresholds
        if per_slice.threshold.HasField("change_threshold")
    ]
    assert threshold.HasField("absolute")
    assert threshold.absolute.value == 0


def metric(digit: int | None) -> str:
    return "accuracy" if digit is None else f"digit {digit}"
