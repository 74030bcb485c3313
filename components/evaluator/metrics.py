"""Accuracy, by the confusion matrix that is computed anyway.

TFMA hands its accuracies to tf_keras, whose metrics rebuild their code through
AutoGraph at each of them and then go through TensorFlow for every batch of every
slice: a third of the Evaluator's time. The confusion matrix has the answer already:
the share of its diagonal.
"""

from typing import Any

import tensorflow_model_analysis as tfma

# TFMA 0.52 no longer has this at its top.
from tensorflow_model_analysis.proto import config_pb2

ACCURACY = "accuracy"


class Accuracy(tfma.metrics.Metric):
    """Share of the examples whose most probable class is their label.

    For one label an example and a probability for each class; an example counts as
    wrong where no probability is above 0.
    """

    def __init__(self, name: str = ACCURACY) -> None:
        """Takes the name of the metric in the results."""
        super().__init__(
            tfma.metrics.merge_per_key_computations(_computations), name=name
        )


def _computations(
    name: str = ACCURACY,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    """Returns the matrix's computations and, derived from them, the accuracy.

    TFMA runs a computation that several metrics ask for once.
    """
    matrix = tfma.metrics.MultiClassConfusionMatrixAtThresholds(thresholds=[0.0])
    computations = matrix.computations(
        eval_config=eval_config,
        model_names=[model_name],
        output_names=[output_name],
        example_weighted=example_weighted,
    )
    [matrix_key] = computations[-1].keys
    key = tfma.metrics.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )

    def result(values: dict[Any, Any]) -> dict[Any, float]:
        [entries] = values[matrix_key].values()
        right = sum(
            count
            for entry, count in entries.items()
            if entry.actual_class_id == entry.predicted_class_id
        )
        return {key: right / sum(entries.values())}

    derived = tfma.metrics.DerivedMetricComputation(keys=[key], result=result)
    return [*computations, derived]
