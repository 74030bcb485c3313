"""The compiled pipeline, each node in its own container of the image.

`emulation` does a cluster's work. The runs share a cluster, so that later runs use its
cache.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen import idx
from components.image_example_gen.files import File
from runner.kubeflow.deployment import Limits
from runner.kubeflow.launcher_words import explain
from runner.kubeflow.verdict import read
from tests.kubeflow.conftest import NAME, Story, compiled
from tests.kubeflow.emulation.cluster import Cluster, Task
from tests.kubeflow.emulation.launcher import USER
from tests.kubeflow.emulation.rules import VERSIONS

pytestmark = pytest.mark.timeout(1500)


def states(run: dict[str, Task]) -> dict[str, str]:
    return {name: task.state for name, task in run.items()}


def test_every_node_runs_and_a_model_is_pushed(story: Story) -> None:
    assert set(states(story.pushed).values()) == {"succeeded"}, {
        name: task.last_lines
        for name, task in story.pushed.items()
        if task.state == "failed"
    }
    assert len(story.versions_after_push) == 1


def test_the_pushed_version_is_whole_and_says_what_it_is(
    story: Story, cluster: Cluster
) -> None:
    folder = cluster.volume("mnist-models") / NAME / story.versions_after_push[0]
    manifest = json.loads((folder / "manifest.json").read_text())

    assert (folder / "saved_model.pb").is_file()
    assert manifest["run"] == story.name
    assert len(manifest["data_fingerprint"]) == 64


def test_artifacts_are_in_the_store_under_their_own_uris(
    story: Story, cluster: Cluster
) -> None:
    """The launcher would take a local path instead of a URI for a finished upload."""
    for name, task in story.pushed.items():
        for key, artifact in task.artifacts.items():
            assert artifact["uri"].startswith("minio://"), (name, key)
    model = story.pushed["Trainer"].artifacts["model"]["uri"]
    assert (cluster.store.path(model) / "Format-Serving" / "saved_model.pb").is_file()


def test_the_report_is_a_page_for_the_user_interface(
    story: Story, cluster: Cluster
) -> None:
    (page,) = story.pushed["Report"].artifacts.values()

    assert page["type"]["schemaTitle"] == "system.HTML"
    assert page["uri"].endswith("/report.html")
    assert "<html" in cluster.store.path(page["uri"]).read_text()[:500]


def test_runs_are_compared_by_the_numbers_of_the_manifest(
    story: Story, cluster: Cluster
) -> None:
    folder = cluster.volume("mnist-models") / NAME / story.versions_after_push[0]
    measured = json.loads((folder / "manifest.json").read_text())["metrics"]
    artifacts = story.pushed["ModelReport"].artifacts
    metrics, classification = artifacts["metrics"], artifacts["classification"]

    assert metrics["type"] == {"schemaTitle": "system.Metrics"}
    for name in ("test_accuracy", "val_loss", "epochs"):
        assert metrics["metadata"][name] == measured[name]
    assert "tfx_version" not in metrics["metadata"]
    assert classification["type"] == {"schemaTitle": "system.ClassificationMetrics"}
    rows = classification["metadata"]["confusionMatrix"]["rows"]
    examples = [of_class["examples"] for of_class in measured["classes"].values()]
    assert [sum(row["row"]) for row in rows] == examples


def test_verdicts_travel_as_metadata(story: Story) -> None:
    blessing = story.pushed["Evaluator"].artifacts["blessing"]["metadata"]
    pushed = story.pushed["Pusher"].artifacts["pushed_model"]["metadata"]

    assert blessing["blessed"] == 1
    assert pushed["pushed"] == 1
    assert pushed["pushed_version"] == story.versions_after_push[0]


def test_a_refused_model_is_not_pushed_and_the_run_fails(story: Story) -> None:
    run = story.refused

    assert run["Evaluator"].artifacts["blessing"]["metadata"]["blessed"] == 0
    assert story.versions_after_refusal == story.versions_after_push
    assert run["Verdict"].state == "failed"


def test_the_log_of_a_refusal_ends_with_the_reason(story: Story) -> None:
    verdict = story.refused["Verdict"]
    *_, headline, reason, last = verdict.last_lines

    assert headline == "refused by Evaluator:"
    assert reason.startswith("  Evaluator: accuracy: expected ≥ 0.9999, found 0.9")
    # This is our exit code; the pod's own is the launcher's.
    assert last.endswith("failed to execute component: exit status 3")
    assert verdict.exit_code == 1
    assert read(verdict.log).refused_by == "Evaluator"


def test_a_refusal_is_not_tried_again(story: Story) -> None:
    assert {task.tries for task in story.refused.values()} == {1}


def test_a_refused_run_has_its_report_as_well(story: Story, cluster: Cluster) -> None:
    (page,) = story.refused["Report"].artifacts.values()

    assert "0.9999" in cluster.store.path(page["uri"]).read_text()


def test_what_a_parameter_does_not_change_comes_from_the_cache(story: Story) -> None:
    """Nodes that read the models' folder, which KFP cannot see, are not cached."""
    again = {name for name, state in states(story.refused).items() if state != "cached"}

    assert again == {
        "Data",
        "Champion",
        # For KFP, Champion's artifacts are new in every run.
        *("DataReport", "DataGate", "Evaluator", "ModelReport"),
        *("Pusher", "Report", "Verdict"),
    }


