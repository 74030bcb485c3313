"""Runs Pusher on a model whose files have arbitrary content, as it only copies them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.image_example_gen import digits
from components.pusher import executor
from components.pusher.executor import Executor
from contract.demands import AT_LEAST, Demand
from contract.task import Task
from tests.serving.server.running import free_port
from tests.tasks import write_task
from tests.version_store.conftest import make_model
from version_store.manifest import Facts, Manifest, read_manifest

__all__ = ["make_model"]

Push = Callable[..., Any]


DEMAND = Demand("Evaluator", "accuracy", "", 0.98, 0.97, AT_LEAST, passed=True)


INPUTS = {
    "schema": standard_artifacts.Schema,
    "verdict": standard_artifacts.ExampleAnomalies,
    "transform_graph": standard_artifacts.TransformGraph,
    "model_run": standard_artifacts.ModelRun,
    "evaluation": standard_artifacts.ModelEvaluation,
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def push(
    base: Path,
    artifact: Callable[..., Any],
    make_model: Callable[..., Path],
    statistics: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Push:
    """Returns a function that runs the executor and returns its output artifact.

    `test_facts.py` tests the facts read from the other artifacts.
    """
    asked: list[Any] = []

    def read_facts(folders: Any) -> Facts:
        asked.append(folders)
        return Facts(gates=[DEMAND], training={"epochs": 3})

    monkeypatch.setattr(executor, "read_facts", read_facts)

    def push(
        weights: str = "weights",
        evaluator: int = 1,
        server: int = 1,
        arrive_as: str = "stable",
        asked_at: str = "",
        stamp: str = "",
        task: Task = digits.TASK,
        **extra: str,
    ) -> Any:
        model = artifact(standard_artifacts.Model)
        made = make_model(name=f"{model.uri}/Format-Serving", weights=weights)
        if stamp:
            (made / "fingerprint.pb").write_text(stamp)
        described = artifact(standard_artifacts.ExampleStatistics)
        described.uri = str(statistics)
        pushed = artifact(standard_artifacts.PushedModel)
        others = {key: artifact(kind) for key, kind in INPUTS.items()}
        blessing = artifact(standard_artifacts.InfraBlessing, blessed=server)
        examples = artifact(
            standard_artifacts.Examples,
            fingerprint="f1f2",
            counts='{"train": 3, "test": 1}',
        )
        write_task(examples.uri, task)
        Executor().Do(
            {
                "model": [model],
                "model_blessing": [
                    artifact(standard_artifacts.ModelBlessing, blessed=evaluator)
                ],
                "infra_blessing": [blessing],
                "examples": [examples],
                "statistics": [described],
                "champion": [
                    artifact(
                        standard_artifacts.Model,
                        champion_version=extra.get("champion", ""),
                    )
                ],
                **{key: [other] for key, other in others.items()},
            },
            {"pushed_model": [pushed]},
            {
                "models": str(base),
                "run": extra.get("run", "a-run"),
                "recipe": extra.get("recipe", "a-recipe"),
                "facts": '{"commit": "c0ffee", "tree_clean": false}',
                "arrive_as": arrive_as,
                "server": asked_at or f"127.0.0.1:{free_port()}",
            },
        )
        for folders in asked:
            for key, other in others.items():
                assert getattr(folders, key) == other.uri
            assert folders.statistics == str(statistics)
            assert folders.infra_blessing == blessing.uri
        asked.clear()
        return pushed

    return push


def properties(pushed: Any) -> dict[str, Any]:
    return {
        name: value.int_value if value.HasField("int_value") else value.string_value
        for name, value in pushed.mlmd_artifact.custom_properties.items()
    }


def manifest_of(base: Path, version: int) -> Manifest:
    manifest = read_manifest(str(base / str(version)))
    assert manifest is not None
    return manifest


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """A folder in the form that StatisticsGen leaves."""
    folder = tmp_path / "statistics"
    for split in ("train", "eval", "test"):
        (folder / f"Split-{split}").mkdir(parents=True)
        (folder / f"Split-{split}" / "FeatureStats.pb").write_text(f"of {split}")
    return folder
