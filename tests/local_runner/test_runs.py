"""`local_runner.py`: the ends of runs, and what they push, reuse and record."""

import gzip
import json
import logging
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import idx
from components.image_example_gen.files import File
from components.image_example_gen.source import open_source
from components.report.page import Page
from contract import nodes
from contract.demands import Demand, bound_text, words
from runner.events import STARTED_MESSAGE
from runner.records import read_outputs
from tests.local_runner.conftest import (
    ALL_REUSED,
    NODES,
    Ask,
    Ended,
    Place,
    Run,
    restore,
)
from version_store.digests import MODEL_CARD_FILE, model_digest


class TestFirstRun:
    def test_it_ends_with_one_pushed_version(self, first: Ended) -> None:
        assert first.code == 0
        assert first.pushed == [first.result["pushed"]["version"]]
        assert first.result["pushed"]["already_served"] is False
        assert first.result["exit_code"] == 0
        assert first.result["reasons"] == []

    def test_the_version_is_what_a_server_loads(
        self, first: Ended, saved: Path
    ) -> None:
        version = saved / "models/scans" / str(first.pushed[0])
        assert (version / "saved_model.pb").is_file()
        assert (version / "variables/variables.index").is_file()
        assert (version / "assets.extra/tf_serving_warmup_requests").is_file()
        beside = {entry.name for entry in version.parent.iterdir()}
        assert beside == {version.name, ".lock"}

    def test_the_version_says_what_it_is(
        self, first: Ended, saved: Path, scans: Place
    ) -> None:
        version = saved / "models/scans" / str(first.pushed[0])
        manifest = json.loads((version / "manifest.json").read_text())
        fingerprint = open_source(str(scans.root / "data")).fingerprint()
        assert manifest["version"] == first.pushed[0]
        assert manifest["run"] == first.result["run"]
        assert manifest["champion"] == ""
        assert manifest["data_fingerprint"] == fingerprint
        assert first.result["data"]["fingerprint"] == fingerprint
        [model] = saved.glob("artifacts/scans/Trainer/model/*/Format-Serving")
        assert manifest["model_digest"] == model_digest(str(model))
        splits = {folder.name for folder in (version / "statistics").iterdir()}
        assert splits == {"Split-train", "Split-eval", "Split-test"}

    def test_the_screen_tells_what_ran_and_how_training_went(
        self, first: Ended
    ) -> None:
        lines = first.screen.splitlines()
        done = [line.split()[1] for line in lines if line.startswith("✓ ")]
        assert sorted(done) == NODES
        epochs = [line.split()[1] for line in lines if line.startswith("    epoch ")]
        # A log has a line every few seconds between the first and the last epoch.
        assert (epochs[0], epochs[-1]) == ("1/8,", "8/8,")

    def test_the_screen_ends_with_gates_version_and_how_to_ask_it(
        self, first: Ended, scans: Place
    ) -> None:
        end = first.screen[first.screen.index("Gates") :]
        for demand in map(Demand.from_dict, first.result["gates"]):
            row = [words(demand.metric), demand.slice, bound_text(demand)]
            assert any(all(part in line for part in row) for line in end.splitlines())
        assert f"scans: pushed as version {first.pushed[0]}" in end
        assert f"{first.result['test_accuracy']:.4f}" in end
        assert str(scans.output / "models/scans" / str(first.pushed[0])) in end
        assert "--models output/models" in end
        assert "-m serving.client predict" in end
        assert "--model scans" in end

    def test_what_libraries_say_is_in_the_log_and_not_on_the_screen(
        self, first: Ended, saved: Path
    ) -> None:
        log = (saved / "runs" / first.result["run"] / "run.log").read_text()
        assert "Component Trainer is finished." in log
        assert "Component Trainer is finished." not in first.screen
        assert "WARNING" not in first.screen
        assert first.errors == ""

    def test_result_json_has_the_same_facts_for_programs(self, first: Ended) -> None:
        result = first.result
        assert result["model"] == "scans"
        assert result["test_accuracy"] > 0.9
        assert first.states() == dict.fromkeys(NODES, "done")
        assert all(gate["passed"] for gate in result["gates"])
        assert first.gate("accuracy")["value"] == pytest.approx(result["test_accuracy"])
        assert first.gate("accuracy")["bound"] == 0.9
        assert first.gate("accuracy", "0")["bound"] == 0.7
        assert {gate["gate"] for gate in result["gates"]} == {
            "DataGate",
            "Evaluator",
            "ServingValidator",
        }
        assert sum(step["seconds"] for step in result["components"]) > 0
        assert result["seconds"] > max(step["seconds"] for step in result["components"])

    def test_a_metric_with_a_bound_as_it_is_printed_in_the_docs(
        self, first: Ended, saved: Path
    ) -> None:
        """The screen and the page show all gates; other tests check details."""
        assert first.gate("macro_f1")["bound"] == 0.85
        assert first.gate("macro_f1")["value"] > 0.9
        version = saved / "models/scans" / str(first.pushed[0])
        assert "macro f1" in (version / MODEL_CARD_FILE).read_text()

    def test_the_page_about_it_is_that_of_the_pipeline_and_more(
        self, first: Ended
    ) -> None:
        page = first.page
        assert first.result["report"] == re.findall("  report (.*)", first.screen)[0]
        assert (page.model, page.run) == ("scans", first.result["run"])
        verdict = first.verdict()
        assert (verdict["kind"], verdict["version"]) == ("pushed", str(first.pushed[0]))
        assert [Demand.from_dict(gate) for gate in verdict["gates"]] == [
            Demand.from_dict(gate) for gate in first.result["gates"]
        ]
        evaluation = page.sections["evaluation"].facts
        assert evaluation["accuracy"] == pytest.approx(first.result["test_accuracy"])
        assert page.sections["data"].facts["champion"] == ""
        assert len(page.sections["model"].facts["epochs"]) == 8
        parts = page.sections["run"].facts["components"]
        assert [part["node"] for part in parts] == [
            step["node"] for step in first.result["components"]
        ]

    def test_what_the_last_node_published_says_the_same(
        self, first: Ended, saved: Path
    ) -> None:
        [folder] = saved.glob("artifacts/scans/Report/page/*")
        assert [file.name for file in folder.iterdir()] == ["report.html"]
        published = Page.parse((folder / "report.html").read_text())
        shown = first.page
        assert published.run == shown.run
        for name in ("verdict", "data", "model", "evaluation"):
            assert published.sections[name] == shown.sections[name]

    def test_what_kubeflow_compares_runs_by_is_what_is_on_record(
        self, first: Ended, saved: Path
    ) -> None:
        """ML Metadata has the same numbers, with six decimals."""
        [path] = saved.glob("models/scans/*/manifest.json")
        measured = json.loads(path.read_text())["metrics"]
        database = str(saved / "metadata.sqlite")
        outputs = read_outputs(database, first.result["run"])
        metrics = outputs[nodes.MODEL_REPORT, nodes.METRICS]
        number = metrics.get_float_custom_property
        assert metrics.type_name == "system.Metrics"
        assert number("test_accuracy") == round(first.result["test_accuracy"], 6)
        of_run = ("epochs", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
        for name in (*of_run, "test_loss", "test_accuracy"):
            assert number(name) == round(measured[name], 6)
        for gate in first.result["gates"]:
            if gate["gate"] == nodes.EVALUATOR:
                name = f"{gate['metric']} {gate['slice']}".strip()
                assert number(name) == round(gate["value"], 6)
        matrix = outputs[nodes.MODEL_REPORT, nodes.CLASSIFICATION]
        assert matrix.type_name == "system.ClassificationMetrics"
        confusion = matrix.get_json_value_custom_property("confusionMatrix")
        names = [one["displayName"] for one in confusion["annotationSpecs"]]
        assert names == first.result["task"]["classes"]
        for label, (name, one) in enumerate(zip(names, confusion["rows"], strict=True)):
            of_class = measured["classes"][name]
            assert sum(one["row"]) == of_class["examples"]
            right = one["row"][label] / of_class["examples"]
            assert right == pytest.approx(of_class["accuracy"])

    @pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it")
    def test_the_peak_of_memory_of_each_component_is_measured(
        self, first: Ended
    ) -> None:
        for step in first.result["components"]:
            # TensorFlow alone is 300 MB.
            assert 3e8 < step["peak_memory"] < 1e11


class TestNothingChanged:
    @pytest.fixture(scope="class")
    def second(self, first: Ended, scans: Place) -> Ended:
        restore(scans)
        return scans.run()

    def test_everything_is_reused_and_only_the_pusher_looks(
        self, second: Ended
    ) -> None:
        assert second.code == 0
        assert second.states() == ALL_REUSED

    def test_nothing_new_is_pushed(self, first: Ended, second: Ended) -> None:
        assert second.pushed == first.pushed
        assert second.result["pushed"] == {
            **first.result["pushed"],
            "already_served": True,
            "label": "",
        }

    def test_gates_and_accuracy_are_shown_again(
        self, first: Ended, second: Ended
    ) -> None:
        assert second.result["gates"] == first.result["gates"]
        assert second.result["test_accuracy"] == first.result["test_accuracy"]

    def test_the_page_says_that_nothing_changed(
        self, first: Ended, second: Ended
    ) -> None:
        assert second.verdict()["kind"] == "unchanged"
        before, after = first.page.sections, second.page.sections
        assert after["evaluation"] == before["evaluation"]
        states = {
            part["node"]: part["state"] for part in after["run"].facts["components"]
        }
        assert states == ALL_REUSED

    def test_the_same_data_elsewhere_and_gzipped_is_known(
        self, first: Ended, scans: Place, run_here: Run, tmp_path: Path
    ) -> None:
        for file in (scans.root / "data").iterdir():
            (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))

        ended = run_here("--data", str(tmp_path))

        assert ended.code == 0
        assert ended.states() == ALL_REUSED
        assert ended.pushed == first.pushed


