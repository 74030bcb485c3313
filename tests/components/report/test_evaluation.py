"""The facts about the answers, on answers whose facts are known."""

from typing import Any

import numpy as np
import pytest

from components.report.evaluation import (
    MISTAKES,
    EvaluationFacts,
    calibrate,
    confusion_matrix,
    describe_digits,
    describe_evaluation,
    find_mistakes,
)
from contract.demands import GateResult


def sure(answer: int, confidence: float, second: int | None = None) -> np.ndarray:
    """Probabilities with one answer; the rest goes to a second, or to all."""
    given = np.full(10, 0.0 if second is not None else (1 - confidence) / 9)
    if second is not None:
        given[second] = 1 - confidence
    given[answer] = confidence
    return given


def test_rows_are_labels_and_columns_are_answers() -> None:
    matrix = confusion_matrix(np.array([4, 4, 4, 9]), np.array([4, 9, 9, 9]))
    assert (matrix[4, 4], matrix[4, 9], matrix[9, 9]) == (1, 2, 1)
    assert matrix.sum() == 4


def test_a_digit_has_recall_precision_and_f1() -> None:
    matrix = confusion_matrix(
        np.array([4, 4, 4, 4, 9, 9, 1]), np.array([4, 4, 4, 9, 9, 4, 9])
    )
    gate = GateResult("Evaluator", "digit 4", "0.7500", ">= 0.8", "0.9000", False)
    digits = describe_digits(matrix, {"digit 4": gate}, 0.8)
    four = digits[4]
    assert (four.images, four.answers) == (4, 4)
    assert (four.recall, four.precision, four.f1) == (0.75, 0.75, 0.75)
    assert (four.bound, four.champion, four.passed) == (0.8, 0.9, False)
    nine = digits[9]
    assert nine.recall == 0.5
    assert nine.precision == pytest.approx(1 / 3)
    assert nine.f1 == pytest.approx(0.4)
    assert (nine.bound, nine.champion, nine.passed) == (None, None, None)


def test_what_cannot_be_divided_is_not_known() -> None:
    digits = describe_digits(confusion_matrix(np.array([1]), np.array([2])), {}, 0.8)
    assert (digits[1].recall, digits[1].precision) == (0.0, None)
    assert (digits[2].recall, digits[2].precision) == (None, 0.0)
    assert (digits[0].recall, digits[0].precision, digits[0].f1) == (None, None, None)


def test_the_calibration_error_by_hand() -> None:
    """Two bins of five: 0.9 sure and all right; 0.5 sure and one of four right."""
    probabilities = np.stack([sure(3, 0.9)] * 2 + [sure(3, 0.5)] * 4)
    labels = np.array([3, 3, 3, 0, 0, 0])
    found = calibrate(labels, probabilities, bins=5)
    assert [b.answers for b in found.bins] == [0, 0, 4, 0, 2]
    assert found.bins[2].accuracy == 0.25
    assert found.bins[2].confidence == pytest.approx(0.5)
    assert (found.bins[0].accuracy, found.bins[0].confidence) == (None, None)
    assert found.error == pytest.approx(4 / 6 * 0.25 + 2 / 6 * 0.1)
    assert found.accuracy == 0.5
    assert found.confidence == pytest.approx((2 * 0.9 + 4 * 0.5) / 6)


@pytest.mark.parametrize(("confidence", "bin"), [(1.0, 4), (0.8, 3), (0.2, 0)])
def test_a_bin_includes_its_upper_edge(confidence: float, bin: int) -> None:
    found = calibrate(np.array([3]), np.stack([sure(3, confidence)]), bins=5)
    assert [b.answers for b in found.bins].index(1) == bin


def test_always_right_and_always_sure_is_without_error() -> None:
    found = calibrate(np.array([3, 4]), np.stack([sure(3, 1.0), sure(4, 1.0)]))
    assert (found.error, found.accuracy, found.confidence) == (0.0, 1.0, 1.0)


def test_mistakes_come_with_the_surest_first() -> None:
    probabilities = np.stack([sure(7, 0.6, 1), sure(7, 0.9), sure(7, 0.8, 2)])
    found = find_mistakes(np.array([1, 7, 2]), probabilities)
    assert [(m.row, m.label, m.answer) for m in found] == [(2, 2, 7), (0, 1, 7)]
    assert [m.confidence for m in found] == pytest.approx([0.8, 0.6])
    assert [m.of_label for m in found] == pytest.approx([0.2, 0.4])


def describe(labels: list[int], answers: list[int], **more: Any) -> EvaluationFacts:
    given: dict[str, Any] = {"confusion": None, "gates": (), "digit_bound": 0.8, **more}
    return describe_evaluation(
        np.array(labels),
        np.stack([sure(answer, 0.9) for answer in answers]),
        loss=0.5,
        **given,
    )


def test_only_so_many_mistakes_are_shown_but_all_are_counted() -> None:
    facts = describe([1] * 40, [2] * 40)
    assert len(facts.mistakes) == MISTAKES
    assert facts.all_mistakes == 40


def test_the_notebooks_example_is_the_tenth_image() -> None:
    facts = describe([0] * 9 + [6], [0] * 9 + [5])
    example = facts.example
    assert example is not None
    assert (example.row, example.label, example.answer) == (9, 6, 5)
    assert example.probabilities[5] == pytest.approx(0.9)
    assert describe([0] * 9, [0] * 9).example is None


def test_the_evaluators_matrix_counts_where_there_is_one() -> None:
    matrix = np.zeros((10, 10), int)
    matrix[1, 1], matrix[1, 2] = 3, 1
    overall = GateResult("Evaluator", "accuracy", "0.75", ">= 0.7", "0.9900", True)
    facts = describe([1] * 4, [2] * 4, confusion=matrix, gates=[overall])
    assert facts.judged
    assert facts.accuracy == 0.75
    assert facts.champion_accuracy == 0.99


def test_without_the_evaluator_keras_own_answers_are_counted() -> None:
    facts = describe([1, 1, 1, 2], [1, 1, 2, 2])
    assert not facts.judged
    assert facts.accuracy == 0.75
    assert facts.confusion[1][2] == 1
    assert facts.champion_accuracy is None
