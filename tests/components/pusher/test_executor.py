"""Pushing: only what both gates blessed, and only what is not served already."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.pusher import versions
from components.pusher.executor import Executor

Push = Callable[..., Any]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "models" / "mnist"


@pytest.fixture
def push(
    base: Path,
    artifact: Callable[..., Any],
    make_model: Callable[..., Path],
    statistics: Path,
) -> Push:
    """Runs the executor; returns the artifact that it was to fill."""

    def push(
        weights: str = "weights", evaluator: int = 1, server: int = 1, **extra: str
    ) -> Any:
        model = artifact(standard_artifacts.Model)
        make_model(name=f"{model.uri}/Format-Serving", weights=weights)
        described = artifact(standard_artifacts.ExampleStatistics)
        described.uri = str(statistics)
        pushed = artifact(standard_artifacts.PushedModel)
        Executor().Do(
            {
                "model": [model],
                "model_blessing": [
                    artifact(standard_artifacts.ModelBlessing, blessed=evaluator)
                ],
                "infra_blessing": [
                    artifact(standard_artifacts.InfraBlessing, blessed=server)
                ],
                "examples": [artifact(standard_artifacts.Examples, fingerprint="f1f2")],
                "statistics": [described],
                "champion": [
                    artifact(
                        standard_artifacts.Model,
                        champion_version=extra.get("champion", ""),
                    )
                ],
            },
            {"pushed_model": [pushed]},
            {
                "models": str(base),
                "run": extra.get("run", "a-run"),
                "recipe": "a-recipe",
            },
        )
        return pushed

    return push


def properties(pushed: Any) -> dict[str, Any]:
    return {
        name: value.int_value if value.HasField("int_value") else value.string_value
        for name, value in pushed.mlmd_artifact.custom_properties.items()
    }


def test_a_model_that_both_gates_blessed_is_pushed(push: Push, base: Path) -> None:
    pushed = push()
    (version,) = versions.list_versions(str(base))
    assert properties(pushed) == {
        "pushed": 1,
        "pushed_version": str(version),
        "pushed_destination": str(base / str(version)),
        "already_served": 0,
    }


@pytest.mark.parametrize(("evaluator", "server"), [(0, 1), (1, 0), (0, 0)])
def test_a_model_that_one_gate_did_not_bless_is_not(
    push: Push, base: Path, evaluator: int, server: int
) -> None:
    assert properties(push(evaluator=evaluator, server=server)) == {"pushed": 0}
    assert not base.exists()


def test_the_manifest_says_what_the_version_is(push: Push, base: Path) -> None:
    push(champion="1600000000")
    (version,) = versions.list_versions(str(base))
    manifest = versions.read_manifest(str(base), version)
    digest = manifest.pop("model_digest")
    assert len(digest) == 64
    assert manifest == {
        "version": version,
        "data_fingerprint": "f1f2",
        "champion": "1600000000",
        "run": "a-run",
        "recipe": "a-recipe",
    }


def test_a_model_that_is_served_already_is_not_pushed_again(
    push: Push, base: Path
) -> None:
    first = properties(push(run="first"))
    second = properties(push(run="second"))
    assert second == {**first, "already_served": 1}
    assert versions.list_versions(str(base)) == [int(first["pushed_version"])]


def test_a_model_that_was_served_before_the_last_one_is_pushed_again(
    push: Push, base: Path
) -> None:
    found = [properties(push(weights=w)) for w in ("old", "new", "old")]
    assert [one["already_served"] for one in found] == [0, 0, 0]
    pushed = [int(one["pushed_version"]) for one in found]
    assert versions.list_versions(str(base)) == pushed


def test_a_served_version_that_is_not_ours_is_no_reason_not_to_push(
    push: Push, base: Path
) -> None:
    (base / "1").mkdir(parents=True)
    (base / "1" / "saved_model.pb").write_text("graph")
    assert properties(push())["already_served"] == 0
    assert len(versions.list_versions(str(base))) == 2


def test_once_its_folder_was_removed_a_model_is_pushed_again(
    push: Push, base: Path
) -> None:
    first = Path(properties(push())["pushed_destination"])
    first.rename(base.parent / "taken-away")
    assert properties(push())["already_served"] == 0