class TestRefusedModel:
    def test_one_that_is_not_good_enough(self, first: Ended, run_here: Run) -> None:
        ended = run_here("--min-accuracy", "1")

        assert ended.code == 3
        assert ended.pushed == first.pushed
        assert ended.result["pushed"] is None
        value = f"{first.result['test_accuracy']:.4f}"
        reason = f"Evaluator: accuracy: expected ≥ 1, found {value}"
        assert ended.result["reasons"] == [reason]
        # It appears once, in the table.
        assert ended.screen.count("REFUSED") == 1
        assert "expected ≥ 1" not in ended.screen
        assert "pushed as version" not in ended.screen
        verdict = ended.verdict()
        assert (verdict["kind"], verdict["headline"]) == (
            "refused",
            "Refused by Evaluator",
        )
        # Only the bound was changed, so no training is needed.
        assert ended.states()["Trainer"] == "cached"
        assert ended.states()["Evaluator"] == "refused"
        assert ended.states()["Pusher"] == "skipped"

    def test_one_that_is_worse_than_the_champion(
        self, first: Ended, run_here: Run
    ) -> None:
        ended = run_here(
            *("--epochs", "1", "--set", "training.learning_rate=1e-5"),
            *("--min-accuracy", "0", "--min-class-accuracy", "0"),
            *("--set", "gates.metrics=[]"),
        )

        assert ended.code == 3
        assert ended.pushed == first.pushed
        change = ended.gate("accuracy_change")
        assert change["refused"]
        assert change["bound"] == -0.005
        assert change["value"] < -0.3
        assert change["champion"] == first.gate("accuracy")["value"]
        [reason] = ended.result["reasons"]
        assert reason.startswith(
            "Evaluator: accuracy change: expected ≥ -0.005, "
            f"found {change['value']:.4f}"
        )
        failed = [g["metric"] for g in ended.result["gates"] if not g["passed"]]
        assert failed == ["accuracy_change"]


