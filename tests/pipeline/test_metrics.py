"""The built-in metrics agree with scikit-learn, Keras and the papers' formulas."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sklearn

from contract.demands import AT_LEAST, AT_MOST
from contract.metric import Metric, make_metric
from pipeline.metrics import OFFERED, Accuracy, CalibrationError, LogLoss, MacroF1, TopK

GENERATOR = np.random.default_rng(7)
CLASSES = 6
LABELS = GENERATOR.integers(0, CLASSES - 1, 400)
SCORES = GENERATOR.normal(size=(400, CLASSES)) + 2 * np.eye(CLASSES)[LABELS]
PROBABILITIES = (np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)).astype(
    np.float32
)
ANSWERS = PROBABILITIES.argmax(axis=1)


def confusion() -> np.ndarray:
    matrix = np.zeros((CLASSES, CLASSES + 1), np.int64)
    np.add.at(matrix, (LABELS, ANSWERS), 1)
    return matrix


def of_rows(metric: Metric) -> float | None:
    return metric.of_sums(
        metric.per_row(LABELS, PROBABILITIES).sum(axis=0), len(LABELS)
    )


def test_accuracy_is_the_share_of_right_answers() -> None:
    expected = sklearn.accuracy_score(LABELS, ANSWERS)
    assert Accuracy().of_confusion(confusion()) == pytest.approx(expected)
    assert Accuracy().of_confusion(np.zeros((3, 4), np.int64)) is None


def test_an_answer_of_no_class_is_wrong() -> None:
    matrix = np.zeros((2, 3), np.int64)
    matrix[0, 0], matrix[0, 2] = 3, 1
    assert Accuracy().of_confusion(matrix) == 0.75
    assert MacroF1().of_confusion(matrix) == pytest.approx(6 / 7)


def test_macro_f1_is_the_mean_over_the_classes_that_occur() -> None:
    expected = sklearn.f1_score(LABELS, ANSWERS, average="macro")
    assert MacroF1().of_confusion(confusion()) == pytest.approx(expected)
    assert not MacroF1.by_class


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_scikit_learns(k: int) -> None:
    expected = sklearn.top_k_accuracy_score(
        LABELS, PROBABILITIES, k=k, labels=range(CLASSES)
    )
    assert of_rows(TopK(k)) == pytest.approx(expected)


def test_log_loss_is_keras_cross_entropy() -> None:
    loss = keras.losses.SparseCategoricalCrossentropy()
    expected = float(loss(LABELS, PROBABILITIES))
    assert of_rows(LogLoss()) == pytest.approx(expected, rel=1e-5)
    never = np.array([[0.0, 1.0]], np.float32)
    assert np.isfinite(LogLoss().per_row(np.array([0]), never)).all()


def test_calibration_error_is_the_papers() -> None:
    confidence, right = PROBABILITIES.max(axis=1), ANSWERS == LABELS
    expected = 0.0
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    assert of_rows(CalibrationError()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", OFFERED)
def test_each_is_found_by_its_dotted_path_and_has_a_direction(name: str) -> None:
    kind = OFFERED[name]
    metric = make_metric(f"{kind.__module__}.{kind.__name__}", {})
    assert isinstance(metric, kind)
    assert metric.direction in (AT_LEAST, AT_MOST)
