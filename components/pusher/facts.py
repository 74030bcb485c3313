"""Reads the facts about a model from the artifacts of its run."""

import glob
import hashlib
import json
import os
import platform
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from components.data_gate import demand as data_gate
from components.evaluator.judgement import ACCURACY
from components.evaluator.results import (
    CANDIDATE,
    CHAMPION,
    read_confusion,
    read_evaluation,
)
from components.image_example_gen.duplicates import read_split
from components.replay.demand import read_replayed
from components.serving_validator import demand as serving_validator
from components.statistics_gen.reading import (
    STATISTICS_FILE,
    Statistics,
    by_feature,
    value_counts,
)
from contract.demands import Demand
from contract.features import IMAGE, LABEL
from contract.model_run import (
    SUMMARY_FILE,
    read_history,
    read_summary,
    used_settings,
)
from contract.task import Task, read_task
from version_store.digests import folder_digest
from version_store.manifest import (
    SPLIT_RULE,
    ClassMetrics,
    Facts,
    Metrics,
    Overrides,
    SplitStatistics,
)

LIBRARIES = (
    "apache-beam",
    "keras",
    "numpy",
    "protobuf",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)
"""Packages whose versions are listed; the digest covers all packages."""

_INSTALLED = ".dist-info"
_SPLIT_PREFIX = "Split-"


@dataclass(frozen=True)
class Folders:
    """Folders of a run's artifacts; None for artifacts that were not made."""

    examples: str | None = None
    schema: str | None = None
    statistics: str | None = None
    verdict: str | None = None
    transform_graph: str | None = None
    model_run: str | None = None
    evaluation: str | None = None
    infra_blessing: str | None = None
    replay: str | None = None

    @classmethod
    def of(cls, artifacts: Mapping[str, Artifact]) -> Self:
        """Returns the artifacts' folders; artifacts with other keys are ignored."""
        names = cls.__dataclass_fields__.keys() & artifacts.keys()
        return cls(**{name: artifacts[name].uri for name in names})


def read_facts(folders: Folders) -> Facts:
    """Reads all facts in a run's artifacts; the others stay unknown."""
    f = folders
    task = read_task(f.examples) if f.examples else None
    summary = _summary(f.model_run)
    return Facts(
        task=task.as_dict() if task else None,
        split=_split_rule(f.examples) if f.examples else None,
        statistics=read_statistics(f.statistics, task) if f.statistics else None,
        schema_digest=_only_file(f.schema) if f.schema else None,
        transform_graph_digest=_folder(f.transform_graph),
        training=used_settings(summary) if summary else None,
        metrics=_metrics(f.model_run, f.evaluation, task),
        gates=read_demands(folders) or None,
        overrides=_overrides(f.verdict) if f.verdict else None,
    )


def read_demands(folders: Folders) -> list[Demand]:
    """Reads all demands of the gates that gave a verdict, in the pipeline's order."""
    demands: list[Demand] = []
    if folders.verdict:
        demands.append(data_gate.read_demand(folders.verdict))
    if folders.evaluation:
        demands += read_evaluation(folders.evaluation).demands
    if folders.infra_blessing:
        demands.append(serving_validator.read_demand(folders.infra_blessing))
    if folders.replay:
        demands += read_replayed(folders.replay).demands
    return demands


def read_statistics(
    folder: str, task: Task | None = None
) -> dict[str, SplitStatistics]:
    """Reads each split's statistics from StatisticsGen or a version's `statistics/`."""
    return {
        name.rstrip("/").removeprefix(_SPLIT_PREFIX): _split(
            os.path.join(folder, name, STATISTICS_FILE), task
        )
        for name in sorted(fileio.listdir(folder))
        if name.startswith(_SPLIT_PREFIX)
    }


def environment() -> dict[str, Any]:
    """Returns the facts about this process's environment, by `Facts`' names."""
    installed = installed_packages()
    lines = "".join(
        f"{name}=={version}\n" for name, version in sorted(installed.items())
    )
    return {
        "python": platform.python_version(),
        "libraries": {name: installed[name] for name in LIBRARIES if name in installed},
        "installed_digest": hashlib.sha256(lines.encode()).hexdigest(),
    }


