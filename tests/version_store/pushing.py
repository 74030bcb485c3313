"""Makes versions in the Pusher's form, without a pipeline."""

import shutil
from pathlib import Path
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from contract.demands import AT_LEAST, AT_MOST, Demand
from version_store import changes, versions
from version_store.digests import model_digest
from version_store.manifest import Manifest, Metrics, write_manifest
from version_store.model_card import write_model_card
from version_store.operations import Done, rollback

PASSED = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, passed=True)
REFUSED = Demand("Evaluator", "accuracy", "", 0.5, 0.97, AT_LEAST)
OVERRULED = Demand("DataGate", "findings", "", 2.0, 0.0, AT_MOST, overruled=True)
MODEL = "scans"


def push(
    models: Path, weights: str = "weights", source: Path | None = None, **facts: Any
) -> int:
    """Adds a version of `scans` with a manifest and a card; returns its number.

    Args:
        models: The folder with the versions of every model name.
        weights: Content of its variables file.
        source: A real SavedModel to push instead.
        **facts: Further fields of its manifest.
    """
    base = str(models / MODEL)
    known = {
        "run": f"{MODEL}-of-{weights}",
        "gates": [PASSED],
        "metrics": Metrics(test_accuracy=0.98),
        **facts,
    }
    with changes.locked(base):
        staged = Path(changes.stage(base))
        if source is not None:
            shutil.copytree(source, staged, dirs_exist_ok=True)
        else:
            (staged / "variables").mkdir()
            (staged / "saved_model.pb").write_text("graph")
            (staged / "variables/variables.index").write_text(weights)
        (staged / "statistics/Split-train").mkdir(parents=True)
        (staged / "statistics/Split-train/FeatureStats.pb").write_text("statistics")
        digest = model_digest(str(staged))

        def describe(version: int) -> None:
            manifest = Manifest(
                version=version,
                model=MODEL,
                pushed_at="2026-11-22T12:00:00+00:00",
                model_digest=digest,
                **known,
            )
            write_model_card(str(staged), manifest)
            write_manifest(str(staged), manifest)

        return changes.publish(base, str(staged), describe)


def write_model(folder: Path, weights: str) -> Path:
    """Writes a folder with the files of a SavedModel; returns it."""
    for path, content in {
        "saved_model.pb": "graph",
        "variables/variables.index": "index",
        "variables/variables.data-00000-of-00001": weights,
        "assets.extra/tf_serving_warmup_requests": "requests",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return folder


def make_store(path: Path) -> Any:
    """Makes an ML Metadata store."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    )
    return metadata_store.MetadataStore(config)


def record_push(store: Any, path: Path, *, already_served: bool = False) -> int:
    """Records a version as TFX does after the Pusher; returns the artifact's id."""
    kind = metadata_store_pb2.ArtifactType(
        name="PushedModel", base_type=metadata_store_pb2.ArtifactType.MODEL
    )
    artifact = metadata_store_pb2.Artifact(
        type_id=store.put_artifact_type(kind),
        uri=f"{path.parent}/pushed_model",
        state=metadata_store_pb2.Artifact.LIVE,
    )
    artifact.custom_properties["pushed"].int_value = 1
    artifact.custom_properties["pushed_version"].string_value = path.name
    artifact.custom_properties["pushed_destination"].string_value = str(path)
    artifact.custom_properties["already_served"].int_value = int(already_served)
    [number] = store.put_artifacts([artifact])
    return int(number)


def served(models: Path) -> Path:
    """Returns the folder of the served version."""
    base = str(models / MODEL)
    version = versions.latest_version(base)
    assert version is not None
    return Path(versions.version_path(base, version))


def weights(version: Path) -> str:
    """Returns the content of a version's variables file."""
    return (version / "variables/variables.index").read_text()


def back(models: Path, number: int | None = None, store: Any = None) -> Done:
    """Rolls back."""
    return rollback(str(models), MODEL, number, "it was worse", store)


def record_execution(store: Any) -> int:
    """Records an execution, as a node of a run does; returns its number."""
    kind = metadata_store_pb2.ExecutionType(name="Trainer")
    execution = metadata_store_pb2.Execution(type_id=store.put_execution_type(kind))
    [number] = store.put_executions([execution])
    return int(number)
