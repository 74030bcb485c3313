"""Metrics of ours (`contract.metric`) as TFMA computes them, by class as well.

TFMA hands its own accuracies to tf_keras, whose metrics rebuild their code through
AutoGraph at each of them and then go through TensorFlow for every batch of every
slice: a third of the Evaluator's time. The confusion matrix, which is there for the
plot, has the answer already. It has the answer for each class, too, in that class's
row: so no slice by label is made, which would hand each row over a second time. What
is about one class has TFMA's key for that (`sub_key.class_id`).
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

# TFMA 0.52 no longer has this at its top.
from tensorflow_model_analysis.proto import config_pb2

from contract.metric import Metric, make_metric


class Measured(tfma.metrics.Metric):
    """One of our metrics: its value over all rows, and over those of each class."""

    def __init__(
        self, name: str, path: str, options: dict[str, Any] | None = None
    ) -> None:
        """Takes the metric.

        Args:
            name: In the results.
            path: Dotted path of its class.
            options: Of the metric.
        """
        super().__init__(
            tfma.metrics.merge_per_key_computations(_computations),
            name=name,
            path=path,
            options=options or {},
        )


def _computations(
    name: str,
    path: str,
    options: dict[str, Any],
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    """Returns what TFMA has to compute; what several metrics ask for it runs once."""
    metric = make_metric(path, options)

    def key(label: int | None = None, suffix: str = "") -> Any:
        return tfma.metrics.MetricKey(
            name=name + suffix,
            model_name=model_name,
            output_name=output_name,
            example_weighted=example_weighted,
            sub_key=None if label is None else tfma.metrics.SubKey(class_id=label),
        )

    if not metric.needs_probabilities:
        matrix = tfma.metrics.MultiClassConfusionMatrixAtThresholds(thresholds=[0.0])
        computations = matrix.computations(
            eval_config=eval_config,
            model_names=[model_name],
            output_names=[output_name],
            example_weighted=example_weighted,
        )
        [matrix_key] = computations[-1].keys

        def of_matrix(values: dict[Any, Any]) -> dict[Any, float]:
            [entries] = values[matrix_key].values()
            return _of_confusion(metric, _confusion(entries), key)

        derived = tfma.metrics.DerivedMetricComputation([key()], of_matrix)
        return [*computations, derived]

    # Hidden from the results by TFMA, as its name begins with an underscore.
    sums_key = tfma.metrics.MetricKey(
        name=f"_sums_{name}",
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )
    sums = tfma.metrics.MetricComputation(
        keys=[sums_key],
        preprocessors=None,
        combiner=_Sums(sums_key, metric, eval_config),
    )

    def of_sums(values: dict[Any, Any]) -> dict[Any, float]:
        return _of_sums(metric, values[sums_key], key)

    return [sums, tfma.metrics.DerivedMetricComputation([key()], of_sums)]


def _confusion(entries: dict[Any, float]) -> np.ndarray:
    """Returns the matrix of `Metric.of_confusion` from TFMA's entries."""
    classes = 1 + max(
        (max(e.actual_class_id, e.predicted_class_id) for e in entries), default=0
    )
    confusion = np.zeros((classes, classes + 1), np.int64)
    for entry, count in entries.items():
        # TFMA's -1, for no answer, is the last column.
        confusion[entry.actual_class_id, entry.predicted_class_id] += round(count)
    return confusion


def _of_confusion(metric: Metric, confusion: np.ndarray, key: Any) -> dict[Any, float]:
    found = {key(): metric.of_confusion(confusion)}
    if metric.by_class:
        for label in np.flatnonzero(confusion.sum(axis=1)).tolist():
            alone = np.zeros_like(confusion)
            alone[label] = confusion[label]
            found[key(label)] = metric.of_confusion(alone)
    return {key: value for key, value in found.items() if value is not None}


_BySum: TypeAlias = dict[int, tuple[int, np.ndarray]]
"""By label: how many rows, and the sum of what they add."""


class _Sums(beam.CombineFn):
    """Adds up what rows add to a metric, by label."""

    def __init__(
        self, key: Any, metric: Metric, eval_config: config_pb2.EvalConfig | None
    ) -> None:
        self._key = key
        self._metric = metric
        self._eval_config = eval_config

    def create_accumulator(self) -> _BySum:
        return {}

    def add_input(self, accumulator: _BySum, element: Any) -> _BySum:
        label, prediction, _ = next(
            tfma.metrics.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                flatten=False,
            )
        )
        labels = np.asarray(label, np.int64).reshape(1)
        added = self._metric.per_row(labels, np.asarray(prediction).reshape(1, -1))
        _add(accumulator, int(labels[0]), 1, added[0])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_BySum]) -> _BySum:
        merged: _BySum = {}
        for accumulator in accumulators:
            for label, (rows, sums) in accumulator.items():
                _add(merged, label, rows, sums)
        return merged

    def extract_output(self, accumulator: _BySum) -> dict[Any, _BySum]:
        return {self._key: accumulator}


def _add(accumulator: _BySum, label: int, rows: int, sums: np.ndarray) -> None:
    before = accumulator.get(label)
    if before is None:
        accumulator[label] = rows, sums
    else:
        accumulator[label] = before[0] + rows, before[1] + sums


def _of_sums(metric: Metric, by_label: _BySum, key: Any) -> dict[Any, float]:
    if not by_label:
        return {}
    rows = sum(rows for rows, _ in by_label.values())
    # In the order of the labels, so that the sum is the same each time.
    total = sum(by_label[label][1] for label in sorted(by_label))
    found = {key(): metric.of_sums(np.asarray(total), rows)}
    if metric.by_class:
        for label, (of_label, sums) in sorted(by_label.items()):
            found[key(label)] = metric.of_sums(sums, of_label)
    return {key: value for key, value in found.items() if value is not None}