def write_anomalous(source: Path, folder: Path) -> None:
    """Digits in negative; and all that is held out as `eval` has the label 3."""
    folder.mkdir()
    for path in source.iterdir():
        items = np.concatenate(list(idx.read_blocks(File(str(path)), 4096)))
        if "images" in path.name:
            items = 255 - items
        elif "train" in path.name:
            items[-288:] = 3
        idx.write(str(folder / path.name), items)


class TestBadData:
    def test_it_is_stopped_before_transform_unless_that_is_overridden(
        self, first: Ended, scans: Place, run_here: Run, ask: Ask, tmp_path: Path
    ) -> None:
        write_anomalous(scans.root / "data", tmp_path / "data")
        # Without this setting, rows ordered by class would be split stratified.
        data = ("--data", str(tmp_path / "data"), "--split", "last")

        stopped = run_here(*data)

        assert stopped.code == 3
        assert stopped.states()["DataGate"] == "failed"
        assert not {"Transform", "Trainer", "Evaluator", "Pusher"} & set(
            stopped.states()
        )
        assert stopped.pushed == first.pushed
        reasons = stopped.result["reasons"]
        refusal = stopped.gate("findings")
        assert (refusal["gate"], refusal["passed"]) == ("DataGate", False)
        assert refusal["value"] == len(reasons)
        assert any(
            reason.startswith(
                "DataGate: split eval, feature label: differs from split train: "
            )
            for reason in reasons
        )
        for split in ("train", "eval", "test"):
            drifted = (
                f"DataGate: split {split}, feature image: drifted since version "
                f"{first.pushed[0]}: "
            )
            assert any(reason.startswith(drifted) for reason in reasons)
        assert "split eval, feature label" in " ".join(stopped.screen.split())
        assert stopped.verdict()["headline"] == "Refused by DataGate"
        assert stopped.verdict()["reasons"] == reasons
        sections = stopped.page.sections
        assert [
            f"DataGate: split {f['split']}, feature {f['feature']}: {f['reason']}"
            for f in sections["data"].facts["findings"]
        ] == reasons
        assert "model" not in sections

        newest, _ = ask("list")
        assert (newest["verdict"], newest["version"]) == ("refused by DataGate", None)
        assert newest["run"] == stopped.result["run"]

        lenient = (
            *data,
            *("--allow-anomalies", "--epochs", "1", "--max-champion-loss", "1"),
            # The champion cannot classify inverted digits.
            "--allow-champion-fall",
            *("--min-accuracy", "0", "--min-class-accuracy", "0"),
        )
        allowed = run_here(*lenient)

        assert allowed.code == 0
        assert allowed.states()["StatisticsGen"] == "cached"
        assert len(allowed.pushed) == 2
        gate = allowed.gate("findings")
        assert (gate["passed"], gate["overruled"]) == (False, True)
        assert gate["value"] == len(reasons)
        fall = allowed.gate("champion_accuracy_change")
        assert (fall["passed"], fall["overruled"]) == (False, True)
        assert "overruled" in allowed.screen
        verdicts = [
            json.loads(path.read_text())
            for path in scans.output.glob(
                "artifacts/scans/DataGate/verdict/*/verdict.json"
            )
        ]
        [recorded] = [verdict for verdict in verdicts if verdict["overridden"]]
        assert recorded["compared_with_version"] == str(first.pushed[0])
        assert len(recorded["findings"]) == len(reasons)

        overrides = ask("show", str(allowed.pushed[-1]))["facts"]["overrides"]
        assert overrides["allow_anomalies"] is True
        assert overrides["findings"] == recorded["findings"]

        # Its own model is the champion now and is not compared with itself.
        again = run_here(*lenient)

        assert again.code == 0
        assert again.states() == ALL_REUSED
        assert again.pushed == allowed.pushed

    def test_a_broken_file_is_one_line_and_the_mended_file_just_works(
        self, first: Ended, scans: Place, run_here: Run, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        shutil.copytree(scans.root / "data", data)
        file = data / "t10k-images-idx3-ubyte"
        file.write_bytes(file.read_bytes()[:-1])

        broken = run_here("--data", str(data))

        assert broken.code == 2
        assert broken.errors == (
            f"error: {file}: truncated: expected 282,240 bytes after the header, "
            "found 282,239\n"
        )
        assert broken.screen == ""
        assert len(list((scans.output / "runs").iterdir())) == 1

        shutil.copyfile(scans.root / "data" / file.name, file)
        mended = run_here("--data", str(data))

        assert mended.code == 0
        assert mended.pushed == first.pushed


def test_sigterm_ends_a_run_and_the_next_one_goes_on(
    first: Ended, scans: Place, run_here: Run
) -> None:
    class Terminate(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg == STARTED_MESSAGE and record.args == ("Evaluator",):
                os.kill(os.getpid(), signal.SIGTERM)

    handler = Terminate()
    logging.getLogger().addHandler(handler)
    try:
        terminated = run_here()
    finally:
        logging.getLogger().removeHandler(handler)

    assert terminated.code == 143
    assert "terminated" in terminated.screen
    assert terminated.verdict()["kind"] == "interrupted"
    assert terminated.verdict()["headline"].startswith("Terminated")
    # The Trainer's part was reused, and no node had told of it yet.
    assert len(terminated.page.sections["model"].facts["epochs"]) == 8
    assert terminated.pushed == first.pushed

    assert run_here().code == 0
