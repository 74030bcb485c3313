"""The accuracy gates: asked of the Evaluator, and read back from its output."""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from google.protobuf import json_format

# TFMA 0.52 no longer has these at its top.
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.io import fileio

from components.evaluator.metrics import ACCURACY, Accuracy
from contract.demands import GateResult
from contract.features import LABEL, NUM_CLASSES
from pipeline.config import Gates
from pipeline.training.export import EXAMPLES_SIGNATURE

EXAMPLES = "example_count"
CHAMPION = "champion"
"""TFMA's name for the baseline model."""

CANDIDATE = "candidate"
GATE = "Evaluator"

_EVAL_CONFIG_FILE = "eval_config.json"
"""Of TFMA, beside its metrics (tensorflow_model_analysis/writers)."""


def eval_config(gates: Gates) -> config_pb2.EvalConfig:
    """Returns what the Evaluator computes and what it demands.

    Accuracy on all of the split: at least `min_accuracy`, and at most
    `max_champion_loss` below the champion's (where there is one). Accuracy on
    the examples of each digit: at least `min_digit_accuracy`.
    """
    # Not the metric's own `threshold`: TFMA holds every slice to that.
    overall = config_pb2.PerSliceMetricThreshold(
        slicing_specs=[config_pb2.SlicingSpec()],
        threshold=config_pb2.MetricThreshold(
            value_threshold=config_pb2.GenericValueThreshold(
                lower_bound={"value": gates.min_accuracy}
            ),
            change_threshold=config_pb2.GenericChangeThreshold(
                direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
                absolute={"value": -gates.max_champion_loss},
            ),
        ),
    )
    by_digit = config_pb2.PerSliceMetricThreshold(
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=[LABEL])],
        threshold=config_pb2.MetricThreshold(
            value_threshold=config_pb2.GenericValueThreshold(
                lower_bound={"value": gates.min_digit_accuracy}
            )
        ),
    )
    model = {
        "signature_name": EXAMPLES_SIGNATURE,
        "label_key": LABEL,
        "prediction_key": "probabilities",
    }
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=CANDIDATE, **model),
            config_pb2.ModelSpec(name=CHAMPION, is_baseline=True, **model),
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            config_pb2.SlicingSpec(feature_keys=[LABEL]),
        ],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    config_pb2.MetricConfig(
                        class_name=Accuracy.__name__,
                        module=Accuracy.__module__,
                        per_slice_thresholds=[overall, by_digit],
                    ),
                    config_pb2.MetricConfig(class_name="MultiClassConfusionMatrixPlot"),
                ]
            )
        ],
    )


@dataclass(frozen=True)
class Measured:
    """One number that the Evaluator came to.

    Attributes:
        metric: TFMA's name of it: `ACCURACY` or `EXAMPLES`.
        model: `CANDIDATE` or `CHAMPION`.
        digit: The digit whose examples it is about; None for all of the split.
        value: What came out.
    """

    metric: str
    model: str
    digit: int | None
    value: float


def read_measured(folder: str) -> list[Measured]:
    """Reads the Evaluator's numbers; plots and differences are left out.

    Args:
        folder: The ModelEvaluation artifact.
    """
    return [
        Measured(
            entry.key.name,
            entry.key.model_name or CANDIDATE,
            _digit(metrics.slice_key),
            entry.value.double_value.value,
        )
        for metrics in tfma.load_metrics(folder)
        for entry in metrics.metric_keys_and_values
        if entry.key.name in (ACCURACY, EXAMPLES) and not entry.key.is_diff
    ]


