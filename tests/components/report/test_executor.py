"""The page as it grows in a run, fact by fact against what was fed in."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artifact import HTML
from components.report.executor import Executor
from components.report.page import Page
from pipeline.config import Gates
from tests.components.report.conftest import (
    FINGERPRINT,
    GATES,
    HISTORY,
    Make,
    Rows,
    Trained,
)
from tests.components.report.test_page import Outline

Report = Callable[..., Any]


@pytest.fixture
def report(artifact: Make) -> Report:
    """Runs the executor; returns its artifact."""

    def report(inputs: dict[str, Any], gates: Gates = GATES, **properties: str) -> Any:
        made = artifact(HTML)
        Executor().Do(
            {name: [given] for name, given in inputs.items()},
            {"page": [made]},
            {"model_name": "scans", "gates": gates.model_dump_json(), **properties},
        )
        return made

    return report


def read(made: Any) -> Page:
    """The page of an artifact; it is the only file there."""
    assert os.listdir(made.uri) == ["report.html"]
    text = Path(made.uri, "report.html").read_text()
    Outline(text)
    assert len(text) < 1_000_000
    return Page.parse(text)


def facts(page: Page, name: str) -> dict[str, Any]:
    assert not page.sections[name].failed
    return page.sections[name].facts


def gates_by_metric(page: Page) -> dict[str, dict[str, Any]]:
    return {gate["metric"]: gate for gate in facts(page, "verdict")["gates"]}


class TestData:
    """The first one: what is there before DataGate."""

    def test_the_facts_of_clean_data_without_a_champion(
        self, report: Report, data_inputs: Make, rows: dict[str, Rows]
    ) -> None:
        page = read(report(data_inputs()))
        data = facts(page, "data")
        assert data["fingerprint"] == FINGERPRINT
        for split in data["splits"]:
            images, labels = rows[split["name"]]
            assert split["examples"] == len(labels)
            assert split["digits"] == np.bincount(labels, minlength=10).tolist()
            assert split["pixels"]["mean"] == pytest.approx(images.mean())
            assert split["pixels"]["inked"] == pytest.approx((images > 0).mean())
        assert (data["findings"], data["champion"], data["since"]) == ([], "", [])
        assert [d["split"] for d in data["between"]] == ["eval", "test"]
        shares = {
            split: np.bincount(labels, minlength=10) / len(labels)
            for split, (_, labels) in rows.items()
        }
        for distance in data["between"]:
            expected = np.abs(shares[distance["split"]] - shares["train"]).max()
            assert distance["value"] == pytest.approx(expected)
            assert (distance["feature"], distance["bound"]) == ("label", 0.05)
        assert data["sampled"]["rows"] == 600
        assert facts(page, "verdict")["kind"] == "pending"
        text = Outline(page.render()).text
        assert "No model is served yet" in text
        assert text.count("Not reached") == 2

    def test_no_drift_against_the_same_data(
        self, report: Report, data_inputs: Make, statistics: dict[str, Any]
    ) -> None:
        data = facts(read(report(data_inputs(champion=statistics))), "data")
        assert data["champion"] == "17"
        assert {(d["split"], d["feature"]) for d in data["since"]} == {
            (split, feature)
            for split in ("train", "eval", "test")
            for feature in ("image", "label")
        }
        assert {d["value"] for d in data["since"]} == {0.0}

    @pytest.fixture
    def negative(
        self, rows: dict[str, Rows], describe: Callable[[Rows], Any]
    ) -> dict[str, Any]:
        """Statistics of digits in negative, with nothing but threes in eval."""
        return {
            split: describe(
                (255 - images, np.full_like(labels, 3) if split == "eval" else labels)
            )
            for split, (images, labels) in rows.items()
        }

    def test_what_data_gate_will_stop_on(
        self,
        report: Report,
        data_inputs: Make,
        negative: dict[str, Any],
        statistics: dict[str, Any],
    ) -> None:
        page = read(report(data_inputs(negative, champion=statistics)))
        data, verdict = facts(page, "data"), facts(page, "verdict")
        found = {(f["split"], f["feature"]) for f in data["findings"]}
        assert found == {
            ("eval", "label"),
            ("train", "image"),
            ("eval", "image"),
            ("test", "image"),
        }
        above = {
            (d["split"], d["feature"])
            for d in (*data["between"], *data["since"])
            if d["value"] > d["bound"]
        }
        assert above == found
        assert (verdict["kind"], verdict["headline"]) == (
            "refused",
            "Refused by DataGate",
        )
        assert len(verdict["reasons"]) == len(data["findings"])
        text = Outline(page.render()).text
        for finding in data["findings"]:
            assert finding["reason"] in text

    def test_findings_that_are_overridden_are_told_all_the_same(
        self, report: Report, data_inputs: Make, negative: dict[str, Any]
    ) -> None:
        allowing = Gates(allow_anomalies=True)
        page = read(report(data_inputs(negative), gates=allowing))
        assert facts(page, "data")["overridden"] is True
        assert facts(page, "verdict")["kind"] == "pending"
        assert gates_by_metric(page)["findings"]["overridden"] is True
        assert "told to go on" in Outline(page.render()).text

    def test_a_file_that_cannot_be_read_is_told_and_breaks_nothing(
        self, report: Report, data_inputs: Make
    ) -> None:
        inputs = data_inputs()
        Path(inputs["statistics"].uri, "Split-eval/FeatureStats.pb").unlink()
        page = read(report(inputs))
        assert page.sections["data"].failed
        assert "FeatureStats.pb" in Outline(page.render()).text


class TestPushed:
    """All three, for a good model where nothing is served."""

    @pytest.fixture
    def grown(
        self,
        report: Report,
        data_inputs: Make,
        model_inputs: Make,
        pushed_model: Make,
        good: Trained,
        first_evaluation: Any,
    ) -> Any:
        data = report(data_inputs())
        model = report({"so_far": data, **model_inputs(good, first_evaluation)})
        assert facts(read(model), "verdict")["kind"] == "pending"
        return report({"so_far": model, **pushed_model(1700000000)}, run="scans-1")

    def test_the_verdict(self, grown: Any) -> None:
        page = read(grown)
        verdict = facts(page, "verdict")
        assert (page.model, page.run) == ("scans", "scans-1")
        assert (verdict["kind"], verdict["version"]) == ("pushed", "1700000000")
        assert verdict["headline"] == "Pushed as version 1700000000"
        assert [gate["gate"] for gate in verdict["gates"]] == [
            "DataGate",
            *["Evaluator"] * 11,
            "ServingValidator",
        ]
        assert all(gate["passed"] for gate in verdict["gates"])
        assert {gate["champion"] for gate in verdict["gates"]} == {""}

    def test_the_model_is_the_trainers(self, grown: Any) -> None:
        model = facts(read(grown), "model")
        assert model["epochs"] == HISTORY["epochs"]
        assert model["parameters"] == 7850
        assert model["overfitting"]["turning_point"] == 2
        assert model["overfitting"]["sets_in"] is True
        assert model["overfitting"]["val_loss_rise"] == pytest.approx(0.6)

    def test_the_evaluation_is_that_of_the_models_own_answers(
        self, grown: Any, rows: dict[str, Rows], good: Trained
    ) -> None:
        page = read(grown)
        found = facts(page, "evaluation")
        labels = rows["test"][1].astype(int)
        answers = good.probabilities.argmax(axis=1)
        right = answers == labels
        expected = np.zeros((10, 10), int)
        np.add.at(expected, (labels, answers), 1)
        # By TFMA of the SavedModel, and by NumPy of what it answered.
        assert found["judged"] is True
        assert found["confusion"] == expected.tolist()
        assert found["images"] == 360
        assert found["accuracy"] == pytest.approx(right.mean())
        assert found["champion_accuracy"] is None
        assert gates_by_metric(page)["accuracy"]["value"] == f"{right.mean():.4f}"
        assert found["loss"] == HISTORY["test"]["loss"]  # type: ignore[index]
        assert found["all_mistakes"] == (~right).sum()
        for digit in found["digits"]:
            number = digit["digit"]
            assert digit["recall"] == pytest.approx(right[labels == number].mean())
            assert digit["precision"] == pytest.approx(right[answers == number].mean())
            assert (digit["bound"], digit["champion"]) == (0.8, None)
            gate = gates_by_metric(page)[f"digit {number}"]
            assert gate["value"] == f"{digit['recall']:.4f}"

    def test_mistakes_calibration_and_the_example(
        self, grown: Any, rows: dict[str, Rows], good: Trained
    ) -> None:
        found = facts(read(grown), "evaluation")
        labels = rows["test"][1]
        for mistake in found["mistakes"]:
            row = good.probabilities[mistake["row"]]
            assert mistake["label"] == labels[mistake["row"]] != mistake["answer"]
            assert mistake["confidence"] == pytest.approx(row.max())
            assert mistake["of_label"] == pytest.approx(row[mistake["label"]])
        sure = [mistake["confidence"] for mistake in found["mistakes"]]
        assert sure == sorted(sure, reverse=True)
        calibration = found["calibration"]
        assert sum(b["answers"] for b in calibration["bins"]) == 360
        assert calibration["confidence"] == pytest.approx(
            good.probabilities.max(axis=1).mean()
        )
        example = found["example"]
        assert (example["row"], example["label"]) == (9, labels[9])
        assert example["probabilities"] == pytest.approx(good.probabilities[9].tolist())

    def test_what_was_drawn_before_is_not_drawn_again(
        self, grown: Any, report: Report, pushed_model: Make
    ) -> None:
        before = read(grown)
        after = read(report({"so_far": grown, **pushed_model(17, True)}))
        for name in ("data", "model", "evaluation"):
            assert after.sections[name] == before.sections[name]
        assert facts(after, "verdict")["kind"] == "unchanged"


class TestRefused:
    """A weak model against a good one that is served."""

    @pytest.fixture
    def grown(
        self,
        report: Report,
        data_inputs: Make,
        model_inputs: Make,
        pushed_model: Make,
        statistics: dict[str, Any],
        weak: Trained,
        worse_evaluation: Any,
    ) -> Any:
        data = report(data_inputs(champion=statistics))
        inputs = model_inputs(weak, worse_evaluation, failures=("no such signature",))
        model = report({"so_far": data, **inputs})
        return report({"so_far": model, **pushed_model(None)}, run="scans-2")

    def test_the_verdict_names_the_gate_and_gives_all_reasons(
        self, grown: Any, rows: dict[str, Rows], weak: Trained, good: Trained
    ) -> None:
        page = read(grown)
        verdict = facts(page, "verdict")
        assert (verdict["kind"], verdict["version"]) == ("refused", "")
        assert verdict["headline"] == "Refused by Evaluator"
        accuracy, champion = (
            (model.probabilities.argmax(axis=1) == rows["test"][1]).mean()
            for model in (weak, good)
        )
        assert verdict["reasons"][0] == (
            f"accuracy: expected >= 0.9, found {accuracy:.4f}, champion {champion:.4f}"
        )
        change = gates_by_metric(page)["accuracy change"]
        assert change["value"] == f"{accuracy - champion:+.4f}"
        assert (change["bound"], change["passed"]) == (">= -0.005", False)
        last = "answers: expected as trainer, found no such signature"
        assert verdict["reasons"][-1] == last
        text = Outline(page.render()).text
        assert all(reason in text for reason in verdict["reasons"][:12])
        assert "serving.client" not in text

    def test_the_confusion_is_this_models_and_not_the_champions(
        self, grown: Any, rows: dict[str, Rows], weak: Trained
    ) -> None:
        expected = np.zeros((10, 10), int)
        np.add.at(expected, (rows["test"][1], weak.probabilities.argmax(axis=1)), 1)
        assert facts(read(grown), "evaluation")["confusion"] == expected.tolist()

    def test_each_digit_has_the_champions_beside_it(
        self, grown: Any, rows: dict[str, Rows], good: Trained
    ) -> None:
        right = good.probabilities.argmax(axis=1) == rows["test"][1]
        for digit in facts(read(grown), "evaluation")["digits"]:
            of_champion = right[rows["test"][1] == digit["digit"]].mean()
            assert digit["champion"] == pytest.approx(of_champion, abs=5e-5)
            assert digit["passed"] is (digit["recall"] >= 0.8)


def test_losses_that_are_no_numbers_are_told(
    report: Report, model_inputs: Make, good: Trained, first_evaluation: Any
) -> None:
    epoch = {"epoch": 1, "accuracy": 0.1, "val_accuracy": 0.1, "loss": 0.5}
    history = {
        "epochs": [{**epoch, "val_loss": float("nan")}],
        "test": {"loss": float("nan"), "accuracy": 0.1},
    }
    inputs = model_inputs(good, first_evaluation, history=history)
    page = read(report(inputs))
    assert facts(page, "model")["epochs"][0]["val_loss"] is None
    assert facts(page, "evaluation")["loss"] is None
    text = Outline(page.render()).text
    assert "No validation loss is a number." in text
    assert "mean cross-entropy no number" in text
    json.dumps([section.facts for section in page.sections.values()], allow_nan=False)
