"""The Evaluator on real models: TFMA's numbers, our demands, and the blessing."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from sklearn import metrics

from components.evaluator.results import read_confusion, read_evaluation
from contract.bounds import BY_CLASS, Bound
from contract.demands import Demand
from pipeline.gate_settings import Gates
from tests.components.datasets import Dataset
from tests.components.evaluator.conftest import (
    BOUNDS,
    CLASSES,
    Evaluate,
    Evaluated,
    Model,
)

NAMES = {
    "accuracy",
    "macro_f1",
    "top_2",
    "log_loss",
    "calibration_error",
    "Confidence",
}


@pytest.fixture(scope="module")
def both(evaluate: Evaluate, good: Model, poor: Model) -> Evaluated:
    """A poor candidate against a good champion, with every metric there is."""
    return evaluate(poor, good, bounds=BOUNDS, accuracy_then=0.95)


def demand(found: Evaluated, metric: str, of_slice: str = "") -> Demand:
    [one] = [
        d for d in found.evaluation.demands if (d.metric, d.slice) == (metric, of_slice)
    ]
    return one


def expected(model: Model, data: Dataset) -> dict[tuple[str, str], float]:
    """Returns every number by metric and class, as scikit-learn computes it."""
    labels, answers = data.test_labels, model.probabilities(data.test_images)
    every = range(10)
    found = {
        ("macro_f1", ""): metrics.f1_score(
            labels, answers.argmax(axis=1), average="macro"
        )
    }
    for label in (None, *every):
        rows = slice(None) if label is None else labels == label
        name = "" if label is None else CLASSES[label]
        truth, given = labels[rows], answers[rows]
        found["accuracy", name] = metrics.accuracy_score(truth, given.argmax(axis=1))
        found["top_2", name] = metrics.top_k_accuracy_score(
            truth, given, k=2, labels=every
        )
        found["log_loss", name] = metrics.log_loss(truth, given, labels=every)
        found["Confidence", name] = given.max(axis=1).mean()
    return found


@pytest.mark.parametrize("who", ["candidate", "champion"])
def test_values_are_those_of_scikit_learn(
    both: Evaluated, good: Model, poor: Model, all_digits: Dataset, who: str
) -> None:
    model = {"candidate": poor, "champion": good}[who]
    for (metric, of_class), value in expected(model, all_digits).items():
        found = both.evaluation.value(metric, who, of_class)
        assert found == pytest.approx(value, abs=2e-6), (metric, of_class)


def test_each_metric_is_there_by_class_if_it_means_something_there(
    both: Evaluated,
) -> None:
    by_class: dict[str, set[str]] = {}
    for one in both.evaluation.values:
        if one["metric"] in NAMES and one["model"] == "candidate":
            by_class.setdefault(one["metric"], set()).add(one["slice"])
    assert set(by_class) == NAMES
    assert by_class.pop("macro_f1") == {""}
    assert set(map(frozenset, by_class.values())) == {frozenset({"", *CLASSES})}


def test_tfma_reads_the_results_with_values_by_class_as_sub_keys(
    both: Evaluated,
) -> None:
    result = tfma.load_eval_result(both.folder, model_name="candidate")
    overall = result.get_metrics_for_slice()
    assert overall["accuracy"]["doubleValue"] == both.evaluation.value(
        "accuracy", "candidate"
    )
    of_b = result.get_metrics_for_slice(class_id=1)
    assert of_b["log_loss"]["doubleValue"] == both.evaluation.value(
        "log_loss", "candidate", "b"
    )


def test_the_confusion_matrix_is_the_candidates(
    both: Evaluated, poor: Model, all_digits: Dataset
) -> None:
    given = poor.probabilities(all_digits.test_images).argmax(axis=1)
    np.testing.assert_array_equal(
        read_confusion(both.folder, 10),
        metrics.confusion_matrix(all_digits.test_labels, given),
    )


def test_every_bound_is_a_demand_in_its_order(both: Evaluated) -> None:
    found = [(d.metric, d.slice) for d in both.evaluation.demands]
    assert found == [
        ("accuracy", ""),
        ("accuracy_change", ""),
        *(("accuracy", name) for name in CLASSES),
        ("macro_f1", ""),
        *(("top_2", name) for name in CLASSES),
        ("log_loss", ""),
        ("log_loss_change", ""),
        ("calibration_error", ""),
        ("Confidence", ""),
        ("champion_accuracy_change", ""),
    ]
    assert {d.gate for d in both.evaluation.demands} == {"Evaluator"}


def test_a_model_worse_than_the_champion_is_refused_though_it_is_good_enough(
    both: Evaluated,
) -> None:
    overall, change = demand(both, "accuracy"), demand(both, "accuracy_change")
    assert overall.passed
    assert change.refused
    assert overall.value is not None
    assert overall.champion is not None
    assert change.value == pytest.approx(overall.value - overall.champion)
    assert (change.bound, change.champion) == (-0.005, overall.champion)
    assert not both.blessed


def test_where_less_is_better_a_loss_is_more(both: Evaluated) -> None:
    change = demand(both, "log_loss_change")
    assert change.value is not None
    assert change.value > 0.1
    assert (change.bound, change.direction) == (0.1, "at_most")
    assert change.refused


def test_bounds_are_kept_with_what_was_held_to_them(both: Evaluated) -> None:
    assert {d.bound for d in both.evaluation.demands if d.metric == "top_2"} == {0.9}
    assert demand(both, "macro_f1").bound == 0.9
    assert demand(both, "accuracy", "c").bound == 0.3


def test_a_bound_for_a_class_holds_each_alone(both: Evaluated) -> None:
    for name in CLASSES:
        one = demand(both, "top_2", name)
        assert one.value == both.evaluation.value("top_2", "candidate", name)
        assert one.champion == both.evaluation.value("top_2", "champion", name)
        assert one.passed == (one.value >= 0.9)  # type: ignore[operator]


class TestFirstModel:
    """No version is served, so only the bounds count."""

    @pytest.fixture(scope="class")
    def alone(self, evaluate: Evaluate, good: Model) -> Evaluated:
        bounds = Gates(min_accuracy=0.5, min_class_accuracy=0.3).bounds()
        return evaluate(good, bounds=bounds)

    def test_it_is_blessed(self, alone: Evaluated) -> None:
        assert alone.blessed
        assert all(d.passed for d in alone.evaluation.demands)

    def test_nothing_is_said_of_a_champion(self, alone: Evaluated) -> None:
        assert {d.champion for d in alone.evaluation.demands} == {None}
        assert {d.metric for d in alone.evaluation.demands} == {"accuracy"}
        assert {v["model"] for v in alone.evaluation.values} == {"candidate"}

    def test_a_bound_that_it_just_reaches_is_reached(
        self, evaluate: Evaluate, good: Model, alone: Evaluated
    ) -> None:
        reached = alone.evaluation.value("accuracy", "candidate")
        path = BOUNDS[0].path
        found = evaluate(good, bounds=[Bound("accuracy", path, bound=reached)])
        assert found.blessed


class TestFall:
    """If the champion fails on the new data, the data is of another kind."""

    @pytest.fixture(scope="class")
    def transposed(self, all_digits: Dataset) -> np.ndarray:
        return all_digits.test_images.transpose(0, 2, 1)

    def test_it_refuses_though_the_candidate_is_better(
        self,
        evaluate: Evaluate,
        good: Model,
        transposed: np.ndarray,
        all_digits: Dataset,
    ) -> None:
        found = evaluate(
            good,
            good,
            images=transposed,
            bounds=Gates(min_accuracy=0, min_class_accuracy=0).bounds(),
            accuracy_then=0.95,
        )
        fall = demand(found, "champion_accuracy_change")
        assert fall.refused
        now = metrics.accuracy_score(
            all_digits.test_labels, good.probabilities(transposed).argmax(axis=1)
        )
        assert fall.champion == pytest.approx(now)
        assert fall.value == pytest.approx(now - 0.95)
        assert fall.bound == -0.1
        assert "it was 0.9500 when the champion was pushed" in fall.detail
        assert [d for d in found.evaluation.demands if d.refused] == [fall]
        assert not found.blessed

    def test_it_can_be_overruled_and_that_is_on_record(
        self, evaluate: Evaluate, good: Model, transposed: np.ndarray
    ) -> None:
        found = evaluate(
            good,
            good,
            images=transposed,
            bounds=Gates(min_accuracy=0, min_class_accuracy=0).bounds(),
            accuracy_then=0.95,
            allow_fall=True,
        )
        fall = demand(found, "champion_accuracy_change")
        assert (fall.passed, fall.overruled, fall.refused) == (False, True, False)
        assert found.blessed

    def test_what_it_was_when_pushed_may_be_unknown(
        self, evaluate: Evaluate, good: Model, transposed: np.ndarray
    ) -> None:
        found = evaluate(
            good,
            good,
            images=transposed,
            bounds=Gates(min_accuracy=0, min_class_accuracy=0).bounds(),
        )
        metrics_held = {d.metric for d in found.evaluation.demands}
        assert metrics_held == {"accuracy", "accuracy_change"}


def test_several_workers_and_bundles_come_to_the_same_numbers(
    evaluate: Evaluate, both: Evaluated, good: Model, poor: Model
) -> None:
    """The sums of all workers are merged, in any order."""
    workers = [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--direct_num_workers=3",
        "--direct_running_mode=multi_threading",
        "--sdk_container_image=this-environment",
    ]
    found = evaluate(poor, good, bounds=BOUNDS, accuracy_then=0.95, beam=workers)
    assert len(found.evaluation.values) == len(both.evaluation.values)
    for one, other in zip(found.evaluation.values, both.evaluation.values, strict=True):
        assert {**one, "value": 0} == {**other, "value": 0}
        assert one["value"] == pytest.approx(other["value"], rel=1e-12)


def test_a_class_without_images_cannot_reach_a_bound(
    evaluate: Evaluate, good: Model, all_digits: Dataset
) -> None:
    rows = all_digits.test_labels != 9
    found = evaluate(
        good,
        images=all_digits.test_images[rows],
        labels=all_digits.test_labels[rows],
        bounds=Gates(min_accuracy=0, min_class_accuracy=0.2).bounds(),
    )
    missing = demand(found, "accuracy", "j")
    assert (missing.value, missing.refused) == (None, True)
    assert missing.detail == "no digit of it in the test split"
    assert read_confusion(found.folder, 10)[9].sum() == 0


def test_what_is_kept_is_json_that_any_program_reads(both: Evaluated) -> None:
    text = Path(both.folder, "demands.json").read_text()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(text, parse_constant=refuse)
    assert content["champion"] == "7"
    assert content["demands"][1]["refused"] is True


def test_an_evaluation_of_version_0_1_says_that_it_is_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="written by an earlier version"):
        read_evaluation(str(tmp_path))


def test_metrics_by_class_have_their_bound_alone() -> None:
    assert [b.slices for b in BOUNDS if b.name == "top_2"] == [BY_CLASS]
