"""The numbers by which Kubeflow's user interface compares runs.

Their form is that of KFP's own SDK for a component that logs metrics.
"""

import json
from pathlib import Path
from typing import Any

import kfp.dsl
import numpy as np
import pytest

from components.artifact import ClassificationMetrics, Metrics
from components.evaluator.results import Evaluation, read_evaluation
from components.report import metrics
from contract.task import Task
from tests.components.report.conftest import HISTORY, TASKS, Make
from version_store.manifest import Metrics as Measured


def properties(artifact: Any) -> dict[str, Any]:
    """Returns the custom properties of an artifact, by their names."""
    names = artifact.mlmd_artifact.custom_properties
    return {
        name: artifact.get_float_custom_property(name)
        if value.HasField("double_value")
        else artifact.get_json_value_custom_property(name)
        for name, value in names.items()
    }


def task(classes: int) -> Task:
    return Task("some", 8, 8, 1, tuple(f"c{label}" for label in range(classes)))


def row(classes: int = 2, **of_epoch: float) -> dict[str, float]:
    """Returns the numbers of a run with one epoch and one accuracy of a class."""
    values = [{"metric": "accuracy", "model": "candidate", "slice": "c1", "value": 0.5}]
    epoch = {**HISTORY["epochs"][0], **of_epoch}
    history = {**HISTORY, "epochs": [epoch]}
    evaluation = Evaluation((), values=tuple(values))
    return metrics.numbers(Measured(epochs=1), evaluation, history, classes)


class TestWrite:
    @pytest.fixture(params=TASKS)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def evaluation(self, evaluated: Make, name: str) -> Any:
        return evaluated(name, champion=100)

    @pytest.fixture
    def written(
        self,
        artifact: Make,
        model_inputs: Make,
        trained: Make,
        evaluation: Any,
        name: str,
    ) -> tuple[Any, Any]:
        made = artifact(Metrics), artifact(ClassificationMetrics)
        metrics.write(model_inputs(name, trained(name), evaluation), *made)
        return made

    def test_the_numbers_are_the_evaluators_and_the_trainings(
        self, written: Any, evaluation: Any, small: Make, name: str
    ) -> None:
        found = properties(written[0])
        decided = read_evaluation(evaluation.uri)
        for called in ("", *small(name).task.classes):
            value = decided.value("accuracy", "candidate", called)
            assert found[f"accuracy {called}".strip()] == value
        for metric in ("accuracy", "log_loss"):
            value = decided.value(metric, "champion")
            assert found[f"champion {metric}"] == value
        # The run chose no epoch, so the last one was kept.
        last = HISTORY["epochs"][-1]
        assert found["epochs"] == 4
        assert found["train_loss"] == found["train_loss after epoch 0004"]
        assert found["train_loss"] == last["loss"]
        assert found["val_accuracy after epoch 0001"] == 0.65
        assert found["test_accuracy"] == HISTORY["test"]["accuracy"]

    def test_the_confusion_matrix_is_that_of_the_models_answers(
        self, written: Any, small: Make, trained: Make, name: str
    ) -> None:
        found = properties(written[1])
        answers = trained(name).probabilities.argmax(axis=1)
        expected = kfp.dsl.ClassificationMetrics()
        expected.log_confusion_matrix(
            list(small(name).task.classes), small(name).confusion(answers)
        )
        assert found == expected.metadata

    def test_a_file_has_the_same(self, written: Any) -> None:
        """An object store keeps only files, not an artifact's properties."""
        for made in written:
            content = Path(made.uri, "numbers.json").read_text()
            assert json.loads(content) == properties(made)


class TestNumbers:
    def test_what_is_no_number_is_left_out(self) -> None:
        assert "val_loss after epoch 0001" in row()
        assert "val_loss after epoch 0001" not in row(val_loss=float("nan"))
        assert "train_loss after epoch 0001" not in row(loss=float("inf"))

    def test_more_classes_than_can_be_shown_have_no_rows(self) -> None:
        assert row(metrics.MOST_CLASSES)["accuracy c1"] == 0.5
        assert "accuracy c1" not in row(metrics.MOST_CLASSES + 1)

    def test_more_epochs_than_can_be_shown_have_no_rows(self) -> None:
        epochs = HISTORY["epochs"][:1] * (metrics.MOST_EPOCHS + 1)
        long = {**HISTORY, "epochs": epochs}
        found = metrics.numbers(Measured(epochs=1001), Evaluation(()), long, 2)
        assert found == {"epochs": 1001}


class TestShapes:
    def test_more_classes_than_can_be_shown_have_no_matrix(self) -> None:
        most = metrics.MOST_CLASSES

        def matrix(classes: int) -> Any:
            none = np.zeros((0, classes), np.float32)
            counts = np.eye(classes, dtype=int)
            labels = np.zeros(0, int)
            return metrics.shapes(task(classes), counts, labels, none)

        assert len(matrix(most)["confusionMatrix"]["rows"]) == most
        assert matrix(most + 1) == {}

    def test_two_classes_have_a_roc_curve(self) -> None:
        """Computed by hand, with images by falling probability of class 1."""
        of_one = np.array([0.9, 0.8, 0.3, 0.1], np.float32)
        answers = np.stack([1 - of_one, of_one], axis=1)
        labels = np.array([1, 0, 1, 0])
        found = metrics.shapes(task(2), np.eye(2, dtype=int), labels, answers)
        expected = kfp.dsl.ClassificationMetrics()
        expected.log_roc_curve(
            fpr=[0, 0, 0.5, 0.5, 1],
            tpr=[0, 0.5, 0.5, 1, 1],
            threshold=[1.9, 0.9, 0.8, 0.3, 0.1],
        )
        for point, right in zip(
            found["confidenceMetrics"],
            expected.metadata["confidenceMetrics"],
            strict=True,
        ):
            assert point == pytest.approx(right)

    def test_a_long_curve_keeps_its_ends(self) -> None:
        rng = np.random.default_rng(1)
        labels = rng.integers(0, 2, 20_000)
        of_one = rng.random(20_000, np.float32)
        answers = np.stack([1 - of_one, of_one], axis=1)
        counts = np.eye(2, dtype=int)
        points = metrics.shapes(task(2), counts, labels, answers)["confidenceMetrics"]
        assert len(points) == 1000
        assert (points[0]["recall"], points[-1]["recall"]) == (0, 1)

    @pytest.mark.parametrize("classes", [2, 3])
    def test_no_curve_where_there_is_none(self, classes: int) -> None:
        """Three classes have no curve, nor have images of a single class."""
        labels = np.arange(4) % classes if classes > 2 else np.zeros(4, int)
        answers = np.full((4, classes), 1 / classes, np.float32)
        counts = np.eye(classes, dtype=int)
        found = metrics.shapes(task(classes), counts, labels, answers)
        assert set(found) == {"confusionMatrix"}


@pytest.mark.parametrize(
    ("classes", "epochs", "says"),
    [
        (100, 1_000, ""),
        (101, 25, "101 classes, of which at most 100 are shown one by one"),
        (10, 2_000, "2,000 epochs, of which at most 1,000 are shown"),
    ],
)
def test_what_is_left_out_is_said(classes: int, epochs: int, says: str) -> None:
    assert metrics.not_shown(classes, epochs) == says
