"""Computes our metrics (`contract.metric`) in TFMA, overall and by class.

All results come from two kinds of sums: the number of rows by label and answer, and the
sums of each row's contribution to a metric of probabilities. TFMA's own confusion
matrix takes one row at a time, and so do its accuracies, through tf_keras; the sums
here take any number of rows at once. The metrics of a class come from the class's part
of the sums, and have TFMA's key for a class (`sub_key.class_id`). So there are no
slices by label, which would pass each row a second time.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

# TFMA 0.52 no longer exports these from its top-level package.
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2

from contract.metric import SETTING, Metric, make_metric
from contract.own_code import told

_Answers: TypeAlias = Counter[tuple[int, int]]
"""Number of rows by (label, answer)."""

_BySum: TypeAlias = dict[int, tuple[int, np.ndarray]]
"""Number of rows, and the sum of their contributions, by label."""


class RowCount(tfma.metrics.Metric):
    """Number of rows, with the metric name of TFMA's `ExampleCount`.

    The Python class has another name, because TFMA would confuse it with its own.
    """

    def __init__(self, name: str = "example_count") -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_example_count), name=name
        )


class AnswersPlot(tfma.metrics.Metric):
    """Confusion matrix, as from TFMA's `MultiClassConfusionMatrixPlot`."""

    def __init__(self, name: str = "multi_class_confusion_matrix_plot") -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_confusion_matrix_plot), name=name
        )


class Measured(tfma.metrics.Metric):
    """One of our metrics: its value over all rows, and over the rows of each class."""

    def __init__(
        self, name: str, path: str, options: dict[str, Any] | None = None
    ) -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_measured),
            name=name,
            path=path,
            options=options or {},
        )


def _example_count(
    name: str,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
) -> list[Any]:
    key = tfma.metrics.MetricKey(name, model_name)
    answers = _CountAnswers.computation(key, eval_config)

    def count(values: dict[Any, Any]) -> dict[Any, float]:
        return {key: float(values[answers.keys[0]].total())}

    return [answers, tfma.metrics.DerivedMetricComputation([key], count)]


def _confusion_matrix_plot(
    name: str,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
) -> list[Any]:
    key = tfma.metrics.MetricKey(name, model_name)
    answers = _CountAnswers.computation(key, eval_config)
    plot_key = tfma.metrics.PlotKey(*key)

    def plot(values: dict[Any, Any]) -> dict[Any, Any]:
        of_threshold = metrics_for_slice_pb2.MultiClassConfusionMatrixAtThresholds()
        matrix = of_threshold.matrices.add(threshold=0.0)
        for (label, answer), rows in sorted(values[answers.keys[0]].items()):
            if rows:
                matrix.entries.add(
                    actual_class_id=label,
                    predicted_class_id=answer,
                    num_weighted_examples=rows,
                )
        return {plot_key: of_threshold}

    return [answers, tfma.metrics.DerivedMetricComputation([plot_key], plot)]


def _measured(
    name: str,
    path: str,
    options: dict[str, Any],
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
) -> list[Any]:
    """Returns TFMA's computations; TFMA runs equal ones of several metrics once."""
    metric = make_metric(path, options)
    key = tfma.metrics.MetricKey(name, model_name)
    of_rows: Callable[[Metric, Any], dict[int | None, float | None]]
    if metric.needs_probabilities:
        sums, of_rows = _AddUp.computation(key, eval_config, metric, path), _of_sums
    else:
        sums, of_rows = _CountAnswers.computation(key, eval_config), _of_answers

    def measure(values: dict[Any, Any]) -> dict[Any, float]:
        with told(SETTING, path):
            found = of_rows(metric, values[sums.keys[0]])
        return {
            key._replace(
                sub_key=None if label is None else tfma.metrics.SubKey(label)
            ): value
            for label, value in found.items()
            if value is not None
        }

    return [sums, tfma.metrics.DerivedMetricComputation([key], measure)]


class _OfRows(beam.CombineFn):
    """Sums over rows, which come singly or in batches."""

    def __init__(self, key: Any, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key = key
        self._eval_config = eval_config

    def add_input(self, accumulator: Any, element: Any) -> Any:
        """Adds the rows in TFMA's `StandardMetricInputs`.

        Args:
            accumulator: The accumulator, which is changed.
            element: One row from TFMA, with label `[1]` and probabilities `[classes]`;
                or a batch of n rows, with labels `[n]` and probabilities
                `[n, classes]`.

        Raises:
            ValueError: A row has no label.
        """
        label, prediction, _ = next(
            tfma.metrics.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                flatten=False,
            )
        )
        labels = np.asarray(label, np.int64).reshape(-1)
        if not labels.size:
            raise ValueError("expected a label in every example, found one without")
        self.add(accumulator, labels, np.asarray(prediction).reshape(len(labels), -1))
        return accumulator

    def extract_output(self, accumulator: Any) -> dict[Any, Any]:
        return {self._key: accumulator}

    @abstractmethod
    def add(
        self, accumulator: Any, labels: np.ndarray, probabilities: np.ndarray
    ) -> None:
        """Adds rows: labels int64 `[n]`, probabilities `[n, classes]`."""


