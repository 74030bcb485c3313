"""The facts about answers, on answers with known facts."""

from typing import Any

import numpy as np
import pytest

from components.evaluator.results import Evaluation
from components.image_example_gen.digits import TASK
from components.report.calibration import calibrate
from components.report.evaluation import (
    CONFUSIONS,
    EXAMPLE_CLASSES,
    MATRIX_CLASSES,
    MISTAKES,
    EvaluationFacts,
    describe_classes,
    describe_evaluation,
    find_confusions,
    find_mistakes,
    worst_first,
)
from contract.demands import AT_LEAST, Demand
from contract.task import Task

NOTHING = Evaluation(())
MANY = Task("many", 8, 8, 1, tuple(f"class {n}" for n in range(MATRIX_CLASSES + 1)))


def sure(answer: int, confidence: float, second: int | None = None) -> np.ndarray:
    """Returns probabilities with one answer; the rest goes to a second one, or all."""
    given = np.full(10, 0.0 if second is not None else (1 - confidence) / 9)
    if second is not None:
        given[second] = 1 - confidence
    given[answer] = confidence
    return given


def matrix(*pairs: tuple[int, int, int], size: int = 10) -> np.ndarray:
    """Returns a confusion matrix from labels, answers and counts."""
    made = np.zeros((size, size), int)
    for label, answer, count in pairs:
        made[label, answer] = count
    return made


def champion(of_class: str, value: float) -> dict[str, Any]:
    named = {"metric": "accuracy", "model": "champion", "slice": of_class}
    return {**named, "value": value}


def test_a_class_has_recall_precision_and_f1() -> None:
    confusion = matrix((4, 4, 3), (4, 9, 1), (9, 9, 1), (9, 4, 1), (1, 9, 1))
    demand = Demand("Evaluator", "accuracy", "4", 0.75, 0.8, AT_LEAST)
    evaluation = Evaluation((demand,), "17", "", (champion("4", 0.9),))
    classes = describe_classes(TASK, confusion, evaluation)
    four = classes[4]
    assert (four.name, four.images, four.answers) == ("4", 4, 4)
    assert (four.recall, four.precision, four.f1) == (0.75, 0.75, 0.75)
    assert (four.bound, four.champion, four.passed) == (0.8, 0.9, False)
    nine = classes[9]
    assert nine.recall == 0.5
    assert nine.precision == pytest.approx(1 / 3)
    assert nine.f1 == pytest.approx(0.4)
    assert (nine.bound, nine.champion, nine.passed) == (None, None, None)


def test_what_cannot_be_divided_is_not_known() -> None:
    classes = describe_classes(TASK, matrix((1, 2, 1)), NOTHING)
    assert (classes[1].recall, classes[1].precision) == (0.0, None)
    assert (classes[2].recall, classes[2].precision) == (None, 0.0)
    nothing = classes[0]
    assert (nothing.recall, nothing.precision, nothing.f1) == (None, None, None)


def test_what_failed_comes_first_then_what_is_recalled_least() -> None:
    demand = Demand("Evaluator", "accuracy", "3", 0.75, 0.8, AT_LEAST)
    confusion = matrix((1, 1, 1), (2, 2, 1), (2, 1, 1), (3, 3, 3), (3, 1, 1))
    classes = describe_classes(TASK, confusion, Evaluation((demand,)))
    assert [one.label for one in worst_first(classes)[:4]] == [3, 2, 1, 0]


def test_confusions_come_with_the_most_frequent_first() -> None:
    found = find_confusions(matrix((1, 1, 5), (1, 7, 3), (2, 3, 4), (7, 1, 1)))
    assert [(c.label, c.answer, c.images) for c in found] == [
        (2, 3, 4),
        (1, 7, 3),
        (7, 1, 1),
    ]
    assert [c.share for c in found] == [1.0, 3 / 8, 1.0]


def test_the_calibration_error_by_hand() -> None:
    """Two bins of five: confidence 0.9, all right; 0.5, one of four right."""
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
    return describe_evaluation(
        TASK,
        np.array(labels),
        np.stack([sure(answer, 0.9) for answer in answers]),
        loss=0.5,
        **more,
    )


def test_only_so_many_mistakes_are_shown_but_all_are_counted() -> None:
    facts = describe([1] * 40, [2] * 40)
    assert len(facts.mistakes) == MISTAKES
    assert facts.all_mistakes == 40


def test_the_example_is_the_tenth_image() -> None:
    facts = describe([0] * 9 + [6], [0] * 9 + [5])
    example = facts.example
    assert example is not None
    assert (example.row, example.label, example.answer) == (9, 6, 5)
    assert [p for label, p in example.probabilities if label == 5] == [
        pytest.approx(0.9)
    ]
    assert (len(example.probabilities), example.left) == (10, 0)
    assert describe([0] * 9, [0] * 9).example is None


def test_the_evaluators_matrix_counts_where_there_is_one() -> None:
    facts = describe(
        [1] * 4,
        [2] * 4,
        confusion=matrix((1, 1, 3), (1, 2, 1)),
        evaluation=Evaluation((), "17", "", (champion("", 0.99),)),
    )
    assert facts.judged
    assert facts.accuracy == 0.75
    assert (facts.champion, facts.champion_accuracy) == ("17", 0.99)


def test_without_the_evaluator_keras_own_answers_are_counted() -> None:
    facts = describe([1, 1, 1, 2], [1, 1, 2, 2])
    assert not facts.judged
    assert facts.accuracy == 0.75
    assert facts.confusion is not None
    assert facts.confusion[1][2] == 1
    assert facts.champion_accuracy is None


def test_of_many_classes_there_are_the_most_frequent_confusions_only() -> None:
    count = len(MANY.classes)
    labels = np.arange(count)
    probabilities = np.roll(np.eye(count), 1, axis=1)
    facts = describe_evaluation(MANY, labels, probabilities, 0.5)
    assert facts.confusion is None
    assert len(facts.confusions) == CONFUSIONS
    assert facts.all_confusions == count
    assert facts.example is not None
    assert len(facts.example.probabilities) == EXAMPLE_CLASSES
    assert facts.example.left == count - EXAMPLE_CLASSES
