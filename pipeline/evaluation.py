"""The accuracy gates: asked of the Evaluator, and read back from its output."""

from dataclasses import dataclass

import tensorflow_model_analysis as tfma

from pipeline.config import Gates
from pipeline.features import LABEL, NUM_CLASSES
from pipeline.training.export import EXAMPLES_SIGNATURE

ACCURACY = "sparse_categorical_accuracy"
CHAMPION = "champion"
"""TFMA's name for the baseline model."""

CANDIDATE = "candidate"


def eval_config(gates: Gates) -> tfma.EvalConfig:
    """Returns what the Evaluator computes and what it demands.

    Accuracy on all of the split: at least `min_accuracy`, and at most
    `max_champion_loss` below the champion's (where there is one). Accuracy on
    the examples of each digit: at least `min_digit_accuracy`.
    """
    # Not the metric's own `threshold`: TFMA holds every slice to that.
    overall = tfma.PerSliceMetricThreshold(
        slicing_specs=[tfma.SlicingSpec()],
        threshold=tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(
                lower_bound={"value": gates.min_accuracy}
            ),
            change_threshold=tfma.GenericChangeThreshold(
                direction=tfma.MetricDirection.HIGHER_IS_BETTER,
                absolute={"value": -gates.max_champion_loss},
            ),
        ),
    )
    by_digit = tfma.PerSliceMetricThreshold(
        slicing_specs=[tfma.SlicingSpec(feature_keys=[LABEL])],
        threshold=tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(
                lower_bound={"value": gates.min_digit_accuracy}
            )
        ),
    )
    model = {
        "signature_name": EXAMPLES_SIGNATURE,
        "label_key": LABEL,
        "prediction_key": "probabilities",
    }
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=CANDIDATE, **model),
            tfma.ModelSpec(name=CHAMPION, is_baseline=True, **model),
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            tfma.SlicingSpec(feature_keys=[LABEL]),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(
                        class_name="SparseCategoricalAccuracy",
                        per_slice_thresholds=[overall, by_digit],
                    ),
                    tfma.MetricConfig(class_name="MultiClassConfusionMatrixPlot"),
                ]
            )
        ],
    )
