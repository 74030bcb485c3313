"""Defines what the Evaluator computes, and reads and writes its results."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma

# TFMA 0.52 no longer exports this from its top-level package.
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.evaluator import tfma_metrics
from contract.bounds import Bound
from contract.demands import Demand
from contract.features import LABEL
from contract.signatures import EXAMPLES_SIGNATURE, PROBABILITIES

CHAMPION = "champion"
"""TFMA's name for the baseline model."""

CANDIDATE = "candidate"

DEMANDS_FILE = "demands.json"
"""File beside TFMA's own: the demands with their verdicts, and the metrics."""


def eval_config(bounds: Sequence[Bound]) -> config_pb2.EvalConfig:
    """Returns TFMA's configuration: each metric that has a bound, on the whole split.

    It has no thresholds: `judgement` compares the results with the bounds, in decimal,
    and with facts about the champion that TFMA does not have.
    """
    model = {
        "signature_name": EXAMPLES_SIGNATURE,
        "label_key": LABEL,
        "prediction_key": PROBABILITIES,
    }
    metrics = {bound.name: bound for bound in bounds}
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=CANDIDATE, **model),
            config_pb2.ModelSpec(name=CHAMPION, is_baseline=True, **model),
        ],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    _metric(tfma_metrics.RowCount),
                    *(
                        _metric(
                            tfma_metrics.Measured,
                            {"name": name, "path": m.path, "options": m.options},
                        )
                        for name, m in metrics.items()
                    ),
                    _metric(tfma_metrics.AnswersPlot),
                ]
            )
        ],
    )


def _metric(
    kind: type[tfma.metrics.Metric], options: dict[str, Any] | None = None
) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=kind.__name__,
        module=kind.__module__,
        config=json.dumps(options or {}),
    )


Values = Mapping[tuple[str, str, int | None], float]
"""Values by metric, model (`CANDIDATE` or `CHAMPION`) and label; None is the whole
split."""


def read_values(folder: str) -> Values:
    """Reads the Evaluator's metrics, without plots and differences.

    Values that are not finite, as the loss of a model with NaN answers, are left out
    too: they meet no bound, and JSON cannot represent them.
    """
    return {
        (
            entry.key.name,
            entry.key.model_name or CANDIDATE,
            entry.key.sub_key.class_id.value
            if entry.key.sub_key.HasField("class_id")
            else None,
        ): entry.value.double_value.value
        for metrics in tfma.load_metrics(folder)
        if not metrics.slice_key.single_slice_keys
        for entry in metrics.metric_keys_and_values
        if not entry.key.is_diff
        and entry.value.HasField("double_value")
        and math.isfinite(entry.value.double_value.value)
    }


def read_confusion(folder: str, classes: int) -> np.ndarray:
    """Reads the confusion matrix of the candidate on the whole split.

    Returns:
        int64 `[classes, classes]`, with the true class in the row and the answer in
        the column.

    Raises:
        LookupError: The results have no confusion matrix.
    """
    confusion = np.zeros((classes, classes), np.int64)
    for plots in tfma.load_plots(folder):
        for plot in plots.plot_keys_and_values:
            is_candidate = plot.key.model_name in ("", CANDIDATE)
            if plots.slice_key.single_slice_keys or not is_candidate:
                continue
            at_thresholds = plot.value.multi_class_confusion_matrix_at_thresholds
            for entry in at_thresholds.matrices[0].entries:
                if entry.predicted_class_id >= 0:
                    confusion[entry.actual_class_id, entry.predicted_class_id] += round(
                        entry.num_weighted_examples
                    )
    if not confusion.any():
        raise LookupError(f"{folder}: expected a confusion matrix, found none")
    return confusion


@dataclass(frozen=True)
class Evaluation:
    """Result of an Evaluator.

    Attributes:
        demands: All demands, in the order in which they are shown.
        champion: Version of the champion in the comparison; empty if there was none.
        left_out: Why the served version was not compared with; mostly empty.
        values: All values, with metric, model and slice: the class, or empty for the
            whole split.
    """

    demands: tuple[Demand, ...]
    champion: str = ""
    left_out: str = ""
    values: tuple[dict[str, Any], ...] = ()

    def value(self, metric: str, model: str, of_class: str = "") -> float | None:
        """Returns a value; None if it was not measured."""
        for one in self.values:
            if (one["metric"], one["model"], one["slice"]) == (metric, model, of_class):
                return float(one["value"])
        return None

    def to_json(self) -> str:
        """Returns the content of `DEMANDS_FILE`."""
        return json.dumps(
            {
                "demands": [demand.as_dict() for demand in self.demands],
                "champion": self.champion,
                "left_out": self.left_out,
                "values": list(self.values),
            },
            indent=2,
            ensure_ascii=False,
        )


def read_evaluation(folder: str) -> Evaluation:
    """Reads the result of an Evaluator.

    Raises:
        FileNotFoundError: Version 0.1 wrote the artifact, without demands.
    """
    path = os.path.join(folder, DEMANDS_FILE)
    if not fileio.exists(path):
        raise FileNotFoundError(f"{path}: missing: written by an earlier version")
    content = json.loads(io_utils.read_string_file(path))
    return Evaluation(
        tuple(map(Demand.from_dict, content["demands"])),
        content["champion"],
        content["left_out"],
        tuple(content["values"]),
    )
