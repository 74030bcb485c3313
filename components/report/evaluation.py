"""What is to be said about the model's answers to the test split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.demands import GateResult
from contract.features import NUM_CLASSES

BINS = 15
"""Of the reliability diagram, as in Guo et al. 2017."""

MISTAKES = 24
"""How many are shown."""

EXAMPLE_ROW = 9
"""The test image that the notebook asks about at its end."""


@dataclass(frozen=True)
class Digit:
    """How a digit fares; None where there is nothing to divide by.

    Attributes:
        digit: Which.
        images: How many of the test split are of it.
        answers: How many were answered with it.
        recall: Share of its images answered rightly; what the gate calls accuracy.
        precision: Share of those answered with it that are of it.
        f1: Harmonic mean of both.
        bound: What recall was held to; None if the gate gave no verdict.
        champion: The champion's recall; None if there is none.
        passed: The gate's verdict; None if it gave none.
    """

    digit: int
    images: int
    answers: int
    recall: float | None
    precision: float | None
    f1: float | None
    bound: float | None
    champion: float | None
    passed: bool | None


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence.

    Attributes:
        lower: Confidence above this (the first bin: or equal).
        upper: And at most this.
        answers: How many.
        confidence: Their mean; None if there are none.
        accuracy: Share of them that is right; None if there are none.
    """

    lower: float
    upper: float
    answers: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Whether the model is right as often as it says.

    Attributes:
        bins: Of equal width, lowest confidence first.
        error: The expected calibration error: the mean distance between
            confidence and accuracy over the bins, weighted by their answers
            (Guo, Pleiss, Sun and Weinberger: On Calibration of Modern Neural
            Networks, ICML 2017).
        confidence: Mean over all answers.
        accuracy: Share of all answers that is right.
    """

    bins: tuple[Bin, ...]
    error: float
    confidence: float
    accuracy: float


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
        probabilities: Of each digit, 0 first.
    """

    row: int
    label: int
    answer: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class EvaluationFacts:
    """Everything about the answers to the test split.

    Attributes:
        images: How many were asked about.
        loss: Mean cross-entropy, Keras' own.
        accuracy: Share answered rightly, by the confusion matrix.
        champion_accuracy: The same of the champion; None if there is none.
        judged: Whether the confusion matrix is the Evaluator's, of the exported
            model; otherwise it is of Keras' own answers in the Trainer.
        digits: One by one, 0 first.
        confusion: How many of the digit in the row were answered with the digit
            in the column, `[10][10]`.
        calibration: Of Keras' own answers.
        mistakes: Those made with most confidence, surest first.
        all_mistakes: How many there are in all.
        example: The notebook's; None if the split has fewer rows.
    """

    images: int
    loss: float
    accuracy: float
    champion_accuracy: float | None
    judged: bool
    digits: tuple[Digit, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibration
    mistakes: tuple[Mistake, ...]
    all_mistakes: int
    example: Example | None


def describe_evaluation(
    labels: np.ndarray,
    probabilities: np.ndarray,
    loss: float,
    confusion: np.ndarray | None,
    gates: Sequence[GateResult],
    digit_bound: float,
) -> EvaluationFacts:
    """Returns the facts about the answers.

    Args:
        labels: int64 `[rows]`, of the whole test split.
        probabilities: float32 `[rows, 10]`, Keras' answers to it.
        loss: Keras' mean cross-entropy on it.
        confusion: The Evaluator's, `[10, 10]`; None where it did not run.
        gates: What the Evaluator found; empty where it did not run.
        digit_bound: What it holds each digit to.
    """
    judged = confusion is not None
    if confusion is None:
        confusion = confusion_matrix(labels, probabilities.argmax(axis=1))
    mistakes = find_mistakes(labels, probabilities)
    total = int(confusion.sum())
    by_metric = {gate.metric: gate for gate in gates}
    overall = by_metric.get("accuracy")
    return EvaluationFacts(
        images=total,
        loss=loss,
        accuracy=float(confusion.trace() / total) if total else 0.0,
        champion_accuracy=_number(overall.champion) if overall else None,
        judged=judged,
        digits=describe_digits(confusion, by_metric, digit_bound),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        calibration=calibrate(labels, probabilities),
        mistakes=tuple(mistakes[:MISTAKES]),
        all_mistakes=len(mistakes),
        example=_example(labels, probabilities),
    )


def confusion_matrix(labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Returns int64 `[10, 10]`: rows are labels, columns are answers."""
    matrix = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    np.add.at(matrix, (labels, answers), 1)
    return matrix


def describe_digits(
    confusion: np.ndarray, gates: dict[str, GateResult], bound: float
) -> tuple[Digit, ...]:
    """Returns how each digit fares by a confusion matrix and its gate."""
    digits = []
    for digit in range(NUM_CLASSES):
        right = int(confusion[digit, digit])
        images = int(confusion[digit].sum())
        answers = int(confusion[:, digit].sum())
        gate = gates.get(f"digit {digit}")
        digits.append(
            Digit(
                digit,
                images,
                answers,
                recall=_share(right, images),
                precision=_share(right, answers),
                f1=_share(2 * right, images + answers),
                bound=bound if gate else None,
                champion=_number(gate.champion) if gate else None,
                passed=gate.passed if gate else None,
            )
        )
    return tuple(digits)


def calibrate(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> Calibration:
    """Returns the reliability diagram's bins and the expected calibration error."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    # Bin m is ]edges[m], edges[m + 1]], as in the paper.
    of_bin = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = []
    error = 0.0
    for index in range(bins):
        inside = of_bin == index
        count = int(inside.sum())
        mean = float(confidence[inside].mean()) if count else None
        accuracy = float(right[inside].mean()) if count else None
        found.append(
            Bin(float(edges[index]), float(edges[index + 1]), count, mean, accuracy)
        )
        if mean is not None and accuracy is not None:
            error += count / len(labels) * abs(accuracy - mean)
    return Calibration(
        tuple(found),
        error,
        float(confidence.mean()) if len(labels) else 0.0,
        float(right.mean()) if len(labels) else 0.0,
    )


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
    return Example(
        EXAMPLE_ROW,
        int(labels[EXAMPLE_ROW]),
        int(answer.argmax()),
        tuple(float(p) for p in answer),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _number(text: str) -> float | None:
    """Returns the number that a gate writes, or None where it wrote nothing."""
    return float(text) if text else None
