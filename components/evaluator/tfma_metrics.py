"""Metrics of ours (`contract.metric`) as TFMA computes them, by class as well.

All that the Evaluator reports is made of two kinds of sums: how many rows of a class
were answered with which class, and what rows add to a metric of probabilities. TFMA's
own confusion matrix takes one row at a time, and its accuracies go through tf_keras,
row by row as well; the sums here take any number of rows at once. What is about one
class comes from that class's share of the sums, so no slice by label is made, which
would hand each row over a second time; it has TFMA's key for that
(`sub_key.class_id`).
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

# TFMA 0.52 no longer has these at its top.
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2

from contract.metric import Metric, make_metric

_Answers: TypeAlias = Counter[tuple[int, int]]
"""How many rows there are of a label (first) and an answer (second)."""

_BySum: TypeAlias = dict[int, tuple[int, np.ndarray]]
"""By label: how many rows, and the sum of what they add."""


class RowCount(tfma.metrics.Metric):
    """How many rows there are, by the name of TFMA's `ExampleCount`.

    A class may not be called as one of TFMA's own, which TFMA would take for it.
    """

    def __init__(self, name: str = "example_count") -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_example_count), name=name
        )


class AnswersPlot(tfma.metrics.Metric):
    """The confusion matrix: TFMA's `MultiClassConfusionMatrixPlot`."""

    def __init__(self, name: str = "multi_class_confusion_matrix_plot") -> None:
        super().__init__(
            tfma.metrics.merge_per_key_computations(_confusion_matrix_plot), name=name
        )


class Measured(tfma.metrics.Metric):
    """One of our metrics: its value over all rows, and over those of each class."""

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
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    key = _key(name, model_name, output_name, example_weighted)
    answers = _CountAnswers.computation(key, eval_config)

    def count(values: dict[Any, Any]) -> dict[Any, float]:
        return {key: float(values[answers.keys[0]].total())}

    return [answers, tfma.metrics.DerivedMetricComputation([key], count)]


def _confusion_matrix_plot(
    name: str,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    key = _key(name, model_name, output_name, example_weighted)
    answers = _CountAnswers.computation(key, eval_config)
    plot_key = tfma.metrics.PlotKey(*key)

    def plot(values: dict[Any, Any]) -> dict[Any, Any]:
        of_threshold = metrics_for_slice_pb2.MultiClassConfusionMatrixAtThresholds()
        matrix = of_threshold.matrices.add(threshold=0.0)
        for (label, answer), rows in sorted(values[answers.keys[0]].items()):
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
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    """Returns what TFMA has to compute; what several metrics ask for it runs once."""
    metric = make_metric(path, options)
    key = _key(name, model_name, output_name, example_weighted)
    sums = (
        _AddUp.computation(key, eval_config, metric)
        if metric.needs_probabilities
        else _CountAnswers.computation(key, eval_config)
    )
    of_rows: Callable[[Metric, Any], dict[int | None, float | None]] = (
        _of_sums if metric.needs_probabilities else _of_answers
    )

    def measure(values: dict[Any, Any]) -> dict[Any, float]:
        found = of_rows(metric, values[sums.keys[0]])
        return {
            key if label is None else key._replace(sub_key=_of_class(label)): value
            for label, value in found.items()
            if value is not None
        }

    return [sums, tfma.metrics.DerivedMetricComputation([key], measure)]


def _key(name: str, model_name: str, output_name: str, example_weighted: bool) -> Any:
    return tfma.metrics.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )


def _of_class(label: int) -> Any:
    return tfma.metrics.SubKey(class_id=label)


class _OfRows(beam.CombineFn):
    """Adds up something of rows, of which it is handed one or many at once."""

    def __init__(self, key: Any, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key = key
        self._eval_config = eval_config

    def add_input(self, accumulator: Any, element: Any) -> Any:
        """Adds what is in TFMA's `StandardMetricInputs`.

        Args:
            accumulator: Is changed.
            element: Of one row, as TFMA makes it: label `[1]`, probabilities
                `[classes]`; or of n: `[n]` and `[n, classes]`.

        Raises:
            ValueError: A row has no label.
        """
        label, prediction, _ = next(
            tfma.metrics.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
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
        # TFMA hides from the results what begins with an underscore.
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

    def merge_accumulators(self, accumulators: Iterable[_Answers]) -> _Answers:
        merged: _Answers = Counter()
        for accumulator in accumulators:
            merged.update(accumulator)
        return merged


class _AddUp(_OfRows):
    """Adds up what rows add to a metric, by label."""

    def __init__(
        self, key: Any, eval_config: config_pb2.EvalConfig | None, metric: Metric
    ) -> None:
        super().__init__(key, eval_config)
        self._metric = metric

    @classmethod
    def computation(
        cls, key: Any, eval_config: config_pb2.EvalConfig | None, metric: Metric
    ) -> Any:
        key = key._replace(name=f"_sums_{key.name}")
        combiner = cls(key, eval_config, metric)
        return tfma.metrics.MetricComputation([key], None, combiner)

    def create_accumulator(self) -> _BySum:
        return {}

    def add(
        self, accumulator: _BySum, labels: np.ndarray, probabilities: np.ndarray
    ) -> None:
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
    # No answer, which is -1, is the last column.
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
    # In the order of the labels, so that the sum is the same each time.
    total = sum(by_label[label][1] for label in sorted(by_label))
    found: dict[int | None, float | None] = {
        None: metric.of_sums(np.asarray(total), rows)
    }
    if metric.by_class:
        for label, (of_label, sums) in sorted(by_label.items()):
            found[label] = metric.of_sums(sums, of_label)
    return found
