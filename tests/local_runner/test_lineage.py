"""The lineage of a run: every recorded fact, against the inputs and the results."""

import hashlib
import importlib.metadata
import platform
import shutil
from typing import Any

import numpy as np
import pytest

from components import declaration
from components.champion import executor as champion_executor
from components.image_example_gen.source import open_source
from contract import nodes
from contract.code import code_digest
from contract.model_run import USED
from contract.provenance import Provenance
from pipeline.training.settings import Training
from tests.local_runner.conftest import (
    NODES,
    Ask,
    Ended,
    Place,
    Run,
)
from version_store.digests import folder_digest


class TestLineage:
    """Every fact that is on record, against what was fed in and what came out."""

    @pytest.fixture
    def facts(self, ask: Ask, first: Ended) -> dict[str, Any]:
        facts: dict[str, Any] = ask("show", str(first.pushed[0]))["facts"]
        return facts

    def test_the_data(self, facts: dict[str, Any], scans: Place) -> None:
        source = open_source(str(scans.root / "data"))
        parts = {
            name: [
                np.concatenate(column) for column in zip(*part.blocks(), strict=True)
            ]
            for name, part in (("train", source.train), ("test", source.test))
        }
        images, labels = parts["train"]
        splits = {
            "train": (images[:1149], labels[:1149]),
            "eval": (images[1149:], labels[1149:]),
            "test": parts["test"],
        }
        assert facts["data_source"] == "images from data"
        assert facts["data_fingerprint"] == source.fingerprint()
        assert facts["counts"] == {"train": 1149, "eval": 288, "test": 360}
        assert set(facts["statistics"]) == set(splits)
        for name, (pixels, digit) in splits.items():
            found = facts["statistics"][name]
            assert found["examples"] == len(digit)
            counted = np.bincount(digit, minlength=10).tolist()
            assert found["labels"] == {str(d): n for d, n in enumerate(counted)}
            assert found["image_mean"] == pytest.approx(pixels.mean())
            assert found["image_std_dev"] == pytest.approx(pixels.std())

    def test_what_it_was_made_with(
        self, facts: dict[str, Any], first: Ended, scans: Place
    ) -> None:
        settings = Training(epochs=8).model_dump(mode="json")
        used = facts["training"]
        asked = {k: v for k, v in settings.items() if k not in USED}
        assert used.items() >= asked.items()
        assert used["optimizer"] == "Adam"
        assert used["loss"] == "SparseCategoricalCrossentropy"
        [schema] = scans.output.glob("artifacts/scans/TaskSchemaGen/schema/*/*")
        digest = hashlib.sha256(schema.read_bytes()).hexdigest()
        assert facts["schema_digest"] == digest
        [graph] = scans.output.glob("artifacts/scans/Transform/transform_graph/*")
        assert facts["transform_graph_digest"] == folder_digest(str(graph))
        assert (facts["model"], facts["run"]) == ("scans", first.result["run"])

    def test_what_was_measured_and_demanded(
        self, facts: dict[str, Any], first: Ended
    ) -> None:
        metrics = facts["metrics"]
        assert metrics["test_accuracy"] == first.result["test_accuracy"]
        assert metrics["epochs"] == 8
        assert facts["champion"] == ""
        assert "champion_accuracy" not in metrics
        gates = {
            " ".join(filter(None, (gate["gate"], gate["metric"], gate["slice"]))): gate
            for gate in first.result["gates"]
        }
        assert facts["gates"].keys() == gates.keys()
        for name, found in facts["gates"].items():
            assert found.items() <= gates[name].items()
        for name, one in metrics["classes"].items():
            assert one["accuracy"] == gates[f"Evaluator accuracy {name}"]["value"]
            assert one["examples"] == facts["statistics"]["test"]["labels"][name]
        assert facts["overrides"] == {"allow_anomalies": False, "findings": []}

    def test_what_it_was_run_with(
        self, facts: dict[str, Any], origin: Provenance
    ) -> None:
        assert facts["commit"] == (origin.commit or None)
        assert facts["tree_clean"] == origin.clean
        assert facts["code"]["Champion"] == code_digest("components.champion.executor")
        assert facts["code"]["Trainer"] == code_digest("pipeline.training.trainer")
        lock = {"name": origin.lock, "digest": origin.lock_digest}
        assert facts["lock"] == (lock if origin.lock else None)
        assert facts["python"] == platform.python_version()
        installed = facts["libraries"]
        assert set(installed) >= {"tensorflow", "tfx", "tensorflow-model-analysis"}
        for package, version in installed.items():
            assert version == importlib.metadata.version(package)

    def test_the_metadata_alone_knows_the_same(
        self, ask: Ask, first: Ended, scans: Place, facts: dict[str, Any]
    ) -> None:
        """Facts remain after the version is gone, except those only Pusher read."""
        shutil.rmtree(scans.output / "models/scans" / str(first.pushed[0]))
        gone = ask("show", str(first.pushed[0]))
        unknown = ("installed_digest", "libraries", "python")
        assert gone["state"] == "gone"
        assert gone["facts"] == {**facts, **dict.fromkeys(unknown)}
        run = ask("show", first.result["run"])
        assert run["facts"] == gone["facts"]
        assert (run["verdict"], run["version"]) == ("pushed", first.pushed[0])
        assert run["steps"] == dict.fromkeys(NODES, "complete") | run["steps"]

    def test_the_manifest_alone_knows_the_same(
        self, ask: Ask, first: Ended, scans: Place, facts: dict[str, Any]
    ) -> None:
        (scans.output / "metadata.sqlite").unlink()
        found = ask("show", str(first.pushed[0]))
        assert found["facts"] == facts
        assert found["pipeline_run"] is None
        [entry] = ask("list")
        assert (entry["run"], entry["verdict"]) == (first.result["run"], "pushed")
        assert entry["test_accuracy"] == first.result["test_accuracy"]

    def test_nothing_changed_and_nothing_would_run(
        self, ask: Ask, scans: Place
    ) -> None:
        before = {path: path.stat().st_mtime_ns for path in scans.output.rglob("*")}
        plan = ask("why", *scans.arguments)
        executes = {one["node"] for one in plan if one["executes"]}
        assert executes == {"Pusher", "Report"}
        assert {p: p.stat().st_mtime_ns for p in scans.output.rglob("*")} == before

    def test_what_would_run_is_what_runs_then_and_how_that_ended(
        self, ask: Ask, run_here: Run, first: Ended, scans: Place
    ) -> None:
        other = ("--min-accuracy", "1")
        plan = {one["node"]: one for one in ask("why", *scans.arguments, *other)}

        refused = run_here(*other)

        states = {nodes.EVALUATOR: "refused", nodes.PUSHER: "skipped"}
        assert refused.states() == {
            node: states.get(node, "done") if one["executes"] else "cached"
            for node, one in plan.items()
        }
        reasons = plan["Evaluator"]["reasons"]
        assert reasons == ["parameter bounds.0.bound: 0.9 -> 1.0"]
        newest, oldest = ask("list")
        assert (newest["verdict"], newest["version"]) == ("refused by Evaluator", None)
        assert newest["run"] == refused.result["run"]
        assert (oldest["verdict"], oldest["version"]) == ("pushed", first.pushed[0])
        assert oldest["state"] == "served"
        found = ask("diff", first.result["run"], refused.result["run"])
        assert found["facts.gates.Evaluator accuracy.bound"] == {
            "a": 0.9,
            "b": 1.0,
        }
        assert found["facts.gates.Evaluator accuracy.passed"] == {"a": True, "b": False}
        assert found["verdict"] == {"a": "pushed", "b": "refused by Evaluator"}
        assert not [key for key in found if key.startswith("facts.training")]

    @pytest.mark.parametrize(
        ("options", "node", "reason"),
        [
            (["--epochs", "9"], "Trainer", "parameter training.epochs: 8 -> 9"),
            (["--no-reuse"], "ImageExampleGen", "--no-reuse"),
            (
                ["--set", "data.shard_rows=500"],
                "ImageExampleGen",
                "parameter shard_rows: 12000 -> 500",
            ),
        ],
    )
    def test_a_change_is_named_where_it_begins(
        self, ask: Ask, scans: Place, options: list[str], node: str, reason: str
    ) -> None:
        plan = {one["node"]: one for one in ask("why", *scans.arguments, *options)}
        assert reason in plan[node]["reasons"]

    def test_edited_code_and_lost_outputs_are_named(
        self, ask: Ask, scans: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.rmtree(scans.output / "artifacts/scans/Transform")
        digest = declaration.code_digest
        edited = champion_executor.__name__
        monkeypatch.setattr(
            declaration,
            "code_digest",
            lambda name: digest(name)[:: -1 if name == edited else 1],
        )
        plan = {one["node"]: one for one in ask("why", *scans.arguments)}
        assert plan["Champion"]["reasons"] == [
            "code: its module, one it imports, or an installed library"
        ]
        assert plan["Transform"]["reasons"] == ["its outputs are gone"]
        assert plan["Trainer"]["reasons"] == ["it uses new output of Transform"]
        assert not plan["StatisticsGen"]["executes"]