def read_confusion(folder: str) -> np.ndarray:
    """Reads the confusion matrix of the candidate on all of the split.

    Args:
        folder: The ModelEvaluation artifact.

    Returns:
        int64 `[10, 10]`: how many of the digit in the row were answered with the
        digit in the column.

    Raises:
        LookupError: The Evaluator was not asked for one.
    """
    confusion = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    for plots in tfma.load_plots(folder):
        for plot in plots.plot_keys_and_values:
            is_candidate = plot.key.model_name in ("", CANDIDATE)
            if _digit(plots.slice_key) is not None or not is_candidate:
                continue
            at_thresholds = plot.value.multi_class_confusion_matrix_at_thresholds
            for entry in at_thresholds.matrices[0].entries:
                confusion[entry.actual_class_id, entry.predicted_class_id] += round(
                    entry.num_weighted_examples
                )
    if not confusion.any():
        raise LookupError(f"{folder}: expected a confusion matrix, found none")
    return confusion


def read_bounds(folder: str) -> Gates:
    """Reads the bounds that an evaluation was really held to.

    Without a champion there is none on the change, and the default stands there.

    Args:
        folder: The ModelEvaluation artifact.
    """
    with fileio.open(os.path.join(folder, _EVAL_CONFIG_FILE)) as stream:
        content = json.load(stream)["evalConfig"]
    config = json_format.ParseDict(content, config_pb2.EvalConfig())
    bounds: dict[str, float] = {}
    for metrics in config.metrics_specs:
        for metric in metrics.metrics:
            for of_slice in metric.per_slice_thresholds:
                by_digit = bool(of_slice.slicing_specs[0].feature_keys)
                name = "min_digit_accuracy" if by_digit else "min_accuracy"
                value = of_slice.threshold.value_threshold
                bounds[name] = value.lower_bound.value
                if of_slice.threshold.HasField("change_threshold"):
                    change = of_slice.threshold.change_threshold
                    bounds["max_champion_loss"] = -change.absolute.value
    return Gates.model_validate(bounds)


def read_gates(folder: str, gates: Gates) -> list[GateResult]:
    """Reads the Evaluator's verdict, demand by demand.

    Args:
        folder: The ModelEvaluation artifact.
        gates: The bounds that `eval_config` was made with.

    Returns:
        Accuracy overall, against the champion if there was one, and by digit.

    Raises:
        ValueError: TFMA refused for a reason that is none of our demands.
    """
    values = {
        (measured.model, measured.digit): measured.value
        for measured in read_measured(folder)
        if measured.metric == ACCURACY
    }
    failed = set()
    validation = tfma.load_validation_result(folder)
    for of_slice in validation.metric_validations_per_slice:
        for failure in of_slice.failures:
            is_change = failure.metric_threshold.HasField("change_threshold")
            failed.add((_digit(of_slice.slice_key), is_change))
    results = _results(gates, values, failed)
    if validation.validation_ok != all(result.passed for result in results):
        raise ValueError(f"unexpected verdict of TFMA: {validation}")
    return results


def _digit(slice_key: Any) -> int | None:
    """Returns the digit that a slice is about, or None for the overall slice."""
    keys = slice_key.single_slice_keys
    return keys[0].int64_value if keys else None


def _results(
    gates: Gates,
    values: dict[tuple[str, int | None], float],
    failed: set[tuple[int | None, bool]],
) -> list[GateResult]:
    def of_champion(digit: int | None) -> str:
        value = values.get((CHAMPION, digit))
        return "" if value is None else f"{value:.4f}"

    results = [
        GateResult(
            GATE,
            "accuracy",
            f"{values[CANDIDATE, None]:.4f}",
            f">= {gates.min_accuracy:g}",
            of_champion(None),
            (None, False) not in failed,
        )
    ]
    if (CHAMPION, None) in values:
        change = values[CANDIDATE, None] - values[CHAMPION, None]
        results.append(
            GateResult(
                GATE,
                "accuracy change",
                f"{change:+.4f}",
                f">= {-gates.max_champion_loss:+g}",
                of_champion(None),
                (None, True) not in failed,
            )
        )
    digits = sorted(
        digit for model, digit in values if model == CANDIDATE and digit is not None
    )
    results += [
        GateResult(
            GATE,
            f"digit {digit}",
            f"{values[CANDIDATE, digit]:.4f}",
            f">= {gates.min_digit_accuracy:g}",
            of_champion(digit),
            (digit, False) not in failed,
        )
        for digit in digits
    ]
    return results