def inverted(source: Path, target: Path) -> None:
    """Writes the data set with an inverted training part."""
    shutil.copytree(source, target)
    for path in target.glob("train-images*"):
        images = np.concatenate(list(idx.read_blocks(File(str(path)), 4096)))
        path.unlink()
        idx.write(str(path), 255 - images)


@pytest.fixture(scope="module")
def faulty(cluster: Cluster, image: str, digits_folder: Path) -> dict[str, Task]:
    """A run on bad data from a volume."""
    volume = cluster.volume("mnist-data")
    inverted(digits_folder, volume / "bad")
    for path in (volume / "bad").iterdir():
        os.chown(path, USER, USER)
    return cluster.run(compiled(image, "/data/bad"))


def test_bad_data_ends_at_data_gate(faulty: dict[str, Task]) -> None:
    gate = faulty["DataGate"]
    assert (gate.state, gate.tries) == ("failed", 1)
    headline = gate.last_lines.index("refused by DataGate:")
    reasons = gate.last_lines[headline + 1 : -1]
    assert gate.last_lines[-1].endswith("exit status 3")
    assert {line.split(":")[0] for line in reasons} >= {
        "  split train, feature image",
        "  split eval, feature image",
    }
    assert "drifted since version" in reasons[0]
    assert {name for name, state in states(faulty).items() if state == "skipped"} == {
        *("Transform", "Trainer", "Evaluator", "ServingValidator"),
        *("ModelReport", "Pusher", "Report", "Verdict"),
    }


def test_bad_data_has_a_page_that_says_so(
    faulty: dict[str, Task], cluster: Cluster
) -> None:
    (page,) = faulty["DataReport"].artifacts.values()

    text = cluster.store.path(page["uri"]).read_text()
    assert f"<title>{NAME}: Refused by DataGate</title>" in text
    assert "drifted since version" in text


ELSEWHERE = "minio://datasets/digits"


@pytest.mark.parametrize("version", VERSIONS)
def test_data_in_another_bucket_fails_in_the_first_node(
    cluster: Cluster,
    image: str,
    digits_folder: Path,
    version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No node has trained until then."""
    monkeypatch.setattr(cluster, "version", version)
    cluster.store.upload(digits_folder, ELSEWHERE)
    run = cluster.run(compiled(image, ELSEWHERE))

    first = run["ImageExampleGen"]
    assert first.state == "failed"
    assert run["Trainer"].state == "skipped"
    assert "cannot read the object store" in explain(read(first.log).launcher, Limits())


def test_a_secrets_environment_opens_another_bucket(
    cluster: Cluster, image: str, digits_folder: Path
) -> None:
    cluster.secrets.add("credentials")
    cluster.store.upload(digits_folder, ELSEWHERE)
    package = compiled(image, ELSEWHERE, secret="credentials")
    run = cluster.run(package, until="ImageExampleGen")
    assert run["ImageExampleGen"].state == "succeeded"


def test_bad_input_is_tried_again_before_2_17(
    cluster: Cluster, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 2.17 KFP does not let a package choose which failures are tried again."""
    tries = {}
    for version in VERSIONS:
        monkeypatch.setattr(cluster, "version", version)
        run = cluster.run(compiled(image, "/data/none"), until="ImageExampleGen")
        assert "error: /data/none: missing" in run["ImageExampleGen"].log
        tries[version] = run["ImageExampleGen"].tries
    assert tries == {"2.16": 2, "2.17": 1}
