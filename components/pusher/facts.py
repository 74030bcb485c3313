"""Reading what is known of a model from the artifacts of its run."""

import glob
import hashlib
import json
import os
import platform
import re
import sysconfig
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from components.data_gate import demand as data_gate
from components.evaluator.results import (
    ACCURACY,
    CANDIDATE,
    CHAMPION,
    EXAMPLES,
    read_bounds,
    read_gates,
    read_measured,
)
from components.serving_validator import demand as serving_validator
from contract.demands import GateResult
from contract.features import IMAGE, LABEL
from pipeline.training.trainer import SUMMARY_FILE, read_history, read_summary
from version_store.digests import folder_digest
from version_store.manifest import (
    DigitMetrics,
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
"""Those whose versions are worth a line; the digest is over all."""

_INSTALLED = ".dist-info"
_SPLIT_PREFIX = "Split-"
_STATISTICS_FILE = "FeatureStats.pb"


@dataclass(frozen=True)
class Folders:
    """Where a run's artifacts lie; None for what the run did not get to.

    Attributes:
        schema: From ImportSchemaGen.
        statistics: From StatisticsGen.
        verdict: From DataGate.
        transform_graph: From Transform.
        model_run: From Trainer.
        evaluation: From Evaluator.
        infra_blessing: From ServingValidator.
    """

    schema: str | None = None
    statistics: str | None = None
    verdict: str | None = None
    transform_graph: str | None = None
    model_run: str | None = None
    evaluation: str | None = None
    infra_blessing: str | None = None


def read_facts(folders: Folders) -> Facts:
    """Reads all that a run's artifacts say; the rest stays unknown."""
    f = folders
    return Facts(
        statistics=read_statistics(f.statistics) if f.statistics else None,
        schema_digest=_only_file(f.schema) if f.schema else None,
        transform_graph_digest=_folder(f.transform_graph),
        training=_training(f.model_run) if f.model_run else None,
        metrics=_metrics(f.model_run, f.evaluation),
        gates=_gates(folders) or None,
        overrides=_overrides(f.verdict) if f.verdict else None,
    )


def read_statistics(folder: str) -> dict[str, SplitStatistics]:
    """Reads what StatisticsGen, or a version's `statistics/`, says of each split."""
    return {
        name.rstrip("/").removeprefix(_SPLIT_PREFIX): _split(
            os.path.join(folder, name, _STATISTICS_FILE)
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
    """Returns the version of every package that is installed here, by name.

    As the names of their `.dist-info` folders say it (packaging.python.org,
    recording installed projects): `importlib.metadata` would read each one's
    metadata for it, a second and more in this environment.
    """
    found: dict[str, str] = {}
    # Not `sys.path`: setuptools, once imported, adds what it carries inside.
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in glob.glob(os.path.join(folder, "*" + _INSTALLED)):
            name, _, version = os.path.basename(entry).partition("-")
            # Names as indexes compare them.
            name = re.sub("[-_.]+", "-", name).lower()
            found[name] = version.removesuffix(_INSTALLED)
    return found


def _split(path: str) -> SplitStatistics:
    with fileio.open(path, "rb") as stream:
        content = statistics_pb2.DatasetFeatureStatisticsList.FromString(stream.read())
    dataset = content.datasets[0]
    features = {feature.path.step[0]: feature for feature in dataset.features}
    found: dict[str, Any] = {}
    if (image := features.get(IMAGE)) is not None and image.HasField("num_stats"):
        found["image_mean"] = image.num_stats.mean
        found["image_std_dev"] = image.num_stats.std_dev
    if (label := features.get(LABEL)) is not None and label.HasField("string_stats"):
        found["labels"] = {
            bucket.label: int(bucket.sample_count)
            for bucket in sorted(
                label.string_stats.rank_histogram.buckets, key=lambda b: b.label
            )
        }
    return SplitStatistics(examples=dataset.num_examples, **found)


def _only_file(folder: str) -> str:
    """Returns the SHA-256 of the one file in a folder."""
    [name] = fileio.listdir(folder)
    with fileio.open(os.path.join(folder, name), "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _folder(path: str | None) -> str | None:
    """Returns the digest of a folder's files; unknown of one that is not mounted."""
    return folder_digest(path) if path and os.path.isdir(path) else None


def _training(model_run: str) -> dict[str, Any] | None:
    """Returns the hyperparameters; runs of before a summary was kept have none."""
    if not fileio.exists(os.path.join(model_run, SUMMARY_FILE)):
        return None
    training: dict[str, Any] = read_summary(model_run)["training"]
    return training


def _metrics(model_run: str | None, evaluation: str | None) -> Metrics | None:
    found: dict[str, Any] = {}
    if model_run:
        history = read_history(model_run)
        last = history["epochs"][-1]
        found = {
            "epochs": len(history["epochs"]),
            "train_loss": last["loss"],
            "train_accuracy": last["accuracy"],
            "val_loss": last["val_loss"],
            "val_accuracy": last["val_accuracy"],
            "test_loss": history["test"]["loss"],
            "test_accuracy": history["test"]["accuracy"],
        }
    if evaluation:
        measured = {
            (one.metric, one.model, one.digit): one.value
            for one in read_measured(evaluation)
        }
        found["champion_accuracy"] = measured.get((ACCURACY, CHAMPION, None))
        found["digits"] = {
            str(digit): DigitMetrics(
                accuracy=value,
                examples=_whole(measured.get((EXAMPLES, CANDIDATE, digit))),
                champion=measured.get((ACCURACY, CHAMPION, digit)),
            )
            for (metric, model, digit), value in sorted(
                measured.items(), key=lambda item: str(item[0])
            )
            if (metric, model) == (ACCURACY, CANDIDATE) and digit is not None
        }
    return Metrics(**found) if found else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _gates(folders: Folders) -> list[GateResult]:
    gates: list[GateResult] = []
    if folders.verdict:
        gates.append(data_gate.read_gate(folders.verdict))
    if folders.evaluation:
        gates += read_gates(folders.evaluation, read_bounds(folders.evaluation))
    if folders.infra_blessing:
        gates.append(serving_validator.read_gate(folders.infra_blessing))
    return gates


def _overrides(verdict: str) -> Overrides:
    content = data_gate.read_verdict(verdict)
    return Overrides(
        allow_anomalies=content["overridden"], findings=content["findings"]
    )


def parse_counts(text: str) -> dict[str, int] | None:
    """Returns the Examples artifact's `counts` property as it was meant."""
    if not text:
        return None
    counts: dict[str, int] = json.loads(text)
    return counts
