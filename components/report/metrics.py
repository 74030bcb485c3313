"""Writes a run's numbers for Kubeflow's user interface, which shows and compares them.

It shows properties of artifacts: for `system.Metrics` each number with its name, for
`system.ClassificationMetrics` a confusion matrix and a ROC curve
(kubeflow/pipelines: frontend/src/components/viewers/MetricsVisualizations.tsx and
ROCCurveHelper.tsx, sdk/python/kfp/dsl/types/artifact_types.py).
"""

import json
import logging
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils

from components.evaluator.results import (
    CANDIDATE,
    CHAMPION,
    Evaluation,
    read_confusion,
    read_evaluation,
)
from components.pusher.facts import Folders, read_facts
from components.report.rows import read_labels
from contract import nodes, properties
from contract.features import TEST
from contract.model_run import load_answers, read_history
from contract.task import Task, task_of_examples
from version_store.manifest import Metrics

NUMBERS_FILE = "numbers.json"
"""File with the same values as the properties, because an artifact without a file is
not kept. ML Metadata keeps only six decimals of a property."""

MOST_CLASSES = 100
"""Maximum number of classes in the confusion matrix: on Kubeflow's page more cells are
too small to see."""

MOST_EPOCHS = 1_000
"""Maximum number of epochs: ML Metadata takes 4 MB per request, and writes each number
as its own row."""

_MOST_POINTS = 1_000
"""Maximum number of points of a ROC curve; unlimited it has up to one per image."""

_OF_EPOCH = {
    "loss": "train_loss",
    "accuracy": "train_accuracy",
    "val_loss": "val_loss",
    "val_accuracy": "val_accuracy",
}
"""Names in the manifest, by names in the training's history."""


def write(
    inputs: Mapping[str, Artifact], metrics: Artifact, classification: Artifact
) -> None:
    """Writes both artifacts."""
    examples = inputs[nodes.EXAMPLES]
    task = task_of_examples(examples.uri)
    run, judged = inputs[nodes.MODEL_RUN].uri, inputs[nodes.EVALUATION].uri
    facts = read_facts(Folders(examples.uri, model_run=run, evaluation=judged))
    assert facts.metrics is not None, "there are a training and an evaluation"
    history, classes = read_history(run), len(task.classes)
    row = numbers(facts.metrics, read_evaluation(judged), history, classes)
    for name, value in row.items():
        metrics.set_float_custom_property(name, value)
    drawn = shapes(
        task,
        read_confusion(judged, classes),
        read_labels(artifact_utils.get_split_uri([examples], TEST), task),
        load_answers(run),
    )
    for name, shape in drawn.items():
        classification.set_json_value_custom_property(name, shape)
    if left_out := not_shown(classes, len(history["epochs"])):
        logging.info("report: for Kubeflow's page too much: %s", left_out)
        classification.set_string_custom_property(properties.NOT_SHOWN, left_out)
    for artifact, content in ((metrics, row), (classification, drawn)):
        path = os.path.join(artifact.uri, NUMBERS_FILE)
        io_utils.write_string_file(path, json.dumps(content, ensure_ascii=False))


def numbers(
    measured: Metrics, evaluation: Evaluation, history: Mapping[str, Any], classes: int
) -> dict[str, float]:
    """Returns the numbers for Kubeflow's table, which shows runs side by side.

    Kubeflow sorts names. So the names of epochs continue that of the final value, and
    their numbers are padded. Values that are not finite are left out.

    Args:
        measured: The metrics, as in the manifest of a pushed version.
        evaluation: The Evaluator's result. Its values are named as in the table of
            gates: `accuracy`, `accuracy 7` for a class, `champion accuracy`.
        history: History of the training; see `contract.model_run`.
        classes: Number of classes; if there are more than `MOST_CLASSES`, single
            classes are left out.
    """
    found: dict[str, Any] = measured.model_dump(
        exclude={"kept_why", "champion_accuracy", "classes"}, exclude_none=True
    )
    for one in evaluation.values:
        if one["slice"] and (one["model"] != CANDIDATE or classes > MOST_CLASSES):
            continue
        whose = [CHAMPION] if one["model"] == CHAMPION else []
        name = " ".join(filter(None, [*whose, one["metric"], one["slice"]]))
        found[name] = one["value"]
    if len(history["epochs"]) <= MOST_EPOCHS:
        for epoch in history["epochs"]:
            for key, name in _OF_EPOCH.items():
                found[f"{name} after epoch {epoch['epoch']:04d}"] = epoch[key]
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def shapes(
    task: Task, confusion: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    """Returns the confusion matrix, and for two classes the ROC curve.

    A ROC curve needs a threshold between two answers, so more classes have none.

    Args:
        task: The task with the class names.
        confusion: `[classes, classes]`; see `read_confusion`.
        labels: int64 `[rows]`, of the test split.
        probabilities: float32 `[rows, classes]`, the answers to the test split.
    """
    found: dict[str, Any] = {}
    if len(task.classes) <= MOST_CLASSES:
        found["confusionMatrix"] = {
            "annotationSpecs": [{"displayName": name} for name in task.classes],
            "rows": [{"row": row} for row in confusion.tolist()],
        }
    if len(task.classes) == 2 and 0 < labels.mean() < 1:
        false, true, thresholds = roc_curve(labels == 1, probabilities[:, 1])
        # The first threshold is infinite, which JSON cannot represent.
        thresholds[0] = thresholds[1] + 1
        few = np.linspace(0, len(false) - 1, min(len(false), _MOST_POINTS)).astype(int)
        found["confidenceMetrics"] = [
            {
                "confidenceThreshold": float(thresholds[point]),
                "falsePositiveRate": float(false[point]),
                "recall": float(true[point]),
            }
            for point in few
        ]
    return found


def not_shown(classes: int, epochs: int) -> str:
    """Returns a text about what is left out because it is too much; mostly empty."""
    reasons = []
    if classes > MOST_CLASSES:
        reasons.append(
            f"{classes:,} classes, of which at most {MOST_CLASSES} are shown one by one"
        )
    if epochs > MOST_EPOCHS:
        reasons.append(f"{epochs:,} epochs, of which at most {MOST_EPOCHS:,} are shown")
    return "; ".join(reasons)
