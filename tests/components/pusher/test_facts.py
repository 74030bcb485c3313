"""Facts are read from artifacts; tests/local_runner checks those of a real run."""

import hashlib
import importlib.metadata
import json
import re
import sysconfig
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.image_example_gen import digits
from components.pusher.facts import (
    Folders,
    environment,
    installed_packages,
    parse_counts,
    read_facts,
    read_statistics,
)
from version_store.manifest import Facts, SplitStatistics

HISTORY = {
    "epochs": [
        {
            "epoch": n,
            "loss": 1 / n,
            "accuracy": 0.8,
            "val_loss": 0.4,
            "val_accuracy": 0.7,
        }
        for n in (1, 2)
    ],
    "test": {"loss": 0.3, "accuracy": 0.9},
}


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """Statistics of a split of five examples, in TFDV's form."""
    content = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = content.datasets.add(num_examples=5)
    image = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    image.path.step.append("image")
    image.num_stats.mean, image.num_stats.std_dev = 33.5, 78.25
    label = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    label.path.step.append("label")
    for name, count in (("7", 3), ("1", 2)):
        label.string_stats.rank_histogram.buckets.add(label=name, sample_count=count)
    folder = tmp_path / "statistics"
    (folder / "Split-train").mkdir(parents=True)
    (folder / "Split-train/FeatureStats.pb").write_bytes(content.SerializeToString())
    return folder


def test_a_run_that_got_nowhere_has_no_facts() -> None:
    assert read_facts(Folders()) == Facts()


def test_statistics_by_split(statistics: Path) -> None:
    assert read_statistics(str(statistics)) == {
        "train": SplitStatistics(
            examples=5, labels={"1": 2, "7": 3}, image_mean=33.5, image_std_dev=78.25
        )
    }


def test_labels_are_called_as_the_task_calls_them(statistics: Path) -> None:
    task = digits.TASK.named(classes=tuple("abcdefghij"))
    found = read_statistics(str(statistics), task)["train"].labels
    assert found == {"b": 2, "h": 3}


def test_a_split_without_features_has_its_count_and_no_more(tmp_path: Path) -> None:
    content = statistics_pb2.DatasetFeatureStatisticsList()
    content.datasets.add(num_examples=0)
    (tmp_path / "Split-eval").mkdir()
    path = tmp_path / "Split-eval/FeatureStats.pb"
    path.write_bytes(content.SerializeToString())
    assert read_statistics(str(tmp_path)) == {"eval": SplitStatistics(examples=0)}


def test_the_schemas_digest_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_text("feature {}")
    assert read_facts(Folders(schema=str(tmp_path))).schema_digest == (
        hashlib.sha256(b"feature {}").hexdigest()
    )


def test_a_transform_graph_that_is_not_mounted_is_unknown() -> None:
    folders = Folders(transform_graph="gs://bucket/graph")
    assert read_facts(folders).transform_graph_digest is None


def test_a_training_of_before_a_summary_was_kept(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(json.dumps(HISTORY))
    facts = read_facts(Folders(model_run=str(tmp_path)))
    assert facts.training is None
    assert facts.metrics is not None
    assert (facts.metrics.epochs, facts.metrics.train_loss) == (2, 0.5)
    assert (facts.metrics.test_loss, facts.metrics.test_accuracy) == (0.3, 0.9)
    assert facts.metrics.classes is None


def test_the_rule_of_the_split_is_kept_and_the_spans(tmp_path: Path) -> None:
    rule = {"how": "content", "seed": 1, "test_fraction": 0.2}
    content = {**rule, "why": "...", "spans": [{"span": "7", "rows": 3}]}
    (tmp_path / "split.json").write_text(json.dumps(content))
    facts = read_facts(Folders(examples=str(tmp_path)))
    assert facts.split == {**rule, "spans": ["7"]}


def test_what_was_overridden_is_kept_with_its_findings(tmp_path: Path) -> None:
    finding = {"split": "eval", "feature": "label", "reason": "too many threes"}
    verdict = {"findings": [finding], "overridden": True}
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    facts = read_facts(Folders(verdict=str(tmp_path)))
    assert facts.overrides is not None
    assert facts.overrides.allow_anomalies
    assert facts.overrides.findings == [finding]
    assert facts.gates is not None
    assert [(gate.gate, gate.overruled) for gate in facts.gates] == [("DataGate", True)]


def test_installed_packages_are_those_that_python_knows() -> None:
    known = {
        re.sub("[-_.]+", "-", distribution.name).lower(): distribution.version
        for distribution in importlib.metadata.distributions(
            path=[sysconfig.get_path("purelib")]
        )
        if distribution.name
    }
    assert installed_packages() == known


def test_the_environment_is_this_one() -> None:
    found = environment()
    assert found["libraries"]["tfx"] == importlib.metadata.version("tfx")
    assert found["installed_digest"] == environment()["installed_digest"]
    assert len(found["installed_digest"]) == 64


@pytest.mark.parametrize(
    ("text", "counts"), [("", None), ('{"train": 3}', {"train": 3})]
)
def test_counts(text: str, counts: dict[str, int] | None) -> None:
    assert parse_counts(text) == counts