class _CountAnswers(_OfRows):
    """Counts rows by label and most probable class."""

    @classmethod
    def computation(cls, key: Any, eval_config: config_pb2.EvalConfig | None) -> Any:
        # TFMA leaves names that begin with an underscore out of the results.
        key = key._replace(name="_answers")
        return tfma.metrics.MetricComputation([key], None, cls(key, eval_config))

    def create_accumulator(self) -> _Answers:
        return Counter()

    def add(
        self, accumulator: _Answers, labels: np.ndarray, probabilities: np.ndarray
    ) -> None:
        answers = probabilities.argmax(axis=1)
        most = np.take_along_axis(probabilities, answers[:, None], axis=1)[:, 0]
        answers[most <= 0] = tfma.metrics.NO_PREDICTED_CLASS_ID
        accumulator.update(zip(labels.tolist(), answers.tolist(), strict=True))
        # The last class may have neither rows nor answers, and counts as a class.
        last = probabilities.shape[1] - 1
        accumulator[last, last] += 0

    def merge_accumulators(self, accumulators: Iterable[_Answers]) -> _Answers:
        # A sum of counters would leave out the zeros.
        merged: _Answers = Counter()
        for accumulator in accumulators:
            merged.update(accumulator)
        return merged


class _AddUp(_OfRows):
    """Sums the rows' contributions to a metric, by label."""

    def __init__(
        self,
        key: Any,
        eval_config: config_pb2.EvalConfig | None,
        metric: Metric,
        path: str,
    ) -> None:
        super().__init__(key, eval_config)
        self._metric = metric
        self._path = path

    @classmethod
    def computation(
        cls,
        key: Any,
        eval_config: config_pb2.EvalConfig | None,
        metric: Metric,
        path: str,
    ) -> Any:
        key = key._replace(name=f"_sums_{key.name}")
        combiner = cls(key, eval_config, metric, path)
        return tfma.metrics.MetricComputation([key], None, combiner)

    def create_accumulator(self) -> _BySum:
        return {}

    def add(
        self, accumulator: _BySum, labels: np.ndarray, probabilities: np.ndarray
    ) -> None:
        with told(SETTING, self._path):
            added = self._metric.per_row(labels, probabilities)
        for label in np.unique(labels).tolist():
            of_label = added[labels == label]
            _add(accumulator, label, len(of_label), of_label.sum(axis=0))

    def merge_accumulators(self, accumulators: Iterable[_BySum]) -> _BySum:
        merged: _BySum = {}
        for accumulator in accumulators:
            for label, (rows, sums) in accumulator.items():
                _add(merged, label, rows, sums)
        return merged


def _add(accumulator: _BySum, label: int, rows: int, sums: np.ndarray) -> None:
    before = accumulator.get(label)
    if before is None:
        accumulator[label] = rows, sums
    else:
        accumulator[label] = before[0] + rows, before[1] + sums


def _of_answers(metric: Metric, answers: _Answers) -> dict[int | None, float | None]:
    """Returns a metric's value by label; None is all rows."""
    classes = 1 + max((max(each) for each in answers), default=0)
    # The answer -1, which means no answer, indexes the last column.
    confusion = np.zeros((classes, classes + 1), np.int64)
    for (label, answer), rows in answers.items():
        confusion[label, answer] = rows
    found: dict[int | None, float | None] = {None: metric.of_confusion(confusion)}
    if metric.by_class:
        for label in np.flatnonzero(confusion.sum(axis=1)).tolist():
            alone = np.zeros_like(confusion)
            alone[label] = confusion[label]
            found[label] = metric.of_confusion(alone)
    return found


def _of_sums(metric: Metric, by_label: _BySum) -> dict[int | None, float | None]:
    if not by_label:
        return {}
    rows = sum(rows for rows, _ in by_label.values())
    # Sorted, so that the floating-point sum is the same each time.
    total = sum(by_label[label][1] for label in sorted(by_label))
    found: dict[int | None, float | None] = {
        None: metric.of_sums(np.asarray(total), rows)
    }
    if metric.by_class:
        for label, (of_label, sums) in sorted(by_label.items()):
            found[label] = metric.of_sums(sums, of_label)
    return found