def installed_packages() -> dict[str, str]:
    """Returns the version of every installed package, by name.

    It reads the names of the `.dist-info` folders (packaging.python.org, recording
    installed projects). `importlib.metadata` would read the metadata of each package,
    which takes more than a second in this environment.
    """
    found: dict[str, str] = {}
    # Not `sys.path`: setuptools adds its vendored packages to it when imported.
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in glob.glob(os.path.join(folder, "*" + _INSTALLED)):
            name, _, version = os.path.basename(entry).partition("-")
            # Normalised as by package indexes.
            name = re.sub("[-_.]+", "-", name).lower()
            found[name] = version.removesuffix(_INSTALLED)
    return found


def _split(path: str, task: Task | None) -> SplitStatistics:
    with fileio.open(path, "rb") as stream:
        content = Statistics.FromString(stream.read())
    found: dict[str, Any] = {}
    image = by_feature(content).get(IMAGE)
    if image is not None and image.HasField("num_stats"):
        found["image_mean"] = image.num_stats.mean
        found["image_std_dev"] = image.num_stats.std_dev
    if counts := value_counts(content, LABEL):
        found["labels"] = {
            _class_name(text, task): counts[text] for text in sorted(counts, key=_order)
        }
    return SplitStatistics(examples=content.datasets[0].num_examples, **found)


def _split_rule(examples: str) -> dict[str, Any] | None:
    """Returns the rule that decided which rows were held out from training."""
    split = read_split(examples)
    rule = {key: split[key] for key in SPLIT_RULE if key in split}
    if spans := split.get("spans"):
        rule["spans"] = [span["span"] for span in spans]
    return rule or None


def _class_name(label: str, task: Task | None) -> str:
    if task is None or not label.isdecimal() or int(label) >= len(task.classes):
        return label
    return task.classes[int(label)]


def _order(label: str) -> tuple[int, str]:
    """Returns a sort key by number; values that are not labels come last."""
    return (int(label), "") if label.isdecimal() else (2**31, label)


def _only_file(folder: str) -> str:
    """Returns the SHA-256 of the only file in a folder."""
    [name] = fileio.listdir(folder)
    with fileio.open(os.path.join(folder, name), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _folder(path: str | None) -> str | None:
    """Returns the digest of a folder's files; None if it is not mounted."""
    return folder_digest(path) if path and os.path.isdir(path) else None


def _summary(model_run: str | None) -> dict[str, Any]:
    """Reads the summary of a training; empty if an older run has none."""
    if not model_run or not fileio.exists(os.path.join(model_run, SUMMARY_FILE)):
        return {}
    return read_summary(model_run)


def _metrics(
    model_run: str | None, evaluation: str | None, task: Task | None
) -> Metrics | None:
    found: dict[str, Any] = {}
    if model_run:
        history = read_history(model_run)
        kept = _summary(model_run).get("kept") or {}
        of_kept = history["epochs"][kept["epoch"] - 1 if kept else -1]
        found = {
            "epochs": len(history["epochs"]),
            "kept_epoch": kept.get("epoch"),
            "kept_why": kept.get("why"),
            "train_loss": of_kept["loss"],
            "train_accuracy": of_kept["accuracy"],
            "val_loss": of_kept["val_loss"],
            "val_accuracy": of_kept["val_accuracy"],
            "test_loss": history["test"]["loss"],
            "test_accuracy": history["test"]["accuracy"],
        }
    if evaluation and task:
        decided = read_evaluation(evaluation)
        rows = read_confusion(evaluation, len(task.classes)).sum(axis=1)
        found["champion_accuracy"] = decided.value(ACCURACY, CHAMPION)
        by_class = {
            name: (
                decided.value(ACCURACY, CANDIDATE, name),
                int(rows[label]),
                decided.value(ACCURACY, CHAMPION, name),
            )
            for label, name in enumerate(task.classes)
        }
        found["classes"] = {
            name: ClassMetrics(accuracy=accuracy, examples=examples, champion=champion)
            for name, (accuracy, examples, champion) in by_class.items()
            if accuracy is not None
        }
    return Metrics(**found) if found else None


def _overrides(verdict: str) -> Overrides:
    content = data_gate.read_verdict(verdict)
    return Overrides(
        allow_anomalies=content["overridden"], findings=content["findings"]
    )


def parse_counts(text: str) -> dict[str, int] | None:
    """Parses the `counts` property of an Examples artifact."""
    if not text:
        return None
    return json.loads(text)
