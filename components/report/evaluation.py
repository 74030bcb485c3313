"""What is to be said about the model's answers to the test split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from components.evaluator.judgement import ACCURACY
from components.evaluator.results import CHAMPION, Evaluation
from components.report.calibration import Calibration, calibrate
from contract.task import Task

MISTAKES = 24
"""How many are shown."""

CONFUSIONS = 20
"""How many pairs of classes are shown that were confused."""

MATRIX_CLASSES = 30
"""Of more classes there is no confusion matrix to see: it would have 1,000 cells."""

EXAMPLE_ROW = 9
"""The test image that is shown with its whole answer; the notebook's was this one."""

EXAMPLE_CLASSES = 10
"""How many probabilities are shown of it."""


@dataclass(frozen=True)
class OfClass:
    """How a class fares; None where there is nothing to divide by.

    Attributes:
        label: Its place among the task's classes.
        name: What it is called.
        images: How many of the test split are of it.
        answers: How many were answered with it.
        recall: Share of its images answered rightly; what the gate calls accuracy.
        precision: Share of those answered with it that are of it.
        f1: Harmonic mean of both.
        bound: What recall was held to; None if the gate gave no verdict.
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
    """How often a class was answered with another."""

    label: int
    answer: int
    images: int
    share: float


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    Attributes:
        row: In the test split, from 0.
        label: What it is.
        answer: What the model says.
        confidence: The probability that it gives to its answer.
        of_label: The probability that it gives to the label.
    """

    row: int
    label: int
    answer: int
    confidence: float
    of_label: float


@dataclass(frozen=True)
class Example:
    """One answer in full.

    Attributes:
        row: In the test split, from 0.
        label: What it is.
        answer: What the model says.
        probabilities: The most probable classes, best first, and how probable each.
        left: How many classes are not among them.
    """

    row: int
    label: int
    answer: int
    probabilities: tuple[tuple[int, float], ...]
    left: int


@dataclass(frozen=True)
class EvaluationFacts:
    """Everything about the answers to the test split.

    Attributes:
        task: What an image is, and what the classes are called.
        images: How many were asked about.
        loss: Mean cross-entropy, Keras' own.
        accuracy: Share answered rightly, by the confusion matrix.
        champion: The version that it was compared with; empty if with none.
        champion_accuracy: The same of the champion; None if there is none.
        left_out: Why the version that is served was not compared with; mostly empty.
        judged: Whether the confusion matrix is the Evaluator's, of the exported
            model; otherwise it is of Keras' own answers in the Trainer.
        classes: One by one, by label.
        confusion: How many of the class in the row were answered with the class in
            the column; None for more classes than `MATRIX_CLASSES`.
        confusions: The most frequent ones, at most `CONFUSIONS`.
        all_confusions: How many pairs of classes there are that were ever confused.
        calibration: Of Keras' own answers.
        mistakes: Those made with most confidence, surest first.
        all_mistakes: How many there are in all.
        example: One answer in full; None if the split has fewer rows.
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
        task: For the classes.
        labels: int64 `[rows]`, of the whole test split.
        probabilities: float32 `[rows, classes]`, Keras' answers to it.
        loss: Keras' mean cross-entropy on it.
        confusion: The Evaluator's, `[classes, classes]`; None where it did not run.
        evaluation: What the Evaluator decided; None where it did not run.
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
    """Returns how each class fares by a confusion matrix and its demand."""
    count = len(task.classes)
    places = np.indices((count, count))
    precision, recall, f1, _ = precision_recall_fscore_support(
        places[0].ravel(),
        places[1].ravel(),
        labels=range(count),
        sample_weight=confusion.ravel(),
        average=None,
        # What cannot be divided is not known.
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
    """Returns the classes that failed, then those with the least recall, first."""
    return sorted(
        classes,
        key=lambda c: (c.passed is not False, 2 if c.recall is None else c.recall),
    )


def find_confusions(confusion: np.ndarray) -> list[Confusion]:
    """Returns the pairs of classes that were confused, the most frequent first."""
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
    """Returns the wrong answers, the surest first."""
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
