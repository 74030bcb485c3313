"""The page grows during a run; its facts agree with the inputs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artifact import HTML
from components.image_example_gen.examples import Rows
from components.report.executor import Executor
from contract.features import EVAL, SPLITS, TEST, TRAIN
from tests.components.report.conftest import (
    BOUND,
    CLASS_BOUND,
    FINGERPRINT,
    HISTORY,
    TASKS,
    Make,
    Small,
    Trained,
    describe,
)
from tests.components.report.reading import Outline, demands, facts, read

Report = Callable[..., Any]
MakeSmall = Callable[[str], Small]


@pytest.fixture
def report(artifact: Make) -> Report:
    """Returns a function that runs the executor and returns its artifact."""

    def report(inputs: dict[str, Any], allow: bool = False, **properties: str) -> Any:
        made = artifact(HTML)
        Executor().Do(
            {name: [given] for name, given in inputs.items()},
            {"page": [made]},
            {"model_name": "scans", "allow_anomalies": int(allow), **properties},
        )
        return made

    return report


class TestData:
    """The first Report has only what exists before DataGate."""

    @pytest.mark.parametrize("name", TASKS)
    def test_the_facts_of_clean_data_without_a_champion(
        self, report: Report, data_inputs: Make, small: MakeSmall, name: str
    ) -> None:
        given = small(name)
        page = read(report(data_inputs(name)))
        data = facts(page, "data")
        assert data["task"] == given.task.as_dict()
        assert data["fingerprint"] == FINGERPRINT
        for split in data["splits"]:
            rows = given.rows[split["name"]]
            assert split["examples"] == len(rows)
            assert split["counts"] == given.counts(split["name"])
            assert split["pixels"]["mean"] == pytest.approx(rows.images.mean())
        assert (data["findings"], data["champion"], data["since"]) == ([], "", [])
        assert [d["split"] for d in data["between"]] == ["eval", "test"]
        shares = {s: np.array(given.counts(s)) / len(given.rows[s]) for s in SPLITS}
        for distance in data["between"]:
            expected = np.abs(shares[distance["split"]] - shares["train"]).max()
            assert distance["value"] == pytest.approx(expected, abs=1e-6)
            assert distance["feature"] == "label"
            # With so few rows, chance alone exceeds the schema's bound.
            assert distance["bound"] > 0.05
        assert data["sampled"]["rows"] == len(given.rows[TRAIN])
        assert facts(page, "verdict")["kind"] == "pending"
        text = Outline(page.render()).text
        assert "No model is served yet" in text
        assert text.count("Not reached") == 2
        assert all(called in text for called in given.task.classes)

    def test_only_a_task_with_a_background_has_ink(
        self, report: Report, data_inputs: Make
    ) -> None:
        pages = {name: read(report(data_inputs(name))) for name in TASKS}
        assert "Pixels that are not 0, the" in pages["digits"].render()
        assert "Pixels that are not 255, the" in pages["letters"].render()
        assert "Pixels that are not" not in pages["shapes"].render()
        assert "% of pixels with ink" not in pages["shapes"].render()

    def test_no_drift_against_the_same_data(
        self, report: Report, data_inputs: Make, small: MakeSmall
    ) -> None:
        champion = small("digits").statistics
        data = facts(read(report(data_inputs("digits", champion=champion))), "data")
        assert data["champion"] == "17"
        assert {(d["split"], d["feature"]) for d in data["since"]} == {
            (split, feature) for split in SPLITS for feature in ("image", "label")
        }
        assert {d["value"] for d in data["since"]} == {0.0}

    def test_a_version_that_is_not_compared_with_is_told_with_the_reason(
        self, report: Report, data_inputs: Make
    ) -> None:
        why = "version 17 is not compared with: images of 28x28 grey"
        page = read(report(data_inputs("shapes", left_out=why)))
        assert facts(page, "data")["left_out"] == why
        head = Outline(page.sections["verdict"].html).text
        assert "Version 17 is not compared with: images of 28x28 grey." in head

    @pytest.fixture
    def negative(self, small: MakeSmall) -> dict[str, Any]:
        """Statistics of inverted digits, with only threes in eval."""
        given = small("digits")
        return {
            split: describe(
                Rows(
                    255 - rows.images,
                    np.full_like(rows.labels, 3) if split == EVAL else rows.labels,
                ),
                given.schema,
            )
            for split, rows in given.rows.items()
        }

    def test_what_data_gate_will_stop_on(
        self,
        report: Report,
        data_inputs: Make,
        negative: dict[str, Any],
        small: MakeSmall,
    ) -> None:
        champion = small("digits").statistics
        page = read(report(data_inputs("digits", negative, champion=champion)))
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
        assert verdict["kind"] == "refused"
        assert verdict["headline"] == "Refused by DataGate"
        assert len(verdict["reasons"]) == len(data["findings"])
        text = Outline(page.render()).text
        for finding in data["findings"]:
            assert finding["reason"] in text
        assert "go on with --allow-anomalies" in text

    def test_findings_that_are_overruled_are_told_all_the_same(
        self, report: Report, data_inputs: Make, negative: dict[str, Any]
    ) -> None:
        page = read(report(data_inputs("digits", negative), allow=True))
        assert facts(page, "data")["overruled"] is True
        assert facts(page, "verdict")["kind"] == "pending"
        demand = demands(page)["findings", ""]
        assert (demand["overruled"], demand["refused"]) == (True, False)
        head = Outline(page.sections["verdict"].html).text
        assert "overruled, the run was told to go on" in head
        assert "refused" not in head

    def test_a_file_that_cannot_be_read_is_told_and_breaks_nothing(
        self, report: Report, data_inputs: Make
    ) -> None:
        inputs = data_inputs("digits")
        Path(inputs["statistics"].uri, "Split-eval/FeatureStats.pb").unlink()
        page = read(report(inputs))
        assert page.sections["data"].failed
        assert "FeatureStats.pb" in Outline(page.render()).text


class TestPushed:
    """All three Reports, for a good model where no version is served."""

    @pytest.fixture(params=TASKS)
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def model(self, trained: Callable[..., Trained], name: str) -> Trained:
        return trained(name)

    @pytest.fixture
    def grown(
        self,
        report: Report,
        data_inputs: Make,
        model_inputs: Make,
        pushed_model: Make,
        evaluated: Callable[..., Any],
        model: Trained,
        name: str,
    ) -> Any:
        data = report(data_inputs(name))
        inputs = model_inputs(name, model, evaluated(name))
        judged = report({"so_far": data, **inputs})
        assert facts(read(judged), "verdict")["kind"] == "pending"
        return report({"so_far": judged, **pushed_model(1700000000)}, run="scans-1")

    def test_the_verdict(self, grown: Any, small: MakeSmall, name: str) -> None:
        task = small(name).task
        page = read(grown)
        verdict = facts(page, "verdict")
        assert (page.model, page.run) == ("scans", "scans-1")
        assert (verdict["kind"], verdict["version"]) == ("pushed", "1700000000")
        assert verdict["headline"] == "Pushed as version 1700000000"
        assert list(demands(page)) == [
            ("findings", ""),
            ("accuracy", ""),
            *(("accuracy", called) for called in task.classes),
            ("log_loss", ""),
            ("failed_checks", ""),
        ]
        assert all(gate["passed"] for gate in verdict["gates"])
        assert {gate["champion"] for gate in verdict["gates"]} == {None}
        text = Outline(page.render()).text
        assert "predict PICTURE.png --model scans" in text

    def test_the_model_is_the_trainers(self, grown: Any) -> None:
        model = facts(read(grown), "model")
        assert model["epochs"] == HISTORY["epochs"]
        assert model["parameters"] == 7850
        assert model["overfitting"]["turning_point"] == 2
        assert model["overfitting"]["sets_in"] is True
        assert model["overfitting"]["val_loss_rise"] == pytest.approx(0.6)

    def test_the_evaluation_is_that_of_the_models_own_answers(
        self, grown: Any, small: MakeSmall, model: Trained, name: str
    ) -> None:
        page = read(grown)
        found = facts(page, "evaluation")
        given = small(name)
        labels, answers = given.rows[TEST].labels, model.probabilities.argmax(axis=1)
        right = answers == labels
        # TFMA computed one value from the SavedModel, NumPy the other from answers.
        assert found["judged"] is True
        assert found["confusion"] == given.confusion(answers)
        assert found["images"] == len(labels)
        assert found["accuracy"] == pytest.approx(right.mean())
        assert found["champion_accuracy"] is None
        assert demands(page)["accuracy", ""]["value"] == pytest.approx(right.mean())
        assert found["loss"] == HISTORY["test"]["loss"]
        assert found["all_mistakes"] == (~right).sum()
        assert [one["name"] for one in found["classes"]] == list(given.task.classes)
        for one in found["classes"]:
            label = one["label"]
            assert one["recall"] == pytest.approx(right[labels == label].mean())
            assert one["precision"] == pytest.approx(right[answers == label].mean())
            assert (one["bound"], one["champion"]) == (CLASS_BOUND, None)
            value = demands(page)["accuracy", one["name"]]["value"]
            assert value == pytest.approx(one["recall"])

    def test_mistakes_calibration_and_the_example(
        self, grown: Any, small: MakeSmall, model: Trained, name: str
    ) -> None:
        found = facts(read(grown), "evaluation")
        labels = small(name).rows[TEST].labels
        for mistake in found["mistakes"]:
            row = model.probabilities[mistake["row"]]
            assert mistake["label"] == labels[mistake["row"]] != mistake["answer"]
            assert mistake["confidence"] == pytest.approx(row.max())
            assert mistake["of_label"] == pytest.approx(row[mistake["label"]])
        sure = [mistake["confidence"] for mistake in found["mistakes"]]
        assert sure == sorted(sure, reverse=True)
        calibration = found["calibration"]
        assert sum(b["answers"] for b in calibration["bins"]) == len(labels)
        assert calibration["confidence"] == pytest.approx(
            model.probabilities.max(axis=1).mean()
        )
        example = found["example"]
        assert (example["row"], example["label"]) == (9, labels[9])
        for label, probability in example["probabilities"]:
            assert probability == pytest.approx(model.probabilities[9, label])

    def test_no_word_of_another_task_is_said(self, grown: Any, name: str) -> None:
        text = Outline(read(grown).render()).text.lower()
        strange = {"digit", "letter", "shape"} - {name.removesuffix("s")}
        assert [word for word in strange if word in text] == []

    def test_what_was_drawn_before_is_not_drawn_again(
        self, grown: Any, report: Report, pushed_model: Make
    ) -> None:
        before = read(grown)
        after = read(report({"so_far": grown, **pushed_model(17, True)}))
        for name in ("data", "model", "evaluation"):
            assert after.sections[name] == before.sections[name]
        assert facts(after, "verdict")["kind"] == "unchanged"


class TestRefused:
    """A model fitted to 30 digits, against a good served one."""

    SEEN = 30

    @pytest.fixture
    def weak(self, trained: Callable[..., Trained]) -> Trained:
        return trained("digits", self.SEEN)

    @pytest.fixture
    def good(self, trained: Callable[..., Trained]) -> Trained:
        return trained("digits")

    @pytest.fixture
    def grown(
        self,
        report: Report,
        data_inputs: Make,
        model_inputs: Make,
        pushed_model: Make,
        small: MakeSmall,
        evaluated: Callable[..., Any],
        weak: Trained,
    ) -> Any:
        data = report(data_inputs("digits", champion=small("digits").statistics))
        evaluation = evaluated("digits", self.SEEN, 10_000)
        failures = ("no such signature",)
        inputs = model_inputs("digits", weak, evaluation, failures=failures)
        model = report({"so_far": data, **inputs})
        return report({"so_far": model, **pushed_model(None)}, run="scans-2")

    def test_the_head_names_the_gate_and_says_each_reason_once(
        self, grown: Any, small: MakeSmall, weak: Trained, good: Trained
    ) -> None:
        page = read(grown)
        verdict = facts(page, "verdict")
        assert (verdict["kind"], verdict["version"]) == ("refused", "")
        assert verdict["headline"] == "Refused by Evaluator"
        accuracy, champion = (
            float(
                (
                    m.probabilities.argmax(axis=1) == small("digits").rows[TEST].labels
                ).mean()
            )
            for m in (weak, good)
        )
        head = Outline(page.sections["verdict"].html.partition('id="gates"')[0]).text
        expected = (
            f"Evaluator: accuracy: {accuracy:.4f}, expected ≥ {BOUND}, "
            f"champion {champion:.4f}"
        )
        assert head.count(expected) == 1
        assert head.count("failed checks: 1, expected ≤ 0; no such signature") == 1
        change = demands(page)["accuracy_change", ""]
        assert change["value"] == pytest.approx(accuracy - champion)
        assert (change["bound"], change["passed"]) == (-0.005, False)
        for flag in ("--min-accuracy", "--min-class-accuracy", "--max-champion-loss"):
            assert head.count(flag) == 1
        assert "serving.client" not in page.render()

    def test_the_confusion_is_this_models_and_not_the_champions(
        self, grown: Any, small: MakeSmall, weak: Trained
    ) -> None:
        expected = small("digits").confusion(weak.probabilities.argmax(axis=1))
        assert facts(read(grown), "evaluation")["confusion"] == expected

    def test_each_class_has_the_champions_beside_it(
        self, grown: Any, small: MakeSmall, good: Trained
    ) -> None:
        labels = small("digits").rows[TEST].labels
        right = good.probabilities.argmax(axis=1) == labels
        for one in facts(read(grown), "evaluation")["classes"]:
            of_champion = right[labels == one["label"]].mean()
            assert one["champion"] == pytest.approx(of_champion)
            assert one["passed"] is (one["recall"] >= CLASS_BOUND)


def test_losses_that_are_no_numbers_are_told(
    report: Report,
    model_inputs: Make,
    trained: Callable[..., Trained],
    evaluated: Callable[..., Any],
) -> None:
    epoch = {"epoch": 1, "accuracy": 0.1, "val_accuracy": 0.1, "loss": 0.5}
    history = {
        "epochs": [{**epoch, "val_loss": float("nan")}],
        "test": {"loss": float("nan"), "accuracy": 0.1},
    }
    evaluation = evaluated("digits")
    inputs = model_inputs("digits", trained("digits"), evaluation, history=history)
    page = read(report(inputs))
    assert facts(page, "model")["epochs"][0]["val_loss"] is None
    assert facts(page, "evaluation")["loss"] is None
    text = Outline(page.render()).text
    assert "No validation loss is a number." in text
    assert "mean cross-entropy no number" in text
    json.dumps([section.facts for section in page.sections.values()], allow_nan=False)
