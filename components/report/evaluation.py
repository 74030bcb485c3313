"""Collects the report's facts about the model's answers to the test split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from components.evaluator.judgement import ACCURACY
from components.evaluator.results import CHAMPION, Evaluation
from components.report.calibration import Calibration, calibrate
from contract.task import Task

MISTAKES = 24
"""Maximum number of mistakes that are shown."""

CONFUSIONS = 20
"""Maximum number of confused pairs of classes that are shown."""

MATRIX_CLASSES = 30
"""Maximum number of classes for which the confusion matrix (900 cells) is shown."""

EXAMPLE_ROW = 9
"""Row of the test image that is shown with all probabilities, as in the notebook."""

EXAMPLE_CLASSES = 10
"""Maximum number of probabilities that are shown for it."""


@dataclass(frozen=True)
class OfClass:
    """Metrics of a class; a ratio is None if its denominator is 0.

    Attributes:
        label: Index of the class in the task.
        name: Name of the class.
        images: Number of its images in the test split.
        answers: Number of images that were answered with this class.
        recall: Share of its images with the right answer; the gate calls it accuracy.
        precision: Share of the answers with this class that are right.
        f1: Harmonic mean of recall and precision.
        bound: The gate's bound for recall; None if the gate gave no verdict.
        champion: The champion's recall; None if there is none.
        passed: The gate's verdict; None if it gave none.
    """

    label: int
    name: str
    images: int
    answers: int
    recall: float | None
    precision: float | None
    f1: float | None
    bound: float | None
    champion: float | None
    passed: bool | None


@dataclass(frozen=True)
class Confusion:
    """A pair of classes that was confused: number and share of the class's images."""

    label: int
    answer: int
    images: int
    share: float


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Attributes:
        row: Index in the test split.
        label: The true label.
        answer: The model's answer.
        confidence: Probability of the answer.
        of_label: Probability of the true label.
    """

    row: int
    label: int
    answer: int
    confidence: float
    of_label: float


@dataclass(frozen=True)
class Example:
    """An answer with its probabilities.

    Attributes:
        row: Index in the test split.
        label: The true label.
        answer: The model's answer.
        probabilities: The most probable classes and their probabilities, best first.
        left: Number of the other classes.
    """

    row: int
    label: int
    answer: int
    probabilities: tuple[tuple[int, float], ...]
    left: int


@dataclass(frozen=True)
class EvaluationFacts:
    """All facts about the answers to the test split.

    Attributes:
        task: The task.
        images: Number of images.
        loss: Mean cross-entropy from Keras.
        accuracy: Accuracy from the confusion matrix.
        champion: Version of the champion in the comparison; empty if there was none.
        champion_accuracy: The champion's accuracy; None if there is none.
        left_out: Why the served version was not compared with; mostly empty.
        judged: Whether the confusion matrix is from the Evaluator and the exported
            model; otherwise it is from Keras' answers in the Trainer.
        classes: Metrics of each class, by label.
        confusion: Confusion matrix with the true class in the row and the answer in
            the column; None for more classes than `MATRIX_CLASSES`.
        confusions: The most frequent confusions, at most `CONFUSIONS`.
        all_confusions: Number of all pairs of classes that were confused.
        calibration: Calibration of Keras' answers.
        mistakes: The mistakes with the highest confidence, highest first.
        all_mistakes: Number of all mistakes.
        example: One answer with its probabilities; None if the split is too small.
    """

    task: Task
    images: int
    loss: float
    accuracy: float
    champion: str
    champion_accuracy: float | None
    left_out: str
    judged: bool
    classes: tuple[OfClass, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    confusions: tuple[Confusion, ...]
    all_confusions: int
    calibration: Calibration
    mistakes: tuple[Mistake, ...]
    all_mistakes: int
    example: Example | None


def describe_evaluation(
    task: Task,
    labels: np.ndarray,
    probabilities: np.ndarray,
    loss: float,
    confusion: np.ndarray | None = None,
    evaluation: Evaluation | None = None,
) -> EvaluationFacts:
    """Returns the facts about the answers.

    Args:
        task: The task.
        labels: int64 `[rows]`, of the whole test split.
        probabilities: float32 `[rows, classes]`, Keras' answers to the test split.
        loss: Keras' mean cross-entropy on the test split.
        confusion: The Evaluator's matrix `[classes, classes]`; None if it did not run.
        evaluation: The Evaluator's result; None if it did not run.
    """
    judged = confusion is not None
    count = len(task.classes)
    if confusion is None:
        answers = probabilities.argmax(axis=1)
        confusion = confusion_matrix(labels, answers, labels=range(count))
    evaluation = evaluation or Evaluation(())
    mistakes = find_mistakes(labels, probabilities)
    confusions = find_confusions(confusion)
    total = int(confusion.sum())
    return EvaluationFacts(
        task=task,
        images=total,
        loss=loss,
        accuracy=float(confusion.trace() / total) if total else 0.0,
        champion=evaluation.champion,
        champion_accuracy=evaluation.value(ACCURACY, CHAMPION),
        left_out=evaluation.left_out,
        judged=judged,
        classes=describe_classes(task, confusion, evaluation),
        confusion=tuple(map(tuple, confusion.tolist()))
        if count <= MATRIX_CLASSES
        else None,
        confusions=tuple(confusions[:CONFUSIONS]),
        all_confusions=len(confusions),
        calibration=calibrate(labels, probabilities),
        mistakes=tuple(mistakes[:MISTAKES]),
        all_mistakes=len(mistakes),
        example=_example(labels, probabilities),
    )


def describe_classes(
    task: Task, confusion: np.ndarray, evaluation: Evaluation
) -> tuple[OfClass, ...]:
    """Returns the metrics of each class from the confusion matrix and the demands."""
    count = len(task.classes)
    places = np.indices((count, count))
    precision, recall, f1, _ = precision_recall_fscore_support(
        places[0].ravel(),
        places[1].ravel(),
        labels=range(count),
        sample_weight=confusion.ravel(),
        average=None,
        # A ratio with denominator 0 is unknown.
        zero_division=np.nan,
    )
    demands = {d.slice: d for d in evaluation.demands if d.metric == ACCURACY}
    champion = {
        one["slice"]: one["value"]
        for one in evaluation.values
        if (one["metric"], one["model"]) == (ACCURACY, CHAMPION)
    }
    classes = []
    for label, name in enumerate(task.classes):
        demand = demands.get(name)
        classes.append(
            OfClass(
                label,
                name,
                int(confusion[label].sum()),
                int(confusion[:, label].sum()),
                recall=_known(recall[label]),
                precision=_known(precision[label]),
                f1=_known(f1[label]),
                bound=demand.bound if demand else None,
                champion=champion.get(name),
                passed=demand.passed if demand else None,
            )
        )
    return tuple(classes)


def worst_first(classes: Sequence[OfClass]) -> list[OfClass]:
    """Sorts classes: failed ones come first, then those with the lowest recall."""
    return sorted(
        classes,
        key=lambda c: (c.passed is not False, 2 if c.recall is None else c.recall),
    )


def find_confusions(confusion: np.ndarray) -> list[Confusion]:
    """Returns the confused pairs of classes, the most frequent first."""
    images = confusion.sum(axis=1)
    wrong = confusion - np.diag(confusion.diagonal())
    labels, answers = np.nonzero(wrong)
    order = np.argsort(-wrong[labels, answers], kind="stable")
    return [
        Confusion(
            int(label),
            int(answer),
            int(wrong[label, answer]),
            float(wrong[label, answer] / images[label]),
        )
        for label, answer in zip(labels[order], answers[order], strict=True)
    ]


def find_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[Mistake]:
    """Returns the wrong answers, those with the highest confidence first."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    confidence = probabilities[wrong, answers[wrong]]
    order = wrong[np.argsort(-confidence, kind="stable")]
    return [
        Mistake(
            int(row),
            int(labels[row]),
            int(answers[row]),
            float(probabilities[row, answers[row]]),
            float(probabilities[row, labels[row]]),
        )
        for row in order
    ]


def _example(labels: np.ndarray, probabilities: np.ndarray) -> Example | None:
    if len(labels) <= EXAMPLE_ROW:
        return None
    answer = probabilities[EXAMPLE_ROW]
    best = np.argsort(-answer, kind="stable")[:EXAMPLE_CLASSES]
    return Example(
        EXAMPLE_ROW,
        int(labels[EXAMPLE_ROW]),
        int(best[0]),
        tuple((int(label), float(answer[label])) for label in best),
        len(answer) - len(best),
    )


def _known(share: float) -> float | None:
    return float(share) if np.isfinite(share) else None
